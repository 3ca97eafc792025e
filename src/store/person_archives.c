/* Persons in the files of the archive. A file is first only read; the few that name somebody are written anew, each in
 * a transaction of its own. Which name it gets and how a file is packed is archive_lines.c's. Called by
 * store_persons.c and store_person_export.c; the reasons stand in docs/decisions/0020. */
#include "store/person_archives.h"

#include "base/json.h"
#include "store/archive_lines.h"
#include "store/store_persons.h"
#include "store/store_usage.h"

#define PASSES_MAX 5

static const char doing[] = "taking a person out of the archive";

struct pass {
  struct store *store;
  const struct person_ask *ask;
  const struct person_rule *rule; /* NULL: rows are only listed */
  const struct person_sink *sink;
  struct arena arena; /* of one pass */
  struct usage_archive *files;
  size_t count, at; /* the file at hand */
  uint64_t hits;    /* rows of it that the rule is for */
  struct archive_made made;
  struct person_archives done;
};

struct line {
  struct json json;
  struct text user;
  int64_t reserved_us;
};

static bool read_line(struct text t, struct line *out) {
  static const struct json_limits limits = {.raw_numbers = true};
  if (json_read(t, &limits, &out->json, NULL))
    return false;
  out->user = json_text(json_get(out->json.root, "user"));
  if (!text_to_i64(json_number(json_get(out->json.root, "reserved_us")), &out->reserved_us))
    out->reserved_us = 0;
  return true;
}

/* The pseudonym that such a line gets; empty: none. */
static struct text pseudonym_of(const struct person_rule *rule, const struct line *line) {
  if (line->user.len == 0)
    return TEXT_NONE;
  if (text_equal(line->user, rule->who.name))
    return rule->who.pseudonym;
  for (size_t i = 0; i < rule->veil_count; i++)
    if (person_veil_hides(&rule->veils[i], line->user, line->reserved_us))
      return rule->veils[i].pseudonym;
  return TEXT_NONE;
}

static enum err count_line(void *ctx, struct text t, struct fault *f) {
  struct pass *p = ctx;
  struct line line;
  if (!read_line(t, &line))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "a line of %.*s is not JSON", TEXT_ARGS(p->files[p->at].name));
  p->hits += pseudonym_of(p->rule, &line).len > 0;
  json_done(&line.json);
  return ERR_OK;
}

static void put_name(struct buf *out, struct text name) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_put_text(&w, name);
}

/* The line with another user and key's name, and every other byte as it was. */
static bool veil_line(void *ctx, struct text t, struct buf *out) {
  const struct pass *p = ctx;
  struct line line;
  struct text user, key_name;
  if (!read_line(t, &line))
    return false;
  struct text pseudonym = pseudonym_of(p->rule, &line);
  bool hit = pseudonym.len > 0 && json_place(&line.json, line.json.root, "user", &user) &&
             json_place(&line.json, line.json.root, "key_name", &key_name);
  if (hit) {
    struct text first = user.at < key_name.at ? user : key_name, second = user.at < key_name.at ? key_name : user;
    size_t first_end = (size_t)(first.at - t.at) + first.len, second_at = (size_t)(second.at - t.at);
    buf_add(out, text_head(t, first_end - first.len));
    put_name(out, pseudonym);
    buf_add(out, text_head(text_skip(t, first_end), second_at - first_end));
    put_name(out, pseudonym);
    buf_add(out, text_skip(t, second_at + second.len));
  }
  json_done(&line.json);
  return hit;
}

/* Whoever archives at that moment ends first, so that no file is missed; what an earlier run has left behind goes. */
static enum err list_files(struct driver_link *l, void *args, struct fault *f) {
  struct pass *p = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = usage_lock_on(l, f);
  if (!e)
    e = usage_archives_on(l, p->ask->archive_folder, &p->arena, &p->files, &p->count, f);
  return l->driver->end(l, e, f);
}

static enum err replace_on(struct driver_link *l, const struct pass *p, struct fault *f) {
  const struct usage_archive *old = &p->files[p->at];
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_ARCHIVE_REPLACE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, old->name);
  l->driver->bind_text(l, 2, old->digest);
  l->driver->bind_text(l, 3, text_of(p->made.name));
  l->driver->bind(l, 4, (int64_t)p->made.bytes);
  l->driver->bind_text(l, 5, text_of(p->made.digest));
  e = driver_finish(l, doing, &changes, f);
  if (!e && changes != 1)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "the archive's files were changed meanwhile");
  return e;
}

/* The new file is written with the lock held, so that nobody takes it for one that was left behind. */
static enum err replace(struct driver_link *l, void *args, struct fault *f) {
  struct pass *p = args;
  const struct usage_archive *old = &p->files[p->at];
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = usage_lock_on(l, f);
  if (!e)
    e = archive_lines_rewrite(p->ask->archive_folder, old->name, old->digest, &(struct archive_edit){veil_line, p},
                              &p->made, &p->hits, f);
  if (e == ERR_NOT_FOUND) /* it was there a moment ago: somebody else has replaced it */
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "the archive's files were changed meanwhile");
  if (!e)
    e = replace_on(l, p, f);
  return l->driver->end(l, e, f);
}

static enum err veil_file(struct pass *p, struct fault *f) {
  const struct usage_archive *file = &p->files[p->at];
  p->hits = 0;
  enum err e =
      archive_lines_read(p->ask->archive_folder, file->name, file->digest, &(struct archive_ear){count_line, p}, f);
  if (e || p->hits == 0)
    return e;
  e = driver_run(p->store, DRIVER_WRITE, true, replace, p, f);
  if (e)
    return e;
  p->done.files++;
  p->done.rows += p->hits;
  return archive_lines_remove(p->ask->archive_folder, file->name, f);
}

static enum err list_line(void *ctx, struct text t, struct fault *f) {
  struct pass *p = ctx;
  struct line line;
  if (!read_line(t, &line))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "a line of %.*s is not JSON", TEXT_ARGS(p->files[p->at].name));
  bool is_theirs = text_equal(line.user, p->ask->user);
  json_done(&line.json);
  p->hits += is_theirs;
  return is_theirs ? p->sink->line(p->sink->ctx, t, f) : ERR_OK;
}

static enum err list_file(struct pass *p, struct fault *f) {
  const struct usage_archive *file = &p->files[p->at];
  p->hits = 0;
  enum err e =
      archive_lines_read(p->ask->archive_folder, file->name, file->digest, &(struct archive_ear){list_line, p}, f);
  p->done.rows += e ? 0 : p->hits;
  return e;
}

static enum err each_file(struct pass *p, enum err (*work)(struct pass *p, struct fault *f), struct fault *f) {
  struct fault damage = {0};
  enum err e = ERR_OK, damaged = ERR_OK;
  p->done.elsewhere = 0;
  for (p->at = 0; p->at < p->count && !e; p->at++) {
    const struct person_listener *listener = p->ask->listener;
    if (listener)
      e = listener->progress(listener->ctx, 900 + (unsigned)(90 * p->at / p->count), "archive", f);
    if (!e)
      e = p->ask->archive_folder ? work(p, f) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND) {
      p->done.elsewhere++;
      e = ERR_OK;
    }
    if (e == ERR_STORE_CORRUPT) {
      damage = *f;
      damaged = e;
      e = ERR_OK;
    }
  }
  if (!e && damaged && f)
    *f = damage;
  return e ? e : damaged;
}

static bool is_listed(const struct usage_archive *files, size_t count, struct text name) {
  for (size_t i = 0; i < count; i++)
    if (text_equal(files[i].name, name))
      return true;
  return false;
}

/* A file that was not there may have been replaced by another process a moment before: then it has another name in the
 * store now, beyond the ones that this pass has replaced. */
static enum err check_list(struct pass *p, uint64_t replaced, struct fault *f) {
  struct usage_archive *seen = p->files;
  size_t count = p->count;
  uint64_t gone = 0;
  enum err e = driver_run(p->store, DRIVER_WRITE, false, list_files, p, f);
  for (size_t i = 0; i < count && !e; i++)
    gone += !is_listed(p->files, p->count, seen[i].name);
  if (!e && gone != replaced)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "the archive's files were changed meanwhile");
  return e;
}

static enum err run(struct pass *p, int passes, enum err (*work)(struct pass *p, struct fault *f),
                    struct person_archives *out, struct fault *f) {
  enum err e = ERR_STORE_CONFLICT;
  for (int i = 0; i < passes && e == ERR_STORE_CONFLICT; i++) {
    uint64_t files = p->done.files;
    arena_init(&p->arena);
    e = driver_run(p->store, DRIVER_WRITE, false, list_files, p, f);
    if (!e)
      e = each_file(p, work, f);
    if (!e && p->done.elsewhere > 0 && p->ask->archive_folder)
      e = check_list(p, p->done.files - files, f);
    arena_done(&p->arena);
  }
  if (!e)
    *out = p->done;
  return e;
}

enum err person_archives_veil(struct store *s, const struct person_ask *ask, const struct person_rule *rule,
                              struct person_archives *out, struct fault *f) {
  struct pass p = {.store = s, .ask = ask, .rule = rule};
  return run(&p, PASSES_MAX, veil_file, out, f);
}

enum err person_archives_list(struct store *s, const struct person_ask *ask, const struct person_sink *sink,
                              struct person_archives *out, struct fault *f) {
  struct pass p = {.store = s, .ask = ask, .sink = sink};
  return run(&p, 1, list_file, out, f); /* lines are not given twice */
}

struct list {
  struct arena *arena;
  struct person_veil *veils;
  size_t count;
};

static enum err read_list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  return person_veils_read(l, w->arena, &w->veils, &w->count, f);
}

enum err store_person_veil_archives(struct store *s, const struct person_ask *ask, uint64_t *out_files,
                                    struct fault *f) {
  struct arena a;
  struct list list = {.arena = &a};
  struct person_archives done = {0};
  arena_init(&a);
  enum err e = driver_run(s, DRIVER_WRITE, false, read_list, &list, f);
  const struct person_rule rule = {.veils = list.veils, .veil_count = list.count};
  if (!e && list.count > 0)
    e = person_archives_veil(s, ask, &rule, &done, f);
  arena_done(&a);
  if (!e)
    *out_files = done.files;
  return e;
}
