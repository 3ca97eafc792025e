/* A few fibers a worker for work beside the requests. The worker knows them, so that its end can cancel them instead of
 * waiting for somebody else's server. Called by catalogue and access. */
#include "gateway/background.h"

#include "fiber/loop.h"

#include <stdlib.h>

struct job {
  struct gateway_worker *worker;
  struct gateway_snapshot *snapshot;
  void (*run)(struct gateway_worker *w, struct gateway_snapshot *s, const void *about);
  const void *about;
  struct fiber **place;
};

static void job_end(struct job *j) {
  *j->place = NULL;
  gateway_snapshot_unref(j->snapshot);
  free(j);
}

static void job_main(void *arg) {
  struct job *j = arg;
  j->run(j->worker, j->snapshot, j->about);
  job_end(j);
}

static struct fiber **free_place(struct gateway_worker *w) {
  for (size_t i = 0; i < GATEWAY_BACKGROUND_MAX; i++) {
    if (!w->background[i])
      return &w->background[i];
  }
  return NULL;
}

bool background_start(struct gateway_worker *w, struct gateway_snapshot *s,
                      void (*run)(struct gateway_worker *w, struct gateway_snapshot *s, const void *about),
                      const void *about) {
  struct fiber **place = w->stopping ? NULL : free_place(w);
  struct job *j = place ? malloc(sizeof(*j)) : NULL;
  if (!place)
    return false;
  if (!j)
    abort();
  *j = (struct job){w, s, run, about, place};
  s->refs++;
  if (fiber_start(loop_current(), job_main, j, place) == ERR_OK)
    return true;
  job_end(j);
  return false;
}

void gateway_worker_stop(struct gateway_worker *w) {
  w->stopping = true;
  for (size_t i = 0; i < GATEWAY_BACKGROUND_MAX; i++) {
    if (w->background[i])
      fiber_cancel(w->background[i]);
  }
}
