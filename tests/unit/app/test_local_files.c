/* A process's own files: what another replica has erased leaves them, once, and old exports go. */
#include "app/local_files.h"

#include "../store/expect.h"
#include "ports/store_persons.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "support/actor.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store *store;
static struct config *config;
static struct arena arena;
static struct local_files *files;

static const char *no_variable(const char *name) { return NULL; }
static struct config *config_get(void *ctx) { return config_ref(config); }

static const char *in_dir(const char *name) { return arena_format(&arena, "%s/%s", test_dir, name).at; }

static int begin(void **state) {
  static struct config_errors errors;
  if (make_dir(state) != 0)
    return -1;
  arena_init(&arena);
  store = open_store();
  assert_int_equal(config_load_text(TEXT("retention: { exports: 2 }"), "weir.yaml", no_variable, &config, &errors),
                   ERR_OK);
  files = local_files_new(&(struct local_files_options){store, config_get, NULL, test_dir});
  return 0;
}

static void empty(const char *folder) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
}

static int end(void **state) {
  local_files_free(files);
  config_unref(config);
  store->ops->close(store);
  empty(in_dir("archive"));
  empty(in_dir("exports"));
  arena_done(&arena);
  return drop_dir(state);
}

static void archive_row(int64_t id, const char *user) {
  struct ledger_row row = make_row(id, 1, 5, 1000000 + id);
  size_t gone = 0;
  row.user = text_of(user);
  append(store, &row, 1, (uint64_t)id);
  EXPECT_OK(store->ops->usage->archive(store, &(struct usage_archive_ask){in_dir("archive"), INT64_MAX, 10}, &gone,
                                       &test_fault));
  assert_int_equal(gone, 1);
}

/* As a replica that does not have these files does. */
static uint64_t erase_elsewhere(const char *user) {
  struct person_erased done;
  EXPECT_OK(store->ops->persons->erase(store, &(struct person_ask){.user = text_of(user), .by = TEST_ACTOR}, &done,
                                       &test_fault));
  return done.archives_elsewhere;
}

static uint64_t tidy(int64_t *out_exports) {
  uint64_t archives = 9;
  EXPECT_OK(local_files_tidy(files, out_exports, &archives, &test_fault));
  return archives;
}

static void who_was_erased_elsewhere_leaves_these_files_once(void **state) {
  int64_t exports = 0;
  archive_row(1, "ann");
  archive_row(2, "bob");
  assert_int_equal(tidy(&exports), 0); /* nobody was erased */
  assert_int_equal(erase_elsewhere("ann"), 2);
  assert_int_equal(tidy(&exports), 1);
  assert_int_equal(access(in_dir("archive/erased-until"), F_OK), 0);
  assert_int_equal(tidy(&exports), 0);
  assert_int_equal(erase_elsewhere("bob"), 2);
  assert_int_equal(tidy(&exports), 1);
}

static bool has_mark(void) { return access(in_dir("archive/erased-until"), F_OK) == 0; }

/* Within ten seconds. */
static bool comes_true(bool (*condition)(void)) {
  for (int i = 0; i < 2000 && !condition(); i++)
    (void)poll(NULL, 0, 5);
  return condition();
}

static void the_thread_looks_at_its_start_and_when_it_is_called(void **state) {
  int64_t exports = 0;
  archive_row(1, "ann");
  erase_elsewhere("ann");
  EXPECT_OK(local_files_start(files, &test_fault));
  assert_true(comes_true(has_mark));
  assert_int_equal(unlink(in_dir("archive/erased-until")), 0);
  local_files_wake(files);
  assert_true(comes_true(has_mark));
  assert_int_equal(tidy(&exports), 0);
}

static void old_exports_go(void **state) {
  int64_t exports = 0;
  const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  assert_int_equal(tidy(&exports), 0); /* there is no folder yet */
  assert_int_equal(mkdir(in_dir("exports"), 0700), 0);
  close(open(in_dir("exports/person-1-1.jsonl.zst"), O_WRONLY | O_CREAT, 0600));
  close(open(in_dir("exports/person-2-1.jsonl.zst"), O_WRONLY | O_CREAT, 0600));
  assert_int_equal(utimensat(AT_FDCWD, in_dir("exports/person-1-1.jsonl.zst"), times, 0), 0);
  tidy(&exports);
  assert_int_equal(exports, 1);
  assert_int_equal(access(in_dir("exports/person-2-1.jsonl.zst"), F_OK), 0);
}

static void a_damaged_file_is_looked_at_again(void **state) {
  int64_t exports = 0;
  uint64_t archives = 0;
  struct usage_archive *list = NULL;
  size_t count = 0;
  archive_row(1, "ann");
  erase_elsewhere("ann");
  EXPECT_OK(store->ops->usage->archives(store, &arena, &list, &count, &test_fault));
  const char *path = arena_format(&arena, "%s/%.*s", in_dir("archive"), TEXT_ARGS(list[0].name)).at;
  const char *aside = in_dir("aside");
  assert_int_equal(rename(path, aside), 0);
  close(open(path, O_WRONLY | O_CREAT, 0600));
  EXPECT_ERR(local_files_tidy(files, &exports, &archives, &test_fault), ERR_STORE_CORRUPT);
  assert_false(has_mark());
  assert_int_equal(rename(aside, path), 0);
  assert_int_equal(tidy(&exports), 1);
}

#define TEST_FILES(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_FILES(who_was_erased_elsewhere_leaves_these_files_once),
      TEST_FILES(the_thread_looks_at_its_start_and_when_it_is_called),
      TEST_FILES(old_exports_go),
      TEST_FILES(a_damaged_file_is_looked_at_again),
  };
  return RUN_TESTS(tests);
}
