/* The desk of stored credentials. The set that is read is never changed, only replaced, so that whoever joins it needs
 * no lock while it is used; the secrets of an old set are wiped with the last snapshot that has it. Called by app.c and
 * news.c. */
#include "app/credentials.h"

#include "base/log.h"
#include "config/credential.h"
#include "ports/store_credentials.h"

#include <pthread.h>
#include <signal.h>

#define RETRY_S 2

struct credential_desk {
  struct credential_desk_options options;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct overlay *held; /* what follows: under the lock */
  bool is_started, is_woken, is_ending, is_stale, has_news;
};

struct credential_desk *credential_desk_new(const struct credential_desk_options *o) {
  struct credential_desk *d = calloc(1, sizeof *d);
  pthread_condattr_t attributes;
  if (!d)
    abort();
  d->options = *o;
  pthread_mutex_init(&d->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&d->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return d;
}

/* One that is damaged is left out, and the others work; one that cannot be opened for now ends the reading. */
static enum err add_one(struct credential_desk *d, const struct store_credential *row, struct overlay *into,
                        struct fault *f) {
  const struct vault_place place = store_credential_place(row->id, row->sealed_version);
  struct config_credential c = {.name = row->name, .workspace = row->workspace, .weight = row->weight};
  struct vault *vault = d->options.vault;
  struct secret *plain = NULL;
  if (!row->is_active) {
    overlay_add(into, row->provider, NULL);
    return ERR_OK;
  }
  enum err e = vault->open(vault, &place, row->sealed, &plain, f);
  bool is_read = !e && credential_read(row->kind, secret_reveal(plain), &c);
  secret_free(plain);
  if (e && e != ERR_STORE_CORRUPT)
    return e;
  if (!is_read)
    LOG_ERROR("credential_unreadable", log_i64("id", row->id), log_text("provider", row->provider),
              log_text("credential", row->name), log_str("detail", e ? fault_text(f) : "it is of an unknown kind"));
  overlay_add(into, row->provider, is_read ? &c : NULL);
  *f = (struct fault){0};
  return ERR_OK;
}

static enum err read_all(struct credential_desk *d, struct overlay *into, struct fault *f) {
  struct store *s = d->options.store;
  struct store_credential *rows = NULL;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  enum err e = s->ops->credentials->list(s, &a, &rows, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    e = add_one(d, &rows[i], into, f);
  arena_done(&a);
  return e;
}

/* Says once that it cannot be done, and once that it can again. */
static void settle(struct credential_desk *d, struct overlay *fresh, const struct fault *f) {
  pthread_mutex_lock(&d->lock);
  bool was_stale = d->is_stale;
  struct overlay *old = fresh ? d->held : NULL;
  d->is_stale = fresh == NULL;
  if (fresh) {
    d->held = fresh;
    d->has_news = true;
  }
  pthread_mutex_unlock(&d->lock);
  overlay_unref(old);
  if (!fresh && !was_stale)
    LOG_WARN("credentials_not_read", log_str("detail", fault_text(f)));
  if (fresh && was_stale)
    LOG_INFO("credentials_read", log_u64("count", overlay_count(fresh)));
}

enum err credential_desk_load(struct credential_desk *d, struct fault *f) {
  struct overlay *fresh = overlay_new();
  enum err e = read_all(d, fresh, f);
  if (e) {
    overlay_unref(fresh);
    fresh = NULL;
  }
  settle(d, fresh, f);
  if (e == ERR_UNAVAILABLE) {
    *f = (struct fault){0};
    e = ERR_OK;
  }
  return e;
}

/* False when it is time to end. */
static bool wait_for_work(struct credential_desk *d) {
  pthread_mutex_lock(&d->lock);
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += RETRY_S;
  while (!d->is_woken && !d->is_ending) {
    if (!d->is_stale)
      pthread_cond_wait(&d->changed, &d->lock);
    else if (pthread_cond_timedwait(&d->changed, &d->lock, &until) != 0)
      break;
  }
  d->is_woken = false;
  bool goes_on = !d->is_ending;
  pthread_mutex_unlock(&d->lock);
  return goes_on;
}

static void *work(void *arg) {
  struct credential_desk *d = arg;
  while (wait_for_work(d)) {
    struct fault f = {0};
    if (credential_desk_load(d, &f) == ERR_OK)
      d->options.on_news(d->options.ctx);
  }
  return NULL;
}

enum err credential_desk_start(struct credential_desk *d, struct fault *f) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(&d->thread, NULL, work, d);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  d->is_started = problem == 0;
  return problem ? fault_set(f, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(problem)) : ERR_OK;
}

static void tell(struct credential_desk *d, bool *what) {
  pthread_mutex_lock(&d->lock);
  *what = true;
  pthread_cond_signal(&d->changed);
  pthread_mutex_unlock(&d->lock);
}

void credential_desk_wake(struct credential_desk *d) { tell(d, &d->is_woken); }

bool credential_desk_has_news(struct credential_desk *d) {
  pthread_mutex_lock(&d->lock);
  bool has = d->has_news;
  d->has_news = false;
  pthread_mutex_unlock(&d->lock);
  return has;
}

static void tell_of_missing(const struct config *c) {
  for (size_t i = 0; i < c->model_count; i++) {
    for (size_t k = 0; k < c->models[i].target_count; k++) {
      const struct config_target *t = &c->models[i].targets[k];
      if (t->credential_name.len > 0 && !t->every_credential && !t->credential)
        LOG_WARN("target_without_credential", log_text("model", c->models[i].name),
                 log_text("provider", t->provider_name), log_text("credential", t->credential_name));
    }
  }
}

struct config *credential_desk_join(struct credential_desk *d, const struct config *base) {
  pthread_mutex_lock(&d->lock);
  struct overlay *set = d->held ? overlay_ref(d->held) : NULL;
  pthread_mutex_unlock(&d->lock);
  struct config *c = overlay_join(base, set);
  overlay_unref(set);
  tell_of_missing(c);
  return c;
}

void credential_desk_free(struct credential_desk *d) {
  if (!d)
    return;
  if (d->is_started) {
    tell(d, &d->is_ending);
    pthread_join(d->thread, NULL);
  }
  overlay_unref(d->held);
  pthread_cond_destroy(&d->changed);
  pthread_mutex_destroy(&d->lock);
  free(d);
}
