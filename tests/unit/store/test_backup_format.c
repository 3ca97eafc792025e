/* The head of a backup: what is written is read, and nothing else is. */
#include "store/backup_format.h"

#include "expect.h"

static struct backup_head sample(void) {
  struct backup_head h = {.flags = BACKUP_ENCRYPTED | BACKUP_HAS_SERVER_KEY,
                          .database_bytes = 123456789,
                          .made_us = 1790000000000001,
                          .schema_version = 4,
                          .kdf_passes = 3,
                          .kdf_memory = 268435456};
  for (size_t i = 0; i < sizeof h.salt; i++)
    h.salt[i] = (uint8_t)(i + 1);
  for (size_t i = 0; i < sizeof h.stream_head; i++)
    h.stream_head[i] = (uint8_t)(i + 50);
  backup_key_mark(TEXT("0123456789abcdef0123456789abcdef"), h.key_mark);
  return h;
}

static void expect_written_and_refused(struct backup_head h, enum err want) {
  uint8_t at[BACKUP_HEAD_BYTES];
  struct backup_head out = {.schema_version = 99};
  backup_head_write(&h, at);
  EXPECT_ERR(backup_head_read(at, &out, &test_fault), want);
  assert_int_equal(out.schema_version, 99);
}

static void what_is_written_is_read(void **state) {
  uint8_t at[BACKUP_HEAD_BYTES];
  struct backup_head h = sample(), out = {0};
  backup_head_write(&h, at);
  EXPECT_OK(backup_head_read(at, &out, &test_fault));
  assert_int_equal(out.flags, h.flags);
  assert_int_equal(out.database_bytes, h.database_bytes);
  assert_int_equal(out.made_us, h.made_us);
  assert_int_equal(out.schema_version, h.schema_version);
  assert_int_equal(out.kdf_passes, h.kdf_passes);
  assert_int_equal(out.kdf_memory, h.kdf_memory);
  assert_memory_equal(out.salt, h.salt, sizeof h.salt);
  assert_memory_equal(out.stream_head, h.stream_head, sizeof h.stream_head);
  assert_memory_equal(out.key_mark, h.key_mark, sizeof h.key_mark);
}

static struct backup_head with_master_key(void) {
  struct backup_head h = sample();
  h.flags |= BACKUP_HAS_MASTER_KEY;
  backup_master_mark(TEXT("abcdef0123456789abcdef0123456789"), h.master_mark);
  return h;
}

/* So that a program that knows nothing of master keys restores what it can restore whole, and nothing else. */
static void the_format_is_the_older_one_where_nothing_is_sealed(void **state) {
  uint8_t at[BACKUP_HEAD_BYTES];
  struct backup_head h = sample(), out = {0};
  backup_head_write(&h, at);
  assert_int_equal(at[8], 1);
  h = with_master_key();
  backup_head_write(&h, at);
  assert_int_equal(at[8], 2);
  EXPECT_OK(backup_head_read(at, &out, &test_fault));
  assert_int_equal(out.flags, h.flags);
  assert_memory_equal(out.master_mark, h.master_mark, sizeof h.master_mark);
}

static void a_master_key_without_its_mark_is_refused(void **state) {
  struct backup_head h = sample();
  h.flags |= BACKUP_HAS_MASTER_KEY;
  expect_written_and_refused(h, ERR_STORE_CORRUPT);
}

static void every_bit_flipped_is_noticed(void **state) {
  uint8_t at[BACKUP_HEAD_BYTES];
  struct backup_head h = with_master_key(), out;
  backup_head_write(&h, at);
  for (size_t bit = 0; bit < sizeof at * 8; bit++) {
    at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (backup_head_read(at, &out, &test_fault) == ERR_OK)
      fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
    at[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

static void a_newer_format_and_other_files_are_told_apart(void **state) {
  uint8_t at[BACKUP_HEAD_BYTES];
  struct backup_head h = sample(), out;
  backup_head_write(&h, at);
  at[8] = BACKUP_FORMAT + 1;
  EXPECT_ERR(backup_head_read(at, &out, &test_fault), ERR_UNSUPPORTED);
  EXPECT_MENTIONS("use a newer Weir");
  at[0] = 'S';
  EXPECT_ERR(backup_head_read(at, &out, &test_fault), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("not a backup");
}

static void what_asks_for_too_much_is_refused(void **state) {
  struct backup_head h = sample();
  h.database_bytes = (uint64_t)BACKUP_DATABASE_BYTES_MAX + 1;
  expect_written_and_refused(h, ERR_LIMIT);
  EXPECT_MENTIONS("1099511627777 bytes");
  h.database_bytes = BACKUP_DATABASE_BYTES_MIN - 1;
  expect_written_and_refused(h, ERR_LIMIT);
  h = sample();
  h.kdf_passes = BACKUP_KDF_PASSES_MAX + 1;
  expect_written_and_refused(h, ERR_LIMIT);
  h.kdf_passes = 0;
  expect_written_and_refused(h, ERR_LIMIT);
  h = sample();
  h.kdf_memory = (uint64_t)BACKUP_KDF_MEMORY_MAX + 1;
  expect_written_and_refused(h, ERR_LIMIT);
  h.kdf_memory = BACKUP_KDF_MEMORY_MIN - 1;
  expect_written_and_refused(h, ERR_LIMIT);
}

static void flags_of_the_future_are_refused(void **state) {
  struct backup_head h = sample();
  h.flags |= 8;
  expect_written_and_refused(h, ERR_STORE_CORRUPT);
}

static void marks_tell_server_keys_apart(void **state) {
  static const uint8_t none[BACKUP_KEY_MARK_BYTES];
  uint8_t one[BACKUP_KEY_MARK_BYTES], other[BACKUP_KEY_MARK_BYTES], again[BACKUP_KEY_MARK_BYTES];
  backup_key_mark(TEXT("0123456789abcdef0123456789abcdef"), one);
  backup_key_mark(TEXT("0123456789abcdef0123456789abcdeg"), other);
  backup_key_mark(TEXT("0123456789abcdef0123456789abcdef"), again);
  assert_memory_equal(one, again, sizeof one);
  assert_memory_not_equal(one, other, sizeof one);
  backup_key_mark(TEXT_NONE, other);
  assert_memory_equal(other, none, sizeof none);
}

static void marks_tell_master_keys_apart(void **state) {
  static const uint8_t none[BACKUP_MASTER_MARK_BYTES];
  uint8_t one[BACKUP_MASTER_MARK_BYTES], other[BACKUP_MASTER_MARK_BYTES], server[BACKUP_KEY_MARK_BYTES];
  backup_master_mark(TEXT("0123456789abcdef0123456789abcdef"), one);
  backup_master_mark(TEXT("0123456789abcdef0123456789abcdeg"), other);
  assert_memory_not_equal(one, other, sizeof one);
  backup_key_mark(TEXT("0123456789abcdef0123456789abcdef"), server);
  assert_memory_not_equal(one, server, sizeof one);
  backup_master_mark(TEXT_NONE, other);
  assert_memory_equal(other, none, sizeof none);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(every_bit_flipped_is_noticed),
      cmocka_unit_test(a_newer_format_and_other_files_are_told_apart),
      cmocka_unit_test(what_asks_for_too_much_is_refused),
      cmocka_unit_test(flags_of_the_future_are_refused),
      cmocka_unit_test(marks_tell_server_keys_apart),
      cmocka_unit_test(marks_tell_master_keys_apart),
      cmocka_unit_test(the_format_is_the_older_one_where_nothing_is_sealed),
      cmocka_unit_test(a_master_key_without_its_mark_is_refused),
  };
  return RUN_TESTS(tests);
}
