/* Disks of a test's own: small file systems of memory, in a mount namespace that nobody else sees and that goes with
 * the process. Takes root or user namespaces. */
#ifndef TESTS_FAULTS_DISKS_H
#define TESTS_FAULTS_DISKS_H

#include "whole.h"

#include <sched.h>
#include <sys/mount.h>

static inline bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0)
    close(fd);
  return good;
}

/* May this process mount? Afterwards it may, and nobody else sees it. */
static inline bool own_mounts(void) {
  char map[64];
  unsigned uid = getuid(), gid = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
      return false;
    (void)write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_text("/proc/self/uid_map", map))
      return false;
    snprintf(map, sizeof map, "0 %u 1", gid);
    if (!write_text("/proc/self/gid_map", map))
      return false;
  }
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static inline void disk_size(const char *path, const char *size, unsigned long flags) {
  char options[64];
  snprintf(options, sizeof options, "mode=0700,size=%s", size);
  if (mount("none", path, "tmpfs", flags, options) != 0)
    bail(path);
}

/* Takes all the room there is. */
static inline void disk_fill(const char *path) {
  static const char block[65536];
  char file[160];
  snprintf(file, sizeof file, "%s/filler", path);
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    bail(file);
  for (size_t n = sizeof block; n > 0;)
    if (write(fd, block, n) <= 0)
      n /= 2;
  close(fd);
}

static inline void disk_free(const char *path) {
  char file[160];
  snprintf(file, sizeof file, "%s/filler", path);
  unlink(file);
}

#endif
