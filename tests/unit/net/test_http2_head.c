/* Heads of HTTP/2 requests: the same result as HTTP/1.1 has for the same request, and nothing that reads otherwise
 * there. */
#include "net/http2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct field {
  struct text name, value;
};
#define FIELD(name, value)                                                                                             \
  {                                                                                                                    \
    {(name), sizeof(name) - 1}, { (value), sizeof(value) - 1 }                                                         \
  }
#define METHOD    FIELD(":method", "POST")
#define SCHEME    FIELD(":scheme", "https")
#define AUTHORITY FIELD(":authority", "a:8080")
#define PATH      FIELD(":path", "/x?y=1")

static const struct http1_limits limits = {.max_head_bytes = 4096, .max_headers = 20};

struct reading {
  struct arena arena;
  struct http2_head reader;
  struct http1_head head;
  struct fault fault;
  enum err err;
};

static void read_fields(struct reading *r, const struct field *fields, size_t count, bool ends_stream) {
  *r = (struct reading){0};
  arena_init(&r->arena);
  http2_head_init(&r->reader, &r->arena, &limits);
  for (size_t i = 0; i < count; i++) { /* from memory that does not stay */
    static char name[5000], value[5000];
    memcpy(name, fields[i].name.at, fields[i].name.len);
    memcpy(value, fields[i].value.at, fields[i].value.len);
    http2_head_add(&r->reader, (struct text){name, fields[i].name.len}, (struct text){value, fields[i].value.len});
  }
  r->err = http2_head_finish(&r->reader, ends_stream, &r->head, &r->fault);
}

static void check_text(struct text got, const char *expected) {
  if (!text_equal(got, text_of(expected)))
    fail_msg("\"%.*s\" is not \"%s\"", TEXT_ARGS(got), expected);
}

static void test_a_head_reads_as_in_http_1_1(void **state) {
  const struct field fields[] = {METHOD,
                                 SCHEME,
                                 AUTHORITY,
                                 PATH,
                                 FIELD("content-length", "12"),
                                 FIELD("x-a", "1\t2 \xc3\xa4"),
                                 FIELD("te", "trailers"),
                                 FIELD("x-empty", ""),
                                 FIELD("x-a", "again"),
                                 FIELD("expect", "100-Continue")};
  struct reading r;
  read_fields(&r, fields, COUNT_OF(fields), false);
  assert_int_equal(r.err, ERR_OK);
  check_text(r.head.method, "POST");
  check_text(r.head.target, "/x?y=1");
  check_text(r.head.path, "/x");
  check_text(r.head.query, "y=1");
  check_text(http_header_value(&r.head.headers, TEXT("host")), "a:8080");
  check_text(http_header_value(&r.head.headers, TEXT("X-A")), "1\t2 \xc3\xa4");
  assert_int_equal(r.head.headers.count, 7);
  assert_int_equal(r.head.length, 12);
  assert_true(r.head.has_length && r.head.has_body && r.head.keep_alive && r.head.expects_continue);
  assert_true(r.head.headers.connection_is_plain && !r.head.chunked);
  assert_int_equal(r.head.minor_version, 1);
  for (size_t i = 0; i < r.head.headers.count; i++)
    assert_true(r.head.headers.at[i].is_parsed);
  arena_done(&r.arena);
}

static void test_without_a_body_there_is_none(void **state) {
  const struct field fields[] = {METHOD, SCHEME, AUTHORITY, PATH, FIELD("content-length", "0")};
  struct reading r;
  read_fields(&r, fields, COUNT_OF(fields), true);
  assert_int_equal(r.err, ERR_OK);
  assert_false(r.head.has_body);
  arena_done(&r.arena);
}

static void test_crumbs_of_cookies_are_joined(void **state) {
  const struct field fields[] = {METHOD,
                                 SCHEME,
                                 AUTHORITY,
                                 PATH,
                                 FIELD("cookie", "a=b"),
                                 FIELD("x", "y"),
                                 FIELD("cookie", "c=d"),
                                 FIELD("cookie", "e")};
  struct reading r;
  read_fields(&r, fields, COUNT_OF(fields), true);
  assert_int_equal(r.err, ERR_OK);
  assert_int_equal(r.head.headers.count, 3);
  check_text(http_header_value(&r.head.headers, TEXT("cookie")), "a=b; c=d; e");
  arena_done(&r.arena);
}

static void test_host_alone_or_equal_is_the_host(void **state) {
  const struct field alone[] = {METHOD, SCHEME, PATH, FIELD("host", "b")};
  const struct field both[] = {METHOD, SCHEME, PATH, FIELD(":authority", "B"), FIELD("host", "b")};
  for (int i = 0; i < 2; i++) {
    struct reading r;
    read_fields(&r, i == 0 ? alone : both, i == 0 ? COUNT_OF(alone) : COUNT_OF(both), true);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(r.head.headers.count, 1);
    check_text(http_header_value(&r.head.headers, TEXT("host")), "b");
    arena_done(&r.arena);
  }
}

struct bad {
  const char *why, *says;
  struct field fields[6];
};
#define BAD(why, says, ...)                                                                                            \
  {                                                                                                                    \
    (why), (says), { __VA_ARGS__ }                                                                                     \
  }
#define BAD_FIELD(why, says, name, value) BAD(why, says, METHOD, SCHEME, AUTHORITY, PATH, FIELD(name, value))
#define BAD_PATH(why, says, path)         BAD(why, says, METHOD, SCHEME, AUTHORITY, FIELD(":path", path))
#define BAD_HOST(why, says, host)         BAD(why, says, METHOD, SCHEME, FIELD(":authority", host), PATH)
#define BAD_METHOD(why, says, method)     BAD(why, says, FIELD(":method", method), SCHEME, AUTHORITY, PATH)

static const struct bad bads[] = {
    BAD("no method", "missing", SCHEME, AUTHORITY, PATH),
    BAD("no scheme", "missing", METHOD, AUTHORITY, PATH),
    BAD("no path", "missing", METHOD, SCHEME, AUTHORITY),
    BAD("no host", "host header is missing", METHOD, SCHEME, PATH),
    BAD("method twice", "more than once", METHOD, METHOD, SCHEME, AUTHORITY, PATH),
    BAD("scheme twice", "more than once", METHOD, SCHEME, SCHEME, AUTHORITY, PATH),
    BAD("authority twice", "more than once", METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH),
    BAD("path twice", "more than once", METHOD, SCHEME, AUTHORITY, PATH, PATH),
    BAD("unknown pseudo header", "unknown", METHOD, SCHEME, AUTHORITY, PATH, FIELD(":x", "y")),
    BAD("pseudo header of answers", "unknown", METHOD, SCHEME, AUTHORITY, PATH, FIELD(":status", "200")),
    BAD("pseudo header of websockets", "unknown", METHOD, SCHEME, AUTHORITY, PATH, FIELD(":protocol", "websocket")),
    BAD("pseudo header behind a header", "behind", METHOD, SCHEME, AUTHORITY, FIELD("x", "y"), PATH),
    BAD("pseudo header behind a cookie", "behind", METHOD, SCHEME, AUTHORITY, FIELD("cookie", "y"), PATH),
    BAD("another host", "different hosts", METHOD, SCHEME, AUTHORITY, PATH, FIELD("host", "b")),
    BAD("host twice", "more than once", METHOD, SCHEME, PATH, FIELD("host", "b"), FIELD("host", "b")),
    BAD("ftp", "scheme", METHOD, FIELD(":scheme", "ftp"), AUTHORITY, PATH),
    BAD_HOST("empty authority", "host name", ""),
    BAD_HOST("authority with user information", "host name", "u@a"),
    BAD_HOST("authority with a path", "host name", "a/b"),
    BAD_HOST("authority with a blank", "host name", "a b"),
    BAD_HOST("authority with CRLF", "host name", "a\r\nx: y"),
    BAD_HOST("authority with NUL", "host name", "a\0b"),
    BAD_METHOD("CONNECT", "CONNECT", "CONNECT"),
    BAD_METHOD("unknown method", "unknown", "FETCH"),
    BAD_METHOD("method in lower case", "unknown", "get"),
    BAD_METHOD("empty method", "unknown", ""),
    BAD_METHOD("method with a request in it", "unknown", "GET / HTTP/1.1\r\nx: y"),
    BAD_METHOD("method with a blank behind", "unknown", "GET "),
    BAD_PATH("empty path", "slash", ""),
    BAD_PATH("asterisk", "slash", "*"),
    BAD_PATH("URL as path", "slash", "http://a:8080/"),
    BAD_PATH("path with a blank", "percent-encoded", "/a b"),
    BAD_PATH("path with another version", "percent-encoded", "/ HTTP/1.1\r\nx: y"),
    BAD_PATH("path with CR", "percent-encoded", "/\r"),
    BAD_PATH("path with LF", "percent-encoded", "/\n"),
    BAD_PATH("path with NUL", "percent-encoded", "/\0"),
    BAD_PATH("path with tab", "percent-encoded", "/\t"),
    BAD_PATH("path beyond ASCII", "percent-encoded", "/\xc3\xa4"),
    BAD_PATH("path with backslash", "percent-encoded", "/\\"),
    BAD_PATH("path with a fragment", "fragment", "/#a"),
    BAD_PATH("path with half a percent", "percent sign", "/%2"),
    BAD_FIELD("connection", "connection", "connection", "close"),
    BAD_FIELD("proxy-connection", "connection", "proxy-connection", "close"),
    BAD_FIELD("keep-alive", "connection", "keep-alive", "timeout=5"),
    BAD_FIELD("transfer-encoding", "connection", "transfer-encoding", "chunked"),
    BAD_FIELD("upgrade", "connection", "upgrade", "h2c"),
    BAD_FIELD("te gzip", "trailers", "te", "gzip"),
    BAD_FIELD("te list", "trailers", "te", "trailers, gzip"),
    BAD_FIELD("name in upper case", "lower-case", "X-a", "b"),
    BAD_FIELD("name with a blank", "lower-case", "x a", "b"),
    BAD_FIELD("name with a colon", "lower-case", "x:a", "b"),
    BAD_FIELD("name with CRLF", "lower-case", "x\r\ny", "b"),
    BAD_FIELD("name with NUL", "lower-case", "x\0y", "b"),
    BAD_FIELD("empty name", "lower-case", "", "b"),
    BAD_FIELD("value with CR", "control byte", "x", "a\rb"),
    BAD_FIELD("value with LF", "control byte", "x", "a\nb"),
    BAD_FIELD("value with CRLF", "control byte", "x", "a\r\ny: z"),
    BAD_FIELD("value with NUL", "control byte", "x", "a\0b"),
    BAD_FIELD("value with DEL", "control byte", "x", "a\x7f"),
    BAD_FIELD("value with a blank before", "blank", "x", " a"),
    BAD_FIELD("value with a tab behind", "blank", "x", "a\t"),
    BAD_FIELD("cookie with LF", "control byte", "cookie", "a\nb"),
    BAD_FIELD("content-length empty", "decimal", "content-length", ""),
    BAD_FIELD("content-length with plus", "decimal", "content-length", "+1"),
    BAD_FIELD("content-length as a list", "decimal", "content-length", "1, 1"),
    BAD_FIELD("content-length above 63 bits", "decimal", "content-length", "9223372036854775808"),
    BAD("content-length twice", "more than once", METHOD, SCHEME, AUTHORITY, PATH, FIELD("content-length", "0"),
        FIELD("content-length", "0")),
    BAD_FIELD("content-length without a body", "none follows", "content-length", "1"),
};

static void test_what_could_be_read_otherwise_is_refused(void **state) {
  for (size_t i = 0; i < COUNT_OF(bads); i++) {
    struct reading r;
    size_t count = 0;
    while (count < 6 && bads[i].fields[count].name.at)
      count++;
    read_fields(&r, bads[i].fields, count, true);
    if (r.err != ERR_PROTOCOL || strstr(r.fault.text, bads[i].says) == NULL)
      fail_msg("%s: %s \"%s\"", bads[i].why, err_name(r.err), r.fault.text);
    assert_int_equal(r.head.headers.count, 0);
    arena_done(&r.arena);
  }
}

static void read_many(struct reading *r, size_t crumbs, size_t headers, size_t value_bytes) {
  static char value[5000];
  static struct field fields[200] = {METHOD, SCHEME, AUTHORITY, PATH};
  size_t count = 4;
  memset(value, 'v', sizeof(value));
  for (size_t i = 0; i < crumbs; i++)
    fields[count++] = (struct field){TEXT("cookie"), {value, value_bytes}};
  for (size_t i = 0; i < headers; i++)
    fields[count++] = (struct field){TEXT("x"), {value, value_bytes}};
  read_fields(r, fields, count, true);
  arena_done(&r->arena);
}

static void test_the_number_of_headers_is_limited(void **state) {
  struct reading r;
  read_many(&r, 0, 20, 1);
  assert_int_equal(r.err, ERR_OK);
  read_many(&r, 0, 21, 1);
  assert_int_equal(r.err, ERR_HEADERS_TOO_LARGE);
  assert_non_null(strstr(r.fault.text, "20 headers"));
}

static void test_the_size_of_all_fields_is_limited(void **state) {
  const size_t pseudo = 7 + 4 + 7 + 5 + 10 + 6 + 5 + 6 + 4 * 32;
  struct reading r;
  read_many(&r, 0, 1, 4096 - pseudo - 33);
  assert_int_equal(r.err, ERR_OK);
  assert_int_equal(r.reader.bytes, 4096);
  read_many(&r, 0, 1, 4096 - pseudo - 32);
  assert_int_equal(r.err, ERR_HEADERS_TOO_LARGE);
  read_many(&r, 150, 0, 1); /* crumbs are not counted, but weighed */
  assert_int_equal(r.err, ERR_HEADERS_TOO_LARGE);
  assert_non_null(strstr(r.fault.text, "4096 bytes"));
  assert_int_equal(r.reader.bytes, pseudo + 150 * (6 + 1 + 32));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_head_reads_as_in_http_1_1),
      cmocka_unit_test(test_without_a_body_there_is_none),
      cmocka_unit_test(test_crumbs_of_cookies_are_joined),
      cmocka_unit_test(test_host_alone_or_equal_is_the_host),
      cmocka_unit_test(test_what_could_be_read_otherwise_is_refused),
      cmocka_unit_test(test_the_number_of_headers_is_limited),
      cmocka_unit_test(test_the_size_of_all_fields_is_limited),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
