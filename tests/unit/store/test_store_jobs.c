/* The store's jobs on every adapter: coming in, being claimed by one worker only, leases and what a worker that lost
 * one may still do, ends, and the lists. The times are the test's own. */
#include "store/store_jobs.h"

#include "contract.h"

#include <pthread.h>

#define KINDS TEXT(" purge backup ")
#define S     INT64_C(1000000)
#define NOW   (1700000000 * S)

static struct arena arena;

static struct store_job_new work(const char *kind) {
  return (struct store_job_new){.kind = text_of(kind), .max_attempts = 3};
}

static int64_t add(struct store *s, struct store_job_new j, int64_t now_us) {
  int64_t id = 0;
  EXPECT_OK(s->ops->jobs->enqueue(s, &j, now_us, &id, &test_fault));
  return id;
}

static struct store_job_claim by(const char *worker, int64_t now_us) {
  return (struct store_job_claim){KINDS, text_of(worker), now_us, now_us + 60 * S};
}

static struct store_job claim(struct store *s, const char *worker, int64_t now_us) {
  struct store_job j = {0};
  struct store_job_claim c = by(worker, now_us);
  EXPECT_OK(s->ops->jobs->claim(s, &c, &arena, &j, &test_fault));
  return j;
}

static void expect_nothing_due(struct store *s, int64_t now_us) {
  struct store_job j;
  struct store_job_claim c = by("nobody", now_us);
  EXPECT_ERR(s->ops->jobs->claim(s, &c, &arena, &j, &test_fault), ERR_NOT_FOUND);
}

static struct store_job get(struct store *s, int64_t id) {
  struct store_job j = {0};
  EXPECT_OK(s->ops->jobs->get(s, id, &arena, &j, &test_fault));
  return j;
}

static void release(struct store *s, const struct store_job *j, const char *state, int64_t again_us, int64_t now_us) {
  struct store_job_release r = {text_of(state), again_us, TEXT("it broke"), false};
  EXPECT_OK(s->ops->jobs->release(s, j->id, j->attempts, &r, now_us, &test_fault));
}

static void a_job_is_kept_as_it_was_given(void **state) {
  struct store *s = contract_store(state);
  struct store_job_new n = {TEXT("purge"), TEXT("{\"days\":3,\"what\":\"\xc3\xa9\"}"), TEXT("once"), NOW + 5, 7};
  struct store_job j = get(s, add(s, n, NOW));
  EXPECT_TEXT(j.kind, TEXT("purge"));
  EXPECT_TEXT(j.args, n.args);
  EXPECT_TEXT(j.unique_key, TEXT("once"));
  EXPECT_TEXT(j.state, TEXT("queued"));
  EXPECT_TEXT(j.result, TEXT("null"));
  assert_int_equal(j.run_at_us, NOW + 5);
  assert_int_equal(j.created_us, NOW);
  assert_int_equal(j.max_attempts, 7);
  assert_int_equal(j.attempts, 0);
  assert_int_equal(j.lease_until_us, 0);
  EXPECT_TEXT(get(s, add(s, work("purge"), NOW)).args, TEXT("{}"));
  EXPECT_ERR(s->ops->jobs->get(s, 99, &arena, &j, &test_fault), ERR_NOT_FOUND);
}

static void what_is_no_job_is_refused(void **state) {
  struct store *s = contract_store(state);
  static char big[STORE_JOB_JSON_MAX + 2], key[STORE_JOB_KEY_MAX + 1];
  int64_t id = 0;
  memset(big, '1', sizeof big);
  memset(key, 'k', sizeof key);
  struct store_job_new wrong[] = {work(""), work("Purge"), work("a b"), work("purge"), work("purge")};
  wrong[3].args = TEXT("{days:3}");
  wrong[4].max_attempts = 0;
  for (size_t i = 0; i < 5; i++)
    EXPECT_ERR(s->ops->jobs->enqueue(s, &wrong[i], NOW, &id, &test_fault), ERR_BAD_REQUEST);
  struct store_job_new large = work("purge");
  large.args = (struct text){big, STORE_JOB_JSON_MAX + 1};
  EXPECT_ERR(s->ops->jobs->enqueue(s, &large, NOW, &id, &test_fault), ERR_LIMIT);
  large = work("purge");
  large.unique_key = (struct text){key, sizeof key};
  EXPECT_ERR(s->ops->jobs->enqueue(s, &large, NOW, &id, &test_fault), ERR_LIMIT);
  assert_int_equal(id, 0);
}

static void a_full_queue_takes_no_more(void **state) {
  struct store *s = contract_store(state);
  int64_t id = 0;
  struct store_job_new n = work("purge");
  contract_exec(s,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) INSERT INTO "
                "weir_jobs SELECT i + 1000000, 'purge', '{}', 'queued', 1, 1, 0, 1, '', 0, 0, '', 'null', '', '', 1, "
                "0, 0 FROM n");
  id = add(s, n, NOW);
  EXPECT_ERR(s->ops->jobs->enqueue(s, &n, NOW, &id, &test_fault), ERR_LIMIT);
  EXPECT_MENTIONS("100000");
  bool running;
  EXPECT_OK(s->ops->jobs->cancel(s, id, NOW, &running, &test_fault));
  add(s, n, NOW);
}

static void a_unique_key_is_taken_until_its_job_has_ended(void **state) {
  struct store *s = contract_store(state);
  int64_t id = 0;
  struct store_job_new n = work("purge");
  n.unique_key = TEXT("schedule:purge");
  add(s, n, NOW);
  EXPECT_ERR(s->ops->jobs->enqueue(s, &n, NOW, &id, &test_fault), ERR_STORE_CONFLICT);
  struct store_job j = claim(s, "a", NOW);
  EXPECT_ERR(s->ops->jobs->enqueue(s, &n, NOW, &id, &test_fault), ERR_STORE_CONFLICT);
  release(s, &j, "dead", NOW, NOW);
  int64_t second = add(s, n, NOW);
  EXPECT_ERR(s->ops->jobs->retry(s, j.id, 1, NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("another");
  EXPECT_TEXT(get(s, second).state, TEXT("queued"));
  n.unique_key = TEXT_NONE; /* which as many as like have */
  add(s, n, NOW);
  add(s, n, NOW);
}

static void the_one_due_longest_is_claimed_first(void **state) {
  struct store *s = contract_store(state);
  struct store_job_new n = work("purge");
  n.run_at_us = NOW + 3 * S;
  int64_t third = add(s, n, NOW);
  n.run_at_us = NOW + 1 * S;
  int64_t first = add(s, n, NOW), second = add(s, n, NOW);
  expect_nothing_due(s, NOW);
  assert_int_equal(claim(s, "a", NOW + 9 * S).id, first);
  assert_int_equal(claim(s, "a", NOW + 9 * S).id, second);
  assert_int_equal(claim(s, "a", NOW + 9 * S).id, third);
  expect_nothing_due(s, NOW + 9 * S);
}

static void a_kind_the_worker_does_not_know_is_left_for_others(void **state) {
  struct store *s = contract_store(state);
  add(s, work("future"), NOW);
  add(s, work("urge"), NOW);
  int64_t known = add(s, work("backup"), NOW);
  assert_int_equal(claim(s, "a", NOW).id, known);
  expect_nothing_due(s, NOW);
}

static void a_claimed_job_runs_to_its_end(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, work("purge"), NOW);
  struct store_job j = claim(s, "host/1", NOW + 1);
  assert_int_equal(j.id, id);
  assert_int_equal(j.attempts, 1);
  assert_int_equal(j.started_us, NOW + 1);
  assert_int_equal(j.lease_until_us, NOW + 1 + 60 * S);
  EXPECT_TEXT(j.state, TEXT("running"));
  EXPECT_TEXT(j.leased_by, TEXT("host/1"));
  EXPECT_OK(s->ops->jobs->renew(s, id, 1, NOW + 90 * S, 250, TEXT("a quarter"), &test_fault));
  j = get(s, id);
  assert_int_equal(j.progress, 250);
  assert_int_equal(j.lease_until_us, NOW + 90 * S);
  EXPECT_TEXT(j.note, TEXT("a quarter"));
  EXPECT_OK(s->ops->jobs->finish(s, id, 1, TEXT("{\"deleted\":5}"), NOW + 9, &test_fault));
  EXPECT_OK(s->ops->jobs->finish(s, id, 1, TEXT("{\"deleted\":5}"), NOW + 9, &test_fault)); /* the answer was lost */
  j = get(s, id);
  EXPECT_TEXT(j.state, TEXT("done"));
  EXPECT_TEXT(j.result, TEXT("{\"deleted\":5}"));
  assert_int_equal(j.progress, 1000);
  assert_int_equal(j.ended_us, NOW + 9);
  assert_int_equal(j.lease_until_us, 0);
  expect_nothing_due(s, NOW + 9999 * S);
}

static void a_lapsed_lease_passes_the_job_on_and_its_old_worker_can_do_no_more(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, work("purge"), NOW);
  struct store_job old = claim(s, "a", NOW);
  struct store_job_release r = {TEXT("queued"), NOW, TEXT("late"), false};
  expect_nothing_due(s, NOW + 59 * S);
  struct store_job j = claim(s, "b", NOW + 60 * S);
  assert_int_equal(j.id, id);
  assert_int_equal(j.attempts, 2);
  EXPECT_ERR(s->ops->jobs->renew(s, id, old.attempts, NOW + 99 * S, 1, TEXT(""), &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(s->ops->jobs->finish(s, id, old.attempts, TEXT("1"), NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(s->ops->jobs->release(s, id, old.attempts, &r, NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->jobs->finish(s, id, 2, TEXT("2"), NOW + 61 * S, &test_fault));
  EXPECT_TEXT(get(s, id).result, TEXT("2"));
}

static void a_failed_attempt_is_tried_again_later(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, work("purge"), NOW);
  struct store_job j = claim(s, "a", NOW);
  release(s, &j, "queued", NOW + 10 * S, NOW + 1);
  j = get(s, id);
  EXPECT_TEXT(j.state, TEXT("queued"));
  EXPECT_TEXT(j.error, TEXT("it broke"));
  assert_int_equal(j.run_at_us, NOW + 10 * S);
  assert_int_equal(j.ended_us, 0);
  assert_int_equal(j.max_attempts, 3);
  expect_nothing_due(s, NOW + 9 * S);
  assert_int_equal(claim(s, "a", NOW + 10 * S).attempts, 2);
}

static void a_job_given_back_has_lost_no_attempt(void **state) {
  struct store *s = contract_store(state);
  add(s, work("purge"), NOW);
  struct store_job j = claim(s, "a", NOW);
  struct store_job_release r = {TEXT("queued"), NOW, TEXT(""), true};
  for (int i = 0; i < 2; i++) /* twice is the same as once */
    EXPECT_OK(s->ops->jobs->release(s, j.id, 1, &r, NOW, &test_fault));
  j = claim(s, "b", NOW);
  assert_int_equal(j.max_attempts - j.attempts, 2);
  EXPECT_TEXT(j.error, TEXT(""));
}

static struct store_job *bury(struct store *s, int64_t now_us, size_t want) {
  struct store_job *jobs = NULL;
  size_t count = 99;
  EXPECT_OK(s->ops->jobs->bury(s, now_us, 10, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, want);
  return jobs;
}

static void a_job_that_takes_its_process_along_is_dead_after_its_last_attempt(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, work("purge"), NOW), at_us = NOW;
  for (int i = 0; i < 3; i++, at_us += 60 * S) {
    bury(s, at_us, 0);
    assert_int_equal(claim(s, "host/7", at_us).id, id);
  }
  expect_nothing_due(s, at_us);
  EXPECT_TEXT(bury(s, at_us, 1)->state, TEXT("dead"));
  struct store_job j = get(s, id);
  EXPECT_TEXT(j.state, TEXT("dead"));
  EXPECT_TEXT(j.error, TEXT("the process that ran it (host/7) was lost in attempt 3 of 3"));
  assert_int_equal(j.ended_us, at_us);
  EXPECT_ERR(s->ops->jobs->finish(s, id, 3, TEXT("1"), at_us, &test_fault), ERR_STORE_CONFLICT);
  bury(s, at_us, 0);
}

static void a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(void **state) {
  struct store *s = contract_store(state);
  bool running = true;
  int64_t waits = add(s, work("purge"), NOW);
  EXPECT_OK(s->ops->jobs->cancel(s, waits, NOW + 1, &running, &test_fault));
  assert_false(running);
  EXPECT_TEXT(get(s, waits).state, TEXT("cancelled"));
  assert_int_equal(get(s, waits).ended_us, NOW + 1);
  int64_t runs = add(s, work("purge"), NOW);
  claim(s, "a", NOW);
  EXPECT_OK(s->ops->jobs->cancel(s, runs, NOW, &running, &test_fault));
  assert_true(running);
  EXPECT_ERR(s->ops->jobs->renew(s, runs, 1, NOW + 70 * S, 1, TEXT(""), &test_fault), ERR_CANCELLED);
  assert_int_equal(get(s, runs).lease_until_us, NOW + 70 * S);
  struct store_job j = get(s, runs);
  release(s, &j, "queued", NOW, NOW + 2); /* it failed at the same moment: no new attempt */
  EXPECT_TEXT(get(s, runs).state, TEXT("cancelled"));
  assert_int_equal(get(s, runs).ended_us, NOW + 2);
  EXPECT_ERR(s->ops->jobs->cancel(s, runs, NOW, &running, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("cancelled");
  EXPECT_ERR(s->ops->jobs->cancel(s, 999, NOW, &running, &test_fault), ERR_NOT_FOUND);
}

static void a_lost_job_that_was_to_be_cancelled_is_not_run_again(void **state) {
  struct store *s = contract_store(state);
  bool running;
  int64_t id = add(s, work("purge"), NOW);
  claim(s, "a", NOW);
  EXPECT_OK(s->ops->jobs->cancel(s, id, NOW, &running, &test_fault));
  expect_nothing_due(s, NOW + 60 * S);
  EXPECT_TEXT(bury(s, NOW + 60 * S, 1)->state, TEXT("cancelled"));
}

static void what_has_failed_can_be_tried_again_by_hand(void **state) {
  struct store *s = contract_store(state);
  int64_t id = add(s, work("purge"), NOW);
  EXPECT_ERR(s->ops->jobs->retry(s, id, 1, NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("queued");
  struct store_job j = claim(s, "a", NOW);
  release(s, &j, "failed", NOW, NOW);
  EXPECT_OK(s->ops->jobs->retry(s, id, 2, NOW + S, &test_fault));
  j = claim(s, "a", NOW + S);
  assert_int_equal(j.attempts, 2); /* counts on, so that an old worker is still recognised */
  assert_int_equal(j.max_attempts, 3);
  EXPECT_OK(s->ops->jobs->finish(s, id, 2, TEXT(""), NOW, &test_fault));
  EXPECT_ERR(s->ops->jobs->retry(s, id, 1, NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(s->ops->jobs->retry(s, 999, 1, NOW, &test_fault), ERR_NOT_FOUND);
}

static void a_result_is_json_of_bounded_size(void **state) {
  struct store *s = contract_store(state);
  static char big[STORE_JOB_JSON_MAX + 1];
  int64_t id = add(s, work("purge"), NOW);
  memset(big, '1', sizeof big);
  claim(s, "a", NOW);
  EXPECT_ERR(s->ops->jobs->finish(s, id, 1, TEXT("deleted 5"), NOW, &test_fault), ERR_BAD_REQUEST);
  EXPECT_ERR(s->ops->jobs->finish(s, id, 1, (struct text){big, sizeof big}, NOW, &test_fault), ERR_LIMIT);
  EXPECT_TEXT(get(s, id).state, TEXT("running"));
}

static void lists_go_back_page_by_page_and_can_be_narrowed(void **state) {
  struct store *s = contract_store(state);
  struct store_job *jobs;
  size_t count;
  for (int i = 0; i < 40; i++)
    add(s, work(i % 2 ? "purge" : "backup"), NOW);
  claim(s, "a", NOW);
  EXPECT_OK(s->ops->jobs->list(s, 0, TEXT(""), TEXT(""), 30, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, 30);
  assert_int_equal(jobs[0].id, 40);
  EXPECT_OK(s->ops->jobs->list(s, jobs[29].id, TEXT(""), TEXT(""), 30, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, 10);
  assert_int_equal(jobs[9].id, 1);
  EXPECT_OK(s->ops->jobs->list(s, 0, TEXT("purge"), TEXT(""), 99, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, 20);
  EXPECT_OK(s->ops->jobs->list(s, 0, TEXT("backup"), TEXT("queued"), 99, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, 19);
}

static int64_t count_of(struct store *s, const char *kind, const char *state, int64_t *out_due_us) {
  struct store_job_count *at;
  size_t count;
  EXPECT_OK(s->ops->jobs->counts(s, &arena, &at, &count, &test_fault));
  for (size_t i = 0; i < count; i++) {
    if (!text_equal(at[i].kind, text_of(kind)) || !text_equal(at[i].state, text_of(state)))
      continue;
    *out_due_us = at[i].oldest_due_us;
    return at[i].count;
  }
  return 0;
}

static void counts_tell_what_waits_runs_and_is_dead(void **state) {
  struct store *s = contract_store(state);
  int64_t due_us = -1;
  for (int i = 0; i < 5; i++)
    add(s, work("purge"), NOW + i);
  add(s, work("backup"), NOW + 9);
  struct store_job j = claim(s, "a", NOW);
  release(s, &j, "dead", NOW, NOW);
  claim(s, "a", NOW + 1);
  assert_int_equal(count_of(s, "purge", "dead", &due_us), 1);
  assert_int_equal(count_of(s, "purge", "running", &due_us), 1);
  assert_int_equal(due_us, 0);
  assert_int_equal(count_of(s, "purge", "queued", &due_us), 3);
  assert_int_equal(due_us, NOW + 2);
  assert_int_equal(count_of(s, "backup", "queued", &due_us), 1);
  assert_int_equal(count_of(s, "backup", "dead", &due_us), 0);
}

static void purging_deletes_what_ended_long_ago_and_nothing_else(void **state) {
  struct store *s = contract_store(state);
  int64_t deleted = 0;
  for (int i = 0; i < 7; i++)
    add(s, work("purge"), NOW);
  for (int i = 0; i < 5; i++) {
    struct store_job j = claim(s, "a", NOW);
    release(s, &j, i == 0 ? "queued" : "dead", NOW + 999 * S, NOW + i);
  }
  EXPECT_OK(s->ops->jobs->purge(s, NOW + 4, 2, &deleted, &test_fault));
  assert_int_equal(deleted, 2);
  EXPECT_OK(s->ops->jobs->purge(s, NOW + 4, 2, &deleted, &test_fault));
  assert_int_equal(deleted, 1);
  EXPECT_OK(s->ops->jobs->purge(s, NOW + 4, 2, &deleted, &test_fault));
  assert_int_equal(deleted, 0);
  EXPECT_TEXT(get(s, 5).state, TEXT("dead"));
  EXPECT_TEXT(get(s, 1).state, TEXT("queued"));
}

static void the_time_is_the_databases(void **state) {
  struct store *s = contract_store(state);
  int64_t before_us = driver_now_us(), now_us = 0;
  EXPECT_OK(s->ops->jobs->now(s, &now_us, &test_fault));
  if (now_us < before_us - 2000 || now_us > driver_now_us() + 2000) /* SQLite's has milliseconds */
    fail_msg("%lld is not within %lld and now", (long long)now_us, (long long)before_us);
}

struct add_in {
  struct store_job_new job;
  int64_t id;
  enum err end;
};

static enum err add_in(struct driver_link *l, void *args, struct fault *f) {
  struct add_in *w = args;
  EXPECT_OK(l->driver->begin(l, DRIVER_WRITE, f));
  enum err e = store_job_add_on(l, &w->job, NOW, &w->id, f);
  if (e == ERR_STORE_CONFLICT) /* and the transaction goes on */
    e = l->driver->exec(l, "UPDATE weir_sequence SET value = 500 WHERE name = 'jobs'", f);
  return l->driver->end(l, e ? e : w->end, f);
}

static void a_job_comes_with_the_transaction_that_calls_for_it(void **state) {
  struct store *s = contract_store(state);
  struct store_job j;
  struct add_in w = {.job = work("purge"), .end = ERR_LIMIT};
  w.job.unique_key = TEXT("one");
  EXPECT_ERR(driver_run(s, DRIVER_WRITE, true, add_in, &w, &test_fault), ERR_LIMIT);
  EXPECT_ERR(s->ops->jobs->get(s, w.id, &arena, &j, &test_fault), ERR_NOT_FOUND);
  w.end = ERR_OK;
  EXPECT_OK(driver_run(s, DRIVER_WRITE, true, add_in, &w, &test_fault));
  EXPECT_TEXT(get(s, w.id).unique_key, TEXT("one"));
  EXPECT_OK(driver_run(s, DRIVER_WRITE, true, add_in, &w, &test_fault));
  assert_int_equal(add(s, work("purge"), NOW), 501);
}

#define JOBS    1000
#define THREADS 4

struct taker {
  pthread_t thread;
  struct store *store;
  int number;
  int taken;
  enum err end;
  unsigned char *seen; /* by id */
};

static void *take_all(void *arg) {
  struct taker *t = arg;
  char name[16];
  struct arena mine;
  struct store_job j;
  struct fault f = {0};
  snprintf(name, sizeof name, "w%d", t->number);
  struct store_job_claim c = by(name, NOW);
  arena_init(&mine);
  while (!(t->end = t->store->ops->jobs->claim(t->store, &c, &mine, &j, &f))) {
    __atomic_fetch_add(&t->seen[j.id], 1, __ATOMIC_RELAXED);
    t->taken++;
  }
  arena_done(&mine);
  return NULL;
}

/* How many events "job" there are. */
static size_t told(struct store *s) {
  struct store_event *at = NULL;
  size_t count = 0, jobs = 0;
  EXPECT_OK(s->ops->events->list(s, 0, 100, &arena, &at, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    jobs += text_equal(at[i].kind, TEXT("job")) && text_is_empty(at[i].subject);
  return jobs;
}

static void work_that_can_begin_is_told_of_and_what_waits_is_not(void **state) {
  struct store *s = contract_store(state);
  struct store_job_new later = work("purge"), twice = work("purge");
  int64_t id = 0;
  add(s, work("purge"), NOW);
  assert_int_equal(told(s), 1);
  later.run_at_us = NOW + S;
  add(s, later, NOW);
  assert_int_equal(told(s), 1);
  twice.unique_key = TEXT("once");
  add(s, twice, NOW);
  EXPECT_ERR(s->ops->jobs->enqueue(s, &twice, NOW, &id, &test_fault), ERR_STORE_CONFLICT);
  assert_int_equal(told(s), 2);
  struct store_job j = claim(s, "one", NOW);
  release(s, &j, "queued", NOW + 10 * S, NOW); /* it has failed, and waits */
  assert_int_equal(told(s), 2);
  j = claim(s, "one", NOW);
  release(s, &j, "queued", NOW, NOW); /* its process ends */
  assert_int_equal(told(s), 3);
  j = claim(s, "two", NOW);
  release(s, &j, "dead", NOW, NOW);
  assert_int_equal(told(s), 3);
  EXPECT_OK(s->ops->jobs->retry(s, j.id, 1, NOW, &test_fault));
  assert_int_equal(told(s), 4);
  EXPECT_ERR(s->ops->jobs->retry(s, j.id, 1, NOW, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(s->ops->jobs->retry(s, 99, 1, NOW, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(told(s), 4);
}

static enum err add_many(struct driver_link *l, void *args, struct fault *f) {
  const struct store_job_new jobs[] = {work("purge"), work("backup"), work("purge")};
  int64_t ids[3];
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (!e)
    e = store_jobs_add_on(l, jobs, 3, NOW, ids, f);
  if (!e)
    *(int64_t *)args = ids[2];
  return l->driver->end(l, e, f);
}

static void of_many_that_come_together_others_are_told_once(void **state) {
  struct store *s = contract_store(state);
  int64_t last = 0;
  EXPECT_OK(driver_run(s, DRIVER_WRITE, true, add_many, &last, &test_fault));
  EXPECT_TEXT(get(s, last).kind, TEXT("purge"));
  assert_int_equal(last, 3);
  assert_int_equal(told(s), 1);
}

static void no_two_workers_get_the_same_job(void **state) {
  struct store *s = contract_store(state);
  static unsigned char seen[JOBS + 1];
  struct taker takers[THREADS];
  int taken = 0;
  memset(seen, 0, sizeof seen);
  contract_exec(s, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO "
                   "weir_jobs SELECT i, 'purge', '{}', 'queued', i, i, 0, 1, '', 0, 0, '', 'null', '', '', 1, 0, 0 "
                   "FROM n");
  for (int i = 0; i < THREADS; i++) {
    takers[i] = (struct taker){.store = s, .number = i, .seen = seen};
    assert_int_equal(pthread_create(&takers[i].thread, NULL, take_all, &takers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(takers[i].thread, NULL);
    assert_int_equal(takers[i].end, ERR_NOT_FOUND);
    taken += takers[i].taken;
  }
  for (int i = 1; i <= JOBS; i++)
    assert_int_equal(seen[i], 1);
  assert_int_equal(taken, JOBS);
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_job_is_kept_as_it_was_given),
      CONTRACT(what_is_no_job_is_refused),
      CONTRACT(a_full_queue_takes_no_more),
      CONTRACT(a_unique_key_is_taken_until_its_job_has_ended),
      CONTRACT(the_one_due_longest_is_claimed_first),
      CONTRACT(a_kind_the_worker_does_not_know_is_left_for_others),
      CONTRACT(a_claimed_job_runs_to_its_end),
      CONTRACT(a_lapsed_lease_passes_the_job_on_and_its_old_worker_can_do_no_more),
      CONTRACT(a_failed_attempt_is_tried_again_later),
      CONTRACT(a_job_given_back_has_lost_no_attempt),
      CONTRACT(a_job_that_takes_its_process_along_is_dead_after_its_last_attempt),
      CONTRACT(a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked),
      CONTRACT(a_lost_job_that_was_to_be_cancelled_is_not_run_again),
      CONTRACT(what_has_failed_can_be_tried_again_by_hand),
      CONTRACT(a_result_is_json_of_bounded_size),
      CONTRACT(lists_go_back_page_by_page_and_can_be_narrowed),
      CONTRACT(counts_tell_what_waits_runs_and_is_dead),
      CONTRACT(purging_deletes_what_ended_long_ago_and_nothing_else),
      CONTRACT(the_time_is_the_databases),
      CONTRACT(a_job_comes_with_the_transaction_that_calls_for_it),
      CONTRACT(work_that_can_begin_is_told_of_and_what_waits_is_not),
      CONTRACT(of_many_that_come_together_others_are_told_once),
      CONTRACT(no_two_workers_get_the_same_job),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
