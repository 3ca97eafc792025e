/* Jobs of several processes on one PostgreSQL: one is killed in the middle of its job, a job kills every process that
 * runs it, the database goes away and comes back, schedules fire while processes die and begin. Every job ends, once,
 * none goes on for ever, and a moment of a schedule makes one job. */
#include "../unit/store/contract.h"

#include "base/log.h"
#include "base/random.h"
#include "jobs/runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define LEASE_MS    1500
#define PATIENCE_MS 60000
#define PROCESSES   3
#define JOBS        24
#define ROUNDS      14

static const char *address;
static struct arena arena;
static pid_t processes[PROCESSES];

static enum err run_slow(struct job *j, struct fault *f) {
  enum err e = ERR_OK;
  for (unsigned i = 0; i < 20 && !e; i++) {
    (void)poll(NULL, 0, 10);
    e = job_progress(j, i * 50, TEXT("slowly"), f);
  }
  if (!e)
    job_result(j, arena_format(j->arena, "{\"attempt\":%u}", j->attempt));
  return e;
}

static enum err run_killer(struct job *j, struct fault *f) {
  (void)kill(getpid(), SIGKILL);
  return ERR_OK;
}

/* Long enough for a database to be killed and started in the middle. */
static enum err run_long(struct job *j, struct fault *f) {
  enum err e = ERR_OK;
  for (unsigned i = 0; i < 300 && !e; i++) {
    (void)poll(NULL, 0, 10);
    e = job_progress(j, i, TEXT("long"), f);
  }
  return e;
}

static enum err run_tick(struct job *j, struct fault *f) {
  enum err e = ERR_OK;
  for (unsigned i = 0; i < 4 && !e; i++) {
    (void)poll(NULL, 0, 10);
    e = job_progress(j, i * 250, TEXT("ticking"), f);
  }
  return !e && !j->is_scheduled ? fault_set(f, ERR_BAD_REQUEST, NULL, "nobody has asked for it") : e;
}

/* The clock does not come to the schedules by itself while the test runs. */
static const struct job_kind kinds[] = {
    {"tick", "", 9, LEASE_MS, run_tick, "0 0 1 1 *"}, {"tock", "", 9, LEASE_MS, run_tick, "0 0 1 1 *"},
    {"slow", "", 5, LEASE_MS, run_slow, NULL},        {"killer", "", 3, LEASE_MS, run_killer, NULL},
    {"long", "", 1, 60000, run_long, NULL},
};

static struct config *empty_config(void *ctx) { return config_ref(ctx); }

static const char *no_variable(const char *name) { return NULL; }

/* The whole life of a process that runs jobs; it ends by a signal. */
static _Noreturn void work(void) {
  static struct config_errors errors;
  struct store *s = NULL;
  struct config *c = NULL;
  struct fault f = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  log_start(STDERR_FILENO, LOG_LEVEL_ERROR);
  random_start();
  if (config_load_text(TEXT(""), "none", no_variable, &c, &errors) != ERR_OK ||
      store_open(contract_place(address), &s, &f) != ERR_OK)
    _exit(3);
  struct runner_options o = {.world = {s, empty_config, c, NULL},
                             .kinds = kinds,
                             .kind_count = sizeof kinds / sizeof *kinds,
                             .poll_ms = 50,
                             .claim_lease_ms = LEASE_MS};
  struct runner *r = runner_new(&o);
  if (runner_start(r, &f) != ERR_OK)
    _exit(4);
  for (;;)
    (void)pause();
}

static void start(size_t at) {
  processes[at] = fork();
  assert_true(processes[at] >= 0);
  if (processes[at] == 0)
    work();
}

static void stop_all(void) {
  for (size_t i = 0; i < PROCESSES; i++) {
    if (processes[i] <= 0)
      continue;
    (void)kill(processes[i], SIGKILL);
    (void)waitpid(processes[i], NULL, 0);
    processes[i] = 0;
  }
}

static int64_t add(struct store *s, const char *kind, int64_t attempts) {
  struct store_job_new n = {.kind = text_of(kind), .max_attempts = attempts};
  int64_t id = 0, now_us = 0;
  EXPECT_OK(s->ops->jobs->now(s, &now_us, &test_fault));
  EXPECT_OK(s->ops->jobs->enqueue(s, &n, now_us, &id, &test_fault));
  return id;
}

static struct store_job get(struct store *s, int64_t id) {
  struct store_job j = {.state = TEXT("unknown"), .leased_by = TEXT("")};
  enum err e = s->ops->jobs->get(s, id, &arena, &j, &test_fault);
  (void)e; /* the database may be away */
  return j;
}

static bool is(struct store *s, int64_t id, const char *state) { return text_equal(get(s, id).state, text_of(state)); }

#define WAIT_FOR(condition)                                                                                            \
  do {                                                                                                                 \
    int tries_ = 0;                                                                                                    \
    while (!(condition)) {                                                                                             \
      if (++tries_ > PATIENCE_MS / 5)                                                                                  \
        fail_msg("waited in vain for %s", #condition);                                                                 \
      (void)poll(NULL, 0, 5);                                                                                          \
    }                                                                                                                  \
  } while (0)

/* The process that runs the job, by its "HOST/PID". */
static size_t who_runs(struct store *s, int64_t id) {
  struct text by = get(s, id).leased_by, host, pid;
  int64_t number = 0;
  if (!text_cut(by, '/', &host, &pid) || !text_to_i64(pid, &number))
    return PROCESSES;
  for (size_t i = 0; i < PROCESSES; i++)
    if (processes[i] == number)
      return i;
  return PROCESSES;
}

static void the_jobs_of_a_killed_process_are_done_by_the_others(void **state) {
  struct store *s = contract_store(state);
  int64_t ids[JOBS], again = 0;
  for (size_t i = 0; i < PROCESSES; i++)
    start(i);
  for (size_t i = 0; i < JOBS; i++)
    ids[i] = add(s, "slow", 5);
  WAIT_FOR(is(s, ids[4], "running"));
  size_t victim = who_runs(s, ids[4]);
  assert_true(victim < PROCESSES);
  (void)kill(processes[victim], SIGKILL);
  (void)waitpid(processes[victim], NULL, 0);
  processes[victim] = 0;
  for (size_t i = 0; i < JOBS; i++) {
    WAIT_FOR(is(s, ids[i], "done"));
    struct store_job j = get(s, ids[i]);
    char want[32];
    snprintf(want, sizeof want, "{\"attempt\":%lld}", (long long)j.attempts);
    EXPECT_TEXT(j.result, text_of(want)); /* told by the attempt that was in force, not by one before it */
    again += j.attempts - 1;
  }
  assert_in_range(again, 1, 2); /* what that process ran, and nothing else, was begun again */
}

static void a_job_that_kills_whoever_runs_it_is_dead_after_its_attempts(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, "killer", 3);
  unsigned deaths = 0;
  start(0);
  while (!is(s, id, "dead")) {
    if (waitpid(processes[0], NULL, WNOHANG) == processes[0]) {
      deaths++;
      start(0);
    }
    if (deaths > 3)
      fail_msg("it was begun %u times", deaths);
    (void)poll(NULL, 0, 5);
  }
  assert_int_equal(deaths, 3);
  struct store_job j = get(s, id);
  assert_int_equal(j.attempts, 3);
  assert_true(text_find(j.error, TEXT("was lost in attempt 3 of 3")) > 0);
  int64_t after = add(s, "slow", 1);
  WAIT_FOR(is(s, after, "done")); /* and the others go on */
}

static void a_job_outlives_the_database_it_came_from(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, "long", 1);
  start(0);
  WAIT_FOR(get(s, id).progress > 0);
  postgres_server_kill(&contract_server);
  assert_true(postgres_server_restart(&contract_server));
  WAIT_FOR(is(s, id, "done"));
  assert_int_equal(get(s, id).attempts, 1);
}

static size_t count_jobs(struct store *s, const char *kind, const char *state) {
  struct store_job *at = NULL;
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->jobs->list(s, 0, text_of(kind), text_of(state), 1000, &a, &at, &count, &test_fault));
  arena_done(&a);
  return count;
}

/* How many schedules are due in the future. */
static size_t count_ahead(struct store *s) {
  struct store_schedule *at = NULL;
  struct arena a;
  size_t count = 0, ahead = 0;
  int64_t now_us = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->jobs->now(s, &now_us, &test_fault));
  EXPECT_OK(s->ops->jobs->schedule_list(s, &a, &at, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    ahead += at[i].next_us > now_us;
  arena_done(&a);
  return ahead;
}

static void kill_one(size_t at) {
  (void)kill(processes[at], SIGKILL);
  (void)waitpid(processes[at], NULL, 0);
  processes[at] = 0;
}

/* One or two of them, a little earlier or later each time, so that it happens before, in and after the firing. */
static void kill_some(size_t round) {
  size_t first = round % PROCESSES, second = (round + 1) % PROCESSES;
  (void)poll(NULL, 0, (int)(round * 7 % 60));
  kill_one(first);
  if (round % 3 == 2)
    kill_one(second);
  start(first);
  if (processes[second] == 0)
    start(second);
}

static void a_moment_of_a_schedule_makes_one_job_whoever_dies(void **state) {
  struct store *s = contract_store(state);
  char sql[128];
  for (size_t i = 0; i < PROCESSES; i++)
    start(i);
  WAIT_FOR(count_ahead(s) == 2);
  for (size_t round = 1; round <= ROUNDS; round++) {
    for (int i = 0; i < 4; i++)
      (void)add(s, "slow", 9);
    snprintf(sql, sizeof sql, "UPDATE weir_schedules SET next_us = %zu", round); /* long ago */
    contract_exec(s, sql);
    kill_some(round);
    WAIT_FOR(count_ahead(s) == 2);
    WAIT_FOR(count_jobs(s, "tick", "done") + count_jobs(s, "tock", "done") >= 2 * round);
    assert_int_equal(count_jobs(s, "tick", ""), round);
    assert_int_equal(count_jobs(s, "tock", ""), round);
  }
  WAIT_FOR(count_jobs(s, "slow", "done") == (size_t)4 * ROUNDS);
  assert_int_equal(count_jobs(s, "", ""), (size_t)6 * ROUNDS);
}

static int begin(void **state) {
  arena_init(&arena);
  test_fault = (struct fault){0};
  *state = NULL;
  if (contract_postgres(state) != 0)
    return -1;
  address = contract_address;
  return 0;
}

static int end(void **state) {
  stop_all();
  arena_done(&arena);
  return contract_close(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_jobs_of_a_killed_process_are_done_by_the_others, begin, end),
      cmocka_unit_test_setup_teardown(a_job_that_kills_whoever_runs_it_is_dead_after_its_attempts, begin, end),
      cmocka_unit_test_setup_teardown(a_moment_of_a_schedule_makes_one_job_whoever_dies, begin, end),
      cmocka_unit_test_setup_teardown(a_job_outlives_the_database_it_came_from, begin, end),
  };
  return RUN_CONTRACT(tests);
}
