/* Message heads and body framing for http_server.c and http_client.c; sockets are their business.
 * A head is first collected to its end by a scan of our own that knows only lines, control bytes and limits. Only a
 * complete head goes to llhttp, at once and in one piece, so that its slices are the result. Then every line is
 * compared with what llhttp made of it: two readings that differ are a refusal, not a choice. */
#include "net/http1.h"

#include "net/chunked.h"
#include "net/http_target.h"

#include <llhttp.h>

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE, BODY_BROKEN };

struct http1 {
  enum http1_kind kind;
  enum body_kind body;
  struct http1_limits limits;
  struct arena *arena;
  char *partial; /* the beginning of a head whose end has not arrived */
  size_t partial_len, partial_cap;
  size_t lines, line_bytes; /* complete lines seen; bytes of the current one */
  struct text guess;        /* of the target, when the head was refused */
  uint64_t left;            /* of a body with a length */
  struct chunked chunked;
  bool is_answer_to_head, skipped_blank, after_cr, head_done, has_begun;
};

struct http1 *http1_new(enum http1_kind kind, const struct http1_limits *limits) {
  struct http1 *p = calloc(1, sizeof(*p));
  if (!p)
    abort();
  p->kind = kind;
  p->limits = *limits;
  if (p->limits.max_headers > HTTP_MAX_HEADERS)
    p->limits.max_headers = HTTP_MAX_HEADERS;
  return p;
}

static void drop_partial(struct http1 *p) {
  free(p->partial);
  p->partial = NULL;
  p->partial_len = p->partial_cap = 0;
}

void http1_free(struct http1 *p) {
  if (!p)
    return;
  drop_partial(p);
  free(p);
}

void http1_begin(struct http1 *p, struct arena *arena, bool is_answer_to_head) {
  drop_partial(p);
  *p = (struct http1){.kind = p->kind, .limits = p->limits, .arena = arena, .is_answer_to_head = is_answer_to_head};
}

bool http1_is_method(struct text method) {
#define METHOD_NAME(number, name, string) {#string, sizeof(#string) - 1},
  static const struct text known[] = {HTTP_METHOD_MAP(METHOD_NAME)};
#undef METHOD_NAME
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (text_equal(method, known[i]))
      return true;
  return false;
}

bool http1_has_begun(const struct http1 *p) { return p->has_begun; }

static enum err too_many_headers(const struct http1 *p, struct fault *f) {
  return fault_set(f, ERR_HEADERS_TOO_LARGE, NULL, "the message has more than %zu headers", p->limits.max_headers);
}

/* At a line feed that followed a carriage return. */
static enum err end_line(struct http1 *p, bool *out_complete, struct fault *f) {
  bool is_blank = p->line_bytes == 0;
  p->line_bytes = 0;
  if (!is_blank) {
    p->lines++;
    return p->lines > p->limits.max_headers + 1 ? too_many_headers(p, f) : ERR_OK;
  }
  if (p->lines > 0) {
    *out_complete = true;
    return ERR_OK;
  }
  if (p->kind == HTTP1_RESPONSE || p->skipped_blank)
    return fault_set(f, ERR_PROTOCOL, NULL, "an empty line instead of a start line");
  p->skipped_blank = true;
  return ERR_OK;
}

/* The first byte of a line decides early: garbage such as a TLS hello is refused before more of it is awaited. */
static enum err begin_line(const struct http1 *p, unsigned char c, struct fault *f) {
  if (c == ' ' || c == '\t')
    return fault_set(f, ERR_PROTOCOL, NULL,
                     p->lines ? "a header line is folded" : "the start line begins with a blank");
  if (!http_is_token_byte(c))
    return fault_set(f, ERR_PROTOCOL, NULL, p->lines ? "a header has no name" : "this is not HTTP/1.1");
  return ERR_OK;
}

static enum err scan_byte(struct http1 *p, unsigned char c, bool *out_complete, struct fault *f) {
  if (p->after_cr != (c == '\n'))
    return fault_set(f, ERR_PROTOCOL, NULL,
                     p->after_cr ? "a carriage return without line feed" : "a line feed without carriage return");
  p->after_cr = c == '\r';
  if (c == '\n')
    return end_line(p, out_complete, f);
  if (c == '\r')
    return ERR_OK;
  if (p->line_bytes++ == 0)
    return begin_line(p, c, f);
  if ((c < 0x20 && c != '\t') || c == 0x7f)
    return fault_set(f, ERR_PROTOCOL, NULL, "a control byte in the message head");
  return ERR_OK;
}

/* Reads on to the empty line. *out_at: where it stopped. */
static enum err scan(struct http1 *p, struct text bytes, size_t *out_at, bool *out_complete, struct fault *f) {
  size_t at = 0;
  while (at < bytes.len && !*out_complete) {
    unsigned char c = (unsigned char)bytes.at[at];
    size_t plain = p->line_bytes && !p->after_cr ? http_plain_bytes(text_skip(bytes, at)) : 0;
    if (plain > 0) { /* the common case: the rest of a line at once */
      p->line_bytes += plain;
      at += plain;
      continue;
    }
    enum err e = scan_byte(p, c, out_complete, f);
    if (e)
      return e;
    at++;
  }
  *out_at = at;
  return ERR_OK;
}

struct reading {
  struct http1_head *head;
  size_t max_headers;
  bool complete;
};

static int on_method(llhttp_t *l, const char *at, size_t len) {
  ((struct reading *)l->data)->head->method = (struct text){at, len};
  return 0;
}

static int on_url(llhttp_t *l, const char *at, size_t len) {
  ((struct reading *)l->data)->head->target = (struct text){at, len};
  return 0;
}

static int on_field(llhttp_t *l, const char *at, size_t len) {
  struct reading *r = l->data;
  if (r->head->headers.count == r->max_headers)
    return HPE_USER;
  r->head->headers.at[r->head->headers.count].name = (struct text){at, len};
  return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t len) {
  struct reading *r = l->data;
  if (r->head->headers.count == r->max_headers)
    return HPE_USER;
  r->head->headers.at[r->head->headers.count].value = (struct text){at, len};
  return 0;
}

static int on_value_complete(llhttp_t *l) {
  ((struct reading *)l->data)->head->headers.count++;
  return 0;
}

static int on_headers_complete(llhttp_t *l) {
  ((struct reading *)l->data)->complete = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
};

static enum err tokenise(const struct http1 *p, struct text raw, struct http1_head *head, struct fault *f) {
  struct reading r = {.head = head, .max_headers = p->lines - 1};
  head->headers.at = arena_zalloc(p->arena, (p->lines - 1) * sizeof(struct http_header));
  llhttp_t l;
  llhttp_init(&l, p->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
  l.data = &r;
  llhttp_errno_t e = llhttp_execute(&l, raw.at, raw.len);
  if (e == HPE_INVALID_VERSION || l.method == HTTP_PRI)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (e != HPE_PAUSED || !r.complete) {
    const char *reason = llhttp_get_error_reason(&l);
    return fault_set(f, ERR_PROTOCOL, NULL, "the message head is malformed: %s",
                     reason && *reason ? reason : "it is not HTTP");
  }
  if (l.http_major != 1 || l.http_minor > 1)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  head->minor_version = l.http_minor;
  head->status = p->kind == HTTP1_RESPONSE ? l.status_code : 0;
  return ERR_OK;
}

static struct text cut_line(struct text *raw) {
  ptrdiff_t end = text_find_char(*raw, '\r'); /* the scan has made sure that there is one, and a line feed behind it */
  struct text line = text_head(*raw, (size_t)end);
  *raw = text_skip(*raw, (size_t)end + 2);
  return line;
}

static bool start_line_agrees(const struct http1 *p, struct text line, const struct http1_head *head) {
  struct text version = head->minor_version ? TEXT("HTTP/1.1") : TEXT("HTTP/1.0");
  if (p->kind == HTTP1_RESPONSE) {
    uint64_t status = 0;
    struct text rest = text_skip(line, 9);
    bool blanks = line.len >= 12 && line.at[8] == ' ' && (line.len == 12 || line.at[12] == ' ');
    return blanks && text_starts(line, version) && text_to_u64(text_head(rest, 3), &status) &&
           (int)status == head->status;
  }
  size_t m = head->method.len, t = head->target.len;
  return line.len == m + t + 10 && line.at[m] == ' ' && line.at[m + 1 + t] == ' ' && text_starts(line, head->method) &&
         text_equal((struct text){line.at + m + 1, t}, head->target) && text_ends(line, version);
}

static enum err compare_lines(const struct http1 *p, struct text raw, struct http1_head *head, struct fault *f) {
  if (!start_line_agrees(p, cut_line(&raw), head))
    return fault_set(f, ERR_PROTOCOL, NULL, "the start line is malformed");
  for (size_t i = 0; i < head->headers.count; i++) {
    struct http_header *h = &head->headers.at[i];
    struct text line = cut_line(&raw), name, value;
    bool same =
        text_cut(line, ':', &name, &value) && name.at == h->name.at && name.len == h->name.len && http_is_token(name);
    value = text_trim(value);
    if (!same || !text_equal(value, text_trim(h->value)))
      return fault_set(f, ERR_PROTOCOL, NULL, "a header line is malformed");
    h->value = value;
    h->is_parsed = true;
  }
  if (raw.len != 2)
    return fault_set(f, ERR_PROTOCOL, NULL, "a header line is malformed");
  return ERR_OK;
}

struct framing {
  size_t lengths, codings;
  bool close, keep_alive, other;
};

static enum err read_length(struct http1_head *head, struct text value, struct framing *fr, struct fault *f) {
  if (fr->lengths++)
    return fault_set(f, ERR_PROTOCOL, "content-length", "content-length is there more than once");
  if (!text_to_u64(value, &head->length) || head->length > INT64_MAX)
    return fault_set(f, ERR_PROTOCOL, "content-length", "content-length must be one decimal number");
  head->has_length = true;
  return ERR_OK;
}

static enum err read_coding(struct http1_head *head, struct text value, struct framing *fr, struct fault *f) {
  if (fr->codings++)
    return fault_set(f, ERR_PROTOCOL, "transfer-encoding", "transfer-encoding is there more than once");
  if (!text_equal_nocase(value, TEXT("chunked")))
    return fault_set(f, ERR_PROTOCOL, "transfer-encoding", "the only transfer coding understood is chunked");
  if (head->minor_version == 0)
    return fault_set(f, ERR_PROTOCOL, "transfer-encoding", "HTTP/1.0 has no transfer codings");
  head->chunked = true;
  return ERR_OK;
}

static void read_connection(struct text list, struct framing *fr) {
  struct text one;
  while (text_next_in_list(&list, &one)) {
    if (text_equal_nocase(one, TEXT("close")))
      fr->close = true;
    else if (text_equal_nocase(one, TEXT("keep-alive")))
      fr->keep_alive = true;
    else
      fr->other = true;
  }
}

static enum err read_fields(struct http1_head *head, struct framing *fr, struct fault *f) {
  for (size_t i = 0; i < head->headers.count; i++) {
    const struct http_header *h = &head->headers.at[i];
    enum err e = ERR_OK;
    if (text_equal_nocase(h->name, TEXT("content-length")))
      e = read_length(head, h->value, fr, f);
    else if (text_equal_nocase(h->name, TEXT("transfer-encoding")))
      e = read_coding(head, h->value, fr, f);
    else if (text_equal_nocase(h->name, TEXT("connection")))
      read_connection(h->value, fr);
    else if (text_equal_nocase(h->name, TEXT("expect")))
      head->expects_continue = head->minor_version > 0 && text_equal_nocase(h->value, TEXT("100-continue"));
    if (e)
      return e;
  }
  head->headers.connection_is_plain = !fr->other;
  if (head->chunked && head->has_length)
    return fault_set(f, ERR_PROTOCOL, "content-length", "content-length and transfer-encoding exclude each other");
  return ERR_OK;
}

/* RFC 9112 section 6.3 */
static void decide_body(struct http1 *p, struct http1_head *head, const struct framing *fr) {
  bool is_response = p->kind == HTTP1_RESPONSE;
  bool never =
      is_response && (p->is_answer_to_head || head->status < 200 || head->status == 204 || head->status == 304);
  p->left = head->length;
  if (never)
    p->body = BODY_NONE;
  else if (head->chunked)
    p->body = BODY_CHUNKED;
  else if (head->has_length)
    p->body = head->length ? BODY_LENGTH : BODY_NONE;
  else
    p->body = is_response ? BODY_UNTIL_CLOSE : BODY_NONE;
  head->has_body = p->body != BODY_NONE;
  head->keep_alive = !fr->close && (head->minor_version > 0 || fr->keep_alive) && p->body != BODY_UNTIL_CLOSE;
}

static enum err parse(struct http1 *p, struct text raw, struct http1_head *out, struct fault *f) {
  struct http1_head head = {0};
  struct framing fr = {0};
  enum err e = tokenise(p, raw, &head, f);
  if (!e)
    e = compare_lines(p, raw, &head, f);
  if (!e)
    e = read_fields(&head, &fr, f);
  if (!e && text_equal(head.method, TEXT("CONNECT")))
    e = fault_set(f, ERR_PROTOCOL, NULL, "this is not a proxy: there is no CONNECT");
  if (!e && p->kind == HTTP1_REQUEST)
    e = http_target_split(head.target, &head.headers, head.minor_version, &head.path, &head.query, f);
  if (!e && p->kind == HTTP1_RESPONSE && (head.status < 100 || head.status > 599))
    e = fault_set(f, ERR_PROTOCOL, NULL, "the status %d does not exist", head.status);
  if (e)
    return e;
  decide_body(p, &head, &fr);
  *out = head;
  return ERR_OK;
}

static void keep_partial(struct http1 *p, struct text bytes) {
  size_t need = p->partial_len + bytes.len;
  if (need > p->partial_cap) {
    size_t cap = need < 512 ? 512 : need * 2;
    if (cap > p->limits.max_head_bytes && need <= p->limits.max_head_bytes)
      cap = p->limits.max_head_bytes;
    p->partial = realloc(p->partial, cap);
    if (!p->partial)
      abort();
    p->partial_cap = cap;
  }
  if (bytes.len)
    memcpy(p->partial + p->partial_len, bytes.at, bytes.len);
  p->partial_len = need;
}

/* The whole head in one piece in the arena, without an empty line before it. */
static struct text collect(struct http1 *p, struct text last) {
  size_t skip = p->skipped_blank ? 2 : 0;
  if (p->partial_len) {
    keep_partial(p, last);
    last = (struct text){p->partial, p->partial_len};
  }
  return arena_copy(p->arena, text_skip(last, skip));
}

static enum err feed_head(struct http1 *p, struct text bytes, size_t *out_used, bool *out_done, struct http1_head *head,
                          struct fault *f) {
  struct text room = text_head(bytes, p->limits.max_head_bytes - p->partial_len);
  size_t used = 0;
  bool complete = false;
  p->has_begun = p->has_begun || bytes.len > 0;
  enum err e = scan(p, room, &used, &complete, f);
  if (!e && complete)
    e = parse(p, collect(p, text_head(room, used)), head, f);
  if (e)
    return e;
  if (complete) {
    drop_partial(p);
  } else {
    if (p->partial_len + used >= p->limits.max_head_bytes)
      return fault_set(f, ERR_HEADERS_TOO_LARGE, NULL, "the message head is longer than %zu bytes",
                       p->limits.max_head_bytes);
    keep_partial(p, room);
  }
  p->head_done = complete;
  *out_used = used;
  *out_done = complete;
  return ERR_OK;
}

static struct text guess_target(const struct http1 *p, struct text bytes) {
  struct text method, rest, target, version;
  if (p->kind == HTTP1_RESPONSE || !text_cut(text_head(bytes, 512), ' ', &method, &rest))
    return TEXT_NONE;
  if (!text_cut(rest, ' ', &target, &version) || !text_is_visible_ascii(target))
    return TEXT_NONE;
  return arena_copy(p->arena, text_head(target, 256));
}

struct text http1_guess_target(struct http1 *p) {
  if (p->guess.len == 0 && p->partial_len > 0)
    p->guess = guess_target(p, (struct text){p->partial, p->partial_len});
  return p->guess;
}

enum err http1_head_feed(struct http1 *p, struct text bytes, size_t *out_used, bool *out_done, struct http1_head *head,
                         struct fault *f) {
  if (p->body == BODY_BROKEN || p->head_done)
    return fault_set(f, ERR_PROTOCOL, NULL, "no message head is expected here");
  enum err e = feed_head(p, bytes, out_used, out_done, head, f);
  if (e) {
    if (http1_guess_target(p).len == 0 && p->partial_len == 0)
      p->guess = guess_target(p, bytes);
    drop_partial(p);
    p->body = BODY_BROKEN;
  }
  return e;
}

static enum err feed_chunked(struct http1 *p, char *bytes, size_t len, size_t *out_used, size_t *out_body,
                             bool *out_done, struct fault *f) {
  enum err e = chunked_feed(&p->chunked, bytes, len, out_used, out_body, out_done, f);
  if (e)
    p->body = BODY_BROKEN;
  else if (*out_done)
    p->body = BODY_NONE;
  return e;
}

enum err http1_body_feed(struct http1 *p, char *bytes, size_t len, size_t *out_used, size_t *out_body, bool *out_done,
                         struct fault *f) {
  if (!p->head_done || p->body == BODY_BROKEN)
    return fault_set(f, ERR_PROTOCOL, NULL, "no message body is expected here");
  if (p->body == BODY_CHUNKED)
    return feed_chunked(p, bytes, len, out_used, out_body, out_done, f);
  size_t n = p->body == BODY_NONE ? 0 : len;
  if (p->body == BODY_LENGTH) {
    if (n > p->left)
      n = (size_t)p->left;
    p->left -= n;
    if (p->left == 0)
      p->body = BODY_NONE;
  }
  *out_used = *out_body = n;
  *out_done = p->body == BODY_NONE;
  return ERR_OK;
}

enum err http1_end(struct http1 *p, struct fault *f) {
  bool complete = p->head_done && (p->body == BODY_NONE || p->body == BODY_UNTIL_CLOSE);
  if (!complete)
    return fault_set(f, ERR_PROTOCOL, NULL, "the connection ended in the middle of a message");
  p->body = BODY_NONE;
  return ERR_OK;
}
