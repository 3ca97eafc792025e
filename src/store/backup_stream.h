/* A backup file from end to end: the head (backup_format.h), then chunks of a zstd frame, each behind its length in
 * 4 bytes (little-endian, at most 64 KiB and 17 bytes), then a length of 0 and the BLAKE2b-256 of everything before it;
 * nothing follows. The frame holds the server key and the master key, each when the head says so, and the database; it
 * has zstd's own sum over its content. Encrypted, each chunk is a message of libsodium's secret stream
 * (XChaCha20-Poly1305) with the head as additional data, the last one tagged as final, under a key that Argon2id makes
 * of the passphrase.
 *
 * Both directions block, need less than 10 MB of memory beside Argon2id's, and work on pipes. */
#ifndef STORE_BACKUP_STREAM_H
#define STORE_BACKUP_STREAM_H

#include "store/backup_format.h"

/* What a backup keeps beside the database, and the passphrase: each empty when there is none. Borrowed. */
struct backup_secrets {
  struct text server_key; /* BACKUP_SERVER_KEY_BYTES; goes in only when encrypted */
  struct text passphrase;
  struct text master_key; /* BACKUP_MASTER_KEY_BYTES, of the vault; goes in only when encrypted */
};

/* Asked between two steps of what takes long: an error from it ends the work and is returned. check NULL: never. */
struct backup_stop {
  enum err (*check)(void *data, struct fault *f);
  void *data;
};
static inline MUST_CHECK enum err backup_stop_check(const struct backup_stop *s, struct fault *f) {
  return s && s->check ? s->check(s->data, f) : ERR_OK;
}

/* Writes a whole backup of h->database_bytes from the descriptor `database` to `out`. Of h the caller fills in
 * database_bytes, made_us and schema_version, and kdf_passes and kdf_memory when the passphrase is not empty. Fills in
 * the rest. stop may be NULL. ERR_STORE_FULL, ERR_STORE: reading or writing failed; ERR_SYSTEM: no memory for
 * Argon2id. */
enum err backup_stream_write(struct backup_head *h, const struct backup_secrets *s, int database, int out,
                             const struct backup_stop *stop, uint64_t *out_bytes, struct fault *f) MUST_CHECK;

struct backup_content {
  struct backup_head head;
  uint8_t server_key[BACKUP_SERVER_KEY_BYTES], master_key[BACKUP_MASTER_KEY_BYTES]; /* zeros unless the head has them */
  uint64_t stored_bytes;
};

/* Reads a whole backup from `in` and writes its database to `database`. What is written is worth nothing before
 * ERR_OK. room_bytes: refuses a backup that says it holds more, before writing a byte (ERR_STORE_FULL).
 *   ERR_STORE_CORRUPT  damaged, cut short, or with something behind its end
 *   ERR_FORBIDDEN      encrypted, and the passphrase is missing or not the one
 *   ERR_UNSUPPORTED, ERR_LIMIT  see backup_head_read
 *   ERR_STORE_FULL, ERR_STORE, ERR_SYSTEM  as above */
enum err backup_stream_read(int in, struct text passphrase, uint64_t room_bytes, int database,
                            struct backup_content *out, struct fault *f) MUST_CHECK;

#endif
