/* From a request to what a handler sees: values of the path, parameters, a body by its shape, conditions. Called by
 * api.c once the route is known and open to the caller.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/reading.h"

#include "gateway/percent.h"

#define VALUE_MAX_BYTES 256
#define DEPTH           16
#define KEY_MAX_BYTES   255

static enum err decode_values(struct api_call *c, struct fault *f) {
  for (size_t i = 0; i < API_VALUES_MAX; i++) {
    if (c->values[i].len > 0 && !percent_decode(c->values[i], VALUE_MAX_BYTES, c->arena, &c->values[i]))
      return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
  }
  return ERR_OK;
}

size_t reading_write_cursor(struct api_place p, uint32_t list, char out[READING_CURSOR_BYTES]) {
  char plain[64 + API_KEY_MAX];
  int n = snprintf(plain, sizeof(plain), "2:%x:%lld:%lld:%.*s", list, (long long)p.at, (long long)p.id,
                   TEXT_ARGS(text_head(p.key, API_KEY_MAX)));
  return text_base64url(plain, (size_t)n, out);
}

/* *out_list: of which list it is. */
static bool read_cursor(struct text t, struct arena *a, struct api_place *out, struct text *out_list) {
  char *plain = arena_alloc(a, READING_CURSOR_BYTES + 3);
  struct text version, at, id;
  size_t n;
  if (t.len > READING_CURSOR_BYTES || !text_base64url_decode(t, plain, &n))
    return false;
  return text_cut((struct text){plain, n}, ':', &version, &id) && text_equal(version, TEXT("2")) &&
         text_cut(id, ':', out_list, &id) && text_cut(id, ':', &at, &id) && text_cut(id, ':', &id, &out->key) &&
         text_to_i64(at, &out->at) && text_to_i64(id, &out->id) && out->at >= 0 && out->id > 0 &&
         text_is_utf8(out->key) && text_find_char(out->key, '\0') < 0;
}

struct page {
  uint64_t given;
  int64_t limit;
  struct text cursor;
};
static const struct shape_field page_fields[] = {
    {"limit", SHAPE_INTEGER, 0, SHAPE_AT(page, limit), .min = 1, .max = API_LIMIT_MAX, .help = "entries at most"},
    {"cursor", SHAPE_TEXT, 0, SHAPE_AT(page, cursor), .min = 1, .max = READING_CURSOR_BYTES,
     .help = "`next` of the page before"},
};
const struct shape reading_page = {"Page", "Which part of a list.", sizeof(struct page), SHAPE_FIELDS(page_fields)};

static bool is_of_page(struct text part) {
  return text_starts(part, TEXT("limit=")) || text_starts(part, TEXT("cursor="));
}

/* Which list it is: the same for the same parameters, in whatever order. FNV-1a of each. */
static void add_part(struct text part, uint32_t *list) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < part.len; i++)
    hash = (hash ^ (unsigned char)part.at[i]) * 16777619u;
  *list += part.len > 0 ? hash : 0;
}

/* The query in two: what every list takes, and what this one takes. */
static void split_query(struct text query, struct buf *page, struct buf *rest, uint32_t *list) {
  struct text part;
  while (query.len > 0) {
    if (!text_cut(query, '&', &part, &query)) {
      part = query;
      query = TEXT_NONE;
    }
    bool is_page = is_of_page(part);
    struct buf *to = is_page ? page : rest;
    if (!is_page)
      add_part(part, list);
    buf_add(to, part);
    buf_add_char(to, '&');
  }
}

static void read_page(struct api_call *c, struct text query, struct shape_errors *e) {
  struct page p;
  shape_read_query(&reading_page, query, c->arena, &p, e);
  c->limit = p.limit > 0 ? p.limit : API_LIMIT;
  struct text list;
  char wanted[16];
  snprintf(wanted, sizeof(wanted), "%x", c->list);
  if (p.cursor.len > 0 && !read_cursor(p.cursor, c->arena, &c->cursor, &list))
    shape_refuse(e, "cursor", "is none that a list has given");
  else if (p.cursor.len > 0 && !text_equal(list, text_of(wanted)))
    shape_refuse(e, "cursor", "is of a list with another order or other filters");
}

static void read_query(struct api_call *c) {
  struct shape_errors *e = c->errors;
  static const struct shape nothing = {"Nothing", "", sizeof(uint64_t), NULL, 0};
  const struct shape *s = c->route->query ? c->route->query : &nothing;
  struct buf page, rest;
  buf_init(&page, c->rq->query.len + 16);
  buf_init(&rest, c->rq->query.len + 16);
  c->query = arena_zalloc(c->arena, s->size);
  if (c->route->kind == API_LIST) {
    split_query(c->rq->query, &page, &rest, &c->list);
    read_page(c, buf_text(&page), e);
  } else {
    buf_add(&rest, c->rq->query);
  }
  shape_read_query(s, buf_text(&rest), c->arena, c->query, e);
  buf_done(&page);
  buf_done(&rest);
}

static bool is_json(struct text type) {
  struct text media = type, rest;
  (void)text_cut(type, ';', &media, &rest);
  return text_equal_nocase(text_trim(media), TEXT("application/json"));
}

static enum err read_body(struct api_call *c, struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct text body = TEXT_NONE;
  struct json j;
  enum err e = c->rq->head.has_body ? http_request_body(c->rq, API_BODY_BYTES, &body, f) : ERR_OK;
  if (e != ERR_OK || (!c->route->body && body.len == 0))
    return e;
  if (!c->route->body)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "this takes no body");
  if (body.len == 0 && !c->rq->head.has_body)
    body = TEXT("{}");
  else if (!is_json(http_header_value(&c->rq->head.headers, TEXT("content-type")))) {
    fault_set(f, ERR_BAD_REQUEST, NULL, "the body must be application/json");
    f->status = 415;
    return f->err;
  }
  e = json_read(body, &limits, &j, f);
  if (e != ERR_OK)
    return e;
  c->body = arena_zalloc(c->arena, c->route->body->size);
  shape_read(c->route->body, j.root, c->arena, c->body, c->errors);
  c->sent = body;
  json_done(&j);
  return ERR_OK;
}

/* The version that a list of entity tags names: one strong tag of ours. -1: another, which no version is. */
static int64_t version_of(struct text tag) {
  int64_t n;
  if (tag.len < 3 || tag.at[0] != '"' || tag.at[tag.len - 1] != '"')
    return -1;
  struct text digits = {tag.at + 1, tag.len - 2};
  return digits.at[0] != '-' && text_to_i64(digits, &n) && n > 0 ? n : -1;
}

/* Several lines are one list (RFC 9110 section 5.3). False: there is none. */
static bool join_lines(const struct api_call *c, struct text name, struct text *out) {
  const struct http_headers *all = &c->rq->head.headers;
  bool any = false;
  *out = TEXT_NONE;
  for (size_t i = 0; i < all->count; i++) {
    if (!text_equal_nocase(all->at[i].name, name))
      continue;
    *out = any ? arena_format(c->arena, "%.*s, %.*s", TEXT_ARGS(*out), TEXT_ARGS(all->at[i].value)) : all->at[i].value;
    any = true;
  }
  return any;
}

static struct text without_weakness(struct text tag) { return text_starts(tag, TEXT("W/")) ? text_skip(tag, 2) : tag; }

bool reading_knows(const struct api_call *c, struct text etag) {
  struct text known, tag;
  (void)join_lines(c, TEXT("if-none-match"), &known);
  while (text_next_in_list(&known, &tag)) {
    if (text_equal(tag, TEXT("*")) || text_equal(without_weakness(tag), without_weakness(etag)))
      return true;
  }
  return false;
}

/* `*` asks that the thing be there, and only PUT is for what may not be. */
static enum err refuse_condition(const struct api_call *c, struct text list, struct fault *f) {
  if (text_equal(list, TEXT("*")) && !text_equal(text_of(c->route->method), TEXT("PUT")))
    return ERR_OK;
  return fault_set(f, ERR_STORE_STALE, "if-match", "this has no versions: no If-Match can be met here");
}

static enum err read_if_match(struct api_call *c, struct fault *f) {
  struct text list, rest, tag;
  if (!join_lines(c, TEXT("if-match"), &list))
    return ERR_OK;
  rest = list;
  if (!text_next_in_list(&rest, &tag))
    return fault_set(f, ERR_BAD_REQUEST, "if-match", "If-Match is empty: it names entity tags, or is `*`");
  if (!api_has_versions(c->route->path))
    return refuse_condition(c, list, f);
  if (text_equal(list, TEXT("*")))
    return ERR_OK;
  while (text_next_in_list(&list, &tag)) {
    if (c->if_match_count == API_TAGS_MAX)
      return fault_set(f, ERR_BAD_REQUEST, "if-match", "If-Match may name %d entity tags at most", API_TAGS_MAX);
    c->if_matches[c->if_match_count++] = version_of(tag);
  }
  c->if_match = c->if_matches[0];
  return ERR_OK;
}

enum err reading_check_lines(const struct api_call *c, struct fault *f) {
  static const char *const once[] = {"Accept-Version", "Idempotency-Key", "Content-Type"};
  const struct http_headers *all = &c->rq->head.headers;
  for (size_t k = 0; k < sizeof(once) / sizeof(once[0]); k++) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
      count += text_equal_nocase(all->at[i].name, text_of(once[k]));
    if (count > 1)
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the header %s is there more than once", once[k]);
  }
  return ERR_OK;
}

static enum err read_idempotency_key(struct api_call *c, struct fault *f) {
  struct text key = http_header_value(&c->rq->head.headers, TEXT("idempotency-key"));
  if (!text_equal(c->rq->head.method, TEXT("POST")) || !http_header_find(&c->rq->head.headers, TEXT("idempotency-key")))
    return ERR_OK;
  if (key.len == 0 || key.len > KEY_MAX_BYTES || !text_is_visible_ascii(key))
    return fault_set(f, ERR_BAD_REQUEST, "idempotency-key", "Idempotency-Key must be 1 to %d visible ASCII characters",
                     KEY_MAX_BYTES);
  c->idempotency_key = key;
  return ERR_OK;
}

enum err reading_all(struct api_call *c, struct fault *f) {
  bool is_change = !text_equal(text_of(c->route->method), TEXT("GET"));
  enum err e = decode_values(c, f);
  if (e == ERR_OK && is_change)
    e = read_if_match(c, f);
  if (e == ERR_OK)
    e = read_idempotency_key(c, f);
  if (e != ERR_OK)
    return e;
  read_query(c);
  return read_body(c, f);
}
