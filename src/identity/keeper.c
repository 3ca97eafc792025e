/* The keepers on this machine. Whether a key is the right one they do not know. Called by vault.c through the table
 * each of them is; made by app. */
#include "identity/keeper.h"

#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void keeper_free(struct keeper *k) {
  if (k)
    k->free(k);
}

bool keeper_is_guessable(const uint8_t key[KEEPER_KEY_BYTES]) {
  for (size_t period = 1; period <= KEEPER_KEY_BYTES / 2; period++) {
    if (memcmp(key, key + period, KEEPER_KEY_BYTES - period) == 0)
      return true;
  }
  size_t steps = 0;
  for (size_t i = 1; i < KEEPER_KEY_BYTES; i++)
    steps += (uint8_t)(key[i] - key[i - 1]) == (uint8_t)(key[1] - key[0]);
  return steps == KEEPER_KEY_BYTES - 1;
}

static enum err check(const char *where, const uint8_t key[KEEPER_KEY_BYTES], struct fault *f) {
  if (!keeper_is_guessable(key))
    return ERR_OK;
  return fault_set(f, ERR_CONFIG, "vault.master_key",
                   "the master key of the vault in %s can be guessed; make one with `openssl rand -base64 32`", where);
}

static void *new_keeper(size_t size) {
  void *k = calloc(1, size);
  if (!k)
    abort();
  return k;
}

/* Of the file. */

struct file_keeper {
  struct keeper base; /* first */
  char path[1100];
};

static enum err file_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  const struct file_keeper *k = (const struct file_keeper *)self;
  uint8_t raw[KEEPER_KEY_BYTES];
  enum err e = key_file_read(k->path, "a master key", "no sealed secret can be opened", raw, f);
  if (e == ERR_OK)
    e = check(k->path, raw, f);
  if (e == ERR_OK)
    memcpy(out, raw, sizeof raw);
  secret_wipe(raw, sizeof raw);
  return e;
}

static enum err file_make(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  const struct file_keeper *k = (const struct file_keeper *)self;
  uint8_t raw[KEEPER_KEY_BYTES];
  random_bytes(raw, sizeof raw);
  enum err e = key_file_write(k->path, raw, f);
  secret_wipe(raw, sizeof raw);
  return e ? e : file_read(self, TEXT_NONE, out, f); /* another process may have been first */
}

static void beside(const struct file_keeper *k, const char *ending, char out[1120]) {
  snprintf(out, 1120, "%s.%s", k->path, ending);
}

static enum err file_next(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                          struct fault *f) {
  struct file_keeper next = *(const struct file_keeper *)self;
  char path[1120];
  beside(&next, "next", path);
  if (strlen(path) >= sizeof next.path)
    return fault_set(f, ERR_CONFIG, "data_dir", "the path is too long");
  memcpy(next.path, path, strlen(path) + 1);
  enum err e = file_read(&next.base, TEXT_NONE, out, f);
  return e == ERR_NOT_FOUND && may_make ? file_make(&next.base, kept, out, f) : e;
}

/* In a data_dir that came out of a backup the file beside is not there. */
static enum err file_expect(struct keeper *self, const uint8_t key[KEEPER_KEY_BYTES], struct fault *f) {
  uint8_t raw[KEEPER_KEY_BYTES];
  char path[1120];
  beside((const struct file_keeper *)self, "next", path);
  enum err e = key_file_write(path, key, f);
  if (!e)
    e = file_next(self, false, NULL, raw, f);
  if (!e && !secret_equal((struct text){(const char *)key, KEEPER_KEY_BYTES}, (struct text){(char *)raw, sizeof raw}))
    e = fault_set(f, ERR_CONFIG, "vault", "%s is not the key that takes over: move it away", path);
  secret_wipe(raw, sizeof raw);
  return e;
}

static enum err file_adopt(struct keeper *self, struct fault *f) {
  const struct file_keeper *k = (const struct file_keeper *)self;
  char next[1120], old[1120];
  beside(k, "next", next);
  beside(k, "old", old);
  if (access(next, F_OK) != 0)
    return ERR_OK;
  (void)unlink(old);
  if ((link(k->path, old) != 0 && errno != ENOENT) || rename(next, k->path) != 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot put %s in place of %s: %s", next, k->path, strerror(errno));
  return ERR_OK;
}

static void free_plain(struct keeper *self) { free(self); }

struct keeper *keeper_file(const char *data_dir) {
  struct file_keeper *k = new_keeper(sizeof *k);
  k->base = (struct keeper){"file", file_read, file_make, file_next, file_adopt, free_plain, file_expect};
  snprintf(k->path, sizeof k->path, "%s/master.key", data_dir);
  return &k->base;
}

/* Of the configuration. */

struct given_keeper {
  struct keeper base; /* first */
  struct secret *key;
};

static enum err given_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  const struct given_keeper *k = (const struct given_keeper *)self;
  uint8_t raw[KEEPER_KEY_BYTES];
  enum err e = ERR_OK;
  if (!secret_read_key(secret_reveal(k->key), raw))
    e = fault_set(f, ERR_CONFIG, "vault.master_key", "vault.master_key must be 32 bytes in base64 or hexadecimal");
  else
    e = check("the configuration", raw, f);
  if (e == ERR_OK)
    memcpy(out, raw, sizeof raw);
  secret_wipe(raw, sizeof raw);
  return e;
}

static enum err given_make(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  return fault_set(f, ERR_UNSUPPORTED, "vault.master_key", "a master key in the configuration is given by hand");
}

static enum err given_next(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                           struct fault *f) {
  return may_make ? given_make(self, kept, out, f) : fault_set(f, ERR_NOT_FOUND, NULL, "no other key is waiting");
}

static enum err given_adopt(struct keeper *self, struct fault *f) { return ERR_OK; }

static void given_free(struct keeper *self) {
  struct given_keeper *k = (struct given_keeper *)self;
  secret_free(k->key);
  free(k);
}

struct keeper *keeper_given(struct text key) {
  struct given_keeper *k = new_keeper(sizeof *k);
  k->base = (struct keeper){"configuration", given_read, given_make, given_next, given_adopt, given_free};
  k->key = secret_new(key);
  return &k->base;
}

/* Of this process. */

struct memory_keeper {
  struct keeper base; /* first */
  struct secret *key;
};

static enum err memory_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  const struct memory_keeper *k = (const struct memory_keeper *)self;
  memcpy(out, secret_reveal(k->key).at, KEEPER_KEY_BYTES);
  return ERR_OK;
}

static void memory_free(struct keeper *self) {
  struct memory_keeper *k = (struct memory_keeper *)self;
  secret_free(k->key);
  free(k);
}

struct keeper *keeper_memory(void) {
  struct memory_keeper *k = new_keeper(sizeof *k);
  uint8_t raw[KEEPER_KEY_BYTES];
  random_bytes(raw, sizeof raw);
  k->base = (struct keeper){"memory", memory_read, given_make, given_next, given_adopt, memory_free};
  k->key = secret_new((struct text){(const char *)raw, sizeof raw});
  secret_wipe(raw, sizeof raw);
  return &k->base;
}
