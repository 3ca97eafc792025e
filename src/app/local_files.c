/* The thread that tidies a process's own files. What an erasure is, and which exports are old, is the store's and the
 * configuration's to say; whether there is anything to do is found from the audit log, which numbers the erasures that
 * are complete. Called by app.c and news.c. */
#include "app/local_files.h"

#include "base/log.h"
#include "ports/store_persons.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define EVERY_S     3600
#define DAY_US      INT64_C(86400000000)
#define PATH_MAX_IN 1400

struct local_files {
  struct local_files_options options;
  char archive[PATH_MAX_IN], exports[PATH_MAX_IN], mark[PATH_MAX_IN + 32];
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_started, is_woken;
  atomic_bool is_ending;
};

struct local_files *local_files_new(const struct local_files_options *o) {
  struct local_files *l = calloc(1, sizeof *l);
  pthread_condattr_t attributes;
  if (!l)
    abort();
  l->options = *o;
  snprintf(l->archive, sizeof l->archive, "%.1300s/archive", o->data_dir);
  snprintf(l->exports, sizeof l->exports, "%.1300s/exports", o->data_dir);
  snprintf(l->mark, sizeof l->mark, "%s/erased-until", l->archive);
  pthread_mutex_init(&l->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&l->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return l;
}

static enum err purge_exports(struct local_files *l, int64_t *out_removed, struct fault *f) {
  struct store *s = l->options.store;
  struct config *c = l->options.config(l->options.ctx);
  int64_t days = c->retention.exports_days, now_us = 0;
  config_unref(c);
  enum err e = s->ops->jobs->now(s, &now_us, f);
  return e ? e : s->ops->persons->purge_exports(s, l->exports, now_us - days * DAY_US, out_removed, f);
}

/* 0 when there is none: then files are looked at once too often. */
static int64_t read_mark(const struct local_files *l) {
  char text[32] = "";
  int64_t mark = 0;
  int fd = open(l->mark, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
  if (fd >= 0)
    close(fd);
  return n > 0 && text_to_i64((struct text){text, (size_t)n}, &mark) ? mark : 0;
}

/* A mark that is lost costs another look, so it is not synced. */
static enum err write_mark(const struct local_files *l, int64_t mark, struct fault *f) {
  char anew[sizeof l->mark + 8], text[32];
  snprintf(anew, sizeof anew, "%s.part", l->mark);
  int n = snprintf(text, sizeof text, "%lld", (long long)mark);
  int fd = open(anew, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool good = fd >= 0 && write(fd, text, (size_t)n) == n;
  if (fd >= 0)
    close(fd);
  good = good && rename(anew, l->mark) == 0;
  return good ? ERR_OK : fault_set(f, ERR_STORE, NULL, "cannot write %.1000s: %s", l->mark, strerror(errno));
}

static enum err newest_erasure(const struct local_files *l, int64_t *out_id, struct fault *f) {
  const struct audit_filter filter = {.action = TEXT("person.erase"), .max = 1};
  struct store *s = l->options.store;
  struct audit_row *rows = NULL;
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  enum err e = s->ops->audit->list(s, &filter, &a, &rows, &count, f);
  if (!e)
    *out_id = count > 0 ? rows[0].id : 0;
  arena_done(&a);
  return e;
}

static enum err go_on(void *ctx, unsigned permille, const char *at, struct fault *f) {
  const struct local_files *l = ctx;
  return atomic_load(&l->is_ending) ? fault_set(f, ERR_CANCELLED, NULL, "the process ends") : ERR_OK;
}

static enum err veil_archives(struct local_files *l, uint64_t *out_files, struct fault *f) {
  struct store *s = l->options.store;
  const struct person_listener listener = {go_on, l};
  const struct person_ask ask = {.archive_folder = l->archive, .listener = &listener};
  int64_t newest = 0;
  if (access(l->archive, F_OK) != 0)
    return ERR_OK;
  enum err e = newest_erasure(l, &newest, f);
  if (e || newest <= read_mark(l))
    return e;
  e = s->ops->persons->veil_archives(s, &ask, out_files, f);
  return e ? e : write_mark(l, newest, f);
}

enum err local_files_tidy(struct local_files *l, int64_t *out_exports, uint64_t *out_archives, struct fault *f) {
  int64_t exports = 0;
  uint64_t archives = 0;
  enum err e = purge_exports(l, &exports, f);
  if (!e)
    e = veil_archives(l, &archives, f);
  if (!e) {
    *out_exports = exports;
    *out_archives = archives;
  }
  return e;
}

static void round_of(struct local_files *l) {
  struct fault f = {0};
  int64_t exports = 0;
  uint64_t archives = 0;
  enum err e = local_files_tidy(l, &exports, &archives, &f);
  if (e && e != ERR_CANCELLED)
    LOG_WARN("files_not_tidied", log_str("detail", fault_text(&f)));
  else if (exports > 0 || archives > 0)
    LOG_INFO("files_tidied", log_i64("exports_removed", exports), log_u64("archives_written_anew", archives));
}

/* Until the hour is over, or somebody calls. */
static void wait_for_more(struct local_files *l) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += EVERY_S;
  pthread_mutex_lock(&l->lock);
  while (!l->is_woken && !atomic_load(&l->is_ending))
    if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
      break;
  l->is_woken = false;
  pthread_mutex_unlock(&l->lock);
}

static void *run(void *arg) {
  struct local_files *l = arg;
  while (!atomic_load(&l->is_ending)) {
    round_of(l);
    wait_for_more(l);
  }
  return NULL;
}

enum err local_files_start(struct local_files *l, struct fault *f) {
  int rc = pthread_create(&l->thread, NULL, run, l);
  l->is_started = rc == 0;
  return rc == 0 ? ERR_OK : fault_set(f, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(rc));
}

void local_files_wake(struct local_files *l) {
  if (!l)
    return;
  pthread_mutex_lock(&l->lock);
  l->is_woken = true;
  pthread_cond_signal(&l->changed);
  pthread_mutex_unlock(&l->lock);
}

void local_files_free(struct local_files *l) {
  if (!l)
    return;
  atomic_store(&l->is_ending, true);
  local_files_wake(l);
  if (l->is_started)
    pthread_join(l->thread, NULL);
  pthread_cond_destroy(&l->changed);
  pthread_mutex_destroy(&l->lock);
  free(l);
}
