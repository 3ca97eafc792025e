/* The archive's files: what is written is there whole or not at all, damage anywhere is found, strays are swept away.
 */
#include "store/archive_file.h"

#include "expect.h"
#include "store/ledger_json.h"

#include <dirent.h>
#include <fcntl.h>
#include <zstd.h>

static char folder[128];

static int in_folder(void **state) {
  int made = make_dir(state);
  snprintf(folder, sizeof folder, "%s/archive", test_dir);
  return made;
}

static int drop_folder(void **state) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
  return drop_dir(state);
}
#define TEST_IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, in_folder, drop_folder)

static struct archive_made make(size_t count) {
  static struct ledger_row rows[50];
  struct archive_made made;
  for (size_t i = 0; i < count; i++)
    rows[i] = make_row((int64_t)i + 1, 1, 5, 1000 + (int64_t)i);
  EXPECT_OK(archive_file_write(folder, rows, count, &made, &test_fault));
  return made;
}

static size_t bytes_of(const char *name, char *out, size_t cap) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, out, cap);
  close(fd);
  assert_true(n > 0);
  return (size_t)n;
}

static void a_file_holds_a_line_of_json_for_each_row(void **state) {
  static char packed[65536], plain[65536];
  struct archive_made made = make(50);
  struct ledger_row row = make_row(50, 1, 5, 1049);
  struct buf line;
  assert_string_equal(made.name, "ledger-1000-1-1049-50.jsonl.zst");
  EXPECT_OK(archive_file_check(folder, text_of(made.name), text_of(made.digest), 50, &test_fault));
  size_t n = bytes_of(made.name, packed, sizeof packed);
  assert_int_equal(n, made.bytes);
  size_t len = ZSTD_decompress(plain, sizeof plain, packed, n);
  assert_false(ZSTD_isError(len));
  buf_init(&line, LEDGER_JSON_MAX);
  ledger_json_write(&row, &line);
  assert_true(text_ends((struct text){plain, len}, buf_text(&line)));
  assert_true(text_find(buf_text(&line), TEXT("\"workspace\":\"lab\"")) > 0);
  assert_true(text_find(buf_text(&line), TEXT("\"provider_metadata\":{\"service_tier\":\"priority\"}")) > 0);
  assert_true(text_find(buf_text(&line), TEXT("\"cost_nano\":5")) > 0);
  buf_done(&line);
}

static void an_unknown_cost_is_null_and_its_parts_are_there(void **state) {
  struct ledger_row row = make_row(1, 1, 5, 1000);
  struct buf line;
  row.cost.known = false;
  row.provider_metadata = TEXT("");
  buf_init(&line, LEDGER_JSON_MAX);
  ledger_json_write(&row, &line);
  assert_true(text_find(buf_text(&line), TEXT("\"cost_nano\":null")) > 0);
  assert_true(text_find(buf_text(&line), TEXT("\"provider_metadata\":null")) > 0);
  assert_true(text_find(buf_text(&line), TEXT("\"total\":5")) > 0);
  buf_done(&line);
}

static void every_changed_byte_and_every_cut_is_found(void **state) {
  static char bytes[65536];
  struct archive_made made = make(20);
  char path[300];
  size_t n = bytes_of(made.name, bytes, sizeof bytes);
  snprintf(path, sizeof path, "%s/%s", folder, made.name);
  for (size_t i = 0; i < n; i += 7) {
    int fd = open(path, O_RDWR);
    char changed = (char)(bytes[i] ^ 1);
    assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
    EXPECT_ERR(archive_file_check(folder, text_of(made.name), text_of(made.digest), 20, &test_fault),
               ERR_STORE_CORRUPT);
    assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    close(fd);
  }
  EXPECT_OK(archive_file_check(folder, text_of(made.name), text_of(made.digest), 20, &test_fault));
  EXPECT_ERR(archive_file_check(folder, text_of(made.name), text_of(made.digest), 19, &test_fault), ERR_STORE_CORRUPT);
  assert_int_equal(truncate(path, (off_t)n - 1), 0);
  EXPECT_ERR(archive_file_check(folder, text_of(made.name), text_of(made.digest), 20, &test_fault), ERR_STORE_CORRUPT);
  assert_int_equal(unlink(path), 0);
  EXPECT_ERR(archive_file_check(folder, text_of(made.name), text_of(made.digest), 20, &test_fault), ERR_NOT_FOUND);
}

static bool is_the_one(void *data, struct text name) { return text_equal(name, text_of(data)); }

static void strays_are_swept_away_and_nothing_else(void **state) {
  struct archive_made stray = make(3), kept = make(4);
  char path[300];
  snprintf(path, sizeof path, "%s/%s.part", folder, kept.name);
  close(open(path, O_WRONLY | O_CREAT, 0600));
  snprintf(path, sizeof path, "%s/notes.txt", folder);
  close(open(path, O_WRONLY | O_CREAT, 0600));
  EXPECT_OK(archive_file_sweep(folder, is_the_one, kept.name, &test_fault));
  EXPECT_OK(archive_file_check(folder, text_of(kept.name), text_of(kept.digest), 4, &test_fault));
  EXPECT_ERR(archive_file_check(folder, text_of(stray.name), text_of(stray.digest), 3, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(access(path, F_OK), 0);
  snprintf(path, sizeof path, "%s/%s.part", folder, kept.name);
  assert_int_not_equal(access(path, F_OK), 0);
  EXPECT_OK(archive_file_sweep("/tmp/weir-no-such-folder", is_the_one, kept.name, &test_fault));
}

static void a_folder_that_cannot_be_made_is_named(void **state) {
  struct ledger_row row = make_row(1, 1, 5, 1000);
  struct archive_made made;
  EXPECT_ERR(archive_file_write("/proc/weir-archive", &row, 1, &made, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/proc/weir-archive");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_IN_FOLDER(a_file_holds_a_line_of_json_for_each_row),
      TEST_IN_FOLDER(an_unknown_cost_is_null_and_its_parts_are_there),
      TEST_IN_FOLDER(every_changed_byte_and_every_cut_is_found),
      TEST_IN_FOLDER(strays_are_swept_away_and_nothing_else),
      TEST_IN_FOLDER(a_folder_that_cannot_be_made_is_named),
  };
  return RUN_TESTS(tests);
}
