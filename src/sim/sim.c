/* The simulator's server: listens, counts, checks credentials and versions as the services do, finds the endpoint.
 * Endpoints are in calls.c, timing in play.c, content in answer.c and the dialects. Started by weir_sim.c and
 * background.c. */
#include "sim/sim.h"

#include "base/buf.h"
#include "net/listen.h"
#include "sim/caller.h"
#include "sim/calls.h"
#include "sim/responses_store.h"

#include <unistd.h>

#define DEFAULT_CONNECTIONS 20000
#define DEFAULT_BODY_BYTES  (32 * 1024 * 1024)
#define STATS_MAX_BYTES     (512u * 1024 * 1024)
#define SECOND_US           (1000LL * 1000)

struct sim {
  struct listener *listener;
  struct http_server *server;
  struct addr addr;
  struct stats stats;
  struct prompt_cache prompt_cache;
  struct responses_store *responses;
  uint64_t counter;
  size_t max_body_bytes;
};

/* Where no route says it: the service whose paths look like this. */
static const struct sim_dialect *dialect_of(const struct http1_head *head, struct text path,
                                            const struct sim_route *route) {
  if (route && route->dialect)
    return route->dialect;
  if (text_starts(path, TEXT("/model/")))
    return &sim_converse;
  if (text_starts(path, TEXT("/api/v1/")))
    return &sim_openrouter;
  if (text_starts(path, TEXT("/openai/deployments/")))
    return &sim_azure;
  bool is_anthropic =
      http_header_find(&head->headers, TEXT("anthropic-version")) || text_starts(path, TEXT("/v1/messages"));
  return is_anthropic ? &sim_anthropic : &sim_openai;
}

static enum err read_forced_behaviour(struct sim_call *c, const struct http_headers *headers, struct fault *f) {
  const struct http_header *forced = http_header_find(headers, TEXT("x-sim-behaviour"));
  if (!forced)
    return ERR_OK;
  c->behaviour_forced = true;
  return behaviour_of_header(forced->value, &c->play.behaviour, f);
}

/* The request id in the style of the service: made of the counter, so that runs are alike. */
static struct text request_id(struct sim *s, struct http_request *rq) {
  return digest_id(rq->arena, "req_011", 21, s->counter * 2 + 1);
}

static enum err check_call(struct sim_call *c, bool path_known, struct fault *f) {
  const struct http1_head *head = &c->play.rq->head;
  enum err e = c->route && c->route->is_public
                   ? ERR_OK
                   : caller_check(c->play.dialect, c->play.rq, c->body, (int64_t)time(NULL), f);
  if (e)
    return e;
  if (!c->route && path_known)
    return fault_set(f, ERR_METHOD_NOT_ALLOWED, NULL, "Method Not Allowed");
  if (!c->route) {
    return fault_set(f, ERR_NOT_FOUND, NULL, "Not found: %.*s %.*s", TEXT_ARGS(text_head(head->method, 16)),
                     TEXT_ARGS(text_head(c->play.rq->path, 200)));
  }
  return read_forced_behaviour(c, &head->headers, f);
}

static void serve_api(struct sim *s, struct http_request *rq) {
  struct text rest = TEXT_NONE;
  bool path_known = false;
  const struct sim_route *route = sim_route_find(rq->head.method, rq->path, &rest, &path_known);
  struct sim_call *c = ARENA_NEW(rq->arena, struct sim_call);
  struct fault f = {0};
  *c = (struct sim_call){.route = route,
                         .rest = rest,
                         .counter = ++s->counter,
                         .prompt_cache = &s->prompt_cache,
                         .responses = s->responses};
  c->play.rq = rq;
  c->play.stats = &s->stats;
  c->play.dialect = dialect_of(&rq->head, rq->path, route);
  c->play.request_id = request_id(s, rq);
  enum err e = http_request_body(rq, s->max_body_bytes, &c->body, &f);
  if (e == ERR_CANCELLED || e == ERR_NETWORK)
    return;
  c->play.record = stats_record(&s->stats, route ? route->path : "other", &rq->head, c->play.request_id, c->body);
  if (!e)
    e = check_call(c, path_known, &f);
  if (e)
    play_fault(&c->play, &f);
  else
    route->answer(c);
}

static void serve_stats(struct sim *s, struct http_request *rq) {
  struct buf out;
  const struct http_header type = {TEXT("content-type"), TEXT("application/json")};
  buf_init(&out, STATS_MAX_BYTES);
  if (s->server)
    stats_write(&out, &s->stats, http_server_connections(s->server), http_server_active(s->server));
  enum err e = http_respond(rq, 200, &type, 1, buf_text(&out));
  (void)e; /* nobody is told when the reader of statistics is gone */
  buf_done(&out);
}

static void serve_reset(struct sim *s, struct http_request *rq) {
  const struct http_header type = {TEXT("content-type"), TEXT("application/json")};
  stats_reset(&s->stats);
  responses_store_reset(s->responses);
  s->prompt_cache.count = s->prompt_cache.next = 0;
  s->counter = 0;
  enum err e = http_respond(rq, 200, &type, 1, TEXT("{\"reset\":true}"));
  (void)e;
}

static void serve(void *ctx, struct http_request *rq) {
  struct sim *s = ctx;
  if (text_equal(rq->path, TEXT("/__stats")) && text_equal(rq->head.method, TEXT("GET")))
    serve_stats(s, rq);
  else if (text_equal(rq->path, TEXT("/__reset")) && text_equal(rq->head.method, TEXT("POST")))
    serve_reset(s, rq);
  else
    serve_api(s, rq);
}

static void refuse(void *ctx, const struct fault *f, struct text target, struct text id, struct buf *out) {
  const struct http1_head nothing = {0};
  dialect_of(&nothing, target, NULL)->write_error(out, f, id, false);
}

static void on_accept(void *ctx, struct stream *stream, const struct addr *peer) {
  struct sim *s = ctx;
  http_server_accept(s->server, stream, peer);
}

static enum err start_server(struct sim *s, struct loop *loop, const struct sim_options *o) {
  const struct http_server_options options = {
      .head = {.max_head_bytes = 64 * 1024, .max_headers = HTTP_MAX_HEADERS},
      .head_timeout_us = 30 * SECOND_US,
      .idle_timeout_us = 600 * SECOND_US,
      .body_timeout_us = 60 * SECOND_US,
      .write_timeout_us = 600 * SECOND_US,
      .max_connections = o->max_connections > 0 ? o->max_connections : DEFAULT_CONNECTIONS,
      .serve = serve,
      .refuse = refuse,
      .ctx = s,
  };
  return http_server_new(loop, &options, &s->server);
}

static enum err start_listening(struct sim *s, struct loop *loop, const struct addr *addr, struct fault *f) {
  int fd = -1;
  enum err e = listen_bind(addr, false, &fd, f);
  if (e)
    return e;
  e = listen_addr(fd, &s->addr);
  if (e) {
    (void)close(fd);
    return fault_set(f, e, NULL, "the bound address cannot be read");
  }
  e = listener_start(loop, fd, false, on_accept, s, &s->listener);
  return e ? fault_set(f, e, NULL, "the listener cannot be watched") : ERR_OK;
}

enum err sim_start(struct loop *loop, const struct addr *addr, const struct sim_options *o, struct sim **out,
                   struct fault *f) {
  struct sim *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  s->max_body_bytes = o->max_body_bytes > 0 ? o->max_body_bytes : DEFAULT_BODY_BYTES;
  stats_init(&s->stats, o->keep_requests);
  s->responses = responses_store_new();
  enum err e = start_server(s, loop, o);
  if (e)
    (void)fault_set(f, e, NULL, "the HTTP server cannot be started");
  else
    e = start_listening(s, loop, addr, f);
  if (e)
    sim_free(s);
  else
    *out = s;
  return e;
}

struct addr sim_addr(const struct sim *s) {
  return s->addr;
}

void sim_drain(struct sim *s) {
  listener_stop(s->listener);
  s->listener = NULL;
  if (s->server)
    http_server_drain(s->server, false);
}

void sim_close(struct sim *s) {
  listener_stop(s->listener);
  s->listener = NULL;
  if (s->server)
    http_server_close(s->server);
  s->server = NULL;
}

void sim_free(struct sim *s) {
  if (!s)
    return;
  sim_close(s);
  stats_done(&s->stats);
  responses_store_free(s->responses);
  free(s);
}
