/* Serving the control API: from path and method to a row of the table, from the row to what is checked, called and
 * answered. Handlers only see what is well formed. Called by app's local socket. */
#include "control/api.h"

#include "control/openapi.h"
#include "control/problem.h"
#include "gateway/percent.h"

#include <stdlib.h>

#define ANSWER_MAX_BYTES (32 * 1024 * 1024)
#define VALUE_MAX_BYTES  256
#define DEPTH            16
#define CURSOR_BYTES     68

bool api_owns(struct text path) { return text_equal(path, TEXT("/api")) || text_starts(path, TEXT("/api/")); }

/* Whether the path is one of the template's; the parts of its {names} are in values. */
static bool matches(struct text template, struct text path, struct text *values) {
  size_t n = 0;
  while (template.len > 0 && path.len > 0) {
    struct text expected, part;
    template = text_skip(template, 1);
    path = text_skip(path, 1);
    if (!text_cut(template, '/', &expected, &template))
      expected = template, template = TEXT_NONE;
    else
      template = (struct text){template.at - 1, template.len + 1};
    if (!text_cut(path, '/', &part, &path))
      part = path, path = TEXT_NONE;
    else
      path = (struct text){path.at - 1, path.len + 1};
    if (text_starts(expected, TEXT("{")) && n < API_VALUES_MAX && part.len > 0)
      values[n++] = part;
    else if (!text_equal(expected, part))
      return false;
  }
  return template.len == 0 && path.len == 0;
}

static enum err find_route(struct api_call *c, struct buf *allowed, struct fault *f) {
  bool any = false;
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    struct text values[API_VALUES_MAX] = {0};
    if (!matches(text_of(r->path), c->rq->path, values))
      continue;
    if (text_equal(c->rq->head.method, text_of(r->method))) {
      c->route = r;
      memcpy(c->values, values, sizeof(values));
      return ERR_OK;
    }
    buf_add_format(allowed, "%s%s", any ? ", " : "", r->method);
    any = true;
  }
  if (any)
    return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed here",
                     TEXT_ARGS(text_head(c->rq->head.method, 20)));
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
}

static enum err decode_values(struct api_call *c, struct fault *f) {
  for (size_t i = 0; i < API_VALUES_MAX; i++) {
    if (c->values[i].len > 0 && !percent_decode(c->values[i], VALUE_MAX_BYTES, c->arena, &c->values[i]))
      return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
  }
  return ERR_OK;
}

enum err api_id(const struct api_call *c, size_t value, int64_t *out, struct fault *f) {
  if (text_to_i64(c->values[value], out) && *out > 0)
    return ERR_OK;
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
}

/* A place, wrapped so that nobody takes it for something to compute with. */
static size_t write_cursor(struct api_place p, char out[CURSOR_BYTES]) {
  char plain[48];
  int n = snprintf(plain, sizeof(plain), "1:%lld:%lld", (long long)p.at, (long long)p.id);
  return text_base64url(plain, (size_t)n, out);
}

static bool read_cursor(struct text t, struct api_place *out) {
  char plain[CURSOR_BYTES + 3];
  struct text version, at, id;
  size_t n;
  if (t.len > CURSOR_BYTES || !text_base64url_decode(t, plain, &n))
    return false;
  return text_cut((struct text){plain, n}, ':', &version, &id) && text_equal(version, TEXT("1")) &&
         text_cut(id, ':', &at, &id) && text_to_i64(at, &out->at) && text_to_i64(id, &out->id) && out->at >= 0 &&
         out->id > 0;
}

struct page {
  uint64_t given;
  int64_t limit;
  struct text cursor;
};
static const struct shape_field page_fields[] = {
    {"limit", SHAPE_INTEGER, 0, SHAPE_AT(page, limit), .min = 1, .max = API_LIMIT_MAX, .help = "entries at most"},
    {"cursor", SHAPE_TEXT, 0, SHAPE_AT(page, cursor), .min = 1, .max = CURSOR_BYTES,
     .help = "`next` of the page before"},
};
const struct shape api_page = {"Page", "Which part of a list.", sizeof(struct page), SHAPE_FIELDS(page_fields)};

static bool is_of_page(struct text part) {
  return text_starts(part, TEXT("limit=")) || text_starts(part, TEXT("cursor="));
}

/* The query in two: what every list takes, and what this one takes. */
static void split_query(struct text query, struct buf *page, struct buf *rest) {
  struct text part;
  while (query.len > 0) {
    if (!text_cut(query, '&', &part, &query)) {
      part = query;
      query = TEXT_NONE;
    }
    struct buf *to = is_of_page(part) ? page : rest;
    buf_add(to, part);
    buf_add_char(to, '&');
  }
}

static void read_page(struct api_call *c, struct text query, struct shape_errors *e) {
  struct page p;
  shape_read_query(&api_page, query, c->arena, &p, e);
  c->limit = p.limit > 0 ? p.limit : API_LIMIT;
  if (p.cursor.len > 0 && !read_cursor(p.cursor, &c->cursor))
    shape_refuse(e, "cursor", "is none that a list has given");
}

static void read_query(struct api_call *c, struct shape_errors *e) {
  static const struct shape nothing = {"Nothing", "", sizeof(uint64_t), NULL, 0};
  const struct shape *s = c->route->query ? c->route->query : &nothing;
  struct buf page, rest;
  buf_init(&page, c->rq->query.len + 16);
  buf_init(&rest, c->rq->query.len + 16);
  c->query = arena_zalloc(c->arena, s->size);
  if (c->route->kind == API_LIST) {
    split_query(c->rq->query, &page, &rest);
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

static enum err read_body(struct api_call *c, struct shape_errors *errors, struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct text body = TEXT_NONE;
  struct json j;
  enum err e = c->rq->head.has_body ? http_request_body(c->rq, API_BODY_BYTES, &body, f) : ERR_OK;
  if (e != ERR_OK || (!c->route->body && body.len == 0))
    return e;
  if (!c->route->body)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "this takes no body");
  if (!is_json(http_header_value(&c->rq->head.headers, TEXT("content-type")))) {
    f->status = 415;
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the body must be application/json");
  }
  e = json_read(body, &limits, &j, f);
  if (e != ERR_OK)
    return e;
  c->body = arena_zalloc(c->arena, c->route->body->size);
  shape_read(c->route->body, j.root, c->arena, c->body, errors);
  json_done(&j);
  return ERR_OK;
}

static void write_answer(const struct api_call *c, struct json_writer *w) {
  const struct shape *s = c->route->answer;
  char cursor[CURSOR_BYTES];
  if (c->route->kind == API_ONE) {
    shape_write(s, c->answer, w);
    return;
  }
  json_object(w);
  json_name(w, "data");
  json_array(w);
  for (size_t i = 0; i < c->answer_count; i++)
    shape_write(s, (const char *)c->answer + i * s->size, w);
  json_array_end(w);
  if (c->route->kind == API_LIST) {
    json_name(w, "next");
    if (c->next.id > 0)
      json_put_text(w, (struct text){cursor, write_cursor(c->next, cursor)});
    else
      json_put_null(w);
  }
  json_object_end(w);
}

static void answer(const struct api_call *c) {
  const struct http_header headers[] = {{TEXT("content-type"), TEXT("application/json")},
                                        {TEXT("cache-control"), TEXT("no-store")},
                                        {TEXT("x-request-id"), c->rq->id}};
  struct fault f = {0};
  struct json_writer w;
  struct buf body;
  buf_init(&body, ANSWER_MAX_BYTES);
  json_writer_init(&w, &body);
  if (c->route->kind != API_NOTHING)
    write_answer(c, &w);
  if (buf_check(&body) != ERR_OK) {
    fault_set(&f, ERR_LIMIT, NULL, "the answer is too long: ask for fewer entries");
    problem_answer(c->rq, &f, NULL, NULL, 0);
  } else {
    enum err ignored = http_respond(c->rq, c->route->status, headers, 3, buf_text(&body));
    (void)ignored; /* whoever asked has gone */
  }
  buf_done(&body);
}

struct handling {
  struct api_call *call;
  struct fault *fault;
};

static enum err handle(void *arg) {
  struct handling *h = arg;
  return h->call->route->handle(h->call, h->fault);
}

static void serve_route(struct api_call *c) {
  struct shape_errors *errors = ARENA_NEW(c->arena, struct shape_errors);
  struct fault f = {0};
  errors->count = 0;
  enum err e = decode_values(c, &f);
  if (e == ERR_OK)
    read_query(c, errors);
  if (e == ERR_OK)
    e = read_body(c, errors, &f);
  if (e == ERR_OK && errors->count > 0) {
    problem_invalid(c->rq, errors);
    return;
  }
  if (e == ERR_OK)
    e = offload_call(c->api->offload, handle, &(struct handling){c, &f});
  if (e == ERR_OK) {
    answer(c);
    return;
  }
  f.err = e; /* also of those who said no more */
  problem_answer(c->rq, &f, NULL, NULL, 0);
}

void api_serve(const struct api *api, struct gateway_worker *w, const struct api_actor *actor,
               struct http_request *rq) {
  struct api_call *c = ARENA_NEW(rq->arena, struct api_call);
  struct fault f = {0};
  struct buf allowed;
  *c = (struct api_call){.api = api, .actor = actor, .config = w->snapshot->config, .rq = rq, .arena = rq->arena};
  buf_init(&allowed, 256);
  enum err e = find_route(c, &allowed, &f);
  if (e == ERR_OK && c->route) {
    struct config *held = config_ref(c->config); /* a reload may come while this waits */
    serve_route(c);
    config_unref(held);
  } else {
    const struct http_header allow = {TEXT("allow"), buf_text(&allowed)};
    problem_answer(rq, &f, NULL, &allow, e == ERR_METHOD_NOT_ALLOWED);
  }
  buf_done(&allowed);
}

void api_serve_document(struct http_request *rq) {
  const struct http_header headers[] = {{TEXT("content-type"), TEXT("application/json")},
                                        {TEXT("x-request-id"), rq->id}};
  struct buf body;
  buf_init(&body, ANSWER_MAX_BYTES);
  openapi_write(&body);
  enum err ignored = http_respond(rq, 200, headers, 2, buf_text(&body));
  (void)ignored;
  buf_done(&body);
}
