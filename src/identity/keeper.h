/* Who keeps the master key of the vault: a file in data_dir, the configuration (and so the environment), or nobody but
 * this process. A keeper says what the key is; whether it is the right one is the vault's to say. */
#ifndef IDENTITY_KEEPER_H
#define IDENTITY_KEEPER_H

#include "base/buf.h"
#include "base/secret.h"
#include "identity/key_file.h"

#define KEEPER_KEY_BYTES KEY_FILE_BYTES

struct keeper {
  const char *name; /* "file", "configuration", "memory", "aws_kms", "aws_secret" */
  /* The key. kept: what the store has of it, from an earlier make; "" for nothing. Blocks. ERR_NOT_FOUND: there is none
   * yet. ERR_CONFIG: it is none that could be used. ERR_UNAVAILABLE: it cannot be had now. */
  enum err (*read)(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f);
  /* Makes one; appends to kept what the store has to keep. Blocks. ERR_UNSUPPORTED: it has to be given by hand. */
  enum err (*make)(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f);
  /* Another one at the same place, to take over from the present one: that was made ready before or, with may_make, is
   * now. ERR_NOT_FOUND, ERR_UNSUPPORTED. */
  enum err (*next)(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                   struct fault *f);
  /* What `next` gave has taken over. Twice is once. */
  enum err (*adopt)(struct keeper *self, struct fault *f);
  void (*free)(struct keeper *self);
  /* The key that takes over is this, as the store knows from an earlier call: kept where `next` would have it, unless
   * it is there; ERR_CONFIG: there is another. NULL: nothing has to be kept. */
  enum err (*expect)(struct keeper *self, const uint8_t key[KEEPER_KEY_BYTES], struct fault *f);
};

void keeper_free(struct keeper *k); /* NULL is fine */
/* data_dir/master.key: 32 bytes, mode 0600. While another takes over that one is master.key.next; afterwards the one
 * before is master.key.old, for backups of before. */
struct keeper *keeper_file(const char *data_dir);
/* What the configuration says: 32 bytes as base64 or hexadecimal. */
struct keeper *keeper_given(struct text key);
/* A key that ends with the process, for a store that does. */
struct keeper *keeper_memory(void);
/* Whether somebody could guess it: one byte or a few repeated, or bytes that count up. */
bool keeper_is_guessable(const uint8_t key[KEEPER_KEY_BYTES]);

#endif
