/* Asking for jobs when their time has come: backups at the times of `backup.schedule`, vendors' lists of models before
 * they are old. The jobs themselves go through the store like any other (jobs/runner.h). */
#ifndef APP_DUE_H
#define APP_DUE_H

#include <stdint.h>

struct app;

/* What has been asked for; the main thread's. */
struct due {
  int64_t backup_us;            /* the scheduled moment that was seen to; 0: none */
  int64_t catalogue_us;         /* not looked at again before, by loop_clock_us */
  int64_t backup_not_before_us; /* after a store that took no job */
};

/* Looks and asks. To be called every few seconds on the main thread; takes a few statements of the store at most. */
void due_tick(struct app *a);

#endif
