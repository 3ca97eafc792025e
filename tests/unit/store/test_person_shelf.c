/* Exports leave their folder by age, or with the job that made them, and nothing else does. */
#include "store/person_shelf.h"

#include "expect.h"

#include <fcntl.h>
#include <sys/stat.h>

static void put(const char *name, int64_t age_s) {
  char path[200];
  struct timespec times[2] = {{.tv_sec = 1000000 - age_s}, {.tv_sec = 1000000 - age_s}};
  snprintf(path, sizeof path, "%s/%s", test_dir, name);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_int_equal(futimens(fd, times), 0);
  close(fd);
}

static bool is_there(const char *name) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", test_dir, name);
  return access(path, F_OK) == 0;
}

static void drop(const char *name) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", test_dir, name);
  unlink(path);
}

static void old_exports_go_whole_or_not(void **state) {
  int64_t removed = 9;
  put("person-1-1.jsonl.zst", 500);
  put("person-2-1.jsonl.zst.part", 500);
  put("person-3-1.jsonl.zst", 50);
  put("notes.txt", 500);
  EXPECT_OK(person_shelf_purge(NULL, test_dir, INT64_C(999900) * 1000000, &removed, &test_fault));
  assert_int_equal(removed, 2);
  assert_false(is_there("person-1-1.jsonl.zst"));
  assert_false(is_there("person-2-1.jsonl.zst.part"));
  assert_true(is_there("person-3-1.jsonl.zst"));
  assert_true(is_there("notes.txt"));
  drop("person-3-1.jsonl.zst");
  drop("notes.txt");
  EXPECT_OK(person_shelf_purge(NULL, "/tmp/weir-no-such-folder", INT64_MAX, &removed, &test_fault));
  assert_int_equal(removed, 0);
}

static void what_one_job_has_written_goes(void **state) {
  uint64_t removed = 9;
  put("person-7-1.jsonl.zst.part", 0);
  put("person-7-2.jsonl.zst", 0);
  put("person-77-1.jsonl.zst", 0);
  EXPECT_OK(person_shelf_remove(test_dir, 7, &removed, &test_fault));
  assert_int_equal(removed, 2);
  assert_true(is_there("person-77-1.jsonl.zst"));
  drop("person-77-1.jsonl.zst");
  EXPECT_OK(person_shelf_remove("/tmp/weir-no-such-folder", 7, &removed, &test_fault));
  assert_int_equal(removed, 0);
  EXPECT_ERR(person_shelf_remove("/dev/null", 7, &removed, &test_fault), ERR_STORE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(old_exports_go_whole_or_not),
      TEST_WITH_DIR(what_one_job_has_written_goes),
  };
  return RUN_TESTS(tests);
}
