/* The head of a backup file, bytes to struct and back. It believes nothing: every field has its limits and the whole a
 * sum. Called by backup_stream.c and its fuzz target. */
#include "store/backup_format.h"

#include <sodium.h>

#define SUM_AT (BACKUP_HEAD_BYTES - BACKUP_SUM_BYTES)

static const char magic[8] = {'W', 'E', 'I', 'R', 'B', 'K', 'P', '\n'};

static void put(uint8_t *at, uint64_t n, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    at[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t get(const uint8_t *at, size_t bytes) {
  uint64_t n = 0;
  for (size_t i = 0; i < bytes; i++)
    n |= (uint64_t)at[i] << (8 * i);
  return n;
}

static void sum_up(const uint8_t *at, uint8_t out[BACKUP_SUM_BYTES]) {
  crypto_generichash(out, BACKUP_SUM_BYTES, at, SUM_AT, NULL, 0);
}

static bool has_master_mark(const struct backup_head *h) {
  static const uint8_t none[BACKUP_MASTER_MARK_BYTES];
  return memcmp(h->master_mark, none, sizeof none) != 0;
}

static unsigned format_of(const struct backup_head *h) { return has_master_mark(h) ? 2 : 1; }

void backup_head_write(const struct backup_head *h, uint8_t out[BACKUP_HEAD_BYTES]) {
  memset(out, 0, BACKUP_HEAD_BYTES);
  memcpy(out, magic, sizeof magic);
  put(out + 8, format_of(h), 2);
  put(out + 10, BACKUP_HEAD_BYTES, 2);
  put(out + 12, h->flags, 4);
  put(out + 16, h->database_bytes, 8);
  put(out + 24, (uint64_t)h->made_us, 8);
  put(out + 32, h->schema_version, 4);
  put(out + 36, h->kdf_passes, 4);
  put(out + 40, h->kdf_memory, 8);
  memcpy(out + 48, h->salt, sizeof h->salt);
  memcpy(out + 64, h->stream_head, sizeof h->stream_head);
  memcpy(out + 88, h->key_mark, sizeof h->key_mark);
  memcpy(out + 104, h->master_mark, sizeof h->master_mark);
  sum_up(out, out + SUM_AT);
}

bool backup_head_is_one(const void *at, size_t n) { return n >= sizeof magic && memcmp(at, magic, sizeof magic) == 0; }

static enum err limits_check(const struct backup_head *h, struct fault *f) {
  bool encrypted = h->flags & BACKUP_ENCRYPTED;
  if (h->database_bytes < BACKUP_DATABASE_BYTES_MIN || h->database_bytes > (uint64_t)BACKUP_DATABASE_BYTES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the backup says that it holds %llu bytes; %d to %lld are possible",
                     (unsigned long long)h->database_bytes, BACKUP_DATABASE_BYTES_MIN,
                     (long long)BACKUP_DATABASE_BYTES_MAX);
  if (encrypted && (h->kdf_passes < 1 || h->kdf_passes > BACKUP_KDF_PASSES_MAX ||
                    h->kdf_memory < BACKUP_KDF_MEMORY_MIN || h->kdf_memory > BACKUP_KDF_MEMORY_MAX))
    return fault_set(f, ERR_LIMIT, NULL,
                     "the backup's key wants %u passes over %llu bytes; at most %d over %d are allowed", h->kdf_passes,
                     (unsigned long long)h->kdf_memory, BACKUP_KDF_PASSES_MAX, BACKUP_KDF_MEMORY_MAX);
  return ERR_OK;
}

static bool flags_are_sound(const struct backup_head *h) {
  const uint32_t keys = BACKUP_HAS_SERVER_KEY | BACKUP_HAS_MASTER_KEY;
  return !(h->flags & ~(BACKUP_ENCRYPTED | keys)) && (has_master_mark(h) || !(h->flags & BACKUP_HAS_MASTER_KEY));
}

enum err backup_head_read(const uint8_t at[BACKUP_HEAD_BYTES], struct backup_head *out, struct fault *f) {
  uint8_t sum[BACKUP_SUM_BYTES];
  uint64_t format = get(at + 8, 2);
  if (!backup_head_is_one(at, BACKUP_HEAD_BYTES))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "this is not a backup made by `weir backup`");
  if (format > BACKUP_FORMAT)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "the backup has format %u and this program knows %d; use a newer Weir",
                     (unsigned)format, BACKUP_FORMAT);
  sum_up(at, sum);
  struct backup_head h = {.flags = (uint32_t)get(at + 12, 4),
                          .database_bytes = get(at + 16, 8),
                          .made_us = (int64_t)get(at + 24, 8),
                          .schema_version = (uint32_t)get(at + 32, 4),
                          .kdf_passes = (uint32_t)get(at + 36, 4),
                          .kdf_memory = get(at + 40, 8)};
  memcpy(h.master_mark, at + 104, sizeof h.master_mark);
  if (format != format_of(&h) || get(at + 10, 2) != BACKUP_HEAD_BYTES || memcmp(sum, at + SUM_AT, sizeof sum) != 0 ||
      !flags_are_sound(&h))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "the backup's head is damaged");
  enum err e = limits_check(&h, f);
  if (e)
    return e;
  memcpy(h.salt, at + 48, sizeof h.salt);
  memcpy(h.stream_head, at + 64, sizeof h.stream_head);
  memcpy(h.key_mark, at + 88, sizeof h.key_mark);
  *out = h;
  return ERR_OK;
}

/* purpose goes in with the zero behind it. */
static void mark(const char *purpose, struct text key, uint8_t out[BACKUP_KEY_MARK_BYTES]) {
  crypto_generichash_state s;
  memset(out, 0, BACKUP_KEY_MARK_BYTES);
  if (key.len == 0)
    return;
  crypto_generichash_init(&s, NULL, 0, BACKUP_KEY_MARK_BYTES);
  crypto_generichash_update(&s, (const unsigned char *)purpose, strlen(purpose) + 1);
  crypto_generichash_update(&s, (const unsigned char *)key.at, key.len);
  crypto_generichash_final(&s, out, BACKUP_KEY_MARK_BYTES);
}

void backup_key_mark(struct text server_key, uint8_t out[BACKUP_KEY_MARK_BYTES]) {
  mark("weir backup: which server key", server_key, out);
}

void backup_master_mark(struct text master_key, uint8_t out[BACKUP_MASTER_MARK_BYTES]) {
  uint8_t whole[BACKUP_KEY_MARK_BYTES];
  mark("weir backup: which master key", master_key, whole);
  memcpy(out, whole, BACKUP_MASTER_MARK_BYTES);
  if (master_key.len > 0 && memcmp(out, (const uint8_t[BACKUP_MASTER_MARK_BYTES]){0}, BACKUP_MASTER_MARK_BYTES) == 0)
    out[0] = 1;
}
