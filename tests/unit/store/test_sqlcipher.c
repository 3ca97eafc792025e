/* Encrypted stores: nothing of them is readable in the file, its log or a backup, they open with their key alone, and
 * every way of copying keeps to that. Built where SQLCipher is there. */
#include "store/sqlite_key.h"

#include "backup_fixture.h"
#include "store/backup.h"
#include "store/restore.h"
#include "store/store_copy.h"
#include "support/actor.h"

#define SECRET_WORD "plaintext-canary"

static const struct text passphrase = {"correct horse battery", 21};
static const struct text raw_key = {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 64};

static struct store_place place_of(const char *path, struct text key) {
  return (struct store_place){.kind = STORE_SQLITE, .path = path, .key = key};
}

static struct store *open_with(const char *path, struct text key) {
  struct store *s = NULL;
  struct store_place p = place_of(path, key);
  EXPECT_OK(store_open(&p, &s, &test_fault));
  return s;
}

static void refuse_with(const char *path, struct text key, enum err want, const char *word) {
  struct store *s = NULL;
  struct store_place p = place_of(path, key);
  struct bytes before = bytes_of_file(path);
  EXPECT_ERR(store_open(&p, &s, &test_fault), want);
  EXPECT_MENTIONS(word);
  assert_null(strstr(test_fault.text, "horse"));
  struct bytes after = bytes_of_file(path);
  assert_int_equal(after.len, before.len);
  assert_memory_equal(after.at, before.at, before.len);
  free(before.at);
  free(after.at);
}

static void fill(struct store *s, size_t count) {
  struct store_key key = {.name = TEXT(SECRET_WORD), .models = TEXT("*"), .budget_period = TEXT("")};
  int64_t id;
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
  add_rows(s, 1, count);
}

static int64_t rows_in(const char *path, struct text key) {
  struct store *s = open_with(path, key);
  struct arena a;
  struct ledger_totals t = {0};
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
  assert_int_equal(t.mismatched_keys, 0);
  arena_done(&a);
  s->ops->close(s);
  return (int64_t)t.rows;
}

static bool shows(const char *path, const char *word) {
  if (access(path, F_OK) != 0)
    return false;
  struct bytes b = bytes_of_file(path);
  bool found = memmem(b.at, b.len, word, strlen(word)) != NULL;
  free(b.at);
  return found;
}

static void an_encrypted_store_shows_nothing_and_opens_with_its_key_alone(void **state) {
  const struct text keys[] = {passphrase, raw_key};
  for (size_t i = 0; i < 2; i++) {
    struct store *s = open_with(test_db, keys[i]);
    fill(s, 2000);
    assert_false(shows(in_dir("weir.db-wal").text, SECRET_WORD));
    s->ops->close(s);
    assert_false(shows(test_db, SECRET_WORD));
    assert_false(shows(test_db, "SQLite format"));
    assert_int_equal(rows_in(test_db, keys[i]), 2000);
    refuse_with(test_db, keys[!i], ERR_FORBIDDEN, "does not open with store_key");
    refuse_with(test_db, TEXT_NONE, ERR_STORE_CORRUPT, "store_key");
    unlink(test_db);
  }
}

static void a_store_in_the_clear_is_not_taken_for_an_encrypted_one(void **state) {
  struct store *s = open_store();
  s->ops->close(s);
  refuse_with(test_db, passphrase, ERR_FORBIDDEN, "is not encrypted");
}

static void a_damaged_page_is_found(void **state) {
  struct store *s = open_with(test_db, raw_key);
  fill(s, 4000);
  s->ops->close(s);
  struct bytes b = bytes_of_file(test_db);
  b.at[b.len / 2] ^= 1;
  write_bytes(test_db, b.at, b.len);
  free(b.at);
  refuse_with(test_db, raw_key, ERR_STORE_CORRUPT, "damaged");
}

static void a_backup_stays_encrypted_and_is_restored_with_the_key(void **state) {
  struct path backup = in_dir("b"), kept = in_dir("kept");
  struct backup_made made;
  struct restore_found found;
  bool any;
  struct store *s = open_with(test_db, raw_key);
  fill(s, 3000);
  struct backup_request r = {.database = test_db, .key = raw_key, .path = backup.text, .out = -1};
  EXPECT_OK(backup_make(&r, &made, &test_fault));
  add_rows(s, 5000, 500);
  s->ops->close(s);
  struct path unpacked = in_dir("unpacked");
  struct backup_content content;
  int in = open(backup.text, O_RDONLY | O_CLOEXEC), out = open(unpacked.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_OK(backup_stream_read(in, TEXT_NONE, UINT64_C(1) << 32, out, &content, &test_fault));
  close(out);
  assert_false(shows(unpacked.text, SECRET_WORD));
  assert_int_equal(rows_in(unpacked.text, raw_key), 3000);
  struct restore_database d = {test_db, passphrase};
  assert_int_equal(lseek(in, 0, SEEK_SET), 0);
  EXPECT_ERR(restore_prepare(in, &d, TEXT_NONE, &found, &test_fault), ERR_FORBIDDEN);
  d.key = raw_key;
  assert_int_equal(lseek(in, 0, SEEK_SET), 0);
  EXPECT_OK(restore_prepare(in, &d, TEXT_NONE, &found, &test_fault));
  EXPECT_OK(restore_put(&d, kept.text, &any, &test_fault));
  close(in);
  assert_int_equal(rows_in(test_db, raw_key), 3000);
  assert_int_equal(rows_in(kept.text, raw_key), 3500);
}

static void a_backup_needs_the_key(void **state) {
  struct path backup = in_dir("b");
  struct backup_made made;
  struct store *s = open_with(test_db, raw_key);
  s->ops->close(s);
  struct backup_request r = {.database = test_db, .path = backup.text, .out = -1};
  EXPECT_ERR(backup_make(&r, &made, &test_fault), ERR_STORE_CORRUPT);
  r.key = passphrase;
  EXPECT_ERR(backup_make(&r, &made, &test_fault), ERR_FORBIDDEN);
  assert_false(exists("b"));
}

static enum err quiet(void *data, const char *doing, const char *table, uint64_t rows, struct fault *f) {
  return ERR_OK;
}

static void a_copy_encrypts_and_decrypts(void **state) {
  const struct copy_watch watch = {quiet, NULL};
  struct path encrypted = in_dir("encrypted.db"), clear = in_dir("clear.db");
  struct store_place to = place_of(encrypted.text, passphrase), back = place_of(clear.text, TEXT_NONE);
  struct copy_report report;
  struct store *s = open_store();
  fill(s, 2500);
  EXPECT_OK(store_copy(s, &to, &watch, &report, &test_fault));
  s->ops->close(s);
  assert_false(shows(encrypted.text, SECRET_WORD));
  s = open_with(encrypted.text, passphrase);
  EXPECT_OK(store_copy(s, &back, &watch, &report, &test_fault));
  s->ops->close(s);
  assert_true(shows(clear.text, SECRET_WORD));
  assert_int_equal(rows_in(clear.text, TEXT_NONE), 2500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_FILES(an_encrypted_store_shows_nothing_and_opens_with_its_key_alone),
      TEST_WITH_FILES(a_store_in_the_clear_is_not_taken_for_an_encrypted_one),
      TEST_WITH_FILES(a_damaged_page_is_found),
      TEST_WITH_FILES(a_backup_stays_encrypted_and_is_restored_with_the_key),
      TEST_WITH_FILES(a_backup_needs_the_key),
      TEST_WITH_FILES(a_copy_encrypts_and_decrypts),
  };
  return RUN_TESTS(tests);
}
