/* Serving the control API: from path and method to a row of the table, whether it is open to the caller, from the row
 * to what is checked, called and answered. Handlers only see what is well formed. Called by app's local socket and by
 * front.c. */
#include "control/api.h"

#include "control/access_line.h"
#include "control/openapi.h"
#include "control/problem.h"
#include "control/reading.h"
#include "control/repeat.h"
#include "control/written.h"
#include "fiber/loop.h"

#include <stdlib.h>

#define ANSWER_MAX_BYTES (32 * 1024 * 1024)
#define FIRST_ORG        1

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

static struct text method_of(const struct http_request *rq) {
  return text_equal(rq->head.method, TEXT("HEAD")) ? TEXT("GET") : rq->head.method;
}

static enum err find_route(struct api_call *c, struct buf *allowed, struct fault *f) {
  bool any = false;
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    struct text values[API_VALUES_MAX] = {0};
    if (!matches(text_of(r->path), c->rq->path, values))
      continue;
    if (text_equal(method_of(c->rq), text_of(r->method))) {
      c->route = r;
      memcpy(c->values, values, sizeof(values));
      return ERR_OK;
    }
    buf_add_format(allowed, "%s%s", any ? ", " : "", strcmp(r->method, "GET") == 0 ? "GET, HEAD" : r->method);
    any = true;
  }
  if (any)
    return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "%.*s is not allowed here",
                     TEXT_ARGS(text_head(c->rq->head.method, 20)));
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
}

enum err api_id(const struct api_call *c, size_t value, int64_t *out, struct fault *f) {
  if (text_to_i64(c->values[value], out) && *out > 0)
    return ERR_OK;
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
}

static bool has_one(const struct api_call *c, enum permission p) {
  return p == API_ANYBODY || caller_may(c->caller, p) || (c->route->is_within && caller_may_somewhere(c->caller, p));
}

/* Whether the route is there for this caller, and open. */
static enum err admit(const struct api_call *c, struct fault *f) {
  if (c->route->is_shared && c->org_id > FIRST_ORG)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is nothing at this address");
  if (!has_one(c, c->route->permission) && !has_one(c, c->route->own))
    return api_lacks(c->route->permission, f);
  return ERR_OK;
}

static enum err count_call(const struct api_call *c, struct fault *f) {
  int wait_s = 0;
  if (c->caller->kind == CALLER_LOCAL ||
      rates_take(c->api->rates, c->caller->actor, c->config->control.rpm, c->now_us, &wait_s))
    return ERR_OK;
  fault_set(f, ERR_RATE_LIMITED, NULL, "too many requests: the next one may come in %d s", wait_s);
  f->retry_after_s = wait_s;
  return f->err;
}

static enum err check_version(const struct api_call *c, struct fault *f) {
  struct text asked = http_header_value(&c->rq->head.headers, TEXT("accept-version"));
  if (asked.len == 0 || text_equal(asked, TEXT("1")))
    return ERR_OK;
  fault_set(f, ERR_BAD_REQUEST, "accept-version", "the version of this API is 1");
  f->status = 406;
  return f->err;
}

static void write_list(const struct api_call *c, struct json_writer *w) {
  const struct shape *s = c->route->answer;
  char cursor[READING_CURSOR_BYTES];
  json_object(w);
  json_name(w, "data");
  json_array(w);
  for (size_t i = 0; i < c->answer_count; i++)
    shape_write(s, (const char *)c->answer + i * s->size, w);
  json_array_end(w);
  if (c->route->kind == API_LIST) {
    json_name(w, "next");
    if (c->next.id > 0)
      json_put_text(w, (struct text){cursor, reading_write_cursor(c->next, c->list, cursor)});
    else
      json_put_null(w);
  }
  json_object_end(w);
}

static enum err write_answer(struct api_call *c, struct fault *f) {
  struct json_writer w;
  json_writer_init(&w, &c->text);
  if (c->route->kind == API_ONE)
    shape_write(c->route->answer, c->answer, &w);
  else if (c->route->kind != API_NOTHING)
    write_list(c, &w);
  if (c->made_id > 0)
    c->location = arena_format(c->arena, "%.*s/%lld", TEXT_ARGS(c->rq->path), (long long)c->made_id);
  if (buf_check(&c->text) == ERR_OK)
    return ERR_OK;
  return fault_set(f, ERR_LIMIT, NULL, "the answer is too long: ask for fewer entries");
}

/* From each version that If-Match names, until it is the one that is there: a change that is stale has changed nothing.
 */
static enum err call_handler(struct api_call *c, struct fault *f) {
  enum err e = c->route->handle(c, f);
  for (size_t i = 1; e == ERR_STORE_STALE && i < c->if_match_count; i++) {
    *f = (struct fault){0};
    c->if_match = c->if_matches[i];
    e = c->route->handle(c, f);
  }
  return e == ERR_OK ? write_answer(c, f) : e;
}

struct handling {
  struct api_call *call;
  struct fault *fault;
};

static enum err handle(void *arg) {
  struct handling *h = arg;
  written_catch_up(h->call->api->store, &h->call->rq->head.headers);
  return repeat_run(h->call, call_handler, h->fault);
}

static size_t add_visit(const struct api_call *c, struct http_header *out, size_t n) {
  for (size_t i = 0; i < c->visit->header_count && i < API_VISIT_HEADERS; i++)
    out[n++] = c->visit->headers[i];
  return n;
}

/* "" for none. A weak one is never met by If-Match. */
static struct text etag_of(const struct api_call *c) {
  uint8_t sum[KEYSMITH_SUM_BYTES];
  char tag[2 * sizeof(sum)];
  if (c->version > 0)
    return arena_format(c->arena, "\"%lld\"", (long long)c->version);
  if (!c->is_fixed)
    return TEXT_NONE;
  c->api->keysmith->sum(c->api->keysmith, buf_text(&c->text), sum);
  return arena_format(c->arena, "W/\"%.*s\"", (int)text_base64url((const char *)sum, 16, tag), tag);
}

/* Each answers, and gives the status. */
static int answer(const struct api_call *c) {
  struct http_header headers[8 + WRITTEN_HEADERS + API_VISIT_HEADERS] = {{TEXT("cache-control"), TEXT("no-store")},
                                                                         {TEXT("x-request-id"), c->rq->id}};
  size_t n = 2;
  int status = c->route->status;
  struct text etag = etag_of(c);
  if (etag.len > 0)
    headers[n++] = (struct http_header){TEXT("etag"), etag};
  if (c->location.len > 0)
    headers[n++] = (struct http_header){TEXT("location"), c->location};
  if (c->is_replay)
    headers[n++] = (struct http_header){TEXT("idempotent-replayed"), TEXT("true")};
  if (etag.len > 0 && text_equal(text_of(c->route->method), TEXT("GET")) && reading_knows(c, etag))
    status = 304;
  else if (c->route->kind != API_NOTHING)
    headers[n++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  if (!text_equal(text_of(c->route->method), TEXT("GET")))
    n += written_headers(c->api->store, c->arena, headers + n);
  n = add_visit(c, headers, n);
  enum err ignored = http_respond(c->rq, status, headers, n, status == 304 ? TEXT_NONE : buf_text(&c->text));
  (void)ignored; /* whoever asked has gone */
  return status;
}

static int refuse(const struct api_call *c, const struct fault *f, struct text allowed) {
  struct http_header headers[1 + API_VISIT_HEADERS];
  size_t n = add_visit(c, headers, 0);
  if (allowed.len > 0)
    headers[n++] = (struct http_header){TEXT("allow"), allowed};
  return problem_answer(c->rq, f, c->errors->count > 0 ? c->errors : NULL, headers, n);
}

static enum err check_more(void *arg) {
  struct api_call *c = arg;
  c->route->body->check(c);
  return ERR_OK;
}

/* Something is wrong with what was sent: then everything else that is. Without a place in the queue it is left out. */
static void complete_errors(struct api_call *c) {
  if (!c->route->body || !c->route->body->check || !c->body)
    return;
  enum err ignored = offload_call(c->api->offload, check_more, c);
  (void)ignored;
}

static enum err serve_route(struct api_call *c, struct fault *f) {
  enum err e = count_call(c, f);
  if (e == ERR_OK)
    e = reading_check_lines(c, f);
  if (e == ERR_OK)
    e = check_version(c, f);
  if (e == ERR_OK)
    e = admit(c, f);
  if (e == ERR_OK)
    e = reading_all(c, f);
  if (e == ERR_OK && c->errors->count > 0)
    complete_errors(c);
  else if (e == ERR_OK)
    e = c->route->kind == API_STREAM ? c->route->handle(c, f)
                                     : offload_call(c->api->offload, handle, &(struct handling){c, f});
  if (c->errors->count > 0)
    e = problem_invalid(c->errors, f);
  if (e != ERR_OK)
    f->err = e; /* also of those who said no more */
  return e;
}

/* What may be asked here, for whoever asks that (RFC 9110 section 9.3.7). */
static int tell_options(const struct api_call *c, struct text allowed) {
  struct http_header headers[2 + API_VISIT_HEADERS] = {{TEXT("allow"), allowed}, {TEXT("x-request-id"), c->rq->id}};
  enum err ignored = http_respond(c->rq, 204, headers, add_visit(c, headers, 2), TEXT_NONE);
  (void)ignored;
  return 204;
}

void api_serve(const struct api *api, struct gateway_worker *w, const struct api_visit *v, struct http_request *rq) {
  struct api_call *c = ARENA_NEW(rq->arena, struct api_call);
  struct config *held = config_ref(w->snapshot->config); /* a reload may come while this waits */
  struct fault f = {0};
  struct buf allowed;
  struct access_line line = {
      .caller = v->caller, .address = v->caller->origin, .began_us = loop_now_us(loop_current())};
  *c = (struct api_call){.api = api,
                         .visit = v,
                         .caller = v->caller,
                         .org_id = v->caller->org_id,
                         .by = {v->caller->actor, v->caller->origin},
                         .config = held,
                         .rq = rq,
                         .arena = rq->arena,
                         .errors = ARENA_NEW(rq->arena, struct shape_errors),
                         .now_us = loop_wall_us()};
  c->errors->count = 0;
  buf_init(&allowed, 256);
  buf_init(&c->text, ANSWER_MAX_BYTES);
  enum err e = find_route(c, &allowed, &f);
  if (e == ERR_OK)
    e = serve_route(c, &f);
  if (e == ERR_OK && c->route->kind == API_STREAM)
    line.status = c->stream_status; /* it has answered */
  else if (e == ERR_OK)
    line.status = answer(c);
  else if (e == ERR_METHOD_NOT_ALLOWED && text_equal(rq->head.method, TEXT("OPTIONS")))
    line.status = tell_options(c, buf_text(&allowed));
  else
    line.status = refuse(c, &f, e == ERR_METHOD_NOT_ALLOWED ? buf_text(&allowed) : TEXT_NONE);
  line.route = c->route ? c->route->id : NULL;
  access_line_write(rq, &line);
  secret_wipe(c->text.at, c->text.len);
  buf_done(&c->text);
  buf_done(&allowed);
  config_unref(held);
}

void api_serve_document(struct http_request *rq, const struct http_header *more, size_t count) {
  struct http_header headers[2 + API_VISIT_HEADERS] = {{TEXT("content-type"), TEXT("application/json")},
                                                       {TEXT("x-request-id"), rq->id}};
  struct buf body;
  for (size_t i = 0; i < count && i < API_VISIT_HEADERS; i++)
    headers[2 + i] = more[i];
  buf_init(&body, ANSWER_MAX_BYTES);
  openapi_write(&body);
  enum err ignored =
      http_respond(rq, 200, headers, 2 + (count < API_VISIT_HEADERS ? count : API_VISIT_HEADERS), buf_text(&body));
  (void)ignored;
  buf_done(&body);
}
