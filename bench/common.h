/* What the bench programs share: a clock, loopback sockets, options. Nothing here returns an error: a bench that cannot
 * do what it was told ends at once with a message, because a figure measured around a fault is worse than none. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>

/* One `--name value` of the command line. Exactly one of number and text is set. */
struct bench_option {
  const char *name;
  uint64_t *number; /* at most max */
  uint64_t max;
  const char **text;
};

/* Prints "PROGRAM: what: reason of errno" and ends the program with status 1. */
void bench_fail(const char *what) __attribute__((noreturn));

/* Reads argv[first] and on as pairs; an unknown name, a missing value or a number out of range ends the program. */
void bench_options(int argc, char **argv, int first, const struct bench_option *options, size_t count);

/* The monotonic clock in nanoseconds. */
int64_t bench_now_ns(void);

/* A listening, non-blocking socket on 127.0.0.1; port 0 takes a free one. The port taken goes to out_port. */
int bench_listen(uint16_t port, uint16_t *out_port);

/* A connected, blocking socket to 127.0.0.1 without Nagle's delay; tries again for at most wait_ms while nobody
 * listens. The caller closes it. -1 when nobody listens in that time. */
int bench_connect(uint16_t port, int wait_ms);

/* Lets the process open as many descriptors as the machine allows; ends the program if that is below needed. */
void bench_allow_descriptors(uint64_t needed);

#endif
