/* The life of the process once it serves, on its main thread: signals, reload, upgrade, housekeeping, systemd's
 * watchdog, and the drain at the end. */
#ifndef APP_LIFE_H
#define APP_LIFE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct app;

/* When what is due. Of the main thread alone. */
struct life {
  int64_t housekeeping_us, watchdog_us;
  int64_t lease_end_us; /* after a handover: no late request is to be expected any more */
  int64_t stop_by_us;   /* while draining: when whoever is left is left to itself; 0: not draining */
  bool end_was_asked;
};

/* Signals become readable instead of being delivered; before any thread starts. ERR_SYSTEM. */
enum err life_prepare(struct app *a, struct fault *f) MUST_CHECK;
/* Until every worker has ended. */
void life_run(struct app *a);
/* Waits until fd is readable: ERR_OK; ERR_TIMEOUT; ERR_CANCELLED when the process is to end. Other signals are kept for
 * life_run, and signs of life go on. */
enum err life_wait(struct app *a, int fd, int64_t deadline_us) MUST_CHECK;
/* Any thread: life_run is to look around. */
void life_wake(struct app *a);
/* A successor serves, at the other end of the link (taken over): this process stops accepting and finishes its calls.
 */
void life_hand_over(struct app *a, int link);

#endif
