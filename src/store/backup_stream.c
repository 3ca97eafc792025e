/* Packing a backup: a file's bytes through zstd and, with a passphrase, the secret stream, to a descriptor. It knows
 * nothing of SQLite or of names of files. Called by backup.c; unpacking is in backup_unpack.c. */
#include "store/backup_stream.h"

#include "base/secret.h"
#include "store/backup_seal.h"

#include <zstd.h>

struct packer {
  struct backup_seal seal;
  ZSTD_CCtx *zstd;
  int out;
  const struct backup_stop *stop;
  size_t held; /* of plain, ready to go */
  uint8_t plain[BACKUP_CHUNK_BYTES], chunk[BACKUP_CHUNK_MAX], from[BACKUP_CHUNK_BYTES];
};

static enum err put(struct packer *p, const void *at, size_t n, struct fault *f) {
  backup_seal_sum(&p->seal, at, n);
  return backup_write_all(p->out, at, n, f);
}

static enum err put_length(struct packer *p, size_t n, struct fault *f) {
  uint8_t length[BACKUP_LENGTH_BYTES] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 0};
  return put(p, length, sizeof length, f);
}

/* What is held, as one chunk. Encrypted, there is a last chunk even when nothing is held: it says that it is the last.
 */
static enum err put_chunk(struct packer *p, bool last, struct fault *f) {
  const uint8_t *at = p->plain;
  unsigned long long n = p->held;
  if (p->seal.encrypted) {
    crypto_secretstream_xchacha20poly1305_push(
        &p->seal.stream, p->chunk, &n, p->plain, p->held, p->seal.head, sizeof p->seal.head,
        last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
    at = p->chunk;
  }
  p->held = 0;
  if (n == 0)
    return ERR_OK;
  enum err e = put_length(p, n, f);
  return e ? e : put(p, at, n, f);
}

static enum err compress(struct packer *p, const void *at, size_t n, bool end, struct fault *f) {
  ZSTD_inBuffer in = {at, n, 0};
  for (size_t left = 1; left > 0 || in.pos < in.size;) {
    ZSTD_outBuffer out = {p->plain, sizeof p->plain, p->held};
    left = ZSTD_compressStream2(p->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
      return fault_set(f, ERR_INTERNAL, NULL, "zstd: %s", ZSTD_getErrorName(left));
    if (!end && in.pos == in.size)
      left = 0;
    p->held = out.pos;
    if (p->held == sizeof p->plain) {
      enum err e = put_chunk(p, false, f);
      if (e)
        return e;
    }
  }
  return ERR_OK;
}

static enum err pack_file(struct packer *p, int database, uint64_t bytes, struct fault *f) {
  for (uint64_t left = bytes; left > 0;) {
    size_t want = left < sizeof p->from ? (size_t)left : sizeof p->from, got = 0;
    enum err e = backup_stop_check(p->stop, f);
    if (!e)
      e = backup_read_some(database, p->from, want, &got, f);
    if (!e && got < want)
      e = fault_set(f, ERR_STORE, NULL, "the copy of the database is shorter than it was");
    if (!e)
      e = compress(p, p->from, got, false, f);
    if (e)
      return e;
    left -= got;
  }
  return ERR_OK;
}

static enum err pack_end(struct packer *p, struct fault *f) {
  uint8_t sum[BACKUP_SUM_BYTES];
  enum err e = compress(p, NULL, 0, true, f);
  if (!e)
    e = put_chunk(p, true, f);
  if (!e)
    e = put_length(p, 0, f);
  if (e)
    return e;
  crypto_generichash_final(&p->seal.sum, sum, sizeof sum);
  return backup_write_all(p->out, sum, sizeof sum, f);
}

/* Salt, key, the secret stream's header; the head's bytes are final after it. */
static enum err seal_start(struct packer *p, struct backup_head *h, const struct backup_secrets *s, struct fault *f) {
  uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
  secret_start();
  backup_key_mark(s->server_key, h->key_mark);
  backup_master_mark(s->master_key, h->master_mark);
  h->flags = 0;
  p->seal.encrypted = s->passphrase.len > 0;
  if (p->seal.encrypted) {
    h->flags = BACKUP_ENCRYPTED | (s->server_key.len == BACKUP_SERVER_KEY_BYTES ? BACKUP_HAS_SERVER_KEY : 0) |
               (s->master_key.len == BACKUP_MASTER_KEY_BYTES ? BACKUP_HAS_MASTER_KEY : 0);
    randombytes_buf(h->salt, sizeof h->salt);
    enum err e = backup_seal_key(h, s->passphrase, key, f);
    if (e)
      return e;
    crypto_secretstream_xchacha20poly1305_init_push(&p->seal.stream, h->stream_head, key);
    secret_wipe(key, sizeof key);
  }
  backup_head_write(h, p->seal.head);
  crypto_generichash_init(&p->seal.sum, NULL, 0, BACKUP_SUM_BYTES);
  return ERR_OK;
}

static enum err pack(struct packer *p, struct backup_head *h, const struct backup_secrets *s, int database,
                     struct fault *f) {
  enum err e = seal_start(p, h, s, f);
  ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, BACKUP_ZSTD_LEVEL);
  ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_windowLog, 21);
  if (!e)
    e = put(p, p->seal.head, sizeof p->seal.head, f);
  if (!e && h->flags & BACKUP_HAS_SERVER_KEY)
    e = compress(p, s->server_key.at, s->server_key.len, false, f);
  if (!e && h->flags & BACKUP_HAS_MASTER_KEY)
    e = compress(p, s->master_key.at, s->master_key.len, false, f);
  if (!e)
    e = pack_file(p, database, h->database_bytes, f);
  return e ? e : pack_end(p, f);
}

enum err backup_stream_write(struct backup_head *h, const struct backup_secrets *s, int database, int out,
                             const struct backup_stop *stop, uint64_t *out_bytes, struct fault *f) {
  struct packer *p = calloc(1, sizeof *p);
  if (!p || !(p->zstd = ZSTD_createCCtx()))
    abort();
  p->out = out;
  p->stop = stop;
  enum err e = pack(p, h, s, database, f);
  if (!e)
    *out_bytes = p->seal.bytes + BACKUP_SUM_BYTES;
  ZSTD_freeCCtx(p->zstd);
  secret_wipe(p, sizeof *p);
  free(p);
  return e;
}
