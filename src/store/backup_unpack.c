/* Unpacking a backup: every length, sum and tag is checked, nothing is written beyond what the head declares, and
 * nothing may follow the end. It trusts no byte and decides nothing about what becomes of the database. Called by
 * restore.c. */
#include "base/secret.h"
#include "store/backup_seal.h"

#include <zstd.h>

struct unpacker {
  struct backup_seal seal;
  struct backup_content content;
  ZSTD_DCtx *zstd;
  int in, database;
  size_t server_left, master_left; /* of the two keys, which come first */
  uint64_t left;                   /* of the database */
  bool final;                      /* the secret stream has said that it ends */
  bool frame_is_done;              /* and so has zstd */
  uint8_t chunk[BACKUP_CHUNK_MAX], plain[BACKUP_CHUNK_BYTES], room[BACKUP_CHUNK_BYTES];
};

static enum err damaged(struct fault *f, const char *how) {
  return fault_set(f, ERR_STORE_CORRUPT, NULL, "the backup is damaged: %s", how);
}

static enum err take(struct unpacker *u, void *at, size_t n, struct fault *f) {
  size_t got = 0;
  enum err e = backup_read_some(u->in, at, n, &got, f);
  if (!e && got < n)
    e = damaged(f, "it is cut short");
  if (!e)
    backup_seal_sum(&u->seal, at, n);
  return e;
}

/* What of a key is among the n bytes: how many. */
static size_t keep_key(uint8_t *key, size_t bytes, size_t *left, const uint8_t *at, size_t n) {
  size_t take = n < *left ? n : *left;
  memcpy(key + (bytes - *left), at, take);
  *left -= take;
  return take;
}

/* The keys first, then the database. */
static enum err keep(struct unpacker *u, const uint8_t *at, size_t n, struct fault *f) {
  struct backup_content *c = &u->content;
  size_t of_keys = keep_key(c->server_key, sizeof c->server_key, &u->server_left, at, n);
  of_keys += keep_key(c->master_key, sizeof c->master_key, &u->master_left, at + of_keys, n - of_keys);
  n -= of_keys;
  if (n > u->left)
    return damaged(f, "it holds more than it declares");
  u->left -= n;
  return backup_write_all(u->database, at + of_keys, n, f);
}

static enum err expand(struct unpacker *u, const uint8_t *at, size_t n, struct fault *f) {
  ZSTD_inBuffer in = {at, n, 0};
  for (bool full = false; in.pos < in.size || full;) {
    if (u->frame_is_done)
      return damaged(f, "bytes follow the end of its content");
    ZSTD_outBuffer out = {u->room, sizeof u->room, 0};
    size_t hint = ZSTD_decompressStream(u->zstd, &out, &in);
    if (ZSTD_isError(hint))
      return damaged(f, ZSTD_getErrorName(hint));
    enum err e = keep(u, u->room, out.pos, f);
    if (e)
      return e;
    u->frame_is_done = hint == 0;
    full = out.pos == out.size && !u->frame_is_done;
  }
  return ERR_OK;
}

static enum err open_chunk(struct unpacker *u, size_t n, struct fault *f) {
  unsigned long long plain = 0;
  unsigned char tag = 0;
  bool first = u->seal.bytes == BACKUP_HEAD_BYTES + BACKUP_LENGTH_BYTES + n;
  if (u->final)
    return damaged(f, "a chunk follows the last one");
  if (n < crypto_secretstream_xchacha20poly1305_ABYTES ||
      crypto_secretstream_xchacha20poly1305_pull(&u->seal.stream, u->plain, &plain, &tag, u->chunk, n, u->seal.head,
                                                 sizeof u->seal.head) != 0)
    return first ? fault_set(f, ERR_FORBIDDEN, NULL, "this is not the passphrase of the backup (or it is damaged)")
                 : damaged(f, "a chunk has been changed");
  u->final = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  return expand(u, u->plain, (size_t)plain, f);
}

static enum err take_chunks(struct unpacker *u, struct fault *f) {
  size_t max = u->seal.encrypted ? BACKUP_CHUNK_MAX : BACKUP_CHUNK_BYTES;
  for (;;) {
    uint8_t length[BACKUP_LENGTH_BYTES];
    enum err e = take(u, length, sizeof length, f);
    if (e)
      return e;
    size_t n = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    if (n == 0)
      return ERR_OK;
    if (n > max)
      return damaged(f, "a chunk is longer than any");
    e = take(u, u->chunk, n, f);
    if (!e)
      e = u->seal.encrypted ? open_chunk(u, n, f) : expand(u, u->chunk, n, f);
    if (e)
      return e;
  }
}

static enum err take_end(struct unpacker *u, struct fault *f) {
  uint8_t want[BACKUP_SUM_BYTES], sum[BACKUP_SUM_BYTES + 1];
  size_t got = 0;
  crypto_generichash_final(&u->seal.sum, want, sizeof want);
  enum err e = backup_read_some(u->in, sum, sizeof sum, &got, f);
  if (e)
    return e;
  if (got < sizeof want)
    return damaged(f, "it is cut short");
  if (memcmp(want, sum, sizeof want) != 0)
    return damaged(f, "its sum is another");
  if (got > sizeof want)
    return damaged(f, "bytes follow its end");
  if (!u->frame_is_done || u->left > 0 || u->server_left > 0 || u->master_left > 0)
    return damaged(f, "it holds less than it declares");
  if (u->seal.encrypted && !u->final)
    return damaged(f, "its last chunk is missing");
  u->content.stored_bytes = u->seal.bytes + sizeof want;
  return ERR_OK;
}

static enum err take_head(struct unpacker *u, struct text passphrase, uint64_t room_bytes, struct fault *f) {
  struct backup_head *h = &u->content.head;
  uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
  size_t got = 0;
  enum err e = backup_read_some(u->in, u->seal.head, sizeof u->seal.head, &got, f);
  if (!e && got < sizeof u->seal.head)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "this is not a backup, or one that is cut short");
  if (!e)
    e = backup_head_read(u->seal.head, h, f);
  if (e)
    return e;
  backup_seal_sum(&u->seal, u->seal.head, sizeof u->seal.head);
  u->left = h->database_bytes;
  u->server_left = h->flags & BACKUP_HAS_SERVER_KEY ? BACKUP_SERVER_KEY_BYTES : 0;
  u->master_left = h->flags & BACKUP_HAS_MASTER_KEY ? BACKUP_MASTER_KEY_BYTES : 0;
  u->seal.encrypted = h->flags & BACKUP_ENCRYPTED;
  if (h->database_bytes > room_bytes)
    return fault_set(f, ERR_STORE_FULL, NULL, "the backup holds a database of %llu bytes and there is room for %llu",
                     (unsigned long long)h->database_bytes, (unsigned long long)room_bytes);
  if (!u->seal.encrypted)
    return ERR_OK;
  if (passphrase.len == 0)
    return fault_set(f, ERR_FORBIDDEN, NULL, "the backup is encrypted: give its passphrase");
  e = backup_seal_key(h, passphrase, key, f);
  if (!e && crypto_secretstream_xchacha20poly1305_init_pull(&u->seal.stream, h->stream_head, key) != 0)
    e = damaged(f, "its secret stream has no beginning");
  secret_wipe(key, sizeof key);
  return e;
}

enum err backup_stream_read(int in, struct text passphrase, uint64_t room_bytes, int database,
                            struct backup_content *out, struct fault *f) {
  struct unpacker *u = calloc(1, sizeof *u);
  if (!u || !(u->zstd = ZSTD_createDCtx()))
    abort();
  secret_start();
  u->in = in;
  u->database = database;
  ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, BACKUP_ZSTD_LOG_MAX);
  crypto_generichash_init(&u->seal.sum, NULL, 0, BACKUP_SUM_BYTES);
  enum err e = take_head(u, passphrase, room_bytes, f);
  if (!e)
    e = take_chunks(u, f);
  if (!e)
    e = take_end(u, f);
  if (!e)
    *out = u->content;
  ZSTD_freeDCtx(u->zstd);
  secret_wipe(u, sizeof *u);
  free(u);
  return e;
}
