/* Health and metrics. For /health the checks are asked one after the other in the offload pool, so a stalled store
 * delays that answer and never a worker; readiness is answered from what is known, for a balancer that waits for a
 * stalled store would take every replica out. What is checked is given by app.c; here is only how it is told. */
#include "control/operations.h"

#include "base/log.h"

struct outcome {
  enum err err;
  struct fault fault;
};

struct all_checks {
  const struct operations *o;
  bool known; /* what is known without asking will do */
  struct outcome at[OPERATIONS_MAX_CHECKS];
};

static enum err run_checks(void *arg) {
  struct all_checks *all = arg;
  for (size_t i = 0; i < all->o->check_count; i++) {
    const struct operations_check *c = &all->o->checks[i];
    all->at[i].err =
        all->known && c->glance ? c->glance(c->ctx, &all->at[i].fault) : c->check(c->ctx, &all->at[i].fault);
  }
  return ERR_OK;
}

static void glance_at_all(struct all_checks *all) {
  for (size_t i = 0; i < all->o->check_count; i++) {
    const struct operations_check *c = &all->o->checks[i];
    all->at[i].err = c->glance ? c->glance(c->ctx, &all->at[i].fault) : ERR_OK;
  }
}

/* The log is told once of each trouble, and of its end. */
static void log_changes(struct operations *o, const struct all_checks *all) {
  for (size_t i = 0; i < o->check_count; i++) {
    const struct outcome *at = &all->at[i];
    const char *now = at->err != ERR_OK ? fault_brief(&at->fault) : NULL, *before = atomic_exchange(&o->told[i], now);
    if (now && now != before)
      LOG_WARN("health_check_failing", log_str("check", o->checks[i].name), log_str("detail", fault_text(&at->fault)));
    if (!now && before)
      LOG_INFO("health_check_passing", log_str("check", o->checks[i].name));
  }
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

/* How much is told: to a balancer, to anybody, to the operator. */
enum depth { DEPTH_READY, DEPTH_HEALTH, DEPTH_OPERATOR };

static const char *status_of(const struct operations_check *c, const struct outcome *at) {
  return at->err == ERR_OK ? "ok" : c->is_vital ? "failing" : "degraded";
}

static void write_checks(struct json_writer *w, const struct operations *o, const struct all_checks *all,
                         enum depth depth) {
  json_name(w, "checks");
  json_object(w);
  for (size_t i = 0; i < o->check_count; i++) {
    const struct operations_check *c = &o->checks[i];
    const struct outcome *at = &all->at[i];
    if (depth == DEPTH_READY && !c->glance)
      continue;
    json_name(w, c->name);
    json_object(w);
    json_field_str(w, "status", status_of(c, at));
    if (at->err != ERR_OK)
      json_field_str(w, "detail", depth == DEPTH_OPERATOR ? fault_text(&at->fault) : fault_brief(&at->fault));
    if (depth != DEPTH_READY && c->describe)
      write_state(w, c);
    json_object_end(w);
  }
  json_object_end(w);
}

static void ask(struct operations *o, struct all_checks *all, enum depth depth) {
  all->o = o;
  all->known = depth == DEPTH_OPERATOR;
  if (depth == DEPTH_READY) {
    glance_at_all(all);
    return;
  }
  enum err e = offload_call(o->offload, run_checks, all);
  for (size_t i = 0; i < o->check_count && e != ERR_OK; i++)
    all->at[i] = (struct outcome){e, {.err = e}};
  if (e == ERR_OK && depth == DEPTH_HEALTH)
    log_changes(o, all);
}

/* "status" of the whole; *good: calls can be served. */
static const char *sum_up(const struct operations *o, const struct all_checks *all, bool *good) {
  bool draining = o->is_draining(o->ctx), whole = true;
  *good = !draining;
  for (size_t i = 0; i < o->check_count; i++) {
    *good = *good && (all->at[i].err == ERR_OK || !o->checks[i].is_vital);
    whole = whole && all->at[i].err == ERR_OK;
  }
  return draining ? "draining" : !*good ? "failing" : whole ? "ok" : "degraded";
}

/* Whether calls can be served. */
static bool write_health(struct operations *o, struct json_writer *w, const struct all_checks *all, enum depth depth) {
  bool good;
  json_object(w);
  json_field_str(w, "status", sum_up(o, all, &good));
  if (depth == DEPTH_HEALTH) {
    json_field_str(w, "version", WEIR_VERSION);
    json_field_str(w, "store", o->store_name);
    json_field_i64(w, "uptime_s", (loop_wall_us() - o->started_wall_us) / 1000000);
  }
  write_checks(w, o, all, depth);
  json_object_end(w);
  return good;
}

static void serve_health(struct operations *o, struct http_request *rq, enum depth depth) {
  struct all_checks *all = ARENA_NEW(rq->arena, struct all_checks);
  struct buf body;
  struct json_writer w;
  ask(o, all, depth);
  buf_init(&body, 16384);
  json_writer_init(&w, &body);
  bool good = write_health(o, &w, all, depth);
  answer(rq, good ? 200 : 503, TEXT("application/json"), buf_text(&body));
  buf_done(&body);
}

void operations_look(struct operations *o, struct operations_look *out) {
  struct all_checks *all = calloc(1, sizeof(*all));
  bool ignored;
  if (!all)
    abort();
  all->o = o;
  (void)run_checks(all);
  log_changes(o, all);
  *out = (struct operations_look){.status = sum_up(o, all, &ignored), .count = o->check_count};
  for (size_t i = 0; i < o->check_count; i++) {
    const struct operations_check *c = &o->checks[i];
    out->at[i].name = c->name;
    out->at[i].status = status_of(c, &all->at[i]);
    out->at[i].detail = all->at[i].err != ERR_OK ? fault_brief(&all->at[i].fault) : "";
    if (c->describe)
      c->describe(c->ctx, out->at[i].state, sizeof(out->at[i].state));
  }
  free(all);
}

void operations_tell(struct operations *o, struct json_writer *w) {
  struct all_checks *all = calloc(1, sizeof(*all));
  if (!all)
    abort();
  ask(o, all, DEPTH_OPERATOR);
  json_name(w, "health");
  (void)write_health(o, w, all, DEPTH_OPERATOR);
  free(all);
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

void operations_serve(struct operations *o, struct http_request *rq) {
  if (!text_equal(rq->head.method, TEXT("GET")) && !text_equal(rq->head.method, TEXT("HEAD"))) {
    answer(rq, 405, TEXT("application/json"), TEXT("{\"error\":{\"message\":\"only GET is allowed here\"}}"));
  } else if (text_equal(rq->path, TEXT("/health/live"))) {
    answer(rq, 200, TEXT("application/json"), TEXT("{\"status\":\"ok\"}"));
  } else if (text_equal(rq->path, TEXT("/health/ready"))) {
    serve_health(o, rq, DEPTH_READY);
  } else if (text_equal(rq->path, TEXT("/health"))) {
    serve_health(o, rq, DEPTH_HEALTH);
  } else if (text_equal(rq->path, TEXT("/metrics"))) {
    serve_metrics(o, rq);
  } else {
    not_found(rq);
  }
}
