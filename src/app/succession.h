/* The other processes of this Weir: those it has replaced, which still finish their calls, and the one that has
 * replaced it. One link to each (handover.h). From the old ones come reports of what their calls cost; when one is
 * gone, its journal is adopted if need be. To the new one go our own reports. Main thread only; status may be asked by
 * any. */
#ifndef APP_SUCCESSION_H
#define APP_SUCCESSION_H

#include "base/err.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct app;

#define SUCCESSION_MAX 32 /* processes at one time, this one among them */

struct predecessor {
  uint64_t generation, boot;
  pid_t pid;
  int link;   /* -1: it is gone without a word and what it left is not adopted yet */
  bool ended; /* it has said its last */
};

struct succession {
  pthread_mutex_t lock; /* protects what follows against succession_list; the main thread alone writes */
  struct predecessor old[SUCCESSION_MAX];
  size_t old_count;
  /* Of the main thread alone. */
  int successor; /* its link; -1: none, or it is gone */
};

void succession_init(struct succession *s);
/* Takes the link over. There must be room. */
void succession_add(struct succession *s, const struct predecessor *p);
/* A copy for whoever asks, out NULL or room for SUCCESSION_MAX; returns the count. Any thread. */
size_t succession_list(struct succession *s, struct predecessor *out);
/* Reads what the old ones have said; looks after those that are gone. */
void succession_heed(struct app *a);
/* Asks all old processes to end their calls within so long, for the whole service ends. */
void succession_hurry(struct app *a, int64_t within_ms);
/* Lets go of the links to the old ones: the successor has them. */
void succession_pass_on(struct succession *s);

/* Replays what processes that have ended left in the journal, and tells the log. False when it has to be tried again.
 */
bool succession_adopt(struct app *a);

/* To the successor: what has changed since the last time. */
void succession_report(struct app *a);
/* The last report, and that it was the last. No call may be open. */
void succession_bye(struct app *a);
/* Whether the successor asks to end sooner: then *out_within_ms. */
bool succession_is_hurried(struct app *a, int64_t *out_within_ms);

#endif
