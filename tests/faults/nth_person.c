/* Erasing a person, whatever fails: the n-th call of the store's driver, for n = 1, 2, 3 ... until a run meets no
 * fault, in each of the three ways; and a process that is killed at its n-th operation on a file of the archive. At
 * every one of these moments every file of the archive that is entered is there and sound and every sum holds, and the
 * next run ends what was begun: the name is nowhere, and nothing lies about. The wrapped calls are those of the
 * program; SQLite's own are its library's. */
#include "../unit/store/contract.h"

#include "base/buf.h"
#include "faulty_driver.h"
#include "ports/store_persons.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "store/archive_lines.h"
#include "store/sqlite.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

#define NAME      "zebulon.quist"
#define ROWS      6
#define CALLS_MAX 2000

static char folder[64];
static struct arena arena;

/* --- the n-th operation on a file kills --- */

static uint64_t kill_at, operations; /* kill_at 0: never */

static void operate(void) {
  if (++operations == kill_at)
    _exit(99);
}

#define WRAP(type, name, parameters, arguments)                                                                        \
  type __real_##name parameters;                                                                                       \
  type __wrap_##name parameters;                                                                                       \
  type __wrap_##name parameters {                                                                                      \
    operate();                                                                                                         \
    return __real_##name arguments;                                                                                    \
  }
WRAP(ssize_t, write, (int fd, const void *at, size_t n), (fd, at, n))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, close, (int fd), (fd))

/* --- what there is, and what must hold --- */

static void fill(struct store *s) {
  struct store_key k = {.name = TEXT("laptop"), .user = TEXT(NAME), .models = TEXT("*"), .budget_period = TEXT("")};
  struct ledger_row rows[ROWS];
  size_t gone = 0;
  int64_t id = 0;
  arena_init(&arena);
  snprintf(folder, sizeof folder, "/tmp/weir-nth-person-XXXXXX");
  assert_non_null(mkdtemp(folder));
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, 1, 7, INT64_C(1700000000000000) + i);
    rows[i].user = i % 2 ? TEXT("bob") : TEXT(NAME);
  }
  append(s, rows, ROWS, 1);
  for (int i = 0; i < 2; i++)
    EXPECT_OK(s->ops->usage->archive(s, &(struct usage_archive_ask){folder, INT64_MAX, 2}, &gone, &test_fault));
}

static size_t files_there(bool remove) {
  DIR *d = opendir(folder);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(d));) {
    count += entry->d_name[0] != '.';
    if (remove)
      __real_unlinkat(dirfd(d), entry->d_name, 0);
  }
  closedir(d);
  return count;
}

static void drop(void) {
  files_there(true);
  rmdir(folder);
  arena_done(&arena);
}

static enum err count_name(void *ctx, struct text line, struct fault *f) {
  *(size_t *)ctx += text_find(line, TEXT(NAME)) >= 0;
  return ERR_OK;
}

/* How many rows of the archive name the person. */
static size_t expect_whole(struct store *s) {
  struct usage_archive *list = NULL;
  struct ledger_totals totals;
  struct audit_verdict v;
  size_t count = 0, named = 0;
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  assert_int_equal(count, 2);
  for (size_t i = 0; i < count; i++)
    EXPECT_OK(archive_lines_read(folder, list[i].name, list[i].digest, &(struct archive_ear){count_name, &named},
                                 &test_fault));
  EXPECT_OK(s->ops->ledger_verify(s, &arena, &totals, &test_fault));
  assert_int_equal(totals.rows, ROWS);
  assert_int_equal(totals.mismatched_keys, 0);
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  EXPECT_TEXT(v.why, TEXT(""));
  return named;
}

static enum err erase(struct store *s, struct fault *f) {
  struct person_erased done;
  return s->ops->persons->erase(s, &(struct person_ask){.user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = folder},
                                &done, f);
}

static void expect_erased(struct store *s) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  assert_int_equal(expect_whole(s), 0);
  assert_int_equal(files_there(false), 2);
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &arena, &rows, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    assert_false(text_equal(rows[i].user, TEXT(NAME)));
}

static void every_call(enum faulty_way way) {
  bool met = true;
  uint64_t n = 1, failed = 0;
  for (; met && n < CALLS_MAX; n++) {
    struct store *s = open_memory();
    struct faulty faulty;
    struct fault f = {0};
    fill(s);
    faulty_init(&faulty, (struct database *)s);
    faulty.way = way;
    faulty.fail_at = n;
    enum err e = erase(&faulty.base.base, &f);
    met = faulty.met;
    failed += e != ERR_OK;
    if (faulty.misuse[0])
      fail_msg("call %llu: %s", (unsigned long long)n, faulty.misuse);
    expect_whole(s);
    if (e)
      EXPECT_OK(erase(s, &test_fault));
    expect_erased(s);
    s->ops->close(s);
    drop();
  }
  if (met || n < 50 || failed == 0)
    fail_msg("%llu runs, %llu failed", (unsigned long long)n, (unsigned long long)failed);
}

static void whatever_the_database_refuses_the_next_run_ends_it(void **state) { every_call(FAULTY_REFUSED); }
static void whenever_the_connection_is_lost_the_next_run_ends_it(void **state) { every_call(FAULTY_LOST); }
static void a_commit_in_doubt_leaves_the_archive_whole(void **state) { every_call(FAULTY_IN_DOUBT); }

/* True when it was killed before its end. */
static bool killed_at(uint64_t n) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    const struct store_place place = {.kind = STORE_SQLITE, .path = test_db};
    struct store *s = NULL;
    struct fault f = {0};
    if (store_open(&place, &s, &f))
      _exit(1);
    operations = 0;
    kill_at = n;
    _exit(erase(s, &f) ? 2 : 0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99)
    fail_msg("operation %llu: the erasure ended with %d", (unsigned long long)n, WEXITSTATUS(status));
  return WEXITSTATUS(status) == 99;
}

static void killed_at_any_operation_on_a_file_the_archive_is_whole(void **state) {
  uint64_t n = 1, between = 0;
  for (bool killed = true; killed && n < CALLS_MAX; n++) {
    assert_int_equal(make_dir(state), 0);
    struct store *s = open_store();
    fill(s);
    killed = killed_at(n);
    size_t named = expect_whole(s);
    between += named == 1; /* one file has been replaced, and the other one has not */
    EXPECT_OK(erase(s, &test_fault));
    expect_erased(s);
    s->ops->close(s);
    drop();
    drop_dir(state);
  }
  if (n < 12 || between == 0)
    fail_msg("%llu operations, %llu between two files", (unsigned long long)n, (unsigned long long)between);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_the_database_refuses_the_next_run_ends_it),
      cmocka_unit_test(whenever_the_connection_is_lost_the_next_run_ends_it),
      cmocka_unit_test(a_commit_in_doubt_leaves_the_archive_whole),
      cmocka_unit_test(killed_at_any_operation_on_a_file_the_archive_is_whole),
  };
  return RUN_TESTS(tests);
}
