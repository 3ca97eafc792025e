/* Schedules of jobs. The store holds when each kind is due next, so that all programs on it agree and nothing is missed
 * while none of them runs; here is what the notation means and who may fire. Called by the runner's keeper. */
#include "jobs/schedules.h"

#include "base/log.h"

static const struct config_job *find_entry(const struct config *c, const struct job_kind *k) {
  for (size_t i = 0; i < c->job_count; i++)
    if (text_equal(c->jobs[i].kind, text_of(k->name)))
      return &c->jobs[i];
  return NULL;
}

void schedules_text(const struct config *c, const struct job_kind *k, char out[SCHEDULE_TEXT_MAX]) {
  const struct config_job *entry = find_entry(c, k);
  struct text cron = k->configured ? k->configured(c) : text_of(k->schedule);
  if (entry && entry->schedule.len > 0)
    cron = entry->schedule;
  out[0] = '\0';
  if (cron.len > 0 && (!entry || entry->enabled))
    snprintf(out, SCHEDULE_TEXT_MAX, "%.*s %.*s", TEXT_ARGS(text_head(cron, RECURRENCE_TEXT_MAX)),
             TEXT_ARGS(text_head(c->timezone, 64)));
}

static bool read_text(const char *text, struct recurrence *out) {
  const char *zone = strrchr(text, ' ');
  return zone && recurrence_parse((struct text){text, (size_t)(zone - text)}, out, NULL) == ERR_OK;
}

bool schedules_next(const char *text, int64_t after_us, int64_t *out_us) {
  struct recurrence r;
  return read_text(text, &r) && recurrence_next(&r, after_us, &cron_zone_local, out_us);
}

bool schedules_latest(const char *text, int64_t at_us, int64_t *out_us) {
  struct recurrence r;
  return read_text(text, &r) && recurrence_latest(&r, at_us, &cron_zone_local, out_us);
}

static enum err sync_kind(const struct job_world *w, const struct config *c, const struct job_kind *k, int64_t now_us,
                          struct fault *f) {
  const struct store_jobs_ops *jobs = w->store->ops->jobs;
  char text[SCHEDULE_TEXT_MAX];
  int64_t next_us = 0;
  schedules_text(c, k, text);
  if (!text[0] || !schedules_next(text, now_us, &next_us))
    return jobs->schedule_drop(w->store, text_of(k->name), f);
  if (k->makes_up)
    (void)schedules_latest(text, now_us, &next_us);
  return jobs->schedule_put(w->store, text_of(k->name), text_of(text), next_us, f);
}

enum err schedules_sync(const struct job_world *w, const struct job_kind *kinds, size_t count, struct fault *f) {
  struct config *c = w->config(w->ctx);
  int64_t now_us = 0;
  enum err e = w->store->ops->jobs->now(w->store, &now_us, f);
  for (size_t i = 0; i < count && !e; i++)
    e = sync_kind(w, c, &kinds[i], now_us, f);
  config_unref(c);
  return e;
}

static enum err fire_kind(const struct job_world *w, const struct config *c, const struct job_kind *k,
                          const struct store_schedule *seen, int64_t now_us, int64_t *out_job, struct fault *f) {
  char text[SCHEDULE_TEXT_MAX];
  int64_t next_us = 0;
  schedules_text(c, k, text);
  if (seen->next_us > now_us || !text_equal(seen->cron, text_of(text)) || !schedules_next(text, now_us, &next_us))
    return ERR_OK;
  return w->store->ops->jobs->schedule_fire(w->store, seen, k->attempts, next_us, now_us, out_job, f);
}

static enum err fire_all(const struct job_world *w, const struct config *c, const struct job_kind *kinds, size_t count,
                         struct arena *a, size_t *out_made, struct fault *f) {
  struct store_schedule *at = NULL;
  size_t schedules = 0, made = 0;
  int64_t now_us = 0;
  enum err e = w->store->ops->jobs->now(w->store, &now_us, f);
  if (!e)
    e = w->store->ops->jobs->schedule_list(w->store, a, &at, &schedules, f);
  for (size_t i = 0; i < schedules * count && !e; i++) {
    const struct job_kind *k = &kinds[i % count];
    int64_t job = 0;
    if (!text_equal(at[i / count].kind, text_of(k->name)))
      continue;
    e = fire_kind(w, c, k, &at[i / count], now_us, &job, f);
    if (!e && job > 0) {
      made++;
      LOG_INFO("job_scheduled", log_i64("job", job), log_str("kind", k->name),
               log_i64("late_us", now_us - at[i / count].next_us));
    }
  }
  *out_made = made;
  return e;
}

enum err schedules_fire(const struct job_world *w, const struct job_kind *kinds, size_t count, size_t *out_made,
                        struct fault *f) {
  struct config *c = w->config(w->ctx);
  struct arena a;
  arena_init(&a);
  enum err e = fire_all(w, c, kinds, count, &a, out_made, f);
  arena_done(&a);
  config_unref(c);
  return e;
}
