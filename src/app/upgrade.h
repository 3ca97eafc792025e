/* The old side of an upgrade: starts the program anew, hands everything over and says whether that has succeeded. Until
 * it has, nothing is given up that could not be taken back. docs/decisions/0006 tells the whole course. */
#ifndef APP_UPGRADE_H
#define APP_UPGRADE_H

#include "base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

struct app;

#define UPGRADE_TIMEOUT_MS 30000

/* How this process was started, so that it can be started again. */
struct program {
  char path[4096]; /* absolute, links not followed: a file or link put in its place is what is started */
  char **argv;     /* NULL-terminated */
  char *bytes;     /* argv's */
};
/* Remembers it. ERR_SYSTEM without /proc. */
enum err program_remember(struct program *p, struct fault *f) MUST_CHECK;
void program_forget(struct program *p);

struct upgrade_result {
  pid_t pid; /* of the process that serves now */
  uint64_t generation;
};

/* One upgrade, on the main thread; waits until it is decided, at most timeout_ms for the new process to be ready.
 * ERR_OK: the new process serves, and this one has begun to finish its calls. Otherwise f says why and all is as
 * before: ERR_CONFIG, ERR_LIMIT, ERR_UNSUPPORTED for what is refused beforehand; ERR_TIMEOUT, ERR_SYSTEM, ERR_PROTOCOL
 * for a new process that failed; ERR_CANCELLED when this one was told to end meanwhile. */
enum err upgrade_run(struct app *a, int64_t timeout_ms, struct upgrade_result *out, struct fault *f) MUST_CHECK;

/* Where fibers ask the main thread for an upgrade. */
struct upgrade_ask;
struct upgrade_desk {
  pthread_mutex_t lock;
  struct upgrade_ask *ask; /* NULL: none waits */
  bool closed;             /* nobody will answer any more */
};
void upgrade_desk_init(struct upgrade_desk *d);
/* From a fiber: asks and waits for the answer, as upgrade_run. ERR_UNAVAILABLE: another one is under way, or the
 * process ends. */
enum err upgrade_ask(struct app *a, int64_t timeout_ms, struct upgrade_result *out, struct fault *f) MUST_CHECK;
/* Main thread: whether somebody asks; and runs and answers it. */
bool upgrade_is_asked(struct app *a);
void upgrade_answer(struct app *a);
/* Main thread: refuses whoever asks now or later. */
void upgrade_desk_close(struct app *a);

#endif
