/* When the jobs of this process's own are due. A moment that passed while nobody ran is made up for once, because what
 * counts is whether there is a backup since; several replicas that ask at the same time get one job, because of its
 * unique key. Called by life.c. */
#include "app/due.h"

#include "app/state.h"
#include "base/daytimes.h"
#include "base/log.h"
#include "fiber/loop.h"

#define LOOK_US  INT64_C(60000000)  /* between two looks at the lists, and after the store has failed */
#define AGAIN_US INT64_C(900000000) /* a vendor that cannot be reached is not asked for more often */

/* False when the store took none; one that waits already is as good. */
static bool ask(struct app *a, const char *kind) {
  const struct job_kind *k = job_kind_find(text_of(kind));
  const struct store_jobs_ops *jobs = a->store->ops->jobs;
  const struct store_job_new n = {
      .kind = text_of(kind), .unique_key = text_of(kind), .max_attempts = k ? k->attempts : 1};
  struct fault f = {0};
  int64_t now_us = 0, id = 0;
  enum err e = jobs->now(a->store, &now_us, &f);
  if (e == ERR_OK)
    e = jobs->enqueue(a->store, &n, now_us, &id, &f);
  if (e == ERR_OK)
    runner_wake(a->runner);
  else if (e != ERR_STORE_CONFLICT)
    LOG_WARN("job_not_asked_for", log_str("kind", kind), log_str("detail", fault_text(&f)));
  return e == ERR_OK || e == ERR_STORE_CONFLICT;
}

static void look_at_backups(struct app *a) {
  int64_t at_us = daytimes_latest(a->config->backup.schedule, loop_wall_us());
  if (at_us == 0 || at_us == a->due.backup_us || a->first->store != CONFIG_STORE_SQLITE ||
      loop_clock_us() < a->due.backup_not_before_us)
    return;
  if (backup_desk_made_us(&a->backups) >= at_us || ask(a, "backup"))
    a->due.backup_us = at_us;
  else
    a->due.backup_not_before_us = loop_clock_us() + LOOK_US;
}

static void look_at_catalogues(struct app *a) {
  if (loop_clock_us() < a->due.catalogue_us)
    return;
  bool asked = catalogue_desk_is_due(&a->catalogue_desk) && ask(a, "catalogue");
  a->due.catalogue_us = loop_clock_us() + (asked ? AGAIN_US : LOOK_US);
}

void due_tick(struct app *a) {
  look_at_backups(a);
  look_at_catalogues(a);
}
