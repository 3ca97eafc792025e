/* The journal's calls to the operating system, of which the n-th fails. */
#ifndef TESTS_UNIT_LEDGER_FAULTY_SYS_H
#define TESTS_UNIT_LEDGER_FAULTY_SYS_H

#include "ledger/segment.h"

#include <errno.h>
#include <sys/mman.h>

static _Atomic uint64_t sys_calls;   /* made so far */
static _Atomic uint64_t sys_fail_at; /* this one fails; 0: none */
static _Atomic int sys_fail_with = ENOSPC;
static _Atomic bool sys_syncs_fail; /* all of them */

static inline bool sys_fails(void) { return atomic_fetch_add(&sys_calls, 1) + 1 == atomic_load(&sys_fail_at); }

static inline int faulty_open(const char *path, int flags, mode_t mode) {
  if (!sys_fails())
    return journal_sys_real.open(path, flags, mode);
  errno = sys_fail_with;
  return -1;
}

static inline int faulty_allocate(int fd, off_t bytes) {
  return sys_fails() ? sys_fail_with : journal_sys_real.allocate(fd, bytes);
}

static inline void *faulty_map(size_t bytes, int fd) {
  if (fd < 0 || !sys_fails()) /* plain memory running out aborts: not a fault to test */
    return journal_sys_real.map(bytes, fd);
  errno = sys_fail_with;
  return MAP_FAILED;
}

static inline int faulty_sync(int fd) {
  if (!sys_fails() && !atomic_load(&sys_syncs_fail))
    return journal_sys_real.sync(fd);
  errno = sys_fail_with;
  return -1;
}

static inline int64_t faulty_now_us(void) { return journal_sys_real.now_us(); }

static const struct journal_sys faulty_sys = {
    .open = faulty_open, .allocate = faulty_allocate, .map = faulty_map, .sync = faulty_sync, .now_us = faulty_now_us};

#endif
