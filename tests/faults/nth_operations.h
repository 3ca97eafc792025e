/* The operations of the store port for nth_driver.c: a row for each, on a store that holds a little of everything.
 * Whoever adds an operation to the port adds its row. */
#ifndef TESTS_FAULTS_NTH_OPERATIONS_H
#define TESTS_FAULTS_NTH_OPERATIONS_H

#include "../unit/store/expect.h"
#include "nth_jobs.h"
#include "nth_people.h"
#include "nth_stored.h"
#include "ports/store_events.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "store/driver.h"
#include "store/migrate.h"
#include "support/actor.h"

struct nth_operation {
  const char *name;
  enum err (*run)(struct store *s, struct arena *a, struct fault *f);
  bool is_migration; /* on a database without a schema */
  bool is_once;      /* not done again after a commit in doubt */
  bool counts_turns; /* done twice is as good as once, though it shows that it was */
  bool in_pieces;    /* several transactions: the first may stand when a later one fails */
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline struct store_key nth_key(const char *name, uint8_t hash) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_abc"),
                        .user = TEXT("someone"),
                        .models = TEXT("*"),
                        .budget_nano = 1000,
                        .budget_period = TEXT("day"),
                        .created_us = NTH_HOUR_US};
  memset(k.hash, hash, sizeof k.hash);
  return k;
}

static int64_t nth_filled_us; /* no earlier than what was there */

/* What every operation finds: two keys, three rows of two keys in two hours, a replica in its seat, a word agreed on.
 */
static inline void nth_fill(struct store *s) {
  struct store_key one = nth_key("one", 1), two = nth_key("two", 2);
  one.expires_us = 50 * NTH_HOUR_US;
  struct ledger_row rows[] = {make_row(11, 1, 100, NTH_HOUR_US), make_row(12, 2, 200, NTH_HOUR_US + 1),
                              make_row(13, 1, 300, 2 * NTH_HOUR_US)};
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &one, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_create(s, &two, TEST_ACTOR, &id, &test_fault));
  append(s, rows, COUNT_OF(rows), 3);
  nth_fill_jobs(s);
  nth_fill_people(s);
  nth_fill_stored(s);
  const struct store_replica sitting = {.boot = 7, .name = TEXT("here"), .version = TEXT("1")};
  struct arena a;
  struct text agreed = TEXT_NONE;
  unsigned seat = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->replicas->claim(s, &sitting, 0, &seat, &test_fault));
  EXPECT_OK(s->ops->events->add(s, TEXT("key"), TEXT("1"), &test_fault));
  EXPECT_OK(s->ops->replicas->agree(s, TEXT("one"), TEXT("first"), &a, &agreed, &test_fault));
  arena_done(&a);
  nth_filled_us = driver_now_us();
}

static inline enum err nth_migrate(struct store *s, struct arena *a, struct fault *f) {
  unsigned applied = 0;
  return migrate_up_on((struct database *)s, &applied, f);
}
static inline enum err nth_health(struct store *s, struct arena *a, struct fault *f) { return s->ops->health(s, f); }
static inline enum err nth_key_create(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k = nth_key("three", 3);
  int64_t id = 0;
  return s->ops->key_create(s, &k, TEST_ACTOR, &id, f);
}
static inline enum err nth_key_find(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k = nth_key("", 2);
  return s->ops->key_find(s, k.hash, a, &k, f);
}
static inline enum err nth_key_find_by_access_id(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k = nth_key("", 2);
  return s->ops->key_find_by_access_id(s, k.hash, a, &k, f);
}
static inline enum err nth_key_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_key *keys = NULL;
  size_t count = 0;
  enum err e = s->ops->key_list(s, 0, 10, a, &keys, &count, f);
  if (!e)
    assert_int_equal(count, 2);
  return e;
}
static inline enum err nth_key_block(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->key_set_blocked(s, 2, true, TEST_ACTOR, f);
}
static inline enum err nth_key_page(struct store *s, struct arena *a, struct fault *f) {
  struct store_key *keys = NULL;
  size_t count = 0;
  enum err e = s->ops->key_page(s, &(struct key_filter){.org_id = 1, .max = 10}, a, &keys, &count, f);
  if (!e)
    assert_int_equal(count, 2);
  return e;
}
static inline enum err nth_key_get(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k;
  return s->ops->key_get(s, 1, 2, a, &k, f);
}
static inline enum err nth_key_update(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k = nth_key("renamed", 2);
  k.id = 2;
  return s->ops->key_update(s, &k, 0, TEST_ACTOR, f);
}
static const struct store_answer_key nth_answer_key = {.caller = TEXT("user:1"), .key_hash = {1}, .now_us = 1000};
static inline enum err nth_answer_take(struct store *s, struct arena *a, struct fault *f) {
  struct store_answer known;
  return s->ops->answers->take(s, &nth_answer_key, a, &known, f);
}
static inline enum err nth_answer_put(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->answers->put(s, &nth_answer_key, 200, TEXT("x"), f);
}
static inline enum err nth_answer_drop(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->answers->drop(s, &nth_answer_key, f);
}
static inline enum err nth_answer_purge(struct store *s, struct arena *a, struct fault *f) {
  int64_t deleted = 0;
  return s->ops->answers->purge(s, 5000, 10, &deleted, f);
}
static inline enum err nth_audit_add(struct store *s, struct arena *a, struct fault *f) {
  struct audit_entry entry = {TEXT("config.reload"), TEXT("config"), TEXT_NONE, TEXT("{}")};
  return s->ops->audit->add(s, TEST_ACTOR, &entry, NULL, f);
}
static inline enum err nth_audit_list(struct store *s, struct arena *a, struct fault *f) {
  struct audit_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->audit->list(s, &(struct audit_filter){.subject = TEXT("key:1"), .max = 10}, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_audit_page(struct store *s, struct arena *a, struct fault *f) {
  struct audit_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->audit->page(s, 0, 10, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 4); /* two keys, a credential, an entry */
  return e;
}
static inline enum err nth_audit_verify(struct store *s, struct arena *a, struct fault *f) {
  struct audit_verdict v = {0};
  enum err e = s->ops->audit->verify(s, NULL, a, &v, f);
  if (!e)
    assert_int_equal(v.bad_id, 0);
  return e;
}
static inline enum err nth_audit_purge(struct store *s, struct arena *a, struct fault *f) {
  uint64_t removed = 0;
  while (driver_now_us() <= nth_filled_us) /* the entry that the purge adds is newer, so that twice is as once */
    continue;
  return s->ops->audit->purge(s, TEST_ACTOR, nth_filled_us + 1, INT64_MAX, 10, &removed, f);
}
static inline enum err nth_key_find_by_name(struct store *s, struct arena *a, struct fault *f) {
  struct store_key k = {0};
  return s->ops->key_find_by_name(s, TEXT("two"), a, &k, f);
}
static inline enum err nth_key_rotate(struct store *s, struct arena *a, struct fault *f) {
  struct key_rotation r = {.id = 2, .hash = {9}, .prefix = TEXT("weir_new"), .now_us = 5, .until_us = 9};
  return s->ops->key_rotate(s, &r, TEST_ACTOR, f);
}
static inline enum err nth_key_delete(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->key_delete(s, 2, 0, TEST_ACTOR, f);
}
static inline enum err nth_key_sweep(struct store *s, struct arena *a, struct fault *f) {
  struct key_sweep done;
  return s->ops->key_sweep(s, 100 * NTH_HOUR_US, 10, TEST_ACTOR, &done, f);
}
static inline enum err nth_key_touch(struct store *s, struct arena *a, struct fault *f) {
  static const int64_t ids[] = {1, 2}, times[] = {5 * NTH_HOUR_US, 6 * NTH_HOUR_US};
  return s->ops->key_touch(s, ids, times, 2, f);
}
static inline enum err nth_ledger_append(struct store *s, struct arena *a, struct fault *f) {
  struct ledger_row rows[] = {make_row(13, 1, 300, 2 * NTH_HOUR_US), make_row(21, 1, 7, 3 * NTH_HOUR_US),
                              make_row(22, -5, 9, 3 * NTH_HOUR_US)};
  return s->ops->ledger_append(s, rows, COUNT_OF(rows), TEXT("journal/0/1"), 6, f);
}
static inline enum err nth_ledger_position(struct store *s, struct arena *a, struct fault *f) {
  uint64_t position = 0;
  return s->ops->ledger_position(s, TEXT("journal/0/1"), &position, f);
}
static inline enum err nth_ledger_list(struct store *s, struct arena *a, struct fault *f) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->ledger_list(s, 0, 10, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 3);
  return e;
}
static inline enum err nth_ledger_spent(struct store *s, struct arena *a, struct fault *f) {
  int64_t nano = 0;
  enum err e = s->ops->ledger_spent(s, 1, 0, &nano, f);
  if (!e)
    assert_int_equal(nano, 400);
  return e;
}
static inline enum err nth_ledger_verify(struct store *s, struct arena *a, struct fault *f) {
  struct ledger_totals t = {0};
  enum err e = s->ops->ledger_verify(s, a, &t, f);
  if (!e) {
    assert_int_equal(t.rows, 3);
    assert_int_equal(t.mismatched_keys, 0);
  }
  return e;
}
static inline enum err nth_ledger_forget(struct store *s, struct arena *a, struct fault *f) {
  return store_ledger_forget(s, INT64_MAX, f);
}

static inline enum err nth_replicas_claim(struct store *s, struct arena *a, struct fault *f) {
  const struct store_replica r = {.boot = 8, .name = TEXT("there"), .version = TEXT("1")};
  unsigned seat = 99;
  enum err e = s->ops->replicas->claim(s, &r, 0, &seat, f);
  if (!e)
    assert_int_equal(seat, 1);
  return e;
}
static inline enum err nth_replicas_renew(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->replicas->renew(s, 0, 7, f);
}
static inline enum err nth_replicas_release(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->replicas->release(s, 7, f);
}
static inline enum err nth_replicas_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_replica *replicas = NULL;
  size_t count = 0;
  enum err e = s->ops->replicas->list(s, a, &replicas, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_replicas_agree(struct store *s, struct arena *a, struct fault *f) {
  struct text out = TEXT_NONE;
  enum err e = s->ops->replicas->agree(s, TEXT("two"), TEXT("second"), a, &out, f);
  if (!e)
    EXPECT_TEXT(out, TEXT("second"));
  return e;
}
static inline enum err nth_replicas_agreed(struct store *s, struct arena *a, struct fault *f) {
  struct text out = TEXT_NONE;
  enum err e = s->ops->replicas->agreed(s, TEXT("one"), a, &out, f);
  if (!e)
    EXPECT_TEXT(out, TEXT("first"));
  return e;
}
static inline enum err nth_usage_log(struct store *s, struct arena *a, struct fault *f) {
  const struct usage_log_ask ask = {.key_id = 1, .max = 10};
  struct ledger_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->usage->log(s, &ask, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 2);
  return e;
}
static inline enum err nth_usage_roll_up(struct store *s, struct arena *a, struct fault *f) {
  const struct usage_roll_up_ask ask = {.zone = TEXT("UTC"), .max = 100};
  size_t minutes = 0;
  enum err e = s->ops->usage->roll_up(s, &ask, &minutes, f);
  if (!e)
    assert_true(minutes > 0);
  return e;
}
static inline enum err nth_usage_recheck(struct store *s, struct arena *a, struct fault *f) {
  bool wrong = true;
  enum err e = s->ops->usage->recheck(s, &wrong, f);
  if (!e)
    assert_false(wrong);
  return e;
}
static inline enum err nth_usage_sums(struct store *s, struct arena *a, struct fault *f) {
  const struct usage_ask ask = {.by = USAGE_BY_KEY};
  struct usage_sum *sums = NULL;
  size_t count = 0;
  return s->ops->usage->sums(s, &ask, a, &sums, &count, f);
}

static inline bool nth_knows_none(void *data, struct text name) { return false; }
static inline enum err nth_usage_archive(struct store *s, struct arena *a, struct fault *f) {
  char folder[64];
  const struct usage_archive_ask ask = {.folder = folder, .before_us = INT64_MAX, .max = 2};
  size_t rows = 0;
  snprintf(folder, sizeof folder, "/tmp/weir-nth-archive-%d", (int)getpid());
  enum err e = s->ops->usage->archive(s, &ask, &rows, f);
  assert_int_equal(archive_file_sweep(folder, nth_knows_none, NULL, NULL), ERR_OK);
  rmdir(folder);
  if (!e)
    assert_int_equal(rows, 2);
  return e;
}
static inline enum err nth_usage_archives(struct store *s, struct arena *a, struct fault *f) {
  struct usage_archive *list = NULL;
  size_t count = 0;
  return s->ops->usage->archives(s, a, &list, &count, f);
}
static inline enum err nth_events_add(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->events->add(s, TEXT("key"), TEXT("2"), f);
}
static inline enum err nth_events_newest(struct store *s, struct arena *a, struct fault *f) {
  int64_t id = 0;
  enum err e = s->ops->events->newest(s, &id, f);
  if (!e)
    assert_true(id > 0);
  return e;
}
static inline enum err nth_events_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_event *events = NULL;
  size_t count = 0;
  enum err e = s->ops->events->list(s, 0, 10, a, &events, &count, f);
  if (!e)
    assert_true(count > 0);
  return e;
}
static inline enum err nth_events_purge(struct store *s, struct arena *a, struct fault *f) {
  int64_t count = 0; /* none when it was done before and nobody heard that it was */
  return s->ops->events->purge(s, INT64_MAX, 100, &count, f);
}

static const struct nth_operation nth_operations[] = {
    {"migrate_up", nth_migrate, .is_migration = true, .in_pieces = true},
    {"health", nth_health},
    {"job_enqueue", nth_job_enqueue, .is_once = true},
    {"job_claim", nth_job_claim, .is_once = true},
    {"job_retry", nth_job_retry, .is_once = true},
    {"job_give_back", nth_job_give_back, .counts_turns = true},
    {"catalogue_put", nth_catalogue_put, .counts_turns = true},
    {"job_renew", nth_job_renew},
    {"job_finish", nth_job_finish},
    {"job_release", nth_job_release},
    {"job_bury", nth_job_bury},
    {"job_cancel", nth_job_cancel},
    {"job_get", nth_job_get},
    {"job_list", nth_job_list},
    {"job_counts", nth_job_counts},
    {"job_purge", nth_job_purge},
    {"schedule_put", nth_schedule_put},
    {"schedule_drop", nth_schedule_drop},
    {"schedule_list", nth_schedule_list},
    {"schedule_fire", nth_schedule_fire},
    {"key_create", nth_key_create, .is_once = true},
    {"key_find", nth_key_find},
    {"key_find_by_access_id", nth_key_find_by_access_id},
    {"key_list", nth_key_list},
    {"key_set_blocked", nth_key_block},
    {"key_find_by_name", nth_key_find_by_name},
    {"key_rotate", nth_key_rotate, .is_once = true},
    {"key_delete", nth_key_delete, .is_once = true},
    {"key_sweep", nth_key_sweep},
    {"key_page", nth_key_page},
    {"key_get", nth_key_get},
    {"key_update", nth_key_update},
    NTH_PEOPLE,
    NTH_STORED,
    {"answer_take", nth_answer_take, .is_once = true},
    {"answer_put", nth_answer_put},
    {"answer_drop", nth_answer_drop},
    {"answer_purge", nth_answer_purge},
    {"audit_add", nth_audit_add, .is_once = true},
    {"audit_list", nth_audit_list},
    {"audit_page", nth_audit_page},
    {"audit_verify", nth_audit_verify},
    {"audit_purge", nth_audit_purge},
    {"key_touch", nth_key_touch},
    {"ledger_append", nth_ledger_append},
    {"ledger_position", nth_ledger_position},
    {"ledger_list", nth_ledger_list},
    {"ledger_spent", nth_ledger_spent},
    {"ledger_verify", nth_ledger_verify},
    {"ledger_forget", nth_ledger_forget},
    {"replicas_claim", nth_replicas_claim, .counts_turns = true},
    {"replicas_renew", nth_replicas_renew},
    {"replicas_release", nth_replicas_release},
    {"replicas_list", nth_replicas_list},
    {"replicas_agree", nth_replicas_agree, .in_pieces = true},
    {"replicas_agreed", nth_replicas_agreed},
    {"events_add", nth_events_add, .counts_turns = true},
    {"events_newest", nth_events_newest},
    {"events_list", nth_events_list},
    {"events_purge", nth_events_purge},
    {"usage_log", nth_usage_log},
    {"usage_roll_up", nth_usage_roll_up},
    {"usage_recheck", nth_usage_recheck},
    {"usage_sums", nth_usage_sums},
    {"usage_archive", nth_usage_archive, .is_once = true},
    {"usage_archives", nth_usage_archives},
};

#endif
