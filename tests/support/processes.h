/* Whole programs of a test's own (weir, weir-sim), spoken to as a client does: started with their output in a file,
 * signalled by their number, asked over HTTP with plain blocking sockets. They die with the test. Functions are safe
 * for several threads when each has its own structs. */
#ifndef TESTS_SUPPORT_PROCESSES_H
#define TESTS_SUPPORT_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_PATIENCE_MS 90000 /* for what must happen; the machine may be slow */

struct process {
  pid_t pid; /* 0: not running */
  int port;
  char log[160];    /* the file its output goes to; appended to over restarts */
  long fsize_limit; /* RLIMIT_FSIZE in bytes for it; 0: none */
  unsigned uid;     /* runs as this user; 0: as the test does */
};

/* Starts argv[0] and waits for its line "ready on http://127.0.0.1:PORT". False when it ends or is not ready in time;
 * then it does not run, and *out_code (may be NULL) is what process_wait would say. */
bool process_start(struct process *p, const char *const argv[], int *out_code);
/* Waits for its end: the exit status, 128 + the signal that killed it, or -1 when it still runs after that time. */
int process_wait(struct process *p, int within_ms);
void process_signal(const struct process *p, int number);
/* SIGKILL, and it is gone. Safe on one that does not run. */
void process_kill(struct process *p);
/* SIGTERM; its exit status as process_wait's. */
int process_stop(struct process *p);

/* Runs a command to its end: its exit status, and what it said on both outputs (freed by the caller). */
int process_run(const char *const argv[], char **out_said);

/* How often a text is in a file; lines after the first `skip` bytes. */
size_t file_count(const char *path, const char *text, long skip);
void file_show(const char *path, const char *label); /* as comments of TAP */

enum reply_end {
  REPLY_WHOLE,   /* an answer from its first byte to its last */
  REPLY_REFUSED, /* nobody takes connections there */
  REPLY_CUT,     /* the connection ended, or was reset, before the answer was whole */
  REPLY_LATE     /* not whole within the time */
};
struct reply {
  enum reply_end end;
  int status; /* 0: none came */
  char request_id[64];
  char *body; /* chunks put together; zero-terminated, freed by reply_done */
  size_t len;
};
/* One request on a connection of its own to a port of loopback. headers: lines with their ends, or "". body may be
 * NULL. */
void ask(int port, const char *method, const char *path, const char *headers, const char *body, int timeout_ms,
         struct reply *out);
void reply_done(struct reply *r);

/* One number from /metrics, summed over its labels; -1 when the page or the name is not there. */
double metric_of(int port, const char *name);
int64_t clock_ms(void); /* monotonic */
/* Waits a little; for loops that poll for a condition. */
void wait_ms(int ms);
/* A port of loopback that was free a moment ago. */
int port_free(void);

#endif
