/* What the two directions of a backup file share: the sum over the bytes as they are stored, the key, and descriptors
 * read and written to the last byte. For backup_stream.c and backup_unpack.c only. */
#ifndef STORE_BACKUP_SEAL_H
#define STORE_BACKUP_SEAL_H

#include "store/backup_stream.h"

#include <sodium.h>

#define BACKUP_CHUNK_BYTES  65536
#define BACKUP_CHUNK_MAX    (BACKUP_CHUNK_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES)
#define BACKUP_LENGTH_BYTES 4
#define BACKUP_ZSTD_LEVEL   3
#define BACKUP_ZSTD_LOG_MAX 23 /* a window of 8 MiB: what a reader may have to hold */

struct backup_seal {
  uint8_t head[BACKUP_HEAD_BYTES];
  bool encrypted;
  crypto_secretstream_xchacha20poly1305_state stream;
  crypto_generichash_state sum;
  uint64_t bytes; /* summed up so far */
};

void backup_seal_sum(struct backup_seal *s, const void *at, size_t n);
/* ERR_SYSTEM: no memory. */
enum err backup_seal_key(const struct backup_head *h, struct text passphrase,
                         uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES], struct fault *f) MUST_CHECK;

/* ERR_STORE_FULL, ERR_STORE. */
enum err backup_write_all(int fd, const void *at, size_t n, struct fault *f) MUST_CHECK;
/* As many bytes as there are, at most n: fewer only at the end. */
enum err backup_read_some(int fd, void *at, size_t n, size_t *out, struct fault *f) MUST_CHECK;

#endif
