/* What a process has cost so far, read from /proc. A process that is gone ends the program. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#define PROCESSES_MAX 8

/* The processes of one gateway. */
struct processes {
  uint64_t pids[PROCESSES_MAX];
  size_t count;
};

/* Reads "PID,PID..."; anything else ends the program. An empty text is no process. */
struct processes processes_parse(const char *list);

/* Time on a processor of every living thread of every process, in nanoseconds (first field of task/N/schedstat, which
 * is finer than the 10 ms ticks of /proc/N/stat). Threads that ended are not in it. */
uint64_t processes_cpu_ns(const struct processes *p);

/* Resident memory, exact (smaps_rollup; the counters of /proc/N/status lag by up to some pages a processor). */
uint64_t processes_rss_bytes(const struct processes *p);

#endif
