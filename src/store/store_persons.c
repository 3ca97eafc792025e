/* Erasing a person, on any driver: first the name goes on the list that the ledger's writers look at, then keys are
 * deleted, then a pseudonym takes the name's place, table by table, in transactions of bounded size, and in the
 * archive's files; each step finds nothing to do when it was done. Amounts are not touched. Which columns hold persons
 * is in person_columns.c, the export in store_person_export.c, the reasons in docs/decisions/0016 and 0020. */
#include "store/store_persons.h"

#include "base/random.h"
#include "ports/store_people.h"
#include "store/audit_chain.h"
#include "store/person_archives.h"
#include "store/person_file.h"
#include "store/person_jobs.h"
#include "store/person_shelf.h"
#include "store/person_text.h"
#include "store/person_veil.h"
#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_keys.h"

#define LEDGER_CHUNK INT64_C(5000)
#define AUDIT_CHUNK  200
#define USAGE_LEVELS 5 /* those that tell persons apart */

static const char doing[] = "erasing a person";

struct erasure {
  struct store *store;
  const struct person_ask *ask;
  struct person_name who;
  struct audit_actor by; /* without the name */
  struct person_erased *out;
  struct arena *arena;
  int64_t after, before; /* the chunk at hand, and where the next one begins */
  int64_t level;         /* of usage */
  bool more;
};

enum err person_check_name(struct text user, struct fault *f) {
  if (user.len == 0 || user.len > PERSON_NAME_MAX || !text_is_utf8(user))
    return fault_set(f, ERR_BAD_REQUEST, "user", "the name of a user is needed, at most %d bytes", PERSON_NAME_MAX);
  return text_starts(user, TEXT(PERSON_PSEUDONYM_PREFIX))
             ? fault_set(f, ERR_BAD_REQUEST, "user", "that is a pseudonym: the person is erased already")
             : ERR_OK;
}

static enum err tell(const struct erasure *w, unsigned permille, const char *at, struct fault *f) {
  const struct person_listener *listener = w->ask->listener;
  return listener ? listener->progress(listener->ctx, permille, at, f) : ERR_OK;
}

static void name_anew(char out[PERSON_PSEUDONYM_BYTES]) {
  uint8_t raw[8];
  char hex[16];
  random_bytes(raw, sizeof raw);
  text_hex(raw, sizeof raw, hex);
  snprintf(out, PERSON_PSEUDONYM_BYTES, PERSON_PSEUDONYM_PREFIX "%.*s", (int)sizeof hex, hex);
}

static enum err put_on_list(struct driver_link *l, struct person_veil *v, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_ERASED_ADD, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, v->pseudonym);
  l->driver->bind_bytes(l, 2, (struct text){(const char *)v->salt, sizeof v->salt});
  l->driver->bind_bytes(l, 3, (struct text){(const char *)v->sum, sizeof v->sum});
  l->driver->bind(l, 4, driver_now_us());
  return driver_finish(l, doing, NULL, f);
}

/* The lock waits for batches of the ledger that were begun without the name on the list, and lets none begin until it
 * is there. On SQLite there is one writer anyway. */
static enum err list_person(struct driver_link *l, struct erasure *w, struct fault *f) {
  struct person_veil *veils = NULL, fresh = {0};
  size_t count = 0;
  enum err e = ERR_OK;
  if (l->driver->dialect == SQL_POSTGRES)
    e = l->driver->exec(l, "LOCK TABLE weir_erased IN ACCESS EXCLUSIVE MODE", f);
  if (!e)
    e = person_veils_read(l, w->arena, &veils, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    if (person_veil_fits(&veils[i], w->who.name)) {
      snprintf(w->out->pseudonym, sizeof w->out->pseudonym, "%.*s", TEXT_ARGS(veils[i].pseudonym));
      fresh = veils[i];
    }
  if (!e && fresh.pseudonym.len == 0) {
    name_anew(w->out->pseudonym);
    person_veil_make(&fresh, w->who.name);
  }
  fresh.pseudonym = w->who.pseudonym = text_of(w->out->pseudonym);
  return e ? e : put_on_list(l, &fresh, f);
}

static struct text subject_of(const struct erasure *w, char out[64]) {
  snprintf(out, 64, "person:%s", w->out->pseudonym);
  return text_of(out);
}

/* From here on the erasure stands: it is on the list, and the audit log says who asked for it. */
static enum err begin(struct driver_link *l, void *args, struct fault *f) {
  struct erasure *w = args;
  char subject[64];
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = list_person(l, w, f);
  if (!e) {
    w->by = (struct audit_actor){person_text_replace(w->ask->by->actor, &w->who, w->arena), w->ask->by->origin};
    e = audit_add_on(l, &w->by,
                     &(struct audit_entry){.action = TEXT("person.erase_start"), .subject = subject_of(w, subject)},
                     NULL, f);
  }
  return l->driver->end(l, e, f);
}

static enum err next_key(struct driver_link *l, void *args, struct fault *f) {
  struct erasure *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PERSON_KEYS, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->who.name);
  l->driver->bind(l, 2, w->after);
  l->driver->bind(l, 3, 1);
  e = l->driver->step(l, &row, doing, f);
  w->more = !e && row;
  if (w->more)
    w->after = l->driver->number(l, 0);
  l->driver->reset(l);
  return e;
}

static enum err delete_keys(struct erasure *w, struct fault *f) {
  enum err e = ERR_OK;
  w->after = 0;
  for (w->more = true; !e && w->more;) {
    e = driver_run(w->store, DRIVER_READ, false, next_key, w, f);
    if (e || !w->more)
      break;
    e = tell(w, 10, "keys", f);
    if (!e)
      e = w->store->ops->key_delete(w->store, w->after, 0, &w->by, f);
    if (e == ERR_NOT_FOUND) /* somebody else deleted it meanwhile */
      e = ERR_OK;
    else if (!e)
      w->out->keys++;
  }
  return e;
}

/* Policies that are assigned to them or to a key of theirs, and their limits: while the keys are there. */
static enum err delete_assignments(struct driver_link *l, void *args, struct fault *f) {
  const struct erasure *w = args;
  int64_t changes = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = l->driver->prepare(l, SQL_ENTITY_ERASE, f);
  if (!e) {
    l->driver->bind_text(l, 1, w->who.name);
    l->driver->bind_text(l, 2, TEXT("key\n"));
    e = driver_finish(l, doing, &changes, f);
  }
  if (!e && changes > 0)
    e = event_add_on(l, "config", TEXT(""), f);
  return l->driver->end(l, e, f);
}

/* The user of that email, with grants and memberships. An erasure does not leave an organisation without an owner. */
static enum err delete_user(struct erasure *w, struct fault *f) {
  struct people_row user;
  enum err e = w->store->ops->people->find_user(w->store, w->who.name, w->arena, &user, f);
  if (!e)
    e = w->store->ops->people->remove(w->store, PEOPLE_USER, 0, user.id, 0, &w->by, f);
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* How far a chunk of the ledger reaches. */
static enum err ledger_reach(struct driver_link *l, struct erasure *w, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PERSON_REACH, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->after);
  l->driver->bind(l, 2, LEDGER_CHUNK - 1);
  e = l->driver->step(l, &row, doing, f);
  w->more = !e && row;
  w->before = w->more ? l->driver->number(l, 0) : INT64_MAX;
  l->driver->reset(l);
  return e;
}

static enum err rename_rows(struct driver_link *l, struct erasure *w, int64_t *out_changes, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_PERSON_LEDGER, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->after);
  l->driver->bind(l, 2, w->before);
  l->driver->bind_text(l, 3, w->who.name);
  l->driver->bind_text(l, 4, w->who.pseudonym);
  return driver_finish(l, doing, out_changes, f);
}

static enum err ledger_chunk(struct driver_link *l, void *args, struct fault *f) {
  struct erasure *w = args;
  int64_t changes = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = ledger_reach(l, w, f);
  if (!e)
    e = rename_rows(l, w, &changes, f);
  e = l->driver->end(l, e, f);
  if (!e)
    w->out->ledger_rows += (uint64_t)changes;
  return e;
}

static enum err erase_from_ledger(struct erasure *w, struct fault *f) {
  enum err e = ERR_OK;
  w->after = INT64_MIN;
  for (w->more = true; !e && w->more;) {
    e = driver_run(w->store, DRIVER_WRITE, false, ledger_chunk, w, f);
    w->after = w->before;
    if (!e)
      e = tell(w, 300, "ledger", f);
  }
  return e;
}

static enum err usage_reach(struct driver_link *l, struct erasure *w, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PERSON_USAGE_REACH, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->level);
  l->driver->bind(l, 2, w->after);
  l->driver->bind(l, 3, LEDGER_CHUNK - 1);
  e = l->driver->step(l, &row, doing, f);
  w->more = !e && row;
  w->before = w->more ? l->driver->number(l, 0) : INT64_MAX;
  l->driver->reset(l);
  return e;
}

static enum err usage_run(struct driver_link *l, const struct erasure *w, enum sql which, int64_t *out_changes,
                          struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->level);
  l->driver->bind(l, 2, w->after);
  l->driver->bind(l, 3, w->before);
  l->driver->bind_text(l, 4, w->who.name);
  if (which == SQL_PERSON_USAGE)
    l->driver->bind_text(l, 5, w->who.pseudonym);
  return driver_finish(l, doing, out_changes, f);
}

/* The next roll-up makes the pseudonym's: the sums under it are not complete. */
static enum err drop_stretches(struct driver_link *l, const struct erasure *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_PERSON_STRETCHES, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->who.name);
  return driver_finish(l, doing, NULL, f);
}

/* The lock is the roll-up's: one that is under way has read the ledger's rows as they were, and ends first. */
static enum err usage_chunk(struct driver_link *l, void *args, struct fault *f) {
  struct erasure *w = args;
  int64_t changes = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = l->driver->prepare(l, SQL_USAGE_LOCK, f);
  if (!e)
    e = driver_finish(l, doing, NULL, f);
  if (!e)
    e = drop_stretches(l, w, f);
  if (!e)
    e = usage_reach(l, w, f);
  if (!e)
    e = usage_run(l, w, SQL_PERSON_USAGE, NULL, f);
  if (!e)
    e = usage_run(l, w, SQL_PERSON_USAGE_CLEAR, &changes, f);
  e = l->driver->end(l, e, f);
  if (!e)
    w->out->usage_rows += (uint64_t)changes;
  return e;
}

static enum err erase_from_usage(struct erasure *w, struct fault *f) {
  enum err e = ERR_OK;
  for (w->level = 0; w->level < USAGE_LEVELS && !e; w->level++) {
    w->after = INT64_MIN;
    for (w->more = true; !e && w->more;) {
      e = driver_run(w->store, DRIVER_WRITE, false, usage_chunk, w, f);
      w->after = w->before;
      if (!e)
        e = tell(w, 700, "sums of usage", f);
    }
  }
  return e;
}

/* An entry without the person, or as it was: false. */
static bool redact(const struct erasure *w, const struct audit_row *from, struct arena *a, struct audit_row *to) {
  struct buf before, after;
  buf_init(&before, (size_t)2 * AUDIT_JSON_MAX);
  buf_init(&after, (size_t)2 * AUDIT_JSON_MAX);
  bool in_before = person_json_replace(from->before, &w->who, &before);
  bool in_after = person_json_replace(from->after, &w->who, &after);
  bool is_actor = person_text_is(from->actor, w->who.name);
  if (is_actor || in_before || in_after) {
    *to = *from;
    to->actor = arena_copy(a, person_text_replace(from->actor, &w->who, a));
    to->before = arena_copy(a, in_before ? buf_text(&before) : from->before);
    to->after = arena_copy(a, in_after ? buf_text(&after) : from->after);
  }
  buf_done(&before);
  buf_done(&after);
  return is_actor || in_before || in_after;
}

struct redaction {
  struct erasure *w;
  struct arena arena;
  struct audit_row *rows; /* that lose the name */
  size_t count;
};

static enum err find_entries(struct driver_link *l, struct redaction *r, struct fault *f) {
  size_t seen = 0;
  bool found = false;
  enum err e = l->driver->prepare(l, SQL_AUDIT_PAGE, f);
  if (e)
    return e;
  r->w->before = r->w->after;
  l->driver->bind(l, 1, r->w->after);
  l->driver->bind(l, 2, AUDIT_CHUNK);
  while (!(e = l->driver->step(l, &found, doing, f)) && found) {
    struct audit_row row, changed;
    audit_row_read(l, &row);
    r->w->before = row.id;
    seen++;
    if (!redact(r->w, &row, &r->arena, &changed))
      continue;
    r->rows = driver_more(&r->arena, r->rows, r->count, sizeof *r->rows);
    r->rows[r->count++] = changed;
  }
  l->driver->reset(l);
  r->w->more = seen == AUDIT_CHUNK;
  return e;
}

static enum err change_entries(struct driver_link *l, const struct redaction *r, struct buf *list, struct fault *f) {
  enum err e = ERR_OK;
  buf_add(list, TEXT("{\"entries\":["));
  for (size_t i = 0; i < r->count && !e; i++) {
    uint8_t sum[AUDIT_HASH_BYTES];
    char hex[2 * AUDIT_HASH_BYTES];
    audit_chain_redacted(&r->rows[i], sum);
    text_hex(sum, sizeof sum, hex);
    buf_add_format(list, "%s[%lld,\"%.*s\"]", i ? "," : "", (long long)r->rows[i].id, (int)sizeof hex, hex);
    e = l->driver->prepare(l, SQL_AUDIT_REDACT, f);
    if (e)
      break;
    l->driver->bind(l, 1, r->rows[i].id);
    l->driver->bind_text(l, 2, r->rows[i].actor);
    l->driver->bind_text(l, 3, r->rows[i].before);
    l->driver->bind_text(l, 4, r->rows[i].after);
    l->driver->bind_bytes(l, 5, TEXT_NONE);
    e = driver_finish(l, doing, NULL, f);
  }
  buf_add(list, TEXT("]}"));
  return e;
}

/* The head is locked before entries are read, so that none is added or changed by another program meanwhile. */
static enum err audit_chunk_on(struct driver_link *l, struct redaction *r, struct fault *f) {
  struct buf list;
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = find_entries(l, r, f);
  if (e || r->count == 0)
    return e;
  buf_init(&list, AUDIT_JSON_MAX);
  e = change_entries(l, r, &list, f);
  if (!e && !(e = buf_check(&list)))
    e = audit_add_on(
        l, &r->w->by,
        &(struct audit_entry){.action = TEXT("audit.redact"), .subject = TEXT("audit"), .after = buf_text(&list)}, NULL,
        f);
  buf_done(&list);
  return e;
}

static enum err audit_chunk(struct driver_link *l, void *args, struct fault *f) {
  struct redaction r = {.w = args};
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  arena_init(&r.arena);
  e = audit_chunk_on(l, &r, f);
  e = l->driver->end(l, e, f);
  if (!e)
    r.w->out->audit_entries += r.count;
  arena_done(&r.arena);
  return e;
}

static enum err erase_from_audit(struct erasure *w, struct fault *f) {
  enum err e = ERR_OK;
  w->after = INT64_MIN;
  for (w->more = true; !e && w->more;) {
    e = driver_run(w->store, DRIVER_WRITE, false, audit_chunk, w, f);
    w->after = w->before;
    if (!e)
      e = tell(w, 900, "audit log", f);
  }
  return e;
}

/* SQLite overwrites what is deleted (sqlite_open.c); what is left of it in the write-ahead log goes with the log. */
static enum err scrub(struct driver_link *l, void *args, struct fault *f) {
  return l->driver->dialect == SQL_SQLITE ? l->driver->exec(l, "PRAGMA wal_checkpoint(TRUNCATE)", f) : ERR_OK;
}

static enum err erase_from_archive(struct erasure *w, struct fault *f) {
  const struct person_rule rule = {.who = w->who};
  struct person_archives done;
  enum err e = person_archives_veil(w->store, w->ask, &rule, &done, f);
  if (!e) {
    w->out->archived_rows = done.rows;
    w->out->archive_files = done.files;
    w->out->archives_elsewhere = done.elsewhere;
  }
  return e;
}

static enum err note_on(struct driver_link *l, const struct erasure *w, struct fault *f) {
  const struct person_erased *done = w->out;
  char subject[64];
  struct buf after;
  buf_init(&after, 1024);
  person_erased_write(done, &after);
  enum err e =
      audit_add_on(l, &w->by,
                   &(struct audit_entry){
                       .action = TEXT("person.erase"), .subject = subject_of(w, subject), .after = buf_text(&after)},
                   NULL, f);
  buf_done(&after);
  return e ? e : event_add_on(l, "person", text_of(done->pseudonym), f);
}

/* Last of all, with the entry that says that all is done: until then a job that erases must be able to begin again. */
static enum err finish(struct driver_link *l, void *args, struct fault *f) {
  struct erasure *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  w->out->jobs = w->out->exports = 0;
  e = person_jobs_redact_on(l, &w->who, w->ask->export_folder, &w->out->jobs, &w->out->exports, f);
  if (!e)
    e = note_on(l, w, f);
  return l->driver->end(l, e, f);
}

static enum err erase(struct erasure *w, struct fault *f) {
  enum err e = driver_run(w->store, DRIVER_WRITE, false, begin, w, f);
  if (!e)
    e = delete_user(w, f);
  if (!e)
    e = driver_run(w->store, DRIVER_WRITE, false, delete_assignments, w, f);
  if (!e)
    e = delete_keys(w, f);
  if (!e)
    e = erase_from_ledger(w, f);
  if (!e)
    e = erase_from_usage(w, f);
  if (!e)
    e = erase_from_audit(w, f);
  if (!e)
    e = erase_from_archive(w, f);
  if (!e)
    e = driver_run(w->store, DRIVER_WRITE, false, finish, w, f);
  return e ? e : driver_run(w->store, DRIVER_WRITE, false, scrub, w, f);
}

static enum err store_person_erase(struct store *s, const struct person_ask *ask, struct person_erased *out,
                                   struct fault *f) {
  struct arena a;
  struct person_erased done = {0};
  enum err e = person_check_name(ask->user, f);
  if (e)
    return e;
  arena_init(&a);
  struct erasure w = {.store = s, .ask = ask, .who = {.name = ask->user}, .out = &done, .arena = &a};
  e = erase(&w, f);
  arena_done(&a);
  if (!e)
    *out = done;
  return e;
}

static enum err forget(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_ERASED_FORGET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, *(const int64_t *)args);
  return driver_finish(l, "forgetting who was erased", NULL, f);
}

static enum err store_person_forget(struct store *s, int64_t before_us, struct fault *f) {
  return driver_run(s, DRIVER_WRITE, false, forget, &before_us, f);
}

const struct store_persons_ops store_persons_ops = {.erase = store_person_erase,
                                                    .veil_archives = store_person_veil_archives,
                                                    .export = store_person_export,
                                                    .export_to = person_file_write,
                                                    .purge_exports = person_shelf_purge,
                                                    .forget = store_person_forget};
