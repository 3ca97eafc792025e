/* Making a scheduled backup: the settings in force, the passphrase, the calls that are settled and not stored yet, then
 * store/backup_shelf.h. It does not decide when; that is the schedule's matter. Called by the job `backup` and by
 * health.c. */
#include "app/backups.h"

#include "app/master_key.h"
#include "app/source.h"
#include "store/backup_passphrase.h"
#include "store/backup_shelf.h"

#include <poll.h>

#define SETTLED_POLL_MS 20
#define SETTLED_POLLS   500

/* What of the configuration a backup needs, with zeros behind the texts. */
struct settings {
  struct config *config;
  char dir[BACKUP_PATH_MAX], passphrase_file[4097], data_dir[1024], database[1100];
  struct store_place place;
};

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Where they are kept: beside the database unless the configuration says otherwise. */
static enum err folder(const struct config *c, const struct config *first, char out[BACKUP_PATH_MAX], struct fault *f) {
  int n = text_is_empty(c->backup.dir) ? snprintf(out, BACKUP_PATH_MAX, "%.*s/backups", TEXT_ARGS(first->data_dir))
                                       : snprintf(out, BACKUP_PATH_MAX, "%.*s", TEXT_ARGS(c->backup.dir));
  return n > 0 && n < BACKUP_PATH_MAX ? ERR_OK : fault_set(f, ERR_CONFIG, "backup.dir", "`backup.dir` is too long");
}

static enum err settings_read(struct backup_desk *d, struct settings *s, struct fault *f) {
  const struct config *first = d->options.first;
  if (first->store != CONFIG_STORE_SQLITE)
    return fault_set(f, ERR_UNSUPPORTED, NULL,
                     "only a store in a file is backed up by weir; PostgreSQL has its own tools: docs/OPERATIONS.md");
  enum err e = folder(s->config, first, s->dir, f);
  int n =
      snprintf(s->passphrase_file, sizeof(s->passphrase_file), "%.*s", TEXT_ARGS(s->config->backup.passphrase_file));
  int m = snprintf(s->data_dir, sizeof(s->data_dir), "%.*s", TEXT_ARGS(first->data_dir));
  if (e == ERR_OK && (n < 0 || (size_t)n >= sizeof(s->passphrase_file) || m < 0 || (size_t)m >= sizeof(s->data_dir) ||
                      source_store_place(first, s->database, sizeof(s->database), &s->place) != ERR_OK))
    e = fault_set(f, ERR_CONFIG, NULL, "a path of the configuration is too long");
  return e;
}

/* Calls that were settled when the backup was asked for are to be in it. A store that takes none right now is no reason
 * to go without. */
static enum err wait_for_ledger(struct backup_desk *d, const struct backups_watch *w, struct fault *f) {
  struct ledger_stats s = ledger_stats(d->options.ledger);
  uint64_t want = s.settled;
  enum err e = ERR_OK;
  for (int i = 0; e == ERR_OK && s.stored < want && i < SETTLED_POLLS; i++) {
    poll(NULL, 0, SETTLED_POLL_MS);
    s = ledger_stats(d->options.ledger);
    e = w->go_on(w->data, f);
  }
  return e;
}

static enum err shelve(struct backup_desk *d, const struct settings *s, const struct backups_watch *w,
                       const struct backup_secrets *secrets, struct backup_shelved *out, struct fault *f) {
  const struct backup_shelf shelf = {.dir = s->dir,
                                     .database = s->database,
                                     .key = s->place.key,
                                     .secrets = *secrets,
                                     .keep = s->config->backup.keep,
                                     .stop = {w->go_on, w->data}};
  enum err e = wait_for_ledger(d, w, f);
  return e ? e : backup_shelf_add(&shelf, now_us(), out, f);
}

static enum err add(struct backup_desk *d, const struct settings *s, const struct backups_watch *w,
                    struct backup_shelved *out, struct fault *f) {
  const struct config *first = d->options.first;
  struct text passphrase;
  struct secret *master = NULL;
  enum err e = backup_passphrase_read(s->passphrase_file, &passphrase, f);
  if (e != ERR_OK)
    return e;
  e = master_key_in_file(first, s->data_dir, &master, f);
  if (e == ERR_OK) {
    const struct backup_secrets secrets = {secret_reveal(d->options.server_key), passphrase,
                                           master ? secret_reveal(master) : TEXT_NONE};
    e = shelve(d, s, w, &secrets, out, f);
  }
  if (e == ERR_OK)
    e = master_key_still(first, s->data_dir, master, f);
  secret_free(master);
  backup_passphrase_done(&passphrase);
  return e;
}

/* One that was only stopped says nothing about the next. */
static void note(struct backup_desk *d, enum err e, const struct fault *f) {
  if (e == ERR_CANCELLED)
    return;
  pthread_mutex_lock(&d->lock);
  snprintf(d->why, sizeof(d->why), "%s", e == ERR_OK ? "" : fault_text(f));
  pthread_mutex_unlock(&d->lock);
  if (e == ERR_OK)
    atomic_store(&d->made_us, now_us());
}

/* The settings are too large for a frame. */
static enum err make_one(struct backup_desk *d, const struct backups_watch *w, struct backup_shelved *out,
                         struct fault *f) {
  struct settings *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  s->config = d->options.config(d->options.ctx);
  enum err e = settings_read(d, s, f);
  if (e == ERR_OK)
    e = add(d, s, w, out, f);
  config_unref(s->config);
  free(s);
  return e;
}

static enum err make(struct backups *b, const struct backups_watch *w, struct backups_made *out, struct fault *f) {
  struct backup_desk *d = (struct backup_desk *)b;
  struct backup_shelved shelved;
  struct fault why = {0};
  enum err e = make_one(d, w, &shelved, &why);
  note(d, e, &why);
  if (e != ERR_OK) {
    *f = why;
    return e;
  }
  *out = (struct backups_made){.database_bytes = shelved.made.database_bytes,
                               .stored_bytes = shelved.made.stored_bytes,
                               .kept = shelved.kept,
                               .removed = shelved.removed};
  snprintf(out->path, sizeof(out->path), "%s", shelved.path);
  return ERR_OK;
}

/* Another process may have made one: the one before an upgrade, or `weir backup` into the same folder. */
static void look(struct backup_desk *d, const struct config *c) {
  char dir[BACKUP_PATH_MAX];
  int64_t made_us = 0;
  if (d->options.first->store == CONFIG_STORE_SQLITE && folder(c, d->options.first, dir, NULL) == ERR_OK &&
      backup_shelf_newest(dir, &made_us, NULL) == ERR_OK)
    atomic_store(&d->made_us, made_us);
}

static enum err newest(struct backups *b, int64_t *out_us, struct fault *f) {
  struct backup_desk *d = (struct backup_desk *)b;
  struct config *c = d->options.config(d->options.ctx);
  char dir[BACKUP_PATH_MAX];
  enum err e = folder(c, d->options.first, dir, f);
  if (e == ERR_OK)
    e = backup_shelf_newest(dir, out_us, f);
  config_unref(c);
  return e;
}

void backup_desk_init(struct backup_desk *d, const struct backup_desk_options *o) {
  *d = (struct backup_desk){.port = {make, newest}, .options = *o};
  pthread_mutex_init(&d->lock, NULL);
  struct config *c = o->config(o->ctx);
  look(d, c);
  config_unref(c);
}

void backup_desk_done(struct backup_desk *d) { pthread_mutex_destroy(&d->lock); }

int64_t backup_desk_age_s(struct backup_desk *d) {
  int64_t made_us = atomic_load(&d->made_us), age_us = now_us() - made_us;
  return made_us == 0 ? -1 : age_us > 0 ? age_us / 1000000 : 0;
}

static enum err judge(struct backup_desk *d, int64_t max_age_ms, struct fault *f) {
  int64_t age_s = backup_desk_age_s(d);
  char why[sizeof(d->why)];
  pthread_mutex_lock(&d->lock);
  memcpy(why, d->why, sizeof(why));
  pthread_mutex_unlock(&d->lock);
  if (why[0])
    return fault_set_brief(f, fault_set(f, ERR_STORE, NULL, "the last backup failed: %s", why),
                           "the last backup failed");
  if (max_age_ms <= 0 || age_s <= max_age_ms / 1000)
    return ERR_OK;
  fault_set(f, ERR_STORE, NULL, "the newest backup is %lld hours old", (long long)(age_s / 3600));
  return fault_set_brief(f, ERR_STORE, "the newest backup is too old");
}

enum err backup_desk_check(void *ctx, struct fault *f) {
  struct backup_desk *d = ctx;
  struct config *c = d->options.config(d->options.ctx);
  enum err e = ERR_OK;
  if (!text_is_empty(c->backup.schedule)) {
    look(d, c);
    e = judge(d, c->backup.max_age_ms, f);
  }
  config_unref(c);
  return e;
}
