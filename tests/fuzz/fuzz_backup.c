/* A backup file: its head, whose sum is put right so that what lies behind it is reached, and the whole of it. What is
 * accepted is written back byte for byte, and never more comes out than the head declares. */
#include "store/backup_stream.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (1 << 20)

static int memory_file(const void *at, size_t n) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || pwrite(fd, at, n, 0) != (ssize_t)n)
    abort();
  return fd;
}

static void read_whole(const uint8_t *data, size_t size) {
  struct backup_content found;
  struct stat st;
  int in = memory_file(data, size), out = memory_file("", 0);
  enum err e = backup_stream_read(in, TEXT_NONE, ROOM, out, &found, NULL);
  if (fstat(out, &st) != 0 || st.st_size > ROOM || (e == ERR_OK && (uint64_t)st.st_size != found.head.database_bytes))
    abort();
  close(in);
  close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t again[BACKUP_HEAD_BYTES];
  struct backup_head head;
  read_whole(data, size);
  if (size < BACKUP_HEAD_BYTES)
    return 0;
  uint8_t *copy = malloc(size);
  if (!copy)
    abort();
  memcpy(copy, data, size);
  crypto_generichash(copy + BACKUP_HEAD_BYTES - BACKUP_SUM_BYTES, BACKUP_SUM_BYTES, copy,
                     BACKUP_HEAD_BYTES - BACKUP_SUM_BYTES, NULL, 0);
  if (backup_head_read(copy, &head, NULL) == ERR_OK) {
    backup_head_write(&head, again);
    if (memcmp(again, copy, sizeof again) != 0)
      abort();
    read_whole(copy, size);
  }
  free(copy);
  return 0;
}
