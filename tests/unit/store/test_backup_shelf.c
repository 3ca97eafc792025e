/* Backups made again and again: the newest are kept, the last good one always is, and what is not ours is left alone.
 */
#include "store/backup_shelf.h"

#include "backup_fixture.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

#define NOON_US INT64_C(1796040000000000) /* 2026-11-30 12:00:00 UTC */
#define DAY_US  INT64_C(86400000000)

static struct path shelf_dir;

/* Not inlined: each of them has a path in its frame. */
static __attribute__((noinline)) bool there(const char *name) { return exists(name); }

static struct backup_shelf shelf(size_t keep) {
  shelf_dir = in_dir("shelf");
  return (struct backup_shelf){.dir = shelf_dir.text, .database = test_db, .keep = keep};
}

static struct backup_shelved add(const struct backup_shelf *s, int day) {
  struct backup_shelved made;
  EXPECT_OK(backup_shelf_add(s, NOON_US + day * DAY_US, &made, &test_fault));
  return made;
}

static void a_database(void) {
  struct store *s = open_store();
  add_rows(s, 1, 2000);
  s->ops->close(s);
}

static void the_newest_are_kept(void **state) {
  struct backup_shelf s = shelf(3);
  a_database();
  for (int day = 0; day < 5; day++) {
    struct backup_shelved made = add(&s, day);
    assert_int_equal(made.kept, day < 3 ? day + 1 : 3);
    assert_int_equal(made.removed, day < 3 ? 0 : 1);
    assert_true(made.made.stored_bytes > 100);
  }
  assert_false(there("shelf/weir-20261201T120000Z.backup"));
  assert_true(there("shelf/weir-20261202T120000Z.backup"));
  assert_true(there("shelf/weir-20261204T120000Z.backup"));
  s.keep = 1;
  assert_int_equal(add(&s, 5).removed, 3);
  assert_true(there("shelf/weir-20261205T120000Z.backup"));
}

static void the_newest_says_when_it_was_made(void **state) {
  struct backup_shelf s = shelf(2);
  int64_t made_us = 7;
  struct timespec now;
  EXPECT_OK(backup_shelf_newest(s.dir, &made_us, &test_fault));
  assert_int_equal(made_us, 0);
  a_database();
  add(&s, 0);
  clock_gettime(CLOCK_REALTIME, &now);
  EXPECT_OK(backup_shelf_newest(s.dir, &made_us, &test_fault));
  if (made_us < (now.tv_sec - 600) * 1000000 || made_us > (now.tv_sec + 1) * 1000000)
    fail_msg("made at %lld, now %lld", (long long)made_us, (long long)now.tv_sec * 1000000);
}

static void one_that_fails_costs_no_older_one(void **state) {
  struct backup_shelf s = shelf(1);
  struct backup_shelved made = {.kept = 77};
  a_database();
  add(&s, 0);
  struct bytes b = bytes_of_file(test_db);
  memset(b.at + b.len / 2 / 16384 * 16384, 0x5a, 200); /* where a page begins */
  write_bytes(test_db, b.at, b.len);
  free(b.at);
  EXPECT_ERR(backup_shelf_add(&s, NOON_US + DAY_US, &made, &test_fault), ERR_STORE_CORRUPT);
  assert_int_equal(made.kept, 77);
  assert_true(there("shelf/weir-20261130T120000Z.backup"));
  assert_false(there("shelf/weir-20261201T120000Z.backup"));
}

/* The largest file the process may write stands for a disk that is full. */
static void a_disk_that_is_full_leaves_nothing_half(void **state) {
  struct backup_shelf s = shelf(2);
  struct backup_shelved made;
  struct rlimit before, small;
  a_database();
  add(&s, 0);
  assert_int_equal(sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), 0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  for (rlim_t bytes = 4096; bytes < 200000; bytes *= 3) {
    small.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err e = backup_shelf_add(&s, NOON_US + DAY_US, &made, &test_fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(e, ERR_OK);
    assert_false(there("shelf/weir-20261201T120000Z.backup"));
    assert_false(there("shelf/weir-20261201T120000Z.backup.partial"));
    assert_false(there("shelf/weir-20261201T120000Z.backup.partial-db"));
  }
  assert_int_equal(sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_DFL}, NULL), 0);
  assert_true(there("shelf/weir-20261130T120000Z.backup"));
  assert_int_equal(add(&s, 1).kept, 2);
}

static void put(const char *name) {
  struct path p = in_dir(name);
  write_bytes(p.text, "not one", 7);
}

static void what_is_not_a_backup_is_neither_counted_nor_removed(void **state) {
  struct backup_shelf s = shelf(1);
  a_database();
  add(&s, 5);
  put("shelf/notes");
  put("shelf/weir-20200101T000000Z.backup");
  put("shelf/weir-2020.backup");
  assert_int_equal(symlink("../weir.db", in_dir("shelf/weir-20200102T000000Z.backup").text), 0);
  struct backup_shelved made = add(&s, 6);
  assert_int_equal(made.kept, 1);
  assert_int_equal(made.removed, 1);
  assert_true(there("shelf/notes"));
  assert_true(there("shelf/weir-20200101T000000Z.backup"));
  assert_true(there("shelf/weir-2020.backup"));
  assert_true(there("weir.db"));
}

static void leftovers_of_killed_ones_go_and_what_is_being_written_stays(void **state) {
  struct backup_shelf s = shelf(3);
  a_database();
  add(&s, 0);
  put("shelf/weir-20261101T000000Z.backup.partial");
  put("shelf/weir-20261101T000000Z.backup.partial-db");
  put("shelf/weir-20261102T000000Z.backup.partial");
  put("shelf/weir-20261102T000000Z.backup.partial-db");
  int busy = open(in_dir("shelf/weir-20261102T000000Z.backup.partial").text, O_RDWR | O_CLOEXEC);
  assert_int_equal(flock(busy, LOCK_EX), 0);
  add(&s, 1);
  close(busy);
  assert_false(there("shelf/weir-20261101T000000Z.backup.partial"));
  assert_false(there("shelf/weir-20261101T000000Z.backup.partial-db"));
  assert_true(there("shelf/weir-20261102T000000Z.backup.partial"));
  assert_true(there("shelf/weir-20261102T000000Z.backup.partial-db"));
}

static void a_folder_that_cannot_be_made_is_told(void **state) {
  struct backup_shelf s = shelf(3);
  struct backup_shelved made;
  struct path deep = in_dir("no/such/folder");
  a_database();
  s.dir = deep.text;
  EXPECT_ERR(backup_shelf_add(&s, NOON_US, &made, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("no/such/folder");
  char long_name[2 * BACKUP_PATH_MAX];
  memset(long_name, 'x', sizeof long_name);
  long_name[sizeof long_name - 1] = '\0';
  s.dir = long_name;
  EXPECT_ERR(backup_shelf_add(&s, NOON_US, &made, &test_fault), ERR_LIMIT);
}

static void encrypted_ones_rotate_alike(void **state) {
  struct backup_shelf s = shelf(1);
  a_database();
  s.secrets = (struct backup_secrets){TEXT("0123456789abcdef0123456789abcdef"), TEXT("correct horse")};
  s.kdf_passes = TEST_KDF_PASSES;
  s.kdf_memory = TEST_KDF_MEMORY;
  add(&s, 0);
  assert_int_equal(add(&s, 1).removed, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_FILES(the_newest_are_kept),
      TEST_WITH_FILES(the_newest_says_when_it_was_made),
      TEST_WITH_FILES(one_that_fails_costs_no_older_one),
      TEST_WITH_FILES(a_disk_that_is_full_leaves_nothing_half),
      TEST_WITH_FILES(what_is_not_a_backup_is_neither_counted_nor_removed),
      TEST_WITH_FILES(leftovers_of_killed_ones_go_and_what_is_being_written_stays),
      TEST_WITH_FILES(a_folder_that_cannot_be_made_is_told),
      TEST_WITH_FILES(encrypted_ones_rotate_alike),
  };
  return RUN_TESTS(tests);
}
