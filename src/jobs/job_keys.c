/* The job `keys`: what time does to keys is noted once for all replicas. That a key has expired, or the overlap of a
 * rotation is over, is decided by the clock wherever the key is shown; here the audit log and other processes hear of
 * it, and hashes that ended long ago are forgotten, and so are the names of
 * those who were erased long ago. Keys that sign tokens of ours are renewed. */
#include "jobs/kinds.h"

#include "ports/store_persons.h"

#define CHUNK 200

enum err job_keys(struct job *j, struct fault *f) {
  static const struct audit_actor by = {TEXT("job:keys"), TEXT("job")};
  struct store *s = j->world->store;
  struct key_sweep done = {.expired = CHUNK};
  uint64_t expired = 0, forgotten = 0;
  int64_t now_us = 0;
  enum err e = s->ops->jobs->now(s, &now_us, f);
  while (!e && done.expired == CHUNK) {
    e = job_progress(j, 0, TEXT("looking for ended keys"), f);
    if (!e)
      e = s->ops->key_sweep(s, now_us, CHUNK, &by, &done, f);
    if (!e) {
      expired += done.expired;
      forgotten += done.forgotten;
    }
  }
  if (!e)
    e = s->ops->persons->forget(s, now_us - PERSON_WATCHED_US, f);
  if (!e && j->world->oauth)
    e = j->world->oauth->rotate(j->world->oauth, now_us, f);
  if (!e)
    job_result(j, arena_format(j->arena, "{\"expired\":%llu,\"forgotten\":%llu}", (unsigned long long)expired,
                               (unsigned long long)forgotten));
  return e;
}
