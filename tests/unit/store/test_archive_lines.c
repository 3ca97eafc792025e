/* An archive's file is read line by line and written anew beside itself; damage and absence are told apart. */
#include "store/archive_lines.h"

#include "expect.h"

#include <dirent.h>
#include <fcntl.h>

static char folder[128];

static int in_folder(void **state) {
  int made = make_dir(state);
  snprintf(folder, sizeof folder, "%s/archive", test_dir);
  return made;
}

static size_t files_left(bool remove) {
  DIR *d = opendir(folder);
  size_t count = 0;
  for (struct dirent *entry; d && (entry = readdir(d));) {
    count += entry->d_name[0] != '.';
    if (remove)
      unlinkat(dirfd(d), entry->d_name, 0);
  }
  if (d)
    closedir(d);
  return count;
}

static int drop_folder(void **state) {
  files_left(true);
  rmdir(folder);
  return drop_dir(state);
}
#define TEST_IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, in_folder, drop_folder)

#define ROWS                 3000 /* more than one chunk of plain bytes */

static struct archive_made make(void) {
  static struct ledger_row rows[ROWS];
  struct archive_made made;
  for (int64_t i = 0; i < ROWS; i++)
    rows[i] = make_row(i + 1, 1, 5, 1000 + i);
  EXPECT_OK(archive_file_write(folder, rows, ROWS, &made, &test_fault));
  return made;
}

struct heard {
  size_t lines;
  uint64_t hash;
};

static enum err hear(void *ctx, struct text line, struct fault *f) {
  struct heard *h = ctx;
  assert_true(text_starts(line, TEXT("{\"id\":")) && text_ends(line, TEXT("}")));
  h->lines++;
  h->hash = h->hash * 31 + text_hash(line);
  return ERR_OK;
}

static struct heard read_whole(const char *name, const char *digest) {
  struct heard h = {0};
  EXPECT_OK(archive_lines_read(folder, text_of(name), text_of(digest), &(struct archive_ear){hear, &h}, &test_fault));
  return h;
}

static bool change_one(void *ctx, struct text line, struct buf *out) {
  if (!text_starts(line, TEXT("{\"id\":7,")))
    return false;
  buf_add(out, TEXT("{\"id\":7}"));
  return true;
}

static bool change_none(void *ctx, struct text line, struct buf *out) { return false; }

static void every_line_is_read_in_its_order(void **state) {
  struct archive_made made = make();
  struct heard h = read_whole(made.name, made.digest);
  assert_int_equal(h.lines, ROWS);
}

static void one_written_anew_differs_where_it_was_edited_and_stands_beside_the_old(void **state) {
  struct archive_made made = make(), anew, again;
  uint64_t changed = 9;
  struct heard before = read_whole(made.name, made.digest);
  EXPECT_OK(archive_lines_rewrite(folder, text_of(made.name), text_of(made.digest),
                                  &(struct archive_edit){change_none, NULL}, &anew, &changed, &test_fault));
  assert_string_equal(anew.name, "ledger-1000-1-3999-3000.r1.jsonl.zst");
  assert_int_equal(changed, 0);
  assert_int_equal(read_whole(anew.name, anew.digest).hash, before.hash);
  EXPECT_OK(archive_lines_rewrite(folder, text_of(anew.name), text_of(anew.digest),
                                  &(struct archive_edit){change_one, NULL}, &again, &changed, &test_fault));
  assert_string_equal(again.name, "ledger-1000-1-3999-3000.r2.jsonl.zst");
  assert_int_equal(changed, 1);
  EXPECT_OK(archive_file_check(folder, text_of(again.name), text_of(again.digest), ROWS, &test_fault));
  assert_int_not_equal(read_whole(again.name, again.digest).hash, before.hash);
  assert_int_equal(read_whole(made.name, made.digest).hash, before.hash);
  EXPECT_OK(archive_lines_remove(folder, text_of(made.name), &test_fault));
  EXPECT_OK(archive_lines_remove(folder, text_of(made.name), &test_fault)); /* gone already */
  assert_int_equal(files_left(false), 2);
}

static void what_is_damaged_or_not_there_is_not_written_anew(void **state) {
  struct archive_made made = make(), anew;
  uint64_t changed = 0;
  char path[300];
  const struct archive_edit edit = {change_one, NULL};
  snprintf(path, sizeof path, "%s/%s", folder, made.name);
  int fd = open(path, O_RDWR);
  char was = 0, other;
  assert_int_equal(pread(fd, &was, 1, 5000), 1);
  other = (char)(was ^ 1);
  assert_int_equal(pwrite(fd, &other, 1, 5000), 1);
  close(fd);
  EXPECT_ERR(
      archive_lines_rewrite(folder, text_of(made.name), text_of(made.digest), &edit, &anew, &changed, &test_fault),
      ERR_STORE_CORRUPT);
  EXPECT_MENTIONS(made.name);
  assert_int_equal(files_left(false), 1);
  unlink(path);
  EXPECT_ERR(
      archive_lines_rewrite(folder, text_of(made.name), text_of(made.digest), &edit, &anew, &changed, &test_fault),
      ERR_NOT_FOUND);
  assert_int_equal(files_left(false), 0);
  EXPECT_ERR(archive_lines_rewrite("/tmp/weir-no-such-folder", text_of(made.name), text_of(made.digest), &edit, &anew,
                                   &changed, &test_fault),
             ERR_STORE);
}

static enum err refuse(void *ctx, struct text line, struct fault *f) {
  return fault_set(f, ERR_CANCELLED, NULL, "enough");
}

static void an_ear_that_has_enough_ends_the_reading(void **state) {
  struct archive_made made = make();
  EXPECT_ERR(archive_lines_read(folder, text_of(made.name), text_of(made.digest), &(struct archive_ear){refuse, NULL},
                                &test_fault),
             ERR_CANCELLED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_IN_FOLDER(every_line_is_read_in_its_order),
      TEST_IN_FOLDER(one_written_anew_differs_where_it_was_edited_and_stands_beside_the_old),
      TEST_IN_FOLDER(what_is_damaged_or_not_there_is_not_written_anew),
      TEST_IN_FOLDER(an_ear_that_has_enough_ends_the_reading),
  };
  return RUN_TESTS(tests);
}
