/* The process seen from outside: the checks behind /health and the gauges behind /metrics, gathered from the parts that
 * know them. How they are told is control/operations.c's matter. Called by app.c once. */
#include "app/share.h"
#include "app/state.h"

#include "fiber/loop.h"
#include "gateway/inspect.h"

#define EVENTS_LATE_MS 5000

static enum err check_store(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return a->store->ops->health(a->store, f);
}

static enum err check_ledger(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct ledger_stats s = ledger_stats(a->ledger);
  if (s.store_failing)
    return fault_set(f, ERR_STORE, NULL, "settled attempts wait for the store: %s", s.store_fault);
  return s.journal_failing ? fault_set(f, ERR_STORE, NULL, "%s", s.store_fault) : ERR_OK;
}

static enum err check_redis(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return share_check(a, f);
}

static void describe_redis(void *ctx, char *out, size_t cap) {
  struct app *a = ctx;
  share_describe(a, out, cap);
}

/* The store's check says that it does not answer; this one, that what it said is old. */
static enum err check_events(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct events_stats s = events_stats(a->events);
  int64_t age_ms = (loop_clock_us() - s.looked_us) / 1000;
  if (age_ms > EVENTS_LATE_MS)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "changes made by other processes have not been heard of for %lld ms",
                     (long long)age_ms);
  return ERR_OK;
}

static bool is_draining(void *ctx) {
  struct app *a = ctx;
  return atomic_load(&a->draining);
}

static void write_gauges(struct app *a, struct buf *out) {
  struct worker_stats sum = {0};
  for (unsigned i = 0; i < a->worker_count; i++) {
    struct worker_stats s = worker_stats(a->workers[i]);
    sum.connections += s.connections;
    sum.active += s.active;
    sum.upstream_idle += s.upstream_idle;
    sum.upstream_busy += s.upstream_busy;
    sum.fibers += s.fibers;
  }
  struct ledger_stats l = ledger_stats(a->ledger);
  metrics_write_one(out, "weir_connections", "gauge", "Client connections open.", sum.connections);
  metrics_write_one(out, "weir_active_requests", "gauge", "Requests being served.", sum.active);
  metrics_write_one(out, "weir_upstream_idle_connections", "gauge", "Provider connections kept for reuse.",
                    sum.upstream_idle);
  metrics_write_one(out, "weir_upstream_busy_connections", "gauge", "Provider connections in use.", sum.upstream_busy);
  metrics_write_one(out, "weir_fibers", "gauge", "Fibers alive.", sum.fibers);
  metrics_write_one(out, "weir_admitted_requests", "gauge", "Requests that hold an admission.",
                    limiter_in_flight(a->limiter));
  metrics_write_one(out, "weir_streams", "gauge", "Answers being streamed.", atomic_load(&a->gateway.streams));
  metrics_write_one(out, "weir_held_bytes", "gauge", "Request bodies and whole answers held in memory.",
                    atomic_load(&a->memory.used));
  metrics_write_one(out, "weir_upstream_calls", "gauge", "Calls to providers in flight.",
                    loads_in_flight(a->gateway.state.loads));
  metrics_write_one(out, "weir_queued_requests", "gauge", "Requests that wait for a place at a target.",
                    loads_waiting(a->gateway.state.loads));
  metrics_write_one(out, "weir_breakers_open", "gauge", "Breakers that let no ordinary call through.",
                    inspect_open_breakers(&a->gateway));
  share_write_metrics(a, out);
  metrics_write_one(out, "weir_ledger_open", "gauge", "Attempts reserved and not yet settled.", l.open);
  metrics_write_one(out, "weir_ledger_pending", "gauge", "Attempts settled and not yet in the store.", l.pending);
  metrics_write_one(out, "weir_ledger_settled_total", "counter", "Attempts settled since the start.", l.settled);
  metrics_write_one(out, "weir_ledger_stored_total", "counter", "Attempts written to the store since the start.",
                    l.stored);
  metrics_write_one(out, "weir_ledger_recovered_total", "counter",
                    "Attempts of processes that were killed, settled by this one.", l.recovered);
  if (backup_desk_age_s(&a->backups) >= 0)
    metrics_write_one(out, "weir_backup_age_seconds", "gauge", "Since the newest scheduled backup was made.",
                      (uint64_t)backup_desk_age_s(&a->backups));
  struct events_stats news = events_stats(a->events);
  metrics_write_one(out, "weir_events_handled_total", "counter", "Changes by other processes heard of since the start.",
                    news.handled);
  metrics_write_one(out, "weir_events_behind", "gauge", "Changes by other processes not yet heard of.",
                    news.newest > news.seen ? (uint64_t)(news.newest - news.seen) : 0);
  metrics_write_one(out, "weir_generation", "gauge", "1, and one more with each upgrade.", a->generation);
  metrics_write_one(out, "weir_replaced_processes", "gauge", "Processes that finish their calls after an upgrade.",
                    succession_list(&a->succession, NULL));
}

static void write_all(struct app *a, struct buf *out) {
  buf_add(out, TEXT("# HELP weir_build_info The running version.\n# TYPE weir_build_info "
                    "gauge\nweir_build_info{version=\"" WEIR_VERSION "\"} 1\n"));
  metrics_write(a->metrics, out);
  write_gauges(a, out);
}

static bool write_metrics(void *ctx, struct buf *out) {
  struct app *a = ctx;
  struct config *c = app_config(a);
  bool is_on = c->metrics;
  if (is_on)
    write_all(a, out);
  config_unref(c);
  return is_on;
}

void operations_fill(struct app *a) {
  a->operations = (struct operations){
      .offload = a->offload,
      .checks = {{"store", check_store, a}, {"ledger", check_ledger, a}, {"events", check_events, a, true}},
      .check_count = 3,
      .started_wall_us = loop_wall_us(),
      .store_name = a->store->ops->name,
      .is_draining = is_draining,
      .write_metrics = write_metrics,
      .ctx = a,
  };
  if (a->first->store == CONFIG_STORE_SQLITE)
    a->operations.checks[a->operations.check_count++] = (struct operations_check){
        .name = "backup", .check = backup_desk_check, .ctx = &a->backups, .is_optional = true};
  if (a->redis)
    a->operations.checks[a->operations.check_count++] =
        (struct operations_check){"redis", check_redis, a, true, describe_redis};
}
