/* The head of a backup file: 144 bytes, numbers little-endian. Pure. What follows it stands in backup_stream.h.
 *
 *    0  8  "WEIRBKP\n"            48 16  salt of the key derivation
 *    8  2  format, 1 or 2         64 24  header of the secret stream
 *   10  2  bytes of the head      88 16  which server key the stored keys need (backup_key_mark)
 *   12  4  flags                 104  8  which master key sealed secrets need (the same, its first bytes); zero for
 * none 16  8  bytes of the database 112 32  BLAKE2b-256 of all before it 24  8  made at, microseconds since 1970 32  4
 * schema version 36  4  passes of Argon2id, 40  8  its memory in bytes; with salt and header zero when not encrypted
 *
 * Format 2 is one that tells of a master key: programs that know format 1 alone would restore it without. */
#ifndef STORE_BACKUP_FORMAT_H
#define STORE_BACKUP_FORMAT_H

#include "base/err.h"
#include "base/text.h"

#define BACKUP_FORMAT             2
#define BACKUP_HEAD_BYTES         144
#define BACKUP_SALT_BYTES         16
#define BACKUP_STREAM_HEAD_BYTES  24
#define BACKUP_SERVER_KEY_BYTES   32
#define BACKUP_MASTER_KEY_BYTES   32
#define BACKUP_KEY_MARK_BYTES     16
#define BACKUP_MASTER_MARK_BYTES  8
#define BACKUP_SUM_BYTES          32
#define BACKUP_DATABASE_BYTES_MIN 512
#define BACKUP_DATABASE_BYTES_MAX (INT64_C(1) << 40)
/* What a stranger's file may make a reader spend before a byte of it is believed. */
#define BACKUP_KDF_PASSES_MAX 16
#define BACKUP_KDF_MEMORY_MIN (8 * 1024)
#define BACKUP_KDF_MEMORY_MAX (1024 * 1024 * 1024)

enum { BACKUP_ENCRYPTED = 1u, BACKUP_HAS_SERVER_KEY = 2u, BACKUP_HAS_MASTER_KEY = 4u };

struct backup_head {
  uint32_t flags;
  uint64_t database_bytes;
  int64_t made_us;
  uint32_t schema_version;
  uint32_t kdf_passes;
  uint64_t kdf_memory;
  uint8_t salt[BACKUP_SALT_BYTES];
  uint8_t stream_head[BACKUP_STREAM_HEAD_BYTES];
  uint8_t key_mark[BACKUP_KEY_MARK_BYTES];
  uint8_t master_mark[BACKUP_MASTER_MARK_BYTES];
};

void backup_head_write(const struct backup_head *h, uint8_t out[BACKUP_HEAD_BYTES]);
/* ERR_STORE_CORRUPT: not a backup, or a damaged one. ERR_UNSUPPORTED: of a newer format. ERR_LIMIT: it asks for more
 * than the limits above. What is accepted, backup_head_write gives back byte for byte. */
enum err backup_head_read(const uint8_t at[BACKUP_HEAD_BYTES], struct backup_head *out, struct fault *f) MUST_CHECK;

/* Whether a file that begins with these bytes is a backup of any format. */
bool backup_head_is_one(const void *at, size_t n);

/* Tell keys apart without giving one away. Zeros for an empty key, and for no other. */
void backup_key_mark(struct text server_key, uint8_t out[BACKUP_KEY_MARK_BYTES]);
void backup_master_mark(struct text master_key, uint8_t out[BACKUP_MASTER_MARK_BYTES]);

#endif
