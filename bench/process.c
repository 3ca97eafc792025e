/* Processor time and memory of the gateway under load, from /proc. Reads all threads, so a gateway that moves work to a
 * thread of its own is charged for it. Called by bench_load.c and load_*.c around the measured window. */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

struct processes processes_parse(const char *list) {
  struct processes p = {.count = 0};
  while (*list != '\0') {
    char *end;
    unsigned long long pid = strtoull(list, &end, 10);
    errno = EINVAL;
    if (end == list || (*end != ',' && *end != '\0') || p.count == PROCESSES_MAX)
      bench_fail("--pids");
    p.pids[p.count++] = pid;
    list = *end == ',' ? end + 1 : end;
  }
  return p;
}

/* A thread may end between the listing and the reading; then it counts nothing. */
static uint64_t thread_cpu_ns(uint64_t pid, const char *thread) {
  char path[320];
  uint64_t ns = 0;
  (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task/%s/schedstat", pid, thread);
  FILE *f = fopen(path, "re");
  if (f == NULL)
    return 0;
  if (fscanf(f, "%" SCNu64, &ns) != 1)
    ns = 0;
  (void)fclose(f);
  return ns;
}

uint64_t processes_cpu_ns(const struct processes *p) {
  uint64_t ns = 0;
  for (size_t i = 0; i < p->count; i++) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", p->pids[i]);
    DIR *threads = opendir(path);
    if (threads == NULL)
      bench_fail(path);
    for (struct dirent *t = readdir(threads); t != NULL; t = readdir(threads))
      if (t->d_name[0] != '.')
        ns += thread_cpu_ns(p->pids[i], t->d_name);
    (void)closedir(threads);
  }
  return ns;
}

uint64_t processes_rss_bytes(const struct processes *p) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < p->count; i++) {
    char path[64], line[256];
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/smaps_rollup", p->pids[i]);
    FILE *f = fopen(path, "re");
    if (f == NULL)
      bench_fail(path);
    while (fgets(line, sizeof(line), f) != NULL) {
      uint64_t kib;
      if (sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1)
        bytes += kib * 1024;
    }
    (void)fclose(f);
  }
  return bytes;
}
