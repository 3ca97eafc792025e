/* The process seen from outside: the checks behind /health and the gauges behind /metrics, gathered from the parts that
 * know them. How they are told is control/operations.c's matter. Called by app.c once. */
#include "app/share.h"
#include "app/state.h"

#include "fiber/loop.h"
#include "gateway/inspect.h"

#define JOBS_MAX       32 /* kinds */
#define EVENTS_LATE_MS 5000
#define STORE_LATE_US  INT64_C(2000000)

static enum err check_store(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return a->store->ops->health(a->store, f);
}

/* As the thread of events, which asks it every half second, has found it. */
static enum err glance_at_store(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct events_stats s = events_stats(a->events);
  if (s.is_failing) {
    *f = s.fault;
    return s.fault.err;
  }
  if (loop_clock_us() - s.looked_us > STORE_LATE_US)
    return fault_set_brief(f, fault_set(f, ERR_STORE, NULL, "the store does not answer"), "no answer");
  return ERR_OK;
}

static enum err check_standbys(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return a->store->ops->standbys_check(a->store, true, f);
}

static enum err glance_at_standbys(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return a->store->ops->standbys_check(a->store, false, f);
}

static enum err check_ledger(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct ledger_stats s = ledger_stats(a->ledger);
  if (s.store_failing)
    return fault_set_brief(f, fault_set(f, ERR_STORE, NULL, "settled attempts wait for the store: %s", s.store_fault),
                           s.store_brief);
  if (s.journal_failing)
    return fault_set_brief(f, fault_set(f, ERR_STORE, NULL, "%s", s.store_fault),
                           "the journal's disk refuses or is full");
  return ERR_OK;
}

static enum err check_journal(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return ledger_check(a->ledger, f);
}

/* Whose calls can be let in: anybody's while the store answers, else those of keys this process knows, and of tokens.
 */
static enum err check_keys(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct fault ignored = {0};
  struct config *c = app_config(a);
  bool can = c->issuer_count > 0 || apikey_identity_can_serve(a->identity, loop_wall_us());
  config_unref(c);
  if (can || glance_at_store(a, &ignored) == ERR_OK)
    return ERR_OK;
  fault_set(f, ERR_STORE, NULL, "the store does not answer, and of no key is known here whether it is good");
  return fault_set_brief(f, ERR_STORE, "no key can be checked");
}

static enum err check_redis(void *ctx, struct fault *f) {
  struct app *a = ctx;
  return share_check(a, f);
}

static void describe_redis(void *ctx, char *out, size_t cap) {
  struct app *a = ctx;
  share_describe(a, out, cap);
}

#define WAITED_LONG_US INT64_C(900000000)

static enum err check_jobs(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct runner_gauge at[JOBS_MAX];
  size_t count = a->runner ? runner_gauges(a->runner, at, JOBS_MAX) : 0;
  int64_t dead = 0;
  const struct runner_gauge *longest = NULL;
  for (size_t i = 0; i < count; i++) {
    dead += at[i].dead;
    if (at[i].waited_us >= WAITED_LONG_US && (!longest || at[i].waited_us > longest->waited_us))
      longest = &at[i];
  }
  if (!longest)
    return ERR_OK;
  fault_set(f, ERR_UNAVAILABLE, NULL, "a job of the kind %s has waited for %lld s; %lld jobs are dead", longest->kind,
            (long long)(longest->waited_us / 1000000), (long long)dead);
  return fault_set_brief(f, ERR_UNAVAILABLE, "a job has waited for too long");
}

/* The store's check says that it does not answer; this one, that what it said is old. */
static enum err check_events(void *ctx, struct fault *f) {
  struct app *a = ctx;
  struct events_stats s = events_stats(a->events);
  int64_t age_ms = (loop_clock_us() - s.looked_us) / 1000;
  if (age_ms <= EVENTS_LATE_MS)
    return ERR_OK;
  fault_set(f, ERR_UNAVAILABLE, NULL, "changes made by other processes have not been heard of for %lld ms",
            (long long)age_ms);
  return fault_set_brief(f, ERR_UNAVAILABLE, "changes made by other processes are not heard of");
}

static bool is_draining(void *ctx) {
  struct app *a = ctx;
  return atomic_load(&a->draining);
}

static void write_job_ends(struct app *a, struct buf *out) {
  struct runner_count *at = calloc(JOBS_MAX * 6, sizeof *at);
  if (!at)
    abort();
  size_t count = runner_counts(a->runner, at, JOBS_MAX * 6);
  buf_add(out, TEXT("# HELP weir_jobs_ended_total Attempts at jobs that ended here, by how.\n"
                    "# TYPE weir_jobs_ended_total counter\n"));
  for (size_t i = 0; i < count; i++)
    buf_add_format(out, "weir_jobs_ended_total{kind=\"%s\",outcome=\"%s\"} %llu\n", at[i].kind, at[i].outcome,
                   (unsigned long long)at[i].count);
  free(at);
}

static void write_jobs(struct app *a, struct buf *out) {
  struct runner_gauge at[JOBS_MAX];
  size_t count = runner_gauges(a->runner, at, JOBS_MAX);
  buf_add(out, TEXT("# HELP weir_jobs Jobs in the store by state.\n# TYPE weir_jobs gauge\n"));
  for (size_t i = 0; i < count; i++)
    buf_add_format(out,
                   "weir_jobs{kind=\"%s\",state=\"queued\"} %lld\nweir_jobs{kind=\"%s\",state=\"running\"} %lld\n"
                   "weir_jobs{kind=\"%s\",state=\"dead\"} %lld\n",
                   at[i].kind, (long long)at[i].queued, at[i].kind, (long long)at[i].running, at[i].kind,
                   (long long)at[i].dead);
  buf_add(out, TEXT("# HELP weir_jobs_wait_seconds For how long the job due longest has been due.\n"
                    "# TYPE weir_jobs_wait_seconds gauge\n"));
  for (size_t i = 0; i < count; i++)
    buf_add_format(out, "weir_jobs_wait_seconds{kind=\"%s\"} %lld\n", at[i].kind,
                   (long long)(at[i].waited_us / 1000000));
  write_job_ends(a, out);
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
  metrics_write_one(out, "weir_shared_admissions", "gauge",
                    "Places that requests hold in limits of users, workspaces, organisations and models.",
                    limiter_subjects_in_flight(a->limiter));
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
  struct events_stats news = events_stats(a->events);
  metrics_write_one(out, "weir_events_handled_total", "counter", "Changes by other processes heard of since the start.",
                    news.handled);
  metrics_write_one(out, "weir_events_behind", "gauge", "Changes by other processes not yet heard of.",
                    news.newest > news.seen ? (uint64_t)(news.newest - news.seen) : 0);
  if (backup_desk_age_s(&a->backups) >= 0)
    metrics_write_one(out, "weir_backup_age_seconds", "gauge", "Since the newest scheduled backup was made.",
                      (uint64_t)backup_desk_age_s(&a->backups));
  metrics_write_one(out, "weir_generation", "gauge", "1, and one more with each upgrade.", a->generation);
  metrics_write_one(out, "weir_replaced_processes", "gauge", "Processes that finish their calls after an upgrade.",
                    succession_list(&a->succession, NULL));
}

static void write_all(struct app *a, struct buf *out) {
  buf_add(out, TEXT("# HELP weir_build_info The running version.\n# TYPE weir_build_info "
                    "gauge\nweir_build_info{version=\"" WEIR_VERSION "\"} 1\n"));
  metrics_write(a->metrics, out);
  write_gauges(a, out);
  if (a->runner)
    write_jobs(a, out);
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

static void add_check(struct app *a, struct operations_check c) {
  c.ctx = c.ctx ? c.ctx : a;
  a->operations.checks[a->operations.check_count++] = c;
}

/* Who only works in the background can do nothing without the store; who serves calls cannot without these two. */
static void add_vital_checks(struct app *a) {
  bool serves = app_has_role(a, APP_ROLE_GATEWAY);
  add_check(a, (struct operations_check){"store", check_store, glance_at_store, .is_vital = !serves});
  if (!serves)
    return;
  add_check(a, (struct operations_check){"journal", check_journal, check_journal, .is_vital = true});
  add_check(a, (struct operations_check){"keys", check_keys, check_keys, .is_vital = true});
}

void operations_fill(struct app *a) {
  a->operations = (struct operations){.offload = a->offload,
                                      .started_wall_us = loop_wall_us(),
                                      .store_name = a->store->ops->name,
                                      .is_draining = is_draining,
                                      .write_metrics = write_metrics,
                                      .ctx = a};
  add_vital_checks(a);
  add_check(a, (struct operations_check){"ledger", check_ledger, check_ledger});
  add_check(a, (struct operations_check){"events", check_events, check_events});
  if (a->first->store == CONFIG_STORE_SQLITE)
    add_check(a, (struct operations_check){"backup", backup_desk_check, NULL, &a->backups});
  if (a->first->store_replica_count > 0 && a->store->ops->standbys_check)
    add_check(a, (struct operations_check){"standbys", check_standbys, glance_at_standbys});
  if (app_has_role(a, APP_ROLE_WORKER))
    add_check(a, (struct operations_check){"jobs", check_jobs, check_jobs});
  if (a->redis)
    add_check(a, (struct operations_check){"redis", check_redis, check_redis, .describe = describe_redis});
}
