/* Health and metrics. The checks are asked one after the other in the offload pool, so a stalled store delays a health
 * answer and never a worker. What is checked is given by app.c; here is only how it is told. */
#include "control/operations.h"

#include "base/json.h"

struct outcome {
  enum err err;
  struct fault fault;
};

struct all_checks {
  const struct operations *o;
  struct outcome at[OPERATIONS_MAX_CHECKS];
};

static enum err run_checks(void *arg) {
  struct all_checks *all = arg;
  for (size_t i = 0; i < all->o->check_count; i++) {
    const struct operations_check *c = &all->o->checks[i];
    all->at[i].err = c->check(c->ctx, &all->at[i].fault);
  }
  return ERR_OK;
}

bool operations_own(struct text path) {
  return text_equal(path, TEXT("/health")) || text_starts(path, TEXT("/health/")) || text_equal(path, TEXT("/metrics"));
}

static void answer(struct http_request *rq, int status, struct text type, struct text body) {
  struct http_header headers[] = {
      {TEXT("content-type"), type}, {TEXT("cache-control"), TEXT("no-store")}, {TEXT("x-request-id"), rq->id}};
  /* The client may have gone; there is nobody to tell then. */
  enum err ignored = http_respond(rq, status, headers, sizeof(headers) / sizeof(headers[0]), body);
  (void)ignored;
}

static void write_state(struct json_writer *w, const struct operations_check *c) {
  char state[160] = "";
  c->describe(c->ctx, state, sizeof(state));
  json_field_str(w, "state", state);
}

static void write_checks(struct json_writer *w, const struct operations *o, const struct all_checks *all,
                         bool detailed) {
  json_name(w, "checks");
  json_object(w);
  for (size_t i = 0; i < o->check_count; i++) {
    json_name(w, o->checks[i].name);
    json_object(w);
    json_field_str(w, "status", all->at[i].err == ERR_OK ? "ok" : o->checks[i].is_optional ? "degraded" : "failing");
    if (all->at[i].err != ERR_OK)
      json_field_str(w, "detail", fault_text(&all->at[i].fault));
    if (detailed && o->checks[i].describe)
      write_state(w, &o->checks[i]);
    json_object_end(w);
  }
  json_object_end(w);
}

static void serve_health(const struct operations *o, struct http_request *rq, bool detailed) {
  struct all_checks *all = ARENA_NEW(rq->arena, struct all_checks);
  bool draining = o->is_draining(o->ctx), good = !draining, whole = true;
  all->o = o;
  enum err e = offload_call(o->offload, run_checks, all);
  for (size_t i = 0; i < o->check_count; i++) {
    if (e != ERR_OK)
      all->at[i] = (struct outcome){e, {.err = e}};
    good = good && (all->at[i].err == ERR_OK || o->checks[i].is_optional);
    whole = whole && all->at[i].err == ERR_OK;
  }
  struct buf body;
  struct json_writer w;
  buf_init(&body, 16384);
  json_writer_init(&w, &body);
  json_object(&w);
  json_field_str(&w, "status", draining ? "draining" : !good ? "failing" : whole ? "ok" : "degraded");
  if (detailed) {
    json_field_str(&w, "version", WEIR_VERSION);
    json_field_str(&w, "store", o->store_name);
    json_field_i64(&w, "uptime_s", (loop_wall_us() - o->started_wall_us) / 1000000);
  }
  write_checks(&w, o, all, detailed);
  json_object_end(&w);
  answer(rq, good ? 200 : 503, TEXT("application/json"), buf_text(&body));
  buf_done(&body);
}

static void not_found(struct http_request *rq) {
  answer(rq, 404, TEXT("application/json"), TEXT("{\"error\":{\"message\":\"there is nothing at this address\"}}"));
}

static void serve_metrics(const struct operations *o, struct http_request *rq) {
  struct buf body;
  buf_init(&body, 1024 * 1024);
  if (o->write_metrics(o->ctx, &body))
    answer(rq, 200, TEXT("text/plain; version=0.0.4; charset=utf-8"), buf_text(&body));
  else
    not_found(rq);
  buf_done(&body);
}

void operations_serve(const struct operations *o, struct http_request *rq) {
  if (!text_equal(rq->head.method, TEXT("GET")) && !text_equal(rq->head.method, TEXT("HEAD"))) {
    answer(rq, 405, TEXT("application/json"), TEXT("{\"error\":{\"message\":\"only GET is allowed here\"}}"));
  } else if (text_equal(rq->path, TEXT("/health/live"))) {
    answer(rq, 200, TEXT("application/json"), TEXT("{\"status\":\"ok\"}"));
  } else if (text_equal(rq->path, TEXT("/health/ready"))) {
    serve_health(o, rq, false);
  } else if (text_equal(rq->path, TEXT("/health"))) {
    serve_health(o, rq, true);
  } else if (text_equal(rq->path, TEXT("/metrics"))) {
    serve_metrics(o, rq);
  } else {
    not_found(rq);
  }
}
