/* Applies and takes back the schema's migrations. The texts come from the build (migrations/), the record of what was
 * applied stands in weir_schema. Called by `weir migrate` and whenever a store is opened; it never guesses: a schema
 * that a newer or a changed program wrote is refused. */
#include "store/migrate.h"

#include "base/buf.h"
#include "base/crc.h"
#include "store/embedded.h"
#include "store/sqlite.h"

#define MIGRATIONS_MAX      256
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
                                                   : word);
    i = end;
  }
}

static enum err run_text(sqlite3 *db, struct text sql, struct fault *f) {
  struct buf b;
  buf_init(&b, MIGRATION_MAX_BYTES);
  translate(sql, &b);
  buf_add_char(&b, '\0');
  enum err e = buf_check(&b);
  if (e)
    e = fault_set(f, ERR_INTERNAL, NULL, "a migration is larger than %d bytes", MIGRATION_MAX_BYTES);
  else
    e = sqlite_run(db, buf_text(&b).at, f);
  buf_done(&b);
  return e;
}

/* The highest version applied; 0 for a new database. */
static enum err schema_version(sqlite3 *db, int64_t *out, struct fault *f) {
  int64_t exists = 0, version = 0;
  enum err e = sqlite_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'weir_schema'", &exists, f);
  if (!e && exists)
    e = sqlite_number(db, "SELECT max(version) FROM weir_schema", &version, f);
  if (!e)
    *out = version;
  return e;
}

/* Calls see(m, applied_us) for every migration recorded, after comparing it with what this program carries. */
static enum err schema_check(sqlite3 *db, const struct migrations *all, struct migration_status *status,
                             struct fault *f) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, "SELECT version, name, checksum, applied_us FROM weir_schema ORDER BY version", -1, &s,
                         NULL) != SQLITE_OK)
    return sqlite_fail(db, "reading the schema's history", f);
  enum err e = ERR_OK;
  int rc = SQLITE_DONE;
  while (!e && (rc = sqlite3_step(s)) == SQLITE_ROW) {
    int64_t version = sqlite3_column_int64(s, 0);
    const char *sum = (const char *)sqlite3_column_text(s, 2);
    if (version < 1 || (size_t)version > all->count)
      e = fault_set(f, ERR_STORE, NULL,
                    "the database has schema version %lld and this program knows %zu: it was written by a newer Weir. "
                    "Use that one, or `weir migrate down` with it first",
                    (long long)version, all->count);
    else if (!sum || strcmp(sum, all->at[version - 1].checksum) != 0)
      e = fault_set(f, ERR_STORE, NULL,
                    "migration %lld of the database differs from the one in this program: it was applied by another "
                    "build. Use that build, or restore a backup",
                    (long long)version);
    else if (status) {
      status[version - 1].applied = true;
      status[version - 1].applied_us = sqlite3_column_int64(s, 3);
    }
  }
  if (!e && rc != SQLITE_DONE)
    e = sqlite_fail(db, "reading the schema's history", f);
  sqlite3_finalize(s);
  return e;
}

static enum err schema_record(sqlite3 *db, const struct migration *m, bool applied, struct fault *f) {
  sqlite3_stmt *s = NULL;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (sqlite3_prepare_v2(db,
                         applied ? "INSERT INTO weir_schema (version, name, checksum, applied_us) VALUES (?, ?, ?, ?)"
                                 : "DELETE FROM weir_schema WHERE version = ?",
                         -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "recording a migration", f);
  sqlite3_bind_int64(s, 1, m->version);
  if (applied) {
    sqlite_bind_text(s, 2, m->name);
    sqlite_bind_text(s, 3, text_of(m->checksum));
    sqlite3_bind_int64(s, 4, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
  }
  enum err e = sqlite3_step(s) == SQLITE_DONE ? ERR_OK : sqlite_fail(db, "recording a migration", f);
  sqlite3_finalize(s);
  return e;
}

static enum err in_transaction(sqlite3 *db, const struct migration *m, bool up, struct fault *f) {
  enum err e = run_text(db, up ? m->up : m->down, f);
  if (!e)
    e = schema_record(db, m, up, f);
  if (!e)
    e = sqlite_run(db, "COMMIT", f);
  if (e && !sqlite3_get_autocommit(db))
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return e;
}

/* The version is read again inside the transaction: two programs may open a new database at the same time. */
static enum err step(sqlite3 *db, const struct migrations *all, bool up, bool *out_moved, struct fault *f) {
  int64_t version = 0;
  enum err e = sqlite_run(db, "BEGIN IMMEDIATE", f);
  if (e)
    return e;
  e = schema_version(db, &version, f);
  bool move = !e && (up ? (size_t)version < all->count : version > 0);
  if (!move) {
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    if (!e)
      *out_moved = false;
    return e;
  }
  e = in_transaction(db, &all->at[up ? version : version - 1], up, f);
  if (!e)
    *out_moved = true;
  return e;
}

static enum err move(sqlite3 *db, bool up, unsigned steps, unsigned *out_count, struct fault *f) {
  struct arena a;
  arena_init(&a);
  struct migrations all = migrations_read(&a);
  char setup[512];
  snprintf(
      setup, sizeof setup,
      "BEGIN IMMEDIATE; PRAGMA application_id = %d; CREATE TABLE IF NOT EXISTS weir_schema (version INTEGER PRIMARY "
      "KEY NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL) STRICT; COMMIT;",
      SQLITE_WEIR_ID);
  int64_t version = 0;
  enum err e = schema_version(db, &version, f);
  if (!e && version == 0) {
    e = sqlite_run(db, setup, f);
    if (e && !sqlite3_get_autocommit(db))
      sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  }
  if (!e)
    e = schema_check(db, &all, NULL, f);
  unsigned done = 0;
  for (bool moved = true; !e && moved && done < steps;) {
    e = step(db, &all, up, &moved, f);
    if (!e && moved)
      done++;
  }
  arena_done(&a);
  if (!e)
    *out_count = done;
  return e;
}

enum err migrate_up_on(struct sqlite3 *db, unsigned *out_count, struct fault *f) {
  return move(db, true, MIGRATIONS_MAX, out_count, f);
}

enum err migrate_up(const char *path, unsigned *out_count, struct fault *f) {
  sqlite3 *db;
  enum err e = sqlite_open_file(path, true, &db, f);
  if (e)
    return e;
  e = move(db, true, MIGRATIONS_MAX, out_count, f);
  sqlite3_close_v2(db);
  return e;
}

enum err migrate_down(const char *path, unsigned steps, unsigned *out_count, struct fault *f) {
  sqlite3 *db;
  enum err e = sqlite_open_file(path, false, &db, f);
  if (e)
    return e;
  e = move(db, false, steps, out_count, f);
  sqlite3_close_v2(db);
  return e;
}

enum err migrate_status(const char *path, struct arena *a, struct migration_status **out, size_t *out_count,
                        struct fault *f) {
  sqlite3 *db;
  enum err e = sqlite_open_file(path, false, &db, f);
  if (e)
    return e;
  struct migrations all = migrations_read(a);
  struct migration_status *status = arena_zalloc(a, all.count * sizeof *status);
  for (size_t i = 0; i < all.count; i++)
    status[i] = (struct migration_status){.version = all.at[i].version, .name = all.at[i].name};
  int64_t version = 0;
  e = schema_version(db, &version, f);
  if (!e && version > 0)
    e = schema_check(db, &all, status, f);
  sqlite3_close_v2(db);
  if (e)
    return e;
  *out = status;
  *out_count = all.count;
  return ERR_OK;
}
