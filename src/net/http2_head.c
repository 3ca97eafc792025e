/* Reads the fields of an HTTP/2 request one by one, as nghttp2 finds them, and gives the head that the rest of the
 * program knows from HTTP/1.1. Called by http2.c and by tests; it neither sees frames nor answers anybody. */
#include "net/http2_head.h"

#include "net/http_target.h"

#define FIELD_OVERHEAD_BYTES 32
#define USUAL_HEADERS        24
#define ADDED_HEADERS        2 /* host, cookie */

enum pseudo { PSEUDO_METHOD = 1, PSEUDO_SCHEME = 2, PSEUDO_AUTHORITY = 4, PSEUDO_PATH = 8 };

void http2_head_init(struct http2_head *h, struct arena *arena, const struct http1_limits *limits) {
  *h = (struct http2_head){.arena = arena, .limits = limits};
}

static enum err wrong(struct http2_head *h, const char *field, const char *what) {
  return fault_set(&h->fault, ERR_PROTOCOL, field, "%s", what);
}

static enum err add_pseudo(struct http2_head *h, struct text name, struct text value) {
  struct {
    struct text name;
    enum pseudo bit;
    struct text *into;
  } known[] = {{TEXT(":method"), PSEUDO_METHOD, &h->head.method},
               {TEXT(":scheme"), PSEUDO_SCHEME, &h->scheme},
               {TEXT(":authority"), PSEUDO_AUTHORITY, &h->authority},
               {TEXT(":path"), PSEUDO_PATH, &h->head.target}};
  if (h->head.headers.count > 0 || h->crumbs)
    return wrong(h, NULL, "a pseudo header stands behind a header");
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    if (!text_equal(name, known[i].name))
      continue;
    if (h->pseudo_seen & known[i].bit)
      return wrong(h, known[i].name.at, "a pseudo header is there more than once");
    h->pseudo_seen |= known[i].bit;
    *known[i].into = arena_copy(h->arena, value);
    return ERR_OK;
  }
  return wrong(h, NULL, "a pseudo header is unknown");
}

static bool is_lower_case(struct text name) {
  for (size_t i = 0; i < name.len; i++)
    if (name.at[i] >= 'A' && name.at[i] <= 'Z')
      return false;
  return true;
}

static bool has_blank_ends(struct text value) { return text_trim(value).len != value.len; }

static enum err check_field(struct http2_head *h, struct text name, struct text value) {
  static const struct text of_connections[] = {
      {"connection", 10}, {"proxy-connection", 16}, {"keep-alive", 10}, {"transfer-encoding", 17}, {"upgrade", 7}};
  if (!http_is_token(name) || !is_lower_case(name))
    return wrong(h, NULL, "a header name is not a lower-case token");
  if (!http_header_is_sane(name, value))
    return wrong(h, NULL, "a control byte in a header");
  if (has_blank_ends(value))
    return wrong(h, NULL, "a header value begins or ends with a blank");
  for (size_t i = 0; i < sizeof(of_connections) / sizeof(of_connections[0]); i++)
    if (text_equal(name, of_connections[i]))
      return wrong(h, of_connections[i].at, "HTTP/2 has no headers about the connection");
  if (text_equal(name, TEXT("te")) && !text_equal_nocase(value, TEXT("trailers")))
    return wrong(h, "te", "te may only be trailers");
  return ERR_OK;
}

static void push(struct http2_head *h, struct text name, struct text value) {
  struct http_headers *all = &h->head.headers;
  if (all->count == h->cap) {
    struct http_header *old = all->at;
    h->cap = h->cap ? 2 * h->cap : USUAL_HEADERS;
    all->at = arena_alloc(h->arena, h->cap * sizeof(*all->at));
    if (all->count > 0)
      memcpy(all->at, old, all->count * sizeof(*old));
  }
  all->at[all->count++] = (struct http_header){name, value, true};
}

static void add_crumb(struct http2_head *h, struct text value) {
  struct http2_crumb *crumb = ARENA_NEW(h->arena, struct http2_crumb);
  crumb->value = arena_copy(h->arena, value);
  if (h->last_crumb)
    h->last_crumb->next = crumb;
  else
    h->crumbs = crumb;
  h->last_crumb = crumb;
  h->cookie_bytes += value.len + 2;
}

/* Once, at the end: joining crumb by crumb would copy the first ones again and again. */
static void join_crumbs(struct http2_head *h) {
  char *at = arena_alloc(h->arena, h->cookie_bytes), *to = at;
  for (const struct http2_crumb *crumb = h->crumbs; crumb; crumb = crumb->next) {
    if (to != at) {
      memcpy(to, "; ", 2);
      to += 2;
    }
    memcpy(to, crumb->value.at, crumb->value.len);
    to += crumb->value.len;
  }
  push(h, TEXT("cookie"), (struct text){at, (size_t)(to - at)});
}

static enum err read_length(struct http2_head *h, struct text value) {
  struct http1_head *head = &h->head;
  if (head->has_length)
    return wrong(h, "content-length", "content-length is there more than once");
  if (!text_to_u64(value, &head->length) || head->length > INT64_MAX)
    return wrong(h, "content-length", "content-length must be one decimal number");
  head->has_length = true;
  return ERR_OK;
}

static size_t max_headers(const struct http2_head *h) {
  size_t most = HTTP_MAX_HEADERS - ADDED_HEADERS;
  return h->limits->max_headers < most ? h->limits->max_headers : most;
}

static enum err add_header(struct http2_head *h, struct text name, struct text value) {
  enum err e = check_field(h, name, value);
  if (e)
    return e;
  if (text_equal(name, TEXT("cookie"))) {
    add_crumb(h, value);
    return ERR_OK;
  }
  if (h->head.headers.count >= max_headers(h))
    return fault_set(&h->fault, ERR_HEADERS_TOO_LARGE, NULL, "the message has more than %zu headers", max_headers(h));
  if (text_equal(name, TEXT("content-length")))
    e = read_length(h, value);
  else if (text_equal(name, TEXT("expect")))
    h->head.expects_continue = text_equal_nocase(value, TEXT("100-continue"));
  push(h, arena_copy(h->arena, name), arena_copy(h->arena, value));
  return e;
}

void http2_head_add(struct http2_head *h, struct text name, struct text value) {
  h->bytes += name.len + value.len + FIELD_OVERHEAD_BYTES;
  if (h->fault.err)
    return;
  if (h->bytes > h->limits->max_head_bytes)
    (void)fault_set(&h->fault, ERR_HEADERS_TOO_LARGE, NULL, "the message head is longer than %zu bytes",
                    h->limits->max_head_bytes);
  else if (name.len > 0 && name.at[0] == ':')
    (void)add_pseudo(h, name, value);
  else
    (void)add_header(h, name, value);
}

/* RFC 9113 section 8.3.1: one name for the host. */
static enum err settle_host(struct http2_head *h) {
  const struct http_header *host = http_header_find(&h->head.headers, TEXT("host"));
  if (!(h->pseudo_seen & PSEUDO_AUTHORITY))
    return ERR_OK;
  if (!host)
    push(h, TEXT("host"), h->authority);
  else if (!text_equal_nocase(host->value, h->authority))
    return wrong(h, "host", "the host header and :authority name different hosts");
  return ERR_OK;
}

static enum err check_pseudo(struct http2_head *h) {
  if (!(h->pseudo_seen & PSEUDO_METHOD) || !(h->pseudo_seen & PSEUDO_SCHEME) || !(h->pseudo_seen & PSEUDO_PATH))
    return wrong(h, NULL, "a pseudo header is missing: :method, :scheme and :path are needed");
  if (text_equal(h->head.method, TEXT("CONNECT")))
    return wrong(h, ":method", "this is not a proxy: there is no CONNECT");
  if (!http1_is_method(h->head.method))
    return wrong(h, ":method", "the method is unknown");
  if (!text_equal(h->scheme, TEXT("https")) && !text_equal(h->scheme, TEXT("http")))
    return wrong(h, ":scheme", "the scheme must be http or https");
  if (h->head.target.len == 0 || h->head.target.at[0] != '/')
    return wrong(h, ":path", "the path must begin with a slash");
  return ERR_OK;
}

static enum err judge(struct http2_head *h, bool ends_stream) {
  struct http1_head *head = &h->head;
  enum err e = h->fault.err;
  if (!e)
    e = check_pseudo(h);
  if (!e)
    e = settle_host(h);
  if (!e)
    e = http_target_split(head->target, &head->headers, 1, &head->path, &head->query, &h->fault);
  if (!e && ends_stream && head->has_length && head->length > 0)
    e = wrong(h, "content-length", "content-length announces a body, and none follows");
  return e;
}

enum err http2_head_finish(struct http2_head *h, bool ends_stream, struct http1_head *out, struct fault *f) {
  struct http1_head *head = &h->head;
  enum err e = judge(h, ends_stream);
  if (e) {
    *f = h->fault;
    return e;
  }
  if (h->crumbs)
    join_crumbs(h);
  head->minor_version = 1;
  head->keep_alive = head->headers.connection_is_plain = true;
  head->has_body = !ends_stream;
  *out = *head;
  return ERR_OK;
}
