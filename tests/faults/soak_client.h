/* The soak's clients: each asks one request after the other on connections of their own, reads at its own pace, and
 * leaves in the middle or looks closely at what it got. */
#ifndef SOAK_CLIENT_H
#define SOAK_CLIENT_H

#include "soak_world.h"

struct visit {
  struct soak *s;
  unsigned n;
  enum dialect dialect;
  bool stream, slow;
  int64_t leaves_us; /* absolute; INT64_MAX: it stays */
  struct arena arena;
  struct buf got;
  struct http1_head head;
  struct text body;
};

static inline struct text request_for(struct visit *v) {
  const struct soak *s = v->s;
  const char *stream = !v->stream                ? ""
                       : v->dialect == ANTHROPIC ? "\"stream\":true,"
                                                 : "\"stream\":true,\"stream_options\":{\"include_usage\":true},";
  struct text body = arena_format(
      &v->arena, "{\"model\":\"%s\",\"max_tokens\":100,%s\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      soak_models[draw(s, v->n, MODEL, COUNT_OF(soak_models))], stream);
  return arena_format(&v->arena,
                      "%s HTTP/1.1\r\nHost: weir\r\nconnection: close\r\nx-api-key: " SOAK_KEY
                      "%u\r\nx-soak: %u\r\n" JSON_TYPE "content-length: %zu\r\n\r\n%.*s",
                      v->dialect == ANTHROPIC ? MESSAGES : CHAT, (unsigned)draw(s, v->n, KEY_OF, 3), v->n, body.len,
                      TEXT_ARGS(body));
}

/* One whose socket takes little at a time. */
static inline struct stream *connect_narrow(const struct addr *at) {
  int fd = socket(at->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = 4096;
  CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
  CHECK_INT(connect(fd, &at->as.any, at->len), 0);
  return stream_of(fd);
}

/* True when the server has ended the connection, false when the client has left. */
static inline bool read_all(struct visit *v, struct stream *stream) {
  for (;;) {
    size_t n = 0, most = v->slow ? 8192 : 16384;
    char *room = buf_reserve(&v->got, most);
    if (!CHECK_INT(room != NULL, 1))
      return true;
    int64_t patience_us = after(CLIENT_US), deadline_us = v->leaves_us < patience_us ? v->leaves_us : patience_us;
    enum err e = stream_read(stream, room, most, deadline_us, &n);
    if (e == ERR_OK)
      buf_commit(&v->got, n);
    if (e == ERR_OK && v->slow)
      CHECK_ERR(fiber_sleep(20 * MS_US), ERR_OK);
    if (e == ERR_TIMEOUT)
      CHECK_INT(v->leaves_us != INT64_MAX, 1); /* nobody who stays waits for ever */
    if (e == ERR_TIMEOUT || loop_clock_us() >= v->leaves_us)
      return false;
    if (e != ERR_OK)
      return true;
  }
}

/* The answer's head and body; false when what came is not one whole answer and nothing else. */
static inline bool take_apart(struct visit *v) {
  static const struct http1_limits limits = {.max_head_bytes = 65536, .max_headers = 100};
  struct http1 *parser = http1_new(HTTP1_RESPONSE, &limits);
  bool done = false, good;
  size_t used = 0, len = 0;
  http1_begin(parser, &v->arena, false);
  good = http1_head_feed(parser, buf_text(&v->got), &used, &done, &v->head, NULL) == ERR_OK && done;
  char *at = v->got.at + used;
  size_t left = v->got.len - used, kept = 0;
  done = !v->head.has_body;
  for (; good && !done && left > 0; left -= used) {
    good = http1_body_feed(parser, at + kept, left, &used, &len, &done, NULL) == ERR_OK;
    memmove(at + kept + len, at + kept + used, left - used);
    kept += len;
  }
  v->body = (struct text){at, kept};
  http1_free(parser);
  return good && done && left == 0;
}

/* Words of one provider only, and as many as it says. */
static inline void check_words(struct visit *v, const struct heard *h, bool whole) {
  struct text provider = http_header_value(&v->head.headers, TEXT("x-weir-provider"));
  char letter = provider.len > 0 ? provider.at[0] : '?', words[20];
  letter = letter == 'p' ? 'h' : letter; /* they share an upstream */
  (void)snprintf(words, sizeof(words), "%c-one %c-two.", letter, letter);
  if (whole)
    CHECK_TEXT(text_of(h->text), text_of(words));
  else
    CHECK_INT(text_starts(text_of(words), text_of(h->text)), 1);
}

static inline void check_streamed(struct visit *v) {
  struct heard h = hear_stream(v->body, v->dialect);
  const char *whole = shapes[v->dialect][v->dialect][EVENTS_MOST];
  size_t n = strlen(h.shape);
  CHECK_INT(h.is_strict, 1);
  bool is_whole = strcmp(h.shape, whole) == 0 || (v->dialect == OPENAI && strcmp(h.shape, "stted") == 0);
  check_words(v, &h, is_whole);
  v->s->whole += is_whole;
  v->s->broken += !is_whole;
  if (is_whole)
    return;
  /* The beginning of an answer, then an error and nothing behind it. */
  CHECK_INT(n > 0 && h.shape[n - 1] == 'X', 1);
  h.shape[n > 0 ? n - 1 : 0] = 0;
  if (!CHECK_INT(strncmp(whole, h.shape, strlen(h.shape)), 0))
    (void)fprintf(stderr, "shape %s\n", h.shape);
}

static inline void check_got(struct visit *v) {
  if (!CHECK_INT(take_apart(v), 1)) {
    (void)fprintf(stderr, "request %u: %.*s\n", v->n, TEXT_ARGS(text_head(buf_text(&v->got), 400)));
    return;
  }
  struct text type = http_header_value(&v->head.headers, TEXT("content-type"));
  if (text_starts(type, TEXT("text/event-stream"))) {
    CHECK_INT(v->stream, 1);
    CHECK_INT(v->head.status, 200);
    check_streamed(v);
    return;
  }
  struct heard h = hear_plain(v->body, v->dialect);
  CHECK_INT(h.is_strict, 1);
  CHECK_INT(v->head.status == 200, h.type[0] == 0);
  if (v->head.status == 200) {
    CHECK_INT(v->stream, 0);
    check_words(v, &h, true);
    v->s->whole++;
  } else {
    v->s->errors++;
  }
}

/* What the record says of it is what the client saw. */
static inline void check_recorded(struct visit *v) {
  struct text id = http_header_value(&v->head.headers, TEXT("x-weir-request-id"));
  const struct record *r = NULL;
  for (int tries = 0; tries < 100 && !r; tries++) {
    for (size_t i = 0; i < v->s->recorded; i++)
      if (text_equal(id, text_of(v->s->records[i].request_id)))
        r = &v->s->records[i];
    if (!r)
      CHECK_ERR(fiber_sleep(10 * MS_US), ERR_OK); /* its last write is seen before it has ended */
  }
  if (CHECK_INT(r != NULL, 1))
    CHECK_INT(r->status, v->head.status);
}

static inline void visit(struct soak *s, unsigned n) {
  struct visit v = {.s = s,
                    .n = n,
                    .dialect = draw(s, n, CLIENT, 2) ? OPENAI : ANTHROPIC,
                    .stream = draw(s, n, STREAM, 3) > 0,
                    .slow = is_slow(s, n),
                    .leaves_us = INT64_MAX};
  arena_init(&v.arena);
  buf_init(&v.got, GOT_BYTES_MAX);
  if (s->leaves && draw(s, n, LEAVES, 3) == 0)
    v.leaves_us = after((int64_t)draw(s, n, LEAVES_MS, 40) * 40 * MS_US);
  struct stream *stream = v.slow ? connect_narrow(&s->w->site.at) : connect_to(&s->w->site.at);
  struct text request = request_for(&v);
  struct iovec piece = {(void *)(uintptr_t)request.at, request.len};
  CHECK_ERR(stream_write(stream, &piece, 1, after(CLIENT_US)), ERR_OK);
  bool stayed = read_all(&v, stream);
  stream_close(stream, !stayed && draw(s, n, RESETS_IT, 2) == 0);
  s->padded += v.got.len > PADDING_BYTES;
  s->left += !stayed;
  if (stayed) {
    check_got(&v);
    check_recorded(&v);
  }
  buf_done(&v.got);
  arena_done(&v.arena);
}

static inline void client_run(void *arg) {
  struct soak *s = arg;
  while (s->next < REQUESTS) {
    unsigned n = s->next++;
    if (n % RELOADS_EVERY == RELOADS_EVERY - 1)
      soak_load(s);
    visit(s, n);
    CHECK_ERR(fiber_sleep((int64_t)draw(s, n, PAUSE, 10) * 100 * MS_US), ERR_OK);
  }
  s->over++;
}

#endif
