/* A job that a command waits for. When a weir runs on the same data it is left to that, or to whichever process on the
 * database takes it first; when none does, this process runs a runner of its own for just that kind, so that the work
 * and its record are the same in both cases. Called by person.c. */
#include "base/log.h"
#include "cli/cli.h"
#include "jobs/runner.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS  50
#define SAY_WAITING_US INT64_C(10000000) /* so long unclaimed is worth a word */
#define ASK_MS         5000

struct wait {
  const struct cli_store *s;
  const struct job_kind *kind;
  struct runner *runner; /* NULL: another process's */
  struct store_job job;
  bool asked_to_stop, said_waiting;
  int64_t began_us;
};

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool is_run_by_another(const struct cli_store *s) {
  struct buf answer;
  int status = 0;
  struct fault f = {0};
  buf_init(&answer, (size_t)1 << 22);
  enum err e =
      cli_local_ask(s->config, &(struct cli_local_ask){"GET", "/status", TEXT_NONE, ASK_MS}, &status, &answer, &f);
  buf_done(&answer);
  return e != ERR_UNAVAILABLE;
}

static struct config *config_of(void *ctx) {
  const struct cli_store *s = ctx;
  return config_ref(s->config);
}

static enum err start_runner(struct wait *w, struct fault *f) {
  struct cli_store *s = (struct cli_store *)(uintptr_t)w->s;
  const struct runner_options o = {.world = {.store = s->store, .config = config_of, .ctx = s, .data_dir = s->data_dir},
                                   .kinds = w->kind,
                                   .kind_count = 1,
                                   .threads = 1,
                                   .poll_ms = 100};
  log_set_level(LOG_LEVEL_WARN); /* what it has to say is printed here */
  w->runner = runner_new(&o);
  return runner_start(w->runner, f);
}

static enum err enqueue(const struct wait *w, struct text args, int64_t *out_id, struct fault *f) {
  struct store *store = w->s->store;
  const struct store_job_new n = {.kind = text_of(w->kind->name), .args = args, .max_attempts = w->kind->attempts};
  int64_t now_us = 0;
  enum err e = store->ops->jobs->now(store, &now_us, f);
  return e ? e : store->ops->jobs->enqueue(store, &n, now_us, out_id, f);
}

static void show(struct wait *w) {
  bool is_queued = text_equal(w->job.state, TEXT("queued"));
  if (is_queued && !w->runner && !w->said_waiting && clock_us() - w->began_us > SAY_WAITING_US) {
    fprintf(stderr, "weir: job %lld waits: no weir that runs jobs has taken it yet\n", (long long)w->job.id);
    w->said_waiting = true;
  }
  if (!is_queued && isatty(STDERR_FILENO))
    fprintf(stderr, "\r%3lld%% %-24.*s", (long long)w->job.progress / 10, TEXT_ARGS(text_head(w->job.note, 24)));
}

static enum err ask_to_stop(struct wait *w, struct fault *f) {
  struct store *store = w->s->store;
  int64_t now_us = 0;
  bool is_running = false;
  w->asked_to_stop = true;
  enum err e = store->ops->jobs->now(store, &now_us, f);
  if (!e)
    e = store->ops->jobs->cancel(store, w->job.id, now_us, &is_running, f);
  return e == ERR_STORE_CONFLICT ? ERR_OK : e; /* it has ended by itself */
}

/* Also when it is to be tried again later: nobody waits for that. */
static bool has_ended(const struct store_job *j) {
  bool is_queued = text_equal(j->state, TEXT("queued"));
  return (!is_queued && !text_equal(j->state, TEXT("running"))) || (is_queued && j->attempts > 0 && j->error.len > 0);
}

/* Until it has ended. What the last look found is in the arena. */
static enum err watch(struct wait *w, int64_t id, struct arena *a, struct fault *f) {
  enum err e = ERR_OK;
  for (;;) {
    arena_done(a);
    arena_init(a);
    e = w->s->store->ops->jobs->get(w->s->store, id, a, &w->job, f);
    if (e || has_ended(&w->job))
      return e;
    show(w);
    if (cli_check_interrupt(f) && !w->asked_to_stop)
      e = ask_to_stop(w, f);
    if (e)
      return e;
    (void)poll(NULL, 0, LOOK_EVERY_MS);
  }
}

static enum err outcome(const struct wait *w, struct arena *a, struct cli_waited *out, struct fault *f) {
  const struct store_job *j = &w->job;
  if (text_equal(j->state, TEXT("cancelled")))
    return fault_set(f, ERR_CANCELLED, NULL, "job %lld was stopped; what it has done stays", (long long)j->id);
  if (text_equal(j->state, TEXT("queued")))
    return fault_set(f, ERR_STORE, NULL, "job %lld: %.*s; it waits to be tried again by a weir that runs jobs",
                     (long long)j->id, TEXT_ARGS(j->error));
  if (!text_equal(j->state, TEXT("done")))
    return fault_set(f, ERR_STORE, NULL, "job %lld: %.*s", (long long)j->id, TEXT_ARGS(j->error));
  *out = (struct cli_waited){j->id, arena_copy(a, j->result), arena_copy(a, j->leased_by)};
  return ERR_OK;
}

enum err cli_run_job(const struct cli_store *s, const char *kind, struct text args, struct arena *a,
                     struct cli_waited *out, struct fault *f) {
  struct wait w = {.s = s, .kind = job_kind_find(text_of(kind)), .began_us = clock_us()};
  struct arena own;
  int64_t id = 0;
  arena_init(&own);
  enum err e = enqueue(&w, args, &id, f);
  if (!e && !is_run_by_another(s))
    e = start_runner(&w, f);
  if (!e)
    e = watch(&w, id, &own, f);
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\r%30s\r", "");
  if (!e)
    e = outcome(&w, a, out, f);
  runner_free(w.runner);
  arena_done(&own);
  return e;
}
