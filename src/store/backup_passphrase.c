/* Reading a passphrase and forgetting it again. Its strength is the operator's matter, its least length backup.c's.
 * Called by the commands and by app/backups.c. */
#include "store/backup_passphrase.h"

#include "base/secret.h"
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ROOM (BACKUP_PASSPHRASE_MAX + 3)

static enum err refuse(const char *path, const char *why, struct fault *f) {
  return fault_set(f, ERR_CONFIG, NULL, "the passphrase file %s %s", path, why);
}

enum err backup_passphrase_read(const char *path, struct text *out, struct fault *f) {
  if (!path || !path[0]) {
    *out = TEXT_NONE;
    return ERR_OK;
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  char *at = calloc(1, ROOM);
  if (!at)
    abort();
  ssize_t n = fd < 0 ? -1 : read(fd, at, ROOM - 1);
  int why = errno;
  if (fd >= 0)
    close(fd);
  if (n > 0 && at[n - 1] == '\n')
    n--;
  if (n > 0 && at[n - 1] == '\r')
    n--;
  if (n > 0 && n <= BACKUP_PASSPHRASE_MAX) {
    *out = (struct text){at, (size_t)n};
    return ERR_OK;
  }
  secret_wipe(at, ROOM);
  free(at);
  return refuse(path, n < 0 ? strerror(why) : n == 0 ? "is empty" : "is too long", f);
}

void backup_passphrase_done(struct text *t) {
  if (!t->at)
    return;
  secret_wipe((char *)(uintptr_t)t->at, t->len);
  free((char *)(uintptr_t)t->at);
  *t = TEXT_NONE;
}
