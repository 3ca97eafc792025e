/* The order of a copy: look at both, lock and check the target, fill it table by table from one snapshot, read back,
 * recount, commit. What a table is and how its rows travel is copy_table.c's; which tables there are copy_list.c's.
 * Called by `weir store copy`. */
#include "store/store_copy.h"

#include "ports/store_replicas.h"
#include "store/backup.h"
#include "store/backup_files.h"
#include "store/copy_list.h"
#include "store/migrate.h"
#include "store/places.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct copying {
  struct driver_link *from, *to;
  const struct copy_watch *watch;
  struct arena arena;
  struct copy_shape *shapes; /* of the list's tables, in its order */
  struct copy_sum *sums;
  struct copy_report report;
};

/* A table that nobody has listed holds what a copy would lose. */
static enum err tables_check(struct copying *c, struct fault *f) {
  const struct driver *d = c->from->driver;
  bool row = false;
  enum err e = d->prepare(c->from, SQL_COPY_TABLES, f);
  if (e)
    return e;
  while (!(e = d->step(c->from, &row, "listing the tables", f)) && row) {
    struct text name = driver_text(c->from, 0, &c->arena);
    if (copy_list_find(name.at))
      continue;
    e = fault_set(f, ERR_UNSUPPORTED, NULL,
                  "the store has a table %.*s that this weir does not know: copy it with the one that made it",
                  TEXT_ARGS(name));
    break;
  }
  d->reset(c->from);
  return e;
}

static enum err shapes_read(struct copying *c, struct fault *f) {
  enum err e = ERR_OK;
  c->shapes = arena_zalloc(&c->arena, copy_list_count * sizeof *c->shapes);
  c->sums = arena_zalloc(&c->arena, copy_list_count * sizeof *c->sums);
  for (size_t i = 0; i < copy_list_count && !e; i++) {
    struct copy_shape *other = ARENA_NEW(&c->arena, struct copy_shape);
    if (copy_list[i].way == COPY_NOT)
      continue;
    e = copy_shape_read(c->from, copy_list[i].table, &c->arena, &c->shapes[i], f);
    if (!e)
      e = copy_shape_read(c->to, copy_list[i].table, &c->arena, other, f);
    if (!e)
      e = copy_shape_same(&c->shapes[i], other, f);
  }
  return e;
}

static enum err run_on_table(struct driver_link *l, const char *before, const char *table, const char *after,
                             struct fault *f) {
  char sql[256];
  snprintf(sql, sizeof sql, "%s %s%s", before, table, after);
  return l->driver->exec(l, sql, f);
}

/* No other program changes the tables from here on, and nothing is in them but what the migrations have put there,
 * which goes. */
static enum err target_take(struct copying *c, struct fault *f) {
  bool has_rows = false;
  enum err e = ERR_OK;
  for (size_t i = 0; i < copy_list_count && !e; i++) {
    const char *table = copy_list[i].table;
    if (copy_list[i].way == COPY_NOT)
      continue;
    if (c->to->driver->dialect == SQL_POSTGRES)
      e = run_on_table(c->to, "LOCK TABLE", table, " IN SHARE ROW EXCLUSIVE MODE", f);
    if (!e && copy_list[i].way == COPY_SEEDED)
      e = run_on_table(c->to, "DELETE FROM", table, "", f);
    else if (!e)
      e = copy_table_has_rows(c->to, &c->shapes[i], &has_rows, f);
    if (!e && has_rows)
      e = fault_set(f, ERR_STORE_CONFLICT, NULL,
                    "the target is not empty (%s has rows): a store is copied only into an empty one", table);
  }
  return e;
}

static enum err fill(struct copying *c, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; i < copy_list_count && !e; i++) {
    if (copy_list[i].way == COPY_NOT)
      continue;
    e = copy_table_rows(c->from, c->to, &c->shapes[i], c->watch, &c->sums[i], f);
    c->report.tables++;
    c->report.rows += c->sums[i].rows;
  }
  return e;
}

/* The planner of PostgreSQL would take the tables for empty until somebody counts. */
static enum err settle(struct copying *c, struct fault *f) {
  enum err e = ERR_OK;
  for (size_t i = 0; c->to->driver->dialect == SQL_POSTGRES && i < copy_list_count && !e; i++)
    if (copy_list[i].way != COPY_NOT)
      e = run_on_table(c->to, "ANALYZE", copy_list[i].table, "", f);
  return e;
}

static enum err verify(struct copying *c, struct fault *f) {
  struct ledger_totals t = {0};
  enum err e = ERR_OK;
  for (size_t i = 0; i < copy_list_count && !e; i++) {
    struct copy_sum sum = {0};
    if (copy_list[i].way == COPY_NOT)
      continue;
    e = copy_table_sum(c->to, &c->shapes[i], c->watch, &sum, f);
    if (!e && (sum.rows != c->sums[i].rows || sum.low != c->sums[i].low || sum.high != c->sums[i].high))
      e = fault_set(f, ERR_STORE_CORRUPT, NULL, "%s: what the target holds (%llu rows) is not what was copied (%llu)",
                    copy_list[i].table, (unsigned long long)sum.rows, (unsigned long long)c->sums[i].rows);
  }
  if (!e)
    e = store_ledger_verify_on(c->to, &c->arena, &t, f);
  if (!e && t.mismatched_keys > 0)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL,
                  "%llu balances of the store differ from their rows (%.*s): see `weir ledger verify`; nothing was "
                  "copied",
                  (unsigned long long)t.mismatched_keys, TEXT_ARGS(t.first_mismatch));
  if (e)
    return e;
  c->report.ledger_rows = t.rows;
  c->report.keys = t.keys;
  c->report.cost_nano = t.cost_nano;
  return ERR_OK;
}

/* The source's snapshot ends with its last row, so that reading back a large target does not hold it open. */
static enum err read_source(struct copying *c, struct fault *f) {
  enum err e = c->from->driver->begin(c->from, DRIVER_READ, f);
  if (e)
    return e;
  e = tables_check(c, f);
  if (!e)
    e = shapes_read(c, f);
  if (!e)
    e = target_take(c, f);
  if (!e)
    e = fill(c, f);
  return c->from->driver->end(c->from, e, f);
}

static enum err copy_between(struct copying *c, struct fault *f) {
  enum err e = c->to->driver->begin(c->to, DRIVER_WRITE, f);
  if (e)
    return e;
  e = read_source(c, f);
  if (!e)
    e = settle(c, f);
  if (!e)
    e = verify(c, f);
  return c->to->driver->end(c->to, e, f);
}

/* Nothing is tried again on a fresh connection: a copy whose connection was lost begins anew. */
static enum err copy_stores(struct database *from, struct database *to, const struct copy_watch *watch,
                            struct copy_report *out, struct fault *f) {
  struct copying c = {.watch = watch};
  enum err e = from->driver->take(from, DRIVER_READ, false, &c.from, f);
  if (e)
    return e;
  e = to->driver->take(to, DRIVER_WRITE, false, &c.to, f);
  if (!e) {
    arena_init(&c.arena);
    e = copy_between(&c, f);
    arena_done(&c.arena);
    to->driver->give(to, c.to);
  }
  from->driver->give(from, c.from);
  if (!e)
    *out = c.report;
  return e;
}

/* A replica renews its seat every few seconds. One that was killed is taken for living until it is silent this long. */
enum err store_copy_refuse_living(struct store *s, const char *which, struct fault *f) {
  struct arena a;
  struct store_replica *at = NULL;
  size_t count = 0;
  arena_init(&a);
  enum err e = s->ops->replicas->list(s, &a, &at, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    if (at[i].age_us < COPY_SILENT_US)
      e = fault_set(
          f, ERR_STORE_BUSY, NULL,
          "the %s is in use: the replica %.*s was seen %lld s ago. Stop it; one that was killed is waited for "
          "until it has been silent for %lld s",
          which, TEXT_ARGS(text_head(at[i].name, 64)), (long long)(at[i].age_us / 1000000),
          (long long)(COPY_SILENT_US / 1000000));
  arena_done(&a);
  return e;
}

static enum err copy_into(struct store *from, const struct store_place *to, const struct copy_watch *watch,
                          struct copy_report *out, struct fault *f) {
  struct database *d = NULL;
  unsigned applied = 0;
  enum err e = store_open_bare(to, true, &d, f);
  if (e)
    return e;
  e = migrate_up_on(d, &applied, f);
  if (!e)
    e = store_copy_refuse_living(&d->base, "target", f);
  if (!e)
    e = copy_stores((struct database *)from, d, watch, out, f);
  d->base.ops->close(&d->base);
  return e;
}

struct names {
  char folder[BACKUP_PATH_MAX + 16], file[BACKUP_PATH_MAX + 32], log[BACKUP_PATH_MAX + 48];
};

static void discard(const struct names *n) {
  unlink(n->log);
  unlink(n->file);
  rmdir(n->folder);
}

/* In a folder of its own, because beside a journal an empty database would be taken for a lost one. */
static enum err copy_into_file(struct store *from, const struct store_place *to, const struct copy_watch *watch,
                               struct copy_report *out, struct fault *f) {
  struct names n;
  const char *path = to->path;
  if (strlen(path) >= BACKUP_PATH_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the path of the database is longer than %d bytes", BACKUP_PATH_MAX - 1);
  if (access(path, F_OK) == 0)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s exists already: a store is copied only into a new file", path);
  snprintf(n.folder, sizeof n.folder, "%s.copying", path);
  snprintf(n.file, sizeof n.file, "%s/weir.db", n.folder);
  snprintf(n.log, sizeof n.log, "%s-journal", n.file);
  discard(&n); /* of a copy that was killed */
  if (mkdir(n.folder, 0700) != 0)
    return backup_refused("create", n.folder, f);
  struct copy_report report;
  enum err e =
      copy_into(from, &(struct store_place){.kind = STORE_SQLITE, .path = n.file, .key = to->key}, watch, &report, f);
  if (!e)
    e = backup_publish(n.file, path, false, f);
  discard(&n);
  if (!e)
    *out = report;
  return e;
}

enum err store_copy(struct store *from, const struct store_place *to, const struct copy_watch *watch,
                    struct copy_report *out, struct fault *f) {
  enum err e = store_copy_refuse_living(from, "source", f);
  if (e)
    return e;
  switch (to->kind) {
  case STORE_POSTGRES: return copy_into(from, to, watch, out, f);
  case STORE_SQLITE: return copy_into_file(from, to, watch, out, f);
  default: return fault_set(f, ERR_UNSUPPORTED, NULL, "a store in memory is no place to copy to");
  }
}
