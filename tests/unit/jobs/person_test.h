/* What the tests of the jobs about persons share: a data_dir, a person with rows in the ledger and in the archive. */
#ifndef TESTS_UNIT_JOBS_PERSON_TEST_H
#define TESTS_UNIT_JOBS_PERSON_TEST_H

#include "kind_test.h"
#include "ports/store_persons.h"
#include "ports/store_usage.h"
#include "support/actor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char data_dir[64];
static struct job_world world;

static inline const char *in_data_dir(const char *name) { return arena_format(&arena, "%s/%s", data_dir, name).at; }

static inline void empty_folder(const char *folder) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
}

static inline void add_person_rows(int64_t id, const char *user) {
  struct ledger_row row = make_row(id, 1, 5, 1000000 + id);
  row.user = text_of(user);
  row.key_name = TEXT("laptop");
  EXPECT_OK(store->ops->ledger_append(store, &row, 1, TEXT("j"), (uint64_t)id, &test_fault));
}

/* ann: a key, a row in the archive, a row in the ledger. bob: a row in the archive. */
static inline int begin_person(void **state) {
  const struct store_key key = {
      .name = TEXT("laptop"), .user = TEXT("ann"), .models = TEXT("*"), .budget_period = TEXT("")};
  size_t gone = 0;
  int64_t id = 0;
  if (begin(state) != 0)
    return -1;
  snprintf(data_dir, sizeof data_dir, "/tmp/weir-test-job-person-XXXXXX");
  assert_non_null(mkdtemp(data_dir));
  test_configure("");
  world = test_world(store);
  world.data_dir = data_dir;
  EXPECT_OK(store->ops->key_create(store, &key, TEST_ACTOR, &id, &test_fault));
  add_person_rows(1, "ann");
  add_person_rows(2, "bob");
  EXPECT_OK(store->ops->usage->archive(store, &(struct usage_archive_ask){in_data_dir("archive"), INT64_MAX, 10}, &gone,
                                       &test_fault));
  assert_int_equal(gone, 2);
  add_person_rows(3, "ann");
  return 0;
}

static inline int end_person(void **state) {
  empty_folder(in_data_dir("archive"));
  empty_folder(in_data_dir("exports"));
  empty_folder(data_dir);
  return end(state);
}
#define TEST_PERSON(test) cmocka_unit_test_setup_teardown(test, begin_person, end_person)

static inline struct job person_job_of(const char *kind, struct text args) {
  struct job j = job_of(&world);
  j.id = test_enqueue(store, kind, args, 5);
  j.kind = text_of(kind);
  j.args = args;
  return j;
}

static inline struct audit_row newest_entry(void) {
  struct audit_row *entries = NULL;
  size_t count = 0;
  EXPECT_OK(store->ops->audit->list(store, &(struct audit_filter){.max = 1}, &arena, &entries, &count, &test_fault));
  assert_int_equal(count, 1);
  return entries[0];
}

static inline struct text args_in_store(int64_t id) {
  struct store_job job;
  EXPECT_OK(store->ops->jobs->get(store, id, &arena, &job, &test_fault));
  return job.args;
}

#endif
