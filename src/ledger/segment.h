/* A segment: one preallocated, mapped file of a journal (or, without a directory, plain memory). Writing into it is
 * writing to memory; what is written outlives the process without a system call, and the machine after segment_sync. */
#ifndef LEDGER_SEGMENT_H
#define LEDGER_SEGMENT_H

#include "ledger/record.h"

#include <sys/types.h>

#define SEGMENT_HEAD_BYTES 64
#define SEGMENT_FORMAT     1
#define SEGMENT_SUFFIX     ".journal"

/* What the journal asks of the operating system, and the clock. Tests put faults here. Results and errno as the calls
 * named. */
struct journal_sys {
  int (*open)(const char *path, int flags, mode_t mode);
  int (*allocate)(int fd, off_t bytes); /* posix_fallocate from 0: returns the error */
  void *(*map)(size_t bytes, int fd);   /* mmap for reading and writing, shared; private memory when fd is -1 */
  int (*sync)(int fd);                  /* fdatasync */
  int64_t (*now_us)(void);              /* wall clock */
};
extern const struct journal_sys journal_sys_real;

/* Where the segments of one process live. Set once, then only read. */
struct journal_place {
  const struct journal_sys *sys;
  char dir[1024]; /* "" : memory only */
  int dir_fd;     /* to make new names durable; -1 for memory */
  uint64_t boot;  /* random, in every segment of this process */
  uint32_t home;  /* of the store (replay.h), in every segment too; 0: not known */
  char kind[16];  /* its kind, for whoever finds a segment that has lost its way */
  size_t segment_bytes;
};

struct segment {
  char *base;
  size_t bytes;
  int fd;
  unsigned stream;
  uint64_t number;     /* within its journal, from 1 */
  _Atomic size_t used; /* bytes published by the journal's owner */
  atomic_bool closed;  /* the owner has moved on; used is final */
  atomic_bool done;    /* every record is in the store and none is needed: may be removed */
  _Atomic(struct segment *) next;
  /* Only for the ledger's writer thread. */
  uint64_t live; /* reservations here whose settlement is not in the store */
  struct segment *next_left;
  /* Only for the keeper thread. */
  size_t synced;
  bool refused; /* the last sync was */
};

/* What a segment's head says. */
struct segment_head {
  char magic[8];
  uint32_t format, stream;
  uint64_t number, boot;
  int64_t created_us;
  uint32_t home, crc; /* 0 in segments of a Weir that did not write it */
  char kind[16];      /* filled with zeros; not under the CRC */
};

/* Creates, fills with zeros and maps a segment file. ERR_STORE_FULL when the disk (or a quota) has no room, ERR_STORE
 * otherwise; nothing is left behind then. */
enum err segment_create(const struct journal_place *p, unsigned stream, uint64_t number, struct segment **out,
                        struct fault *f) MUST_CHECK;
/* A segment of memory only, whatever the place; aborts when there is none. */
struct segment *segment_create_memory(const struct journal_place *p, unsigned stream, uint64_t number);
/* Unmaps and frees; removes the file when asked. NULL is fine. */
void segment_free(const struct journal_place *p, struct segment *s, bool remove_file);
/* Makes what is published durable, when anything is new. True on success and when there was nothing to do; for the
 * keeper thread. After a refusal the kernel may take the pages for written: all of them are written again then. */
bool segment_sync(const struct journal_place *p, struct segment *s);

/* "<boot>-<stream>-<number>.journal" */
void segment_name(char *out, size_t out_bytes, uint64_t boot, unsigned stream, uint64_t number);
bool segment_name_parse(const char *name, uint64_t *out_boot, unsigned *out_stream, uint64_t *out_number);
/* Whether `bytes` begin with an undamaged head; copied to *out. The format may be a newer one. */
bool segment_head_read(const char *at, size_t bytes, struct segment_head *out);

#endif
