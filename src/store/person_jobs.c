/* Taking a person out of jobs: only those that erase or export somebody, or were asked for by them, have a name, in
 * their arguments. Called by store_persons.c in the transaction that ends an erasure.
 * house: tested-by tests/unit/store/test_store_persons.c */
#include "store/person_jobs.h"

#include "base/json.h"
#include "store/person_shelf.h"

#define PAGE 500

static const char doing[] = "taking a person out of jobs";

struct change {
  int64_t id;
  struct text args, result;
};

struct page {
  const struct person_name *who;
  struct arena arena;
  struct change *changes;
  size_t count, seen;
  int64_t after;
};

/* As it is, or with the pseudonym, in the arena. */
static bool replaced(struct page *p, struct text json, struct text *out) {
  struct buf b;
  buf_init(&b, (size_t)2 * STORE_JOB_JSON_MAX);
  bool found = person_json_replace(json, p->who, &b);
  *out = arena_copy(&p->arena, found ? buf_text(&b) : json);
  buf_done(&b);
  return found;
}

static enum err read_page(struct driver_link *l, struct page *p, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PERSON_JOBS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, p->after);
  l->driver->bind(l, 2, PAGE);
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    struct text args = l->driver->bytes(l, 1), result = l->driver->bytes(l, 2);
    struct change c = {.id = l->driver->number(l, 0)};
    p->after = c.id;
    p->seen++;
    if (args.len <= 2 && result.len <= 4) /* {} and null */
      continue;
    bool in_args = replaced(p, args, &c.args), in_result = replaced(p, result, &c.result);
    if (!in_args && !in_result)
      continue;
    p->changes = driver_more(&p->arena, p->changes, p->count, sizeof *p->changes);
    p->changes[p->count++] = c;
  }
  l->driver->reset(l);
  return e;
}

static enum err change(struct driver_link *l, const struct change *c, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_PERSON_JOB, f);
  if (e)
    return e;
  l->driver->bind(l, 1, c->id);
  l->driver->bind_text(l, 2, c->args);
  l->driver->bind_text(l, 3, c->result);
  return driver_finish(l, doing, NULL, f);
}

enum err person_jobs_redact_on(struct driver_link *l, const struct person_name *who, const char *export_folder,
                               uint64_t *out_jobs, uint64_t *out_exports, struct fault *f) {
  struct page p = {.who = who, .after = INT64_MIN};
  uint64_t jobs = 0, exports = 0;
  enum err e = ERR_OK;
  for (bool more = true; more && !e;) {
    arena_init(&p.arena);
    p.changes = NULL;
    p.count = p.seen = 0;
    e = read_page(l, &p, f);
    for (size_t i = 0; i < p.count && !e; i++) {
      uint64_t removed = 0;
      if (export_folder)
        e = person_shelf_remove(export_folder, p.changes[i].id, &removed, f);
      if (!e)
        e = change(l, &p.changes[i], f);
      jobs++;
      exports += removed;
    }
    more = p.seen == PAGE;
    arena_done(&p.arena);
  }
  if (!e) {
    *out_jobs = jobs;
    *out_exports = exports;
  }
  return e;
}

void person_erased_write(const struct person_erased *done, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_u64(&w, "keys", done->keys);
  json_field_u64(&w, "ledger_rows", done->ledger_rows);
  json_field_u64(&w, "usage_rows", done->usage_rows);
  json_field_u64(&w, "audit_entries", done->audit_entries);
  json_field_u64(&w, "archived_rows", done->archived_rows);
  json_field_u64(&w, "archive_files", done->archive_files);
  json_field_u64(&w, "archives_elsewhere", done->archives_elsewhere);
  json_field_u64(&w, "jobs", done->jobs);
  json_field_u64(&w, "exports", done->exports);
  json_object_end(&w);
}

void person_exported_write(const struct person_exported *done, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_u64(&w, "weir_users", done->users);
  json_field_u64(&w, "weir_team_members", done->memberships);
  json_field_u64(&w, "weir_grants", done->grants);
  json_field_u64(&w, "weir_sessions", done->sessions);
  json_field_u64(&w, "weir_entities", done->entities);
  json_field_u64(&w, "weir_keys", done->keys);
  json_field_u64(&w, "weir_ledger", done->ledger_rows);
  json_field_u64(&w, "archive", done->archived_rows);
  json_field_u64(&w, "weir_usage", done->usage_rows);
  json_field_u64(&w, "weir_ledger_stretches", done->stretches);
  json_field_u64(&w, "weir_audit", done->audit_entries);
  json_field_u64(&w, "weir_jobs", done->jobs);
  json_object_end(&w);
}
