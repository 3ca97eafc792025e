/* The server's secret, under which keys are hashed and pairs derived: made at the first start, kept in one file that
 * only its owner may read. Losing it makes every stored key useless, so nothing here ever replaces it. Called by app
 * and by `weir key`. */
#include "identity/apikey.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err secret_read(int fd, const char *path, struct secret **out, struct fault *f) {
  uint8_t raw[SECRET_HMAC_BYTES + 1];
  struct stat st;
  if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0) {
    return fault_set(f, ERR_CONFIG, NULL, "%s must be readable by its owner only (chmod 600)", path);
  }
  ssize_t n = read(fd, raw, sizeof(raw));
  if (n != SECRET_HMAC_BYTES) {
    return fault_set(
        f, ERR_CONFIG, NULL,
        "%s does not hold a server secret of %d bytes; restore it from a backup: without it no existing key works",
        path, SECRET_HMAC_BYTES);
  }
  *out = secret_new((struct text){(const char *)raw, SECRET_HMAC_BYTES});
  secret_wipe(raw, sizeof(raw));
  return ERR_OK;
}

/* Written to a temporary name, synced and linked, so that neither a crash nor a second process starting now leaves half
 * a secret. */
static enum err secret_create(const char *path, struct fault *f) {
  char temporary[1100];
  uint8_t raw[SECRET_HMAC_BYTES];
  snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot create %s: %s", temporary, strerror(errno));
  random_bytes(raw, sizeof(raw));
  bool written = write(fd, raw, sizeof(raw)) == (ssize_t)sizeof(raw) && fsync(fd) == 0;
  secret_wipe(raw, sizeof(raw));
  close(fd);
  bool linked = written && (link(temporary, path) == 0 || errno == EEXIST);
  int why = errno;
  unlink(temporary);
  if (!linked)
    return fault_set(f, ERR_CONFIG, NULL, "cannot write %s: %s", path, strerror(why));
  return ERR_OK;
}

enum err apikey_load_secret(const char *data_dir, struct secret **out, struct fault *f) {
  if (!data_dir) {
    uint8_t raw[SECRET_HMAC_BYTES];
    random_bytes(raw, sizeof(raw));
    *out = secret_new((struct text){(const char *)raw, sizeof(raw)});
    secret_wipe(raw, sizeof(raw));
    return ERR_OK;
  }
  char path[1024];
  if (snprintf(path, sizeof(path), "%s/server.key", data_dir) >= (int)sizeof(path)) {
    return fault_set(f, ERR_CONFIG, "data_dir", "the path is too long");
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    enum err e = secret_create(path, f);
    if (e != ERR_OK)
      return e;
    fd = open(path, O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot read %s: %s", path, strerror(errno));
  enum err e = secret_read(fd, path, out, f);
  close(fd);
  return e;
}
