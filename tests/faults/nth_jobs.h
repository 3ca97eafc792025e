/* The operations on jobs for nth_operations.h, and the jobs they find. */
#ifndef TESTS_FAULTS_NTH_JOBS_H
#define TESTS_FAULTS_NTH_JOBS_H

#include "../unit/store/expect.h"

#define NTH_HOUR_US INT64_C(3600000000)

/* A job that runs in its only attempt (2), one that waits and one that has ended; a schedule. */
static inline void nth_fill_jobs(struct store *s) {
  struct store_job_new n = {.kind = TEXT("purge"), .max_attempts = 1};
  struct store_job_claim c = {TEXT(" purge "), TEXT("w"), 2 * NTH_HOUR_US, 3 * NTH_HOUR_US};
  struct store_job job;
  struct arena a;
  int64_t id = 0;
  bool running;
  arena_init(&a);
  for (int i = 0; i < 3; i++)
    EXPECT_OK(s->ops->jobs->enqueue(s, &n, NTH_HOUR_US, &id, &test_fault));
  EXPECT_OK(s->ops->jobs->cancel(s, 1, NTH_HOUR_US, &running, &test_fault));
  EXPECT_OK(s->ops->jobs->claim(s, &c, &a, &job, &test_fault));
  assert_int_equal(job.id, 2);
  EXPECT_OK(s->ops->jobs->schedule_put(s, TEXT("purge"), TEXT("@daily UTC"), 5 * NTH_HOUR_US, &test_fault));
  arena_done(&a);
}

static inline enum err nth_job_enqueue(struct store *s, struct arena *a, struct fault *f) {
  struct store_job_new n = {.kind = TEXT("purge"), .max_attempts = 3};
  int64_t id = 0;
  return s->ops->jobs->enqueue(s, &n, NTH_HOUR_US, &id, f);
}
static inline enum err nth_job_claim(struct store *s, struct arena *a, struct fault *f) {
  struct store_job_claim c = {TEXT(" purge "), TEXT("w"), 2 * NTH_HOUR_US, 3 * NTH_HOUR_US};
  struct store_job job = {0};
  enum err e = s->ops->jobs->claim(s, &c, a, &job, f);
  if (!e)
    assert_int_equal(job.id, 3);
  return e;
}
static inline enum err nth_job_retry(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->jobs->retry(s, 1, 3, 4 * NTH_HOUR_US, f);
}
static inline enum err nth_job_give_back(struct store *s, struct arena *a, struct fault *f) {
  struct store_job_release r = {TEXT("queued"), 4 * NTH_HOUR_US, TEXT_NONE, true};
  return s->ops->jobs->release(s, 2, 1, &r, 4 * NTH_HOUR_US, f);
}
static inline enum err nth_catalogue_put(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->catalogues->put(s, TEXT("https://vendor"), TEXT("[]"), f);
}
static inline enum err nth_job_renew(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->jobs->renew(s, 2, 1, 9 * NTH_HOUR_US, 500, TEXT("half"), f);
}
static inline enum err nth_job_finish(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->jobs->finish(s, 2, 1, TEXT("{}"), 4 * NTH_HOUR_US, f);
}
static inline enum err nth_job_release(struct store *s, struct arena *a, struct fault *f) {
  struct store_job_release r = {TEXT("queued"), 5 * NTH_HOUR_US, TEXT("it broke"), false};
  return s->ops->jobs->release(s, 2, 1, &r, 4 * NTH_HOUR_US, f);
}
static inline enum err nth_job_bury(struct store *s, struct arena *a, struct fault *f) {
  struct store_job *jobs = NULL;
  size_t count = 0;
  return s->ops->jobs->bury(s, 9 * NTH_HOUR_US, 10, a, &jobs, &count, f);
}
static inline enum err nth_job_cancel(struct store *s, struct arena *a, struct fault *f) {
  bool running = false;
  return s->ops->jobs->cancel(s, 2, 4 * NTH_HOUR_US, &running, f);
}
static inline enum err nth_job_get(struct store *s, struct arena *a, struct fault *f) {
  struct store_job j = {0};
  return s->ops->jobs->get(s, 1, a, &j, f);
}
static inline enum err nth_job_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_job *jobs = NULL;
  size_t count = 0;
  enum err e = s->ops->jobs->list(s, 0, TEXT(""), TEXT(""), 10, a, &jobs, &count, f);
  if (!e)
    assert_int_equal(count, 3);
  return e;
}
static inline enum err nth_job_counts(struct store *s, struct arena *a, struct fault *f) {
  struct store_job_count *at = NULL;
  size_t count = 0;
  enum err e = s->ops->jobs->counts(s, a, &at, &count, f);
  if (!e)
    assert_int_equal(count, 2);
  return e;
}
static inline enum err nth_job_purge(struct store *s, struct arena *a, struct fault *f) {
  int64_t deleted = 0;
  return s->ops->jobs->purge(s, 9 * NTH_HOUR_US, 10, &deleted, f);
}

static inline enum err nth_schedule_put(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->jobs->schedule_put(s, TEXT("purge"), TEXT("@hourly UTC"), 7 * NTH_HOUR_US, f);
}
static inline enum err nth_schedule_drop(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->jobs->schedule_drop(s, TEXT("purge"), f);
}
static inline enum err nth_schedule_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_schedule *at = NULL;
  size_t count = 0;
  enum err e = s->ops->jobs->schedule_list(s, a, &at, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_schedule_fire(struct store *s, struct arena *a, struct fault *f) {
  struct store_schedule seen = {TEXT("purge"), TEXT("@daily UTC"), 5 * NTH_HOUR_US, 0, 0};
  int64_t job = 0;
  return s->ops->jobs->schedule_fire(s, &seen, 3, 9 * NTH_HOUR_US, 6 * NTH_HOUR_US, &job, f);
}

#endif
