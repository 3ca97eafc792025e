/* Summing, deriving a key, reading and writing descriptors whole: the parts that packing and unpacking a backup have in
 * common. It decides nothing about the file. */
#include "store/backup_seal.h"

#include <errno.h>
#include <unistd.h>

void backup_seal_sum(struct backup_seal *s, const void *at, size_t n) {
  crypto_generichash_update(&s->sum, at, n);
  s->bytes += n;
}

enum err backup_seal_key(const struct backup_head *h, struct text passphrase,
                         uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES], struct fault *f) {
  if (crypto_pwhash(key, crypto_secretstream_xchacha20poly1305_KEYBYTES, passphrase.at, passphrase.len, h->salt,
                    h->kdf_passes, (size_t)h->kdf_memory, crypto_pwhash_ALG_ARGON2ID13) == 0)
    return ERR_OK;
  return fault_set(f, ERR_SYSTEM, NULL, "there are not the %llu bytes of memory that the passphrase's key needs",
                   (unsigned long long)h->kdf_memory);
}

enum err backup_write_all(int fd, const void *at, size_t n, struct fault *f) {
  for (const char *from = at; n > 0;) {
    ssize_t put = write(fd, from, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return fault_set(f, errno == ENOSPC || errno == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL, "cannot write: %s",
                       strerror(errno));
    from += put;
    n -= (size_t)put;
  }
  return ERR_OK;
}

enum err backup_read_some(int fd, void *at, size_t n, size_t *out, struct fault *f) {
  size_t have = 0;
  while (have < n) {
    ssize_t got = read(fd, (char *)at + have, n - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fault_set(f, ERR_STORE, NULL, "cannot read: %s", strerror(errno));
    if (got == 0)
      break;
    have += (size_t)got;
  }
  *out = have;
  return ERR_OK;
}
