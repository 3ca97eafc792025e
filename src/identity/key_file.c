/* Files with a key in them. Called for server.key by apikey_secret.c, for master.key by keeper.c.
 * house: tested-by tests/unit/identity/test_apikey_secret.c */
#include "identity/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err read_from(int fd, const char *path, const char *what, const char *loss, uint8_t out[KEY_FILE_BYTES],
                          struct fault *f) {
  uint8_t raw[KEY_FILE_BYTES + 1];
  struct stat st;
  if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0)
    return fault_set(f, ERR_CONFIG, NULL, "%s must be readable by its owner only (chmod 600)", path);
  ssize_t n = read(fd, raw, sizeof raw);
  if (n == KEY_FILE_BYTES)
    memcpy(out, raw, KEY_FILE_BYTES);
  secret_wipe(raw, sizeof raw);
  if (n == KEY_FILE_BYTES)
    return ERR_OK;
  return fault_set(f, ERR_CONFIG, NULL, "%s does not hold %s of %d bytes; restore it from a backup: without it %s",
                   path, what, KEY_FILE_BYTES, loss);
}

enum err key_file_read(const char *path, const char *what, const char *loss, uint8_t out[KEY_FILE_BYTES],
                       struct fault *f) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no %s", path);
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot read %s: %s", path, strerror(errno));
  enum err e = read_from(fd, path, what, loss, out, f);
  close(fd);
  return e;
}

/* Written to a temporary name, synced and linked, so that neither a crash nor a second process starting now leaves half
 * a key. */
enum err key_file_write(const char *path, const uint8_t raw[KEY_FILE_BYTES], struct fault *f) {
  char temporary[1200];
  int n = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
  if (n <= 0 || (size_t)n >= sizeof temporary)
    return fault_set(f, ERR_CONFIG, "data_dir", "the path is too long");
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return fault_set(f, ERR_CONFIG, NULL, "cannot create %s: %s", temporary, strerror(errno));
  bool written = write(fd, raw, KEY_FILE_BYTES) == KEY_FILE_BYTES && fsync(fd) == 0;
  close(fd);
  bool linked = written && (link(temporary, path) == 0 || errno == EEXIST);
  int why = errno;
  unlink(temporary);
  return linked ? ERR_OK : fault_set(f, ERR_CONFIG, NULL, "cannot write %s: %s", path, strerror(why));
}
