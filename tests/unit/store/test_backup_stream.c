/* A backup file from end to end: what goes in comes out, and whatever is done to the file in between is noticed. */
#include "store/backup_stream.h"

#include "backup_fixture.h"

#include <zstd.h>

#define PASSPHRASE TEXT("correct horse battery")
#define SERVER_KEY TEXT("0123456789abcdef0123456789abcdef")
#define MASTER_KEY TEXT("fedcba9876543210fedcba9876543210")
#define ROOM       UINT64_C(1000000000)

/* Text that compresses somewhat, so that the file has several kinds of bytes in it. */
static struct bytes content_make(size_t len) {
  struct bytes b = {malloc(len), len};
  uint32_t n = 12345;
  assert_non_null(b.at);
  for (size_t i = 0; i < len; i++) {
    n = n * 1664525 + 1013904223;
    b.at[i] = i % 64 < 40 ? (uint8_t)('a' + i % 7) : (uint8_t)(n >> 24);
  }
  return b;
}

static struct bytes pack_with(struct bytes content, const struct backup_secrets *secrets) {
  struct backup_head h = {.database_bytes = content.len,
                          .made_us = 77,
                          .schema_version = 4,
                          .kdf_passes = TEST_KDF_PASSES,
                          .kdf_memory = TEST_KDF_MEMORY};
  int from = memory_file(content.at, content.len), to = memory_file(NULL, 0);
  uint64_t stored = 0;
  EXPECT_OK(backup_stream_write(&h, secrets, from, to, NULL, &stored, &test_fault));
  struct bytes b = bytes_of_fd(to);
  assert_int_equal(b.len, stored);
  close(from);
  close(to);
  return b;
}

static struct bytes pack(struct bytes content, struct text passphrase) {
  return pack_with(content, &(struct backup_secrets){SERVER_KEY, passphrase, MASTER_KEY});
}

static enum err unpack(const void *at, size_t len, struct text passphrase, uint64_t room, struct bytes *out,
                       struct backup_content *found) {
  int from = memory_file(at, len), to = memory_file(NULL, 0);
  enum err e = backup_stream_read(from, passphrase, room, to, found, &test_fault);
  if (out)
    *out = bytes_of_fd(to);
  close(from);
  close(to);
  return e;
}

static void expect_round_trip(size_t len, struct text passphrase) {
  struct bytes content = content_make(len), file = pack(content, passphrase), back;
  struct backup_content found = {0};
  EXPECT_OK(unpack(file.at, file.len, passphrase, ROOM, &back, &found));
  assert_int_equal(back.len, content.len);
  assert_memory_equal(back.at, content.at, content.len);
  assert_int_equal(found.stored_bytes, file.len);
  assert_int_equal(found.head.made_us, 77);
  assert_int_equal(found.head.schema_version, 4);
  free(content.at);
  free(file.at);
  free(back.at);
}

static void what_is_packed_is_unpacked(void **state) {
  static const size_t lengths[] = {512, 4096, 65535, 65536, 65537, 1000000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    expect_round_trip(lengths[i], TEXT_NONE);
    expect_round_trip(lengths[i], PASSPHRASE);
  }
}

static void the_server_key_goes_in_only_when_encrypted(void **state) {
  struct bytes content = content_make(1000);
  struct backup_content found = {0};
  static const uint8_t none[BACKUP_SERVER_KEY_BYTES];
  struct bytes file = pack(content, TEXT_NONE);
  assert_null(memmem(file.at, file.len, SERVER_KEY.at, SERVER_KEY.len));
  EXPECT_OK(unpack(file.at, file.len, TEXT_NONE, ROOM, NULL, &found));
  assert_memory_equal(found.server_key, none, sizeof none);
  free(file.at);
  file = pack(content, PASSPHRASE);
  assert_null(memmem(file.at, file.len, SERVER_KEY.at, SERVER_KEY.len));
  EXPECT_OK(unpack(file.at, file.len, PASSPHRASE, ROOM, NULL, &found));
  assert_memory_equal(found.server_key, SERVER_KEY.at, sizeof found.server_key);
  free(file.at);
  free(content.at);
}

static void expect_master_key(const struct backup_secrets *secrets, struct text want) {
  struct bytes content = content_make(1000), back, file = pack_with(content, secrets);
  struct backup_content found = {0};
  static const uint8_t none[BACKUP_MASTER_KEY_BYTES];
  assert_null(memmem(file.at, file.len, MASTER_KEY.at, MASTER_KEY.len));
  EXPECT_OK(unpack(file.at, file.len, secrets->passphrase, ROOM, &back, &found));
  assert_memory_equal(found.master_key, want.len ? (const void *)want.at : none, sizeof none);
  assert_int_equal(back.len, content.len);
  assert_memory_equal(back.at, content.at, content.len);
  free(back.at);
  free(file.at);
  free(content.at);
}

/* With and without the other key beside it. */
static void the_master_key_goes_in_only_when_encrypted(void **state) {
  expect_master_key(&(struct backup_secrets){SERVER_KEY, TEXT_NONE, MASTER_KEY}, TEXT_NONE);
  expect_master_key(&(struct backup_secrets){SERVER_KEY, PASSPHRASE, MASTER_KEY}, MASTER_KEY);
  expect_master_key(&(struct backup_secrets){TEXT_NONE, PASSPHRASE, MASTER_KEY}, MASTER_KEY);
  expect_master_key(&(struct backup_secrets){SERVER_KEY, PASSPHRASE, TEXT_NONE}, TEXT_NONE);
}

static void expect_every_flip_noticed(struct text passphrase) {
  struct bytes content = content_make(2000), file = pack(content, passphrase);
  struct backup_content found = {.stored_bytes = 5};
  for (size_t i = 0; i < file.len; i++) {
    file.at[i] ^= (uint8_t)(1u << i % 8);
    if (unpack(file.at, file.len, passphrase, ROOM, NULL, &found) == ERR_OK)
      fail_msg("byte %zu of %zu", i, file.len);
    file.at[i] ^= (uint8_t)(1u << i % 8);
  }
  assert_int_equal(found.stored_bytes, 5);
  free(content.at);
  free(file.at);
}

static void every_byte_flipped_is_noticed(void **state) { expect_every_flip_noticed(TEXT_NONE); }
static void every_byte_flipped_is_noticed_encrypted(void **state) { expect_every_flip_noticed(PASSPHRASE); }

static void expect_every_cut_noticed(struct text passphrase) {
  struct bytes content = content_make(2000), file = pack(content, passphrase);
  struct backup_content found;
  for (size_t len = 0; len < file.len; len++)
    if (unpack(file.at, len, passphrase, ROOM, NULL, &found) != ERR_STORE_CORRUPT)
      fail_msg("%zu bytes of %zu: %s", len, file.len, test_fault.text);
  free(content.at);
  free(file.at);
}

static void every_truncation_is_noticed(void **state) {
  expect_every_cut_noticed(TEXT_NONE);
  expect_every_cut_noticed(PASSPHRASE);
}

static void bytes_behind_the_end_are_noticed(void **state) {
  struct bytes content = content_make(2000), file = pack(content, TEXT_NONE);
  struct backup_content found;
  file.at = realloc(file.at, file.len + 1);
  file.at[file.len] = 0;
  EXPECT_ERR(unpack(file.at, file.len + 1, TEXT_NONE, ROOM, NULL, &found), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("bytes follow its end");
  free(content.at);
  free(file.at);
}

static void another_passphrase_opens_nothing(void **state) {
  struct bytes content = content_make(2000), file = pack(content, PASSPHRASE), back;
  struct backup_content found;
  EXPECT_ERR(unpack(file.at, file.len, TEXT("correct horse batterx"), ROOM, &back, &found), ERR_FORBIDDEN);
  EXPECT_MENTIONS("not the passphrase");
  assert_int_equal(back.len, 0);
  EXPECT_ERR(unpack(file.at, file.len, TEXT_NONE, ROOM, NULL, &found), ERR_FORBIDDEN);
  EXPECT_MENTIONS("encrypted");
  free(back.at);
  free(content.at);
  free(file.at);
}

static void what_does_not_fit_is_refused_before_a_byte_is_written(void **state) {
  struct bytes content = content_make(2000), file = pack(content, TEXT_NONE), back;
  struct backup_content found;
  EXPECT_ERR(unpack(file.at, file.len, TEXT_NONE, 1999, &back, &found), ERR_STORE_FULL);
  EXPECT_MENTIONS("there is room for 1999");
  assert_int_equal(back.len, 0);
  EXPECT_OK(unpack(file.at, file.len, TEXT_NONE, 2000, NULL, &found));
  free(back.at);
  free(content.at);
  free(file.at);
}

/* A file whose head is in order around any content. Its sum is wrong: what is tested is noticed before it. */
static struct bytes forge(uint64_t declared, const void *frame, size_t len) {
  struct backup_head h = {.database_bytes = declared, .made_us = 1, .schema_version = 1};
  struct bytes b = {malloc(BACKUP_HEAD_BYTES + len + 100), 0};
  assert_non_null(b.at);
  backup_head_write(&h, b.at);
  b.len = BACKUP_HEAD_BYTES;
  for (size_t at = 0, n; at < len; at += n) {
    n = len - at < 60000 ? len - at : 60000;
    uint8_t length[4] = {(uint8_t)n, (uint8_t)(n >> 8), 0, 0};
    memcpy(b.at + b.len, length, 4);
    memcpy(b.at + b.len + 4, (const char *)frame + at, n);
    b.len += 4 + n;
  }
  memset(b.at + b.len, 0, 4 + BACKUP_SUM_BYTES);
  b.len += 4 + BACKUP_SUM_BYTES;
  return b;
}

static void expect_forged(uint64_t declared, const void *frame, size_t len, const char *word, size_t most_written) {
  struct bytes file = forge(declared, frame, len), back;
  struct backup_content found;
  EXPECT_ERR(unpack(file.at, file.len, TEXT_NONE, ROOM, &back, &found), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS(word);
  if (back.len > most_written)
    fail_msg("%zu bytes were written", back.len);
  free(file.at);
  free(back.at);
}

static void a_bomb_writes_no_more_than_it_declares(void **state) {
  size_t len = 256 << 20, cap = 65536;
  char *zeros = calloc(1, len), *frame = malloc(cap);
  size_t n = ZSTD_compress(frame, cap, zeros, len, 3);
  assert_false(ZSTD_isError(n));
  expect_forged(1000000, frame, n, "more than it declares", 1000000);
  free(zeros);
  free(frame);
}

static void a_frame_that_wants_much_memory_is_refused(void **state) {
  size_t len = 32 << 20, cap = 65536;
  char *zeros = calloc(1, len), *frame = malloc(cap);
  ZSTD_CCtx *z = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 25);
  ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
  ZSTD_inBuffer in = {zeros, len, 0};
  ZSTD_outBuffer out = {frame, cap, 0};
  assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_continue) != 0 || in.pos == len, 1);
  assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
  expect_forged(len, frame, out.pos, "memory", 0);
  ZSTD_freeCCtx(z);
  free(zeros);
  free(frame);
}

static void content_that_is_too_short_or_twice_there_is_refused(void **state) {
  char frame[4000];
  struct bytes content = content_make(1000);
  size_t n = ZSTD_compress(frame, sizeof frame, content.at, content.len, 3);
  assert_false(ZSTD_isError(n));
  memcpy(frame + n, frame, n);
  expect_forged(2000, frame, 2 * n, "bytes follow the end of its content", 1000);
  expect_forged(999, frame, n, "more than it declares", 0);
  expect_forged(2000, frame, n, "its sum", 1000);
  expect_forged(2000, "no frame at all", 15, "damaged", 0);
  expect_forged(2000, frame, 0, "damaged", 0);
  free(content.at);
}

static void a_chunk_that_is_too_long_is_refused(void **state) {
  struct bytes content = content_make(1000), file = pack(content, TEXT_NONE);
  struct backup_content found;
  file.at[BACKUP_HEAD_BYTES + 3] = 0xff;
  EXPECT_ERR(unpack(file.at, file.len, TEXT_NONE, ROOM, NULL, &found), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("longer than any");
  free(content.at);
  free(file.at);
}

static void a_full_disk_and_a_short_source_are_told(void **state) {
  struct backup_head h = {.database_bytes = 100000, .made_us = 1, .schema_version = 1};
  struct backup_secrets none = {TEXT_NONE, TEXT_NONE};
  struct bytes content = content_make(100000), file = pack(content, TEXT_NONE);
  struct backup_content found;
  uint64_t stored = 3;
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC), from = memory_file(content.at, 99999),
      file_fd = memory_file(file.at, file.len);
  EXPECT_ERR(backup_stream_write(&h, &none, from, full, NULL, &stored, &test_fault), ERR_STORE_FULL);
  int to = memory_file(NULL, 0);
  assert_int_equal(lseek(from, 0, SEEK_SET), 0);
  EXPECT_ERR(backup_stream_write(&h, &none, from, to, NULL, &stored, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("shorter");
  assert_int_equal(stored, 3);
  EXPECT_ERR(backup_stream_read(file_fd, TEXT_NONE, ROOM, full, &found, &test_fault), ERR_STORE_FULL);
  close(full);
  close(from);
  close(to);
  close(file_fd);
  free(content.at);
  free(file.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_packed_is_unpacked),
      cmocka_unit_test(the_server_key_goes_in_only_when_encrypted),
      cmocka_unit_test(the_master_key_goes_in_only_when_encrypted),
      cmocka_unit_test(every_byte_flipped_is_noticed),
      cmocka_unit_test(every_byte_flipped_is_noticed_encrypted),
      cmocka_unit_test(every_truncation_is_noticed),
      cmocka_unit_test(bytes_behind_the_end_are_noticed),
      cmocka_unit_test(another_passphrase_opens_nothing),
      cmocka_unit_test(what_does_not_fit_is_refused_before_a_byte_is_written),
      cmocka_unit_test(a_bomb_writes_no_more_than_it_declares),
      cmocka_unit_test(a_frame_that_wants_much_memory_is_refused),
      cmocka_unit_test(content_that_is_too_short_or_twice_there_is_refused),
      cmocka_unit_test(a_chunk_that_is_too_long_is_refused),
      cmocka_unit_test(a_full_disk_and_a_short_source_are_told),
  };
  return RUN_TESTS(tests);
}
