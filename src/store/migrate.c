/* Applies and takes back the schema's migrations. The texts come from the build (migrations/), the record of what was
 * applied stands in weir_schema. Called by `weir migrate` and whenever a store is opened, on either database; it never
 * guesses: a schema that a newer or a changed program wrote is refused. */
#include "store/migrate.h"

#include "base/buf.h"
#include "base/crc.h"
#include "store/embedded.h"
#include "store/places.h"

#define MIGRATIONS_MAX      256
#define WEIR_APPLICATION_ID "1466263922" /* SQLITE_WEIR_ID */
#define MIGRATION_MAX_BYTES (1 << 20)

struct migration {
  unsigned version;
  struct text name, up, down;
  char checksum[16]; /* of up */
};

struct migrations {
  struct migration *at;
  size_t count;
};

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
    snprintf(m->checksum, sizeof m->checksum, "%08x", crc32c(0, body.at, body.len));
  } else {
    m->down = body;
  }
}

/* The embedded files come in pairs, in order of version: up and down of one stand side by side. */
static struct migrations migrations_read(struct arena *a) {
  struct migrations all = {arena_zalloc(a, embedded_migrations_count * sizeof(struct migration)), 0};
  for (size_t i = 0; i + 1 < embedded_migrations_count; i += 2) {
    struct migration *m = &all.at[all.count++];
    migration_place(&embedded_migrations[i], m);
    migration_place(&embedded_migrations[i + 1], m);
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

/* One row of the history against what this program carries. */
static enum err history_check(int64_t version, struct text sum, const struct migrations *all, struct fault *f) {
  if (version < 1 || (size_t)version > all->count)
    return fault_set(f, ERR_STORE, NULL,
                     "the database has schema version %lld and this program knows %zu: it was written by a newer Weir. "
                     "Use that one, or `weir migrate down` with it first",
                     (long long)version, all->count);
  if (!text_equal(sum, text_of(all->at[version - 1].checksum)))
    return fault_set(f, ERR_STORE, NULL,
                     "migration %lld of the database differs from the one in this program: it was applied by another "
                     "build. Use that build, or restore a backup",
                     (long long)version);
  return ERR_OK;
}

/* Compares every migration recorded with what this program carries, and notes it in status (which may be NULL). */
static enum err schema_check(struct driver_link *l, const struct migrations *all, struct migration_status *status,
                             struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_SCHEMA_HISTORY, f);
  if (e)
    return e;
  while (!e && !(e = l->driver->step(l, &row, "reading the schema's history", f)) && row) {
    int64_t version = l->driver->number(l, 0);
    e = history_check(version, l->driver->bytes(l, 1), all, f);
    if (!e && status) {
      status[version - 1].applied = true;
      status[version - 1].applied_us = l->driver->number(l, 2);
    }
  }
  l->driver->reset(l);
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
    e = schema_check(l, all, NULL, f);
  bool move = !e && (up ? (size_t)version < all->count : version > 0);
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

/* The table of the history, when there is none. */
static enum err history_make(struct driver_link *l, struct fault *f) {
  int64_t exists = 0;
  enum err e = driver_number(l, SQL_SCHEMA_EXISTS, "reading the schema's history", &exists, f);
  if (e || exists)
    return e;
  e = l->driver->begin(l, DRIVER_MIGRATE, f);
  if (e)
    return e;
  if (l->driver->dialect == SQL_SQLITE)
    e = l->driver->exec(l, "PRAGMA application_id = " WEIR_APPLICATION_ID, f);
  if (!e)
    e = run_text(l,
                 TEXT("CREATE TABLE IF NOT EXISTS weir_schema (\n  version BIGINT PRIMARY KEY NOT NULL,\n"
                      "  name TEXT NOT NULL,\n  checksum TEXT NOT NULL,\n  applied_us BIGINT NOT NULL\n);"),
                 f);
  return l->driver->end(l, e, f);
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

static enum err move_on(struct database *d, bool up, unsigned steps, unsigned *out_count, struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct migrations all = migrations_read(&a);
  struct move w = {&all, up, steps, 0};
  enum err e = driver_run(&d->base, DRIVER_WRITE, true, move, &w, f);
  arena_done(&a);
  if (!e)
    *out_count = w.done;
  return e;
}

enum err migrate_up_on(struct database *d, unsigned *out_count, struct fault *f) {
  return move_on(d, true, MIGRATIONS_MAX, out_count, f);
}

static enum err move_at(const struct store_place *place, bool up, unsigned steps, unsigned *out_count,
                        struct fault *f) {
  struct database *d = NULL;
  enum err e = store_open_bare(place, up, &d, f);
  if (e)
    return e;
  e = move_on(d, up, steps, out_count, f);
  d->base.ops->close(&d->base);
  return e;
}

enum err migrate_up(const struct store_place *place, unsigned *out_count, struct fault *f) {
  return move_at(place, true, MIGRATIONS_MAX, out_count, f);
}

enum err migrate_down(const struct store_place *place, unsigned steps, unsigned *out_count, struct fault *f) {
  return move_at(place, false, steps, out_count, f);
}

struct look {
  const struct migrations *all;
  struct migration_status *status;
};

static enum err look(struct driver_link *l, void *args, struct fault *f) {
  struct look *w = args;
  int64_t version = 0;
  enum err e = schema_version(l, &version, f);
  return e || version == 0 ? e : schema_check(l, w->all, w->status, f);
}

enum err migrate_status(const struct store_place *place, struct arena *a, struct migration_status **out,
                        size_t *out_count, struct fault *f) {
  struct database *d = NULL;
  enum err e = store_open_bare(place, false, &d, f);
  if (e)
    return e;
  struct migrations all = migrations_read(a);
  struct look w = {&all, arena_zalloc(a, all.count * sizeof(struct migration_status))};
  for (size_t i = 0; i < all.count; i++)
    w.status[i] = (struct migration_status){.version = all.at[i].version, .name = all.at[i].name};
  e = driver_run(&d->base, DRIVER_READ, false, look, &w, f);
  d->base.ops->close(&d->base);
  if (e)
    return e;
  *out = w.status;
  *out_count = all.count;
  return ERR_OK;
}
