/* Applies and takes back the schema's migrations. The texts come from the build (migrations/), the record of what was
 * applied stands in weir_schema. Called by `weir migrate` and whenever a store is opened, on either database; it never
 * guesses: a schema that a changed program wrote is refused, and one that a newer program wrote too, unless that one
 * has recorded that older ones may use it. */
#include "store/migrate.h"

#include "base/buf.h"
#include "base/crc.h"
#include "store/embedded.h"
#include "store/places.h"
#include "store/store_copy.h"

#define MIGRATIONS_MAX      256
#define WEIR_APPLICATION_ID "1466263922" /* SQLITE_WEIR_ID */
#define MIGRATION_MAX_BYTES (1 << 20)
#define REPLICAS_SINCE      6 /* the migration that made weir_replicas */

struct migration {
  unsigned version;
  struct text name, up, down;
  char checksum[16];   /* of up */
  unsigned compatible; /* what a program must know of the schema to work with it */
};

struct migrations {
  struct migration *at;
  size_t count;
};

static struct migrate_program this_program(void) {
  return (struct migrate_program){embedded_migrations, embedded_migrations_count};
}

/* "-- compatible: 4\n..." -> 4; without that line the migration's own version. */
static unsigned compatible_with(struct text up, unsigned version) {
  struct text line, rest;
  uint64_t from = 0;
  bool says = text_starts(up, TEXT("-- compatible: ")) && text_cut(up, '\n', &line, &rest) &&
              text_to_u64(text_skip(line, strlen("-- compatible: ")), &from);
  if (says && (from < 1 || from > version))
    abort(); /* no such version to be compatible with */
  return says ? (unsigned)from : version;
}

/* "0001_keys.up.sql" -> version 1, name "keys". */
static void migration_place(const struct embedded_file *file, struct migration *m) {
  struct text name = text_of(file->name), number, rest;
  struct text body = {file->bytes, file->len};
  uint64_t version = 0;
  bool is_up = text_ends(name, TEXT(".up.sql"));
  if (!text_cut(name, '_', &number, &rest) || !text_to_u64(number, &version) || !text_cut(rest, '.', &m->name, &rest))
    abort(); /* a file the build should not have taken */
  m->version = (unsigned)version;
  if (is_up) {
    m->up = body;
    m->compatible = compatible_with(body, m->version);
    snprintf(m->checksum, sizeof m->checksum, "%08x", crc32c(0, body.at, body.len));
  } else {
    m->down = body;
  }
}

/* The embedded files come in pairs, in order of version: up and down of one stand side by side. */
static struct migrations migrations_read(const struct migrate_program *p, struct arena *a) {
  struct migrations all = {arena_zalloc(a, p->count * sizeof(struct migration) + 1), 0};
  for (size_t i = 0; i + 1 < p->count; i += 2) {
    struct migration *m = &all.at[all.count++];
    migration_place(&p->files[i], m);
    migration_place(&p->files[i + 1], m);
    if (m->version != all.count || !m->up.len || !m->down.len)
      abort();
  }
  return all;
}

static bool is_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* PostgreSQL's type names become SQLite's, and tables become STRICT, which is what makes SQLite keep to the types. */
static void translate(struct text sql, struct buf *out) {
  for (size_t i = 0; i < sql.len;) {
    size_t end = i;
    while (end < sql.len && is_word(sql.at[end]))
      end++;
    struct text word = {sql.at + i, end - i};
    if (end == i) {
      struct text one = {sql.at + i, 1};
      bool closes_table = text_starts(text_skip(sql, i), TEXT("\n);"));
      buf_add(out, closes_table ? TEXT("\n) STRICT;") : one);
      i += closes_table ? 3 : 1;
      continue;
    }
    buf_add(out, text_equal(word, TEXT("BIGINT"))  ? TEXT("INTEGER")
                 : text_equal(word, TEXT("BYTEA")) ? TEXT("BLOB")
                 : text_equal(word, TEXT("JSON"))  ? TEXT("TEXT")
                                                   : word);
    i = end;
  }
}

static enum err run_text(struct driver_link *l, struct text sql, struct fault *f) {
  struct buf b;
  buf_init(&b, MIGRATION_MAX_BYTES);
  if (l->driver->dialect == SQL_SQLITE)
    translate(sql, &b);
  else
    buf_add(&b, sql);
  buf_add_char(&b, '\0');
  enum err e = buf_check(&b);
  if (e)
    e = fault_set(f, ERR_INTERNAL, NULL, "a migration is larger than %d bytes", MIGRATION_MAX_BYTES);
  else
    e = l->driver->exec(l, buf_text(&b).at, f);
  buf_done(&b);
  return e;
}

/* The highest version applied; 0 for a new database. */
static enum err schema_version(struct driver_link *l, int64_t *out, struct fault *f) {
  int64_t exists = 0, version = 0;
  enum err e = driver_number(l, SQL_SCHEMA_EXISTS, "reading the schema's history", &exists, f);
  if (!e && exists)
    e = driver_number(l, SQL_SCHEMA_VERSION, "reading the schema's history", &version, f);
  if (!e)
    *out = version;
  return e;
}

/* The history as it is recorded; more than this program carries when a newer one was here. */
struct history {
  struct migration_status *at;
  size_t count;
};

static enum err history_read(struct driver_link *l, struct arena *a, struct history *out, struct fault *f) {
  static const char doing[] = "reading the schema's history";
  struct history h = {arena_zalloc(a, MIGRATIONS_MAX * sizeof *h.at), 0};
  int64_t says_who = 0;
  bool row = false;
  enum err e = driver_number(l, SQL_SCHEMA_SAYS_WHO, doing, &says_who, f);
  if (!e)
    e = l->driver->prepare(l, says_who ? SQL_SCHEMA_HISTORY : SQL_SCHEMA_HISTORY_FIRST, f);
  if (e)
    return e;
  while (!(e = l->driver->step(l, &row, doing, f)) && row && h.count < MIGRATIONS_MAX)
    h.at[h.count++] = (struct migration_status){.version = (unsigned)l->driver->number(l, 0),
                                                .name = driver_text(l, 1, a),
                                                .applied = true,
                                                .applied_us = l->driver->number(l, 3),
                                                .checksum = driver_text(l, 2, a),
                                                .compatible = (unsigned)l->driver->number(l, 4)};
  l->driver->reset(l);
  if (!e)
    *out = h;
  return e;
}

/* One row of the history against what this program carries. */
static enum err history_check(const struct migration_status *m, const struct migrations *all, struct fault *f) {
  if (m->version < 1 || (m->version > all->count && (m->compatible < 1 || m->compatible > all->count)))
    return fault_set(f, ERR_STORE, NULL,
                     "the database has schema version %u (%.*s), which this program, knowing %zu, may not use: it was "
                     "written by a newer Weir. Use that one, or `weir migrate down` with it first",
                     m->version, TEXT_ARGS(text_head(m->name, 64)), all->count);
  if (m->version <= all->count && !text_equal(m->checksum, text_of(all->at[m->version - 1].checksum)))
    return fault_set(f, ERR_STORE, NULL,
                     "migration %u of the database differs from the one in this program: it was applied by another "
                     "build. Use that build, or restore a backup",
                     m->version);
  return ERR_OK;
}

/* Compares every migration recorded with what this program carries. */
static enum err schema_check(struct driver_link *l, const struct migrations *all, struct fault *f) {
  struct arena a;
  struct history h = {NULL, 0};
  arena_init(&a);
  enum err e = history_read(l, &a, &h, f);
  for (size_t i = 0; i < h.count && !e; i++)
    e = history_check(&h.at[i], all, f);
  for (size_t i = 0; i < h.count && !e; i++) /* they come in order, from 1 */
    if (h.at[i].version != i + 1)
      e = fault_set(f, ERR_STORE, NULL,
                    "the database's history lacks migration %zu, although %u is in it: somebody has changed it. "
                    "Restore a backup",
                    i + 1, h.at[i].version);
  arena_done(&a);
  return e;
}

static enum err schema_record(struct driver_link *l, const struct migration *m, bool applied, struct fault *f) {
  enum err e = l->driver->prepare(l, applied ? SQL_SCHEMA_ADD : SQL_SCHEMA_REMOVE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, m->version);
  if (applied) {
    l->driver->bind_text(l, 2, m->name);
    l->driver->bind_text(l, 3, text_of(m->checksum));
    l->driver->bind(l, 4, driver_now_us());
    l->driver->bind(l, 5, m->compatible);
  }
  return driver_finish(l, "recording a migration", NULL, f);
}

/* The version is read again inside the transaction: two programs may open a new database at the same time. */
static enum err step(struct driver_link *l, const struct migrations *all, bool up, bool *out_moved, struct fault *f) {
  int64_t version = 0;
  enum err e = l->driver->begin(l, DRIVER_MIGRATE, f);
  if (e)
    return e;
  e = schema_version(l, &version, f);
  if (!e)
    e = schema_check(l, all, f);
  if (!e && !up && version > (int64_t)all->count)
    e = fault_set(f, ERR_STORE, NULL, "schema version %lld was written by a newer Weir: take it back with that one",
                  (long long)version);
  bool move = !e && (up ? version < (int64_t)all->count : version > 0);
  if (move) {
    const struct migration *m = &all->at[up ? version : version - 1];
    e = run_text(l, up ? m->up : m->down, f);
    if (!e)
      e = schema_record(l, m, up, f);
  }
  e = l->driver->end(l, e, f);
  if (!e)
    *out_moved = move;
  return e;
}

static const char history_table[] =
    "CREATE TABLE IF NOT EXISTS weir_schema (\n  version BIGINT PRIMARY KEY NOT NULL,\n  name TEXT NOT NULL,\n"
    "  checksum TEXT NOT NULL,\n  applied_us BIGINT NOT NULL,\n  compatible BIGINT NOT NULL DEFAULT 0\n);";
static const char history_column[] = "ALTER TABLE weir_schema ADD COLUMN compatible BIGINT NOT NULL DEFAULT 0";

/* Looked at again inside the transaction: another program may have been quicker. */
static enum err history_alter(struct driver_link *l, struct fault *f) {
  int64_t exists = 0, says_who = 0;
  enum err e = driver_number(l, SQL_SCHEMA_EXISTS, "reading the schema's history", &exists, f);
  if (!e && !exists && l->driver->dialect == SQL_SQLITE)
    e = l->driver->exec(l, "PRAGMA application_id = " WEIR_APPLICATION_ID, f);
  if (!e)
    e = run_text(l, text_of(history_table), f);
  if (!e)
    e = driver_number(l, SQL_SCHEMA_SAYS_WHO, "reading the schema's history", &says_who, f);
  return e || says_who ? e : run_text(l, text_of(history_column), f);
}

/* The table of the history, when there is none, or what one of before lacks. */
static enum err history_make(struct driver_link *l, struct fault *f) {
  int64_t says_who = 0;
  enum err e = driver_number(l, SQL_SCHEMA_SAYS_WHO, "reading the schema's history", &says_who, f);
  if (e || says_who)
    return e;
  e = l->driver->begin(l, DRIVER_MIGRATE, f);
  return e ? e : l->driver->end(l, history_alter(l, f), f);
}

struct move {
  const struct migrations *all;
  bool up;
  unsigned steps, done;
};

static enum err move(struct driver_link *l, void *args, struct fault *f) {
  struct move *w = args;
  enum err e = history_make(l, f);
  for (bool moved = true; !e && moved && w->done < w->steps;) {
    e = step(l, w->all, w->up, &moved, f);
    if (!e && moved)
      w->done++;
  }
  return e;
}

static enum err move_on(struct database *d, const struct migrate_program *p, bool up, unsigned steps,
                        unsigned *out_count, struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct migrations all = migrations_read(p, &a);
  struct move w = {&all, up, steps, 0};
  enum err e = driver_run(&d->base, DRIVER_WRITE, true, move, &w, f);
  arena_done(&a);
  if (!e)
    *out_count = w.done;
  return e;
}

enum err migrate_up_on(struct database *d, unsigned *out_count, struct fault *f) {
  const struct migrate_program p = this_program();
  return move_on(d, &p, true, MIGRATIONS_MAX, out_count, f);
}

static enum err version_of(struct driver_link *l, void *args, struct fault *f) { return schema_version(l, args, f); }

/* Whoever serves on it would lose what it writes meanwhile. A file is held by its data_dir's lock instead. */
static enum err refuse_served(struct database *d, struct fault *f) {
  int64_t version = 0;
  if (!d->base.ops->is_shared)
    return ERR_OK;
  enum err e = driver_run(&d->base, DRIVER_READ, false, version_of, &version, f);
  return e || version < REPLICAS_SINCE ? e : store_copy_refuse_living(&d->base, "database", f);
}

static enum err move_at(const struct store_place *place, const struct migrate_program *p, bool up, unsigned steps,
                        unsigned *out_count, struct fault *f) {
  struct database *d = NULL;
  enum err e = store_open_bare(place, up, &d, f);
  if (e)
    return e;
  e = up ? ERR_OK : refuse_served(d, f);
  if (!e)
    e = move_on(d, p, up, steps, out_count, f);
  d->base.ops->close(&d->base);
  return e;
}

enum err migrate_up_as(const struct store_place *place, const struct migrate_program *program, unsigned *out_count,
                       struct fault *f) {
  return move_at(place, program, true, MIGRATIONS_MAX, out_count, f);
}

enum err migrate_down_as(const struct store_place *place, const struct migrate_program *program, unsigned steps,
                         unsigned *out_count, struct fault *f) {
  return move_at(place, program, false, steps, out_count, f);
}

enum err migrate_up(const struct store_place *place, unsigned *out_count, struct fault *f) {
  const struct migrate_program p = this_program();
  return migrate_up_as(place, &p, out_count, f);
}

enum err migrate_down(const struct store_place *place, unsigned steps, unsigned *out_count, struct fault *f) {
  const struct migrate_program p = this_program();
  return migrate_down_as(place, &p, steps, out_count, f);
}

struct look {
  struct arena *arena;
  struct history history;
};

static enum err look(struct driver_link *l, void *args, struct fault *f) {
  struct look *w = args;
  int64_t version = 0;
  enum err e = schema_version(l, &version, f);
  return e || version == 0 ? e : history_read(l, w->arena, &w->history, f);
}

/* What is recorded goes over what is carried: a place in the list for each version, also for one that is missing in
 * between. */
static enum err status_of(const struct migrations *all, const struct history *h, struct arena *a,
                          struct migration_status **out, size_t *out_count, struct fault *f) {
  size_t count = all->count, max = all->count + h->count;
  struct migration_status *status = arena_zalloc(a, (max + 1) * sizeof *status);
  for (size_t i = 0; i < all->count; i++)
    status[i] = (struct migration_status){.version = all->at[i].version,
                                          .name = all->at[i].name,
                                          .checksum = arena_copy(a, text_of(all->at[i].checksum)),
                                          .compatible = all->at[i].compatible,
                                          .known = true};
  for (size_t i = 0; i < h->count; i++) {
    const struct migration_status *m = &h->at[i];
    bool known = m->version >= 1 && m->version <= all->count;
    enum err e = known ? history_check(m, all, f) : ERR_OK;
    if (e)
      return e;
    if (!known) {
      status[count++] = *m;
      continue;
    }
    status[m->version - 1].applied = true;
    status[m->version - 1].applied_us = m->applied_us;
  }
  *out = status;
  *out_count = count;
  return ERR_OK;
}

enum err migrate_status(const struct store_place *place, struct arena *a, struct migration_status **out,
                        size_t *out_count, struct fault *f) {
  struct database *d = NULL;
  enum err e = store_open_bare(place, false, &d, f);
  if (e)
    return e;
  struct look w = {a, {NULL, 0}};
  e = driver_run(&d->base, DRIVER_READ, false, look, &w, f);
  d->base.ops->close(&d->base);
  if (e)
    return e;
  const struct migrate_program p = this_program();
  struct migrations all = migrations_read(&p, a);
  return status_of(&all, &w.history, a, out, out_count, f);
}
