/* Heads and bodies, whole and split at every byte; and everything the parser must refuse. */
#include "net/http1.h"

#include "http_bad_requests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct http1_limits limits = {.max_head_bytes = 4096, .max_headers = 32};

struct outcome {
  enum err err;
  struct fault fault;
  struct http1_head head;
  char body[1024];
  size_t body_len, used;
  bool done;
};

struct feed {
  struct http1 *p;
  struct arena arena;
  bool head_done;
};

static void feed_part(struct feed *fd, struct text part, struct outcome *o) {
  static char copy[8192];
  assert_true(part.len <= sizeof(copy));
  while (part.len && !o->err && !o->done) {
    size_t used = 0, body = 0;
    if (!fd->head_done) {
      o->err = http1_head_feed(fd->p, part, &used, &fd->head_done, &o->head, &o->fault);
      if (!o->err && fd->head_done && !o->head.has_body && o->head.status == 0)
        o->done = true;
    } else {
      memcpy(copy, part.at, part.len);
      o->err = http1_body_feed(fd->p, copy, part.len, &used, &body, &o->done, &o->fault);
      if (o->err)
        body = 0;
      memcpy(o->body + o->body_len, copy, body);
      o->body_len += body;
      if (!o->err && !o->done)
        assert_int_equal(used, part.len);
    }
    if (o->err)
      return;
    o->used += used;
    part = text_skip(part, used);
  }
}

/* Feeds in parts of `step` bytes, the first one `first` long. */
static void run(struct feed *fd, enum http1_kind kind, struct text bytes, size_t first, size_t step,
                struct outcome *o) {
  *o = (struct outcome){0};
  *fd = (struct feed){.p = http1_new(kind, &limits)};
  arena_init(&fd->arena);
  http1_begin(fd->p, &fd->arena, false);
  for (size_t at = 0; at < bytes.len;) {
    size_t n = at == 0 ? first : step;
    struct text part = text_head(text_skip(bytes, at), n);
    feed_part(fd, part, o);
    at += part.len;
  }
}

static void end(struct feed *fd) {
  http1_free(fd->p);
  arena_done(&fd->arena);
}

static void assert_text(struct text got, const char *want) {
  if (got.len != strlen(want) || memcmp(got.at ? got.at : "", want, got.len) != 0)
    fail_msg("got \"%.*s\", want \"%s\"", TEXT_ARGS(got), want);
}

static const char plain_request[] =
    "POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example.com:8080\r\nX-Empty:\r\nX-Api-Key: \t secret \t\r\n"
    "Content-Length: 11\r\n\r\nhello world";
static const char chunked_request[] =
    "\r\nPUT /x HTTP/1.1\r\nHost: [::1]:80\r\nTRANSFER-encoding: Chunked\r\n\r\n"
    "3\r\nabc\r\nA;q=\"x;y\\\"\";n=1;z\r\n0123456789\r\n000\r\nTrailer: gone\r\nMore:\r\n\r\n";

static void check_plain(const struct outcome *o) {
  assert_int_equal(o->err, ERR_OK);
  assert_text(o->head.method, "POST");
  assert_text(o->head.target, "/v1/messages?beta=true");
  assert_text(o->head.path, "/v1/messages");
  assert_text(o->head.query, "beta=true");
  assert_int_equal(o->head.headers.count, 4);
  assert_text(http_header_value(&o->head.headers, TEXT("x-api-key")), "secret");
  assert_text(o->head.headers.at[1].name, "X-Empty");
  assert_text(o->head.headers.at[1].value, "");
  assert_true(o->head.has_length && o->head.has_body && o->head.keep_alive && !o->head.chunked);
  assert_int_equal(o->head.length, 11);
  assert_text((struct text){o->body, o->body_len}, "hello world");
  assert_true(o->done);
}

static void check_chunked(const struct outcome *o) {
  assert_int_equal(o->err, ERR_OK);
  assert_text(o->head.method, "PUT");
  assert_true(o->head.chunked && o->head.has_body && !o->head.has_length);
  assert_text((struct text){o->body, o->body_len}, "abc0123456789");
  assert_true(o->done);
}

static void test_request_split_anywhere_reads_the_same(void **state) {
  struct feed fd;
  struct outcome o;
  struct text texts[] = {TEXT(plain_request), TEXT(chunked_request)};
  for (size_t t = 0; t < 2; t++) {
    for (size_t cut = 1; cut <= texts[t].len; cut++) {
      run(&fd, HTTP1_REQUEST, texts[t], cut, texts[t].len, &o);
      (t == 0 ? check_plain : check_chunked)(&o);
      assert_int_equal(o.used, texts[t].len);
      end(&fd);
    }
    run(&fd, HTTP1_REQUEST, texts[t], 1, 1, &o);
    (t == 0 ? check_plain : check_chunked)(&o);
    end(&fd);
  }
}

static void check_refused(const struct bad_request *bad, size_t first, size_t step) {
  struct feed fd;
  struct outcome o;
  run(&fd, HTTP1_REQUEST, bad->bytes, first, step, &o);
  if (!o.err)
    fail_msg("accepted: %s (parts of %zu and %zu)", bad->why, first, step);
  if (o.err != ERR_PROTOCOL && o.err != ERR_UNSUPPORTED)
    fail_msg("%s: %s", bad->why, err_name(o.err));
  if (o.fault.text[0] == 0)
    fail_msg("%s: no reason given", bad->why);
  end(&fd);
}

static void test_every_ambiguous_head_is_refused(void **state) {
  for (size_t i = 0; i < COUNT_OF(bad_heads); i++) {
    check_refused(&bad_heads[i], bad_heads[i].bytes.len, 1);
    check_refused(&bad_heads[i], 1, 1);
  }
}

static void test_every_ambiguous_chunk_is_refused(void **state) {
  for (size_t i = 0; i < COUNT_OF(bad_bodies); i++)
    for (size_t first = 1; first <= bad_bodies[i].bytes.len; first++)
      check_refused(&bad_bodies[i], first, bad_bodies[i].bytes.len);
}

static void test_bytes_behind_a_message_are_left_to_the_caller(void **state) {
  static const char two[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  struct feed fd;
  struct outcome o;
  run(&fd, HTTP1_REQUEST, TEXT(two), sizeof(two) - 1, 1, &o);
  assert_text(o.head.target, "/1");
  assert_int_equal(o.used, (sizeof(two) - 1) / 2);
  struct http1_head head;
  size_t used = 0;
  bool done = false;
  http1_begin(fd.p, &fd.arena, false);
  assert_false(http1_has_begun(fd.p));
  assert_int_equal(http1_head_feed(fd.p, text_skip(TEXT(two), o.used), &used, &done, &head, NULL), ERR_OK);
  assert_true(done && http1_has_begun(fd.p));
  assert_text(head.target, "/2");
  end(&fd);
}

static enum err feed_all(struct text bytes, size_t step, const struct http1_limits *l, struct fault *f) {
  struct http1 *p = http1_new(HTTP1_REQUEST, l);
  struct arena a;
  arena_init(&a);
  http1_begin(p, &a, false);
  struct http1_head head;
  enum err e = ERR_OK;
  bool done = false;
  size_t used = 0;
  for (size_t at = 0; at < bytes.len && !e && !done; at += used)
    e = http1_head_feed(p, text_head(text_skip(bytes, at), step), &used, &done, &head, f);
  if (!e && !done)
    e = ERR_AGAIN;
  http1_free(p);
  arena_done(&a);
  return e;
}

static void test_a_head_over_the_limit_is_too_large(void **state) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\r\n\r\n";
  struct text t = TEXT(head);
  for (size_t step = 1; step <= t.len; step++) {
    for (size_t max = 8; max <= t.len; max++) {
      struct http1_limits l = {.max_head_bytes = max, .max_headers = 8};
      struct fault f = {0};
      assert_int_equal(feed_all(t, step, &l, &f), max < t.len ? ERR_HEADERS_TOO_LARGE : ERR_OK);
    }
  }
}

static void test_too_many_headers_are_too_large(void **state) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n";
  for (size_t max = 0; max < 5; max++) {
    struct http1_limits l = {.max_head_bytes = 1000, .max_headers = max};
    struct fault f = {0};
    assert_int_equal(feed_all(TEXT(head), 1000, &l, &f), max < 3 ? ERR_HEADERS_TOO_LARGE : ERR_OK);
    assert_int_equal(feed_all(TEXT(head), 1, &l, &f), max < 3 ? ERR_HEADERS_TOO_LARGE : ERR_OK);
  }
}

static void test_versions_other_than_1_0_and_1_1_are_unsupported(void **state) {
  struct fault f = {0};
  assert_int_equal(feed_all(TEXT("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 99, &limits, &f), ERR_UNSUPPORTED);
  assert_int_equal(feed_all(TEXT("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 99, &limits, &f), ERR_UNSUPPORTED);
  assert_int_equal(feed_all(TEXT("PRI * HTTP/2.0\r\n\r\n"), 99, &limits, &f), ERR_UNSUPPORTED);
  assert_int_equal(feed_all(TEXT("GET / HTTP/1.0\r\n\r\n"), 99, &limits, &f), ERR_OK);
}

static struct http1_head head_of(struct feed *fd, enum http1_kind kind, const char *text) {
  struct outcome o;
  run(fd, kind, text_of(text), 4096, 1, &o);
  if (o.err)
    fail_msg("%s: %s", err_name(o.err), o.fault.text);
  return o.head;
}

static void test_keep_alive_follows_version_and_connection(void **state) {
  static const struct {
    const char *text;
    bool keep;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct feed fd;
    assert_int_equal(head_of(&fd, HTTP1_REQUEST, cases[i].text).keep_alive, cases[i].keep);
    end(&fd);
  }
}

static void test_absolute_form_of_the_same_host_is_taken(void **state) {
  struct feed fd;
  struct http1_head head =
      head_of(&fd, HTTP1_REQUEST, "GET HTTP://A.example:80/p?q HTTP/1.1\r\nHost: a.Example:80\r\n\r\n");
  assert_text(head.path, "/p");
  assert_text(head.query, "q");
  end(&fd);
}

static void test_expect_continue_is_seen_on_1_1_only(void **state) {
  struct feed fd;
  assert_true(
      head_of(&fd, HTTP1_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expects_continue);
  end(&fd);
  assert_false(
      head_of(&fd, HTTP1_REQUEST, "GET / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expects_continue);
  end(&fd);
}

struct answer {
  const char *text;
  int status;
  bool has_body, keep_alive, ends_with_connection;
  const char *body; /* NULL: an error */
};

static const struct answer answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, true, true, false, "hi"},
    {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, true, true, false, "hi"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, true, true, false, "hi"},
    {"HTTP/1.1 200 OK\r\n\r\nto the end", 200, true, false, true, "to the end"},
    {"HTTP/1.0 200 OK\r\n\r\nto the end", 200, true, false, true, "to the end"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, true, false, ""},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, false, true, false, ""},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, false, true, false, ""},
    {"HTTP/1.1 100 Continue\r\n\r\n", 100, false, true, false, ""},
    {"HTTP/1.1 529 Overloaded \xc3\xa4\r\nContent-Length: 1\r\n\r\nx", 529, true, true, false, "x"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 2000 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 20 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 099 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1 600 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/1.1  200 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"HTTP/2.0 200 OK\r\n\r\n", 0, 0, 0, 0, NULL},
    {"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 0, 0, 0, NULL},
    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, 0, 0, 0, NULL},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 0, 0, 0, NULL},
};

static void check_answer(const struct answer *a, size_t first, size_t step) {
  struct feed fd;
  struct outcome o;
  run(&fd, HTTP1_RESPONSE, text_of(a->text), first, step, &o);
  if (!a->body && !o.err)
    fail_msg("accepted: %s", a->text);
  if (a->body) {
    if (o.err)
      fail_msg("%s: %s", a->text, o.fault.text);
    assert_int_equal(o.head.status, a->status);
    assert_int_equal(o.head.has_body, a->has_body);
    assert_int_equal(o.head.keep_alive, a->keep_alive);
    assert_text((struct text){o.body, o.body_len}, a->body);
    assert_int_equal(o.done, a->has_body && !a->ends_with_connection);
    assert_int_equal(http1_end(fd.p, NULL), ERR_OK);
  }
  end(&fd);
}

static void test_answers_are_framed_as_rfc_9112_says_however_split(void **state) {
  for (size_t i = 0; i < COUNT_OF(answers); i++) {
    size_t len = strlen(answers[i].text);
    for (size_t first = 1; first <= len; first++)
      check_answer(&answers[i], first, len);
    check_answer(&answers[i], 1, 1);
  }
}

static void test_an_answer_cut_short_is_an_error(void **state) {
  struct text framed[] = {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
                          TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")};
  for (size_t i = 0; i < 2; i++) {
    for (size_t len = 1; len < framed[i].len; len++) {
      struct feed fd;
      struct outcome o;
      run(&fd, HTTP1_RESPONSE, text_head(framed[i], len), len, 1, &o);
      assert_int_equal(o.err, ERR_OK);
      assert_int_equal(http1_end(fd.p, NULL), ERR_PROTOCOL);
      end(&fd);
    }
  }
}

static void test_an_answer_to_head_has_no_body(void **state) {
  struct arena a;
  arena_init(&a);
  struct http1 *p = http1_new(HTTP1_RESPONSE, &limits);
  http1_begin(p, &a, true);
  struct http1_head head;
  size_t used = 0;
  bool done = false;
  assert_int_equal(http1_head_feed(p, TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), &used, &done, &head, NULL),
                   ERR_OK);
  assert_true(done && !head.has_body && head.keep_alive);
  assert_int_equal(head.length, 5);
  assert_int_equal(http1_end(p, NULL), ERR_OK);
  http1_free(p);
  arena_done(&a);
}

static void test_a_refused_parser_stays_refused_until_begun_again(void **state) {
  struct arena a;
  arena_init(&a);
  struct http1 *p = http1_new(HTTP1_REQUEST, &limits);
  http1_begin(p, &a, false);
  struct http1_head head;
  size_t used = 0;
  bool done = false;
  assert_int_equal(http1_head_feed(p, TEXT("\n"), &used, &done, &head, NULL), ERR_PROTOCOL);
  assert_int_equal(http1_head_feed(p, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &used, &done, &head, NULL),
                   ERR_PROTOCOL);
  http1_begin(p, &a, false);
  assert_int_equal(http1_head_feed(p, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &used, &done, &head, NULL), ERR_OK);
  assert_true(done);
  http1_free(p);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_request_split_anywhere_reads_the_same),
      cmocka_unit_test(test_every_ambiguous_head_is_refused),
      cmocka_unit_test(test_every_ambiguous_chunk_is_refused),
      cmocka_unit_test(test_bytes_behind_a_message_are_left_to_the_caller),
      cmocka_unit_test(test_a_head_over_the_limit_is_too_large),
      cmocka_unit_test(test_too_many_headers_are_too_large),
      cmocka_unit_test(test_versions_other_than_1_0_and_1_1_are_unsupported),
      cmocka_unit_test(test_keep_alive_follows_version_and_connection),
      cmocka_unit_test(test_absolute_form_of_the_same_host_is_taken),
      cmocka_unit_test(test_expect_continue_is_seen_on_1_1_only),
      cmocka_unit_test(test_answers_are_framed_as_rfc_9112_says_however_split),
      cmocka_unit_test(test_an_answer_cut_short_is_an_error),
      cmocka_unit_test(test_an_answer_to_head_has_no_body),
      cmocka_unit_test(test_a_refused_parser_stays_refused_until_begun_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
