/* Exporting a person: the rows that have their name, table by table, each as a line of JSON with its columns under
 * their own names, and the lines of the archive's files. Hashes and whatever else is bytes stay out. The tables are
 * those that person_columns.c names; a test holds the two together. Called through ports/store_persons.h.
 * house: tested-by tests/unit/store/test_store_persons.c */
#include "base/buf.h"
#include "base/json.h"
#include "store/copy_table.h"
#include "store/person_archives.h"
#include "store/person_jobs.h"
#include "store/person_text.h"
#include "store/store_audit.h"
#include "store/store_persons.h"

#include <stddef.h>

#define PAGE          500
#define USAGE_LEVELS  5
#define ROW_BYTES_MAX (1 << 21)
#define SELECT_MAX    8192
#define USAGE_CHUNK   INT64_C(5000) /* sums of everybody that a page of sums looks at */

/* How a table's rows are found. */
enum way {
  WAY_USER,    /* by what `theirs` says, in the order of id */
  WAY_LOOK,    /* every row is looked at, in the order of id: a name may stand anywhere in it */
  WAY_STRETCH, /* by subject, of the two kinds that are about users: all of a kind at once */
  WAY_USAGE,   /* by user_name; stretch by stretch of a level, for there is no id */
};

/* A user's email is in lower case, whoever asks. */
#define THE_USER "(SELECT id FROM weir_users WHERE email = lower(?3))"

static const struct source {
  const char *table, *theirs; /* of WAY_USER */
  enum way way;
  size_t count; /* of person_exported */
  unsigned permille;
} sources[] = {
    {"weir_users", "email = lower(?3)", WAY_USER, offsetof(struct person_exported, users), 10},
    {"weir_team_members", "user_id IN " THE_USER, WAY_USER, offsetof(struct person_exported, memberships), 20},
    {"weir_grants", "to_kind = 'user' AND to_id IN " THE_USER, WAY_USER, offsetof(struct person_exported, grants), 30},
    {"weir_sessions", "user_id IN " THE_USER, WAY_USER, offsetof(struct person_exported, sessions), 40},
    {"weir_entities", "(user_name = ?3 OR name IN (SELECT 'key\n' || name FROM weir_keys WHERE user_name = ?3))",
     WAY_USER, offsetof(struct person_exported, entities), 45},
    {"weir_keys", "user_name = ?3", WAY_USER, offsetof(struct person_exported, keys), 50},
    {"weir_ledger", "user_name = ?3", WAY_USER, offsetof(struct person_exported, ledger_rows), 400},
    {"weir_usage", NULL, WAY_USAGE, offsetof(struct person_exported, usage_rows), 600},
    {"weir_ledger_stretches", NULL, WAY_STRETCH, offsetof(struct person_exported, stretches), 700},
    {"weir_audit", NULL, WAY_LOOK, offsetof(struct person_exported, audit_entries), 800},
    {"weir_jobs", NULL, WAY_LOOK, offsetof(struct person_exported, jobs), 850},
};

static const char doing[] = "exporting a person";

struct export {
  struct store *store;
  const struct person_ask *ask;
  const struct person_sink *sink;
  const struct source *from;
  int64_t erased_us; /* when somebody of that name was erased last, before this began; 0: not within a month */
  int64_t level;     /* of usage */
  int64_t after, until;
  size_t lines; /* of the page */
  bool more;
  struct buf page; /* lines, each with its end, so that the sink is called without a connection being held */
};

static void put_cell(struct driver_link *l, const struct copy_column *c, int at, struct json_writer *w) {
  if (c->kind == DRIVER_CELL_BYTES)
    return;
  json_name_text(w, c->name);
  if (l->driver->is_null(l, at))
    json_put_null(w);
  else if (c->kind == DRIVER_CELL_NUMBER)
    json_put_i64(w, l->driver->number(l, at));
  else if (c->is_json)
    json_put_raw(w, l->driver->bytes(l, at));
  else
    json_put_text(w, l->driver->bytes(l, at));
}

static void put_row(struct driver_link *l, struct export *x, const struct copy_shape *s) {
  struct json_writer w;
  json_writer_init(&w, &x->page);
  json_object(&w);
  json_field_str(&w, "table", x->from->table);
  json_name(&w, "row");
  json_object(&w);
  for (size_t i = 0; i < s->column_count; i++)
    put_cell(l, &s->columns[i], (int)i + 1, &w);
  json_object_end(&w);
  json_object_end(&w);
  buf_add_char(&x->page, '\n');
}

static void write_select(const struct copy_shape *s, const struct source *from, struct buf *sql) {
  buf_add_format(sql, "SELECT %s", from->way == WAY_USAGE ? "start_us" : from->way == WAY_STRETCH ? "first_us" : "id");
  for (size_t i = 0; i < s->column_count; i++)
    buf_add_format(sql, ", %.*s", TEXT_ARGS(s->columns[i].name));
  buf_add_format(sql, " FROM %s WHERE ", s->table);
  if (from->way == WAY_USAGE)
    buf_add(sql, TEXT("level = ?4 AND start_us > ?1 AND start_us <= ?2 AND user_name = ?3"));
  else if (from->way == WAY_STRETCH)
    buf_add(sql, TEXT("kind = ?4 AND first_us > ?1 AND first_us <= ?2 AND subject = ?3"));
  else
    buf_add_format(sql, "id > ?1 %s%s ORDER BY id LIMIT ?2", from->theirs ? "AND " : "",
                   from->theirs ? from->theirs : "");
  buf_add_char(sql, '\0');
}

/* Columns of JSON that may name a person; on SQLite they are plain texts. */
static bool is_telling(struct text column) {
  return text_equal(column, TEXT("before")) || text_equal(column, TEXT("after")) || text_equal(column, TEXT("args")) ||
         text_equal(column, TEXT("result"));
}

static bool is_theirs(struct driver_link *l, const struct export *x, const struct copy_shape *s) {
  for (size_t i = 0; i < s->column_count; i++) {
    struct text value = l->driver->bytes(l, (int)i + 1);
    if (text_equal(s->columns[i].name, TEXT("actor")) && person_text_is(value, x->ask->user))
      return true;
    if (is_telling(s->columns[i].name) && person_json_has(value, x->ask->user))
      return true;
  }
  return false;
}

static bool has_levels(const struct source *from) { return from->way == WAY_USAGE || from->way == WAY_STRETCH; }

static void bind_page(struct driver_link *l, const struct export *x) {
  l->driver->bind(l, 1, x->after);
  l->driver->bind(l, 2, has_levels(x->from) ? x->until : PAGE);
  if (x->from->way != WAY_LOOK)
    l->driver->bind_text(l, 3, x->ask->user);
  if (has_levels(x->from))
    l->driver->bind(l, 4, x->from->way == WAY_USAGE ? x->level : x->level == 0 ? 2 : 12);
}

static enum err read_page(struct driver_link *l, struct export *x, const struct copy_shape *s, struct fault *f) {
  bool row = false;
  size_t seen = 0;
  int64_t after = x->after;
  struct buf sql;
  buf_init(&sql, SELECT_MAX);
  write_select(s, x->from, &sql);
  enum err e = buf_check(&sql) ? fault_set(f, ERR_INTERNAL, NULL, "%s has too many columns", s->table) : ERR_OK;
  if (!e)
    e = l->driver->prepare_text(l, buf_text(&sql).at, f);
  buf_done(&sql);
  if (e)
    return e;
  bind_page(l, x);
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    after = l->driver->number(l, 0);
    seen++;
    if (x->from->way == WAY_LOOK && !is_theirs(l, x, s))
      continue;
    put_row(l, x, s);
    x->lines++;
  }
  l->driver->reset(l);
  if (!has_levels(x->from)) {
    x->after = after;
    x->more = seen == PAGE;
  }
  return e;
}

/* How far a page of sums reaches. */
static enum err reach(struct driver_link *l, struct export *x, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_PERSON_USAGE_REACH, f);
  if (e)
    return e;
  l->driver->bind(l, 1, x->level);
  l->driver->bind(l, 2, x->after);
  l->driver->bind(l, 3, USAGE_CHUNK - 1);
  e = l->driver->step(l, &row, doing, f);
  x->more = !e && row;
  x->until = x->more ? l->driver->number(l, 0) : INT64_MAX;
  l->driver->reset(l);
  return e;
}

static enum err page(struct driver_link *l, void *args, struct fault *f) {
  struct export *x = args;
  struct copy_shape *s;
  struct arena a;
  int64_t after = x->after;
  arena_init(&a);
  s = ARENA_NEW(&a, struct copy_shape);
  buf_reset(&x->page);
  x->lines = 0;
  enum err e = copy_shape_read(l, x->from->table, &a, s, f);
  if (!e && x->from->way == WAY_USAGE)
    e = reach(l, x, f);
  if (x->from->way == WAY_STRETCH) {
    x->until = INT64_MAX;
    x->more = false;
  }
  if (!e)
    e = read_page(l, x, s, f);
  if (!e && buf_check(&x->page))
    e = fault_set(f, ERR_LIMIT, NULL, "a page of %s is larger than an export takes", x->from->table);
  if (e)
    x->after = after; /* it may be read again */
  arena_done(&a);
  return e;
}

static enum err give(const struct export *x, struct fault *f) {
  struct text rest = buf_text(&x->page), line;
  enum err e = ERR_OK;
  while (!e && text_cut(rest, '\n', &line, &rest))
    e = x->sink->line(x->sink->ctx, line, f);
  return e;
}

/* One table, or one level of the sums. */
static enum err export_table(struct export *x, uint64_t *count, struct fault *f) {
  const struct person_listener *listener = x->ask->listener;
  enum err e = ERR_OK;
  x->after = INT64_MIN;
  for (x->more = true; !e && x->more;) {
    e = driver_run(x->store, DRIVER_READ, false, page, x, f);
    if (!e && x->from->way == WAY_USAGE)
      x->after = x->until;
    if (!e)
      e = give(x, f);
    if (!e)
      *count += x->lines;
    if (!e && listener)
      e = listener->progress(listener->ctx, x->from->permille, x->from->table, f);
  }
  return e;
}

static enum err export_source(struct export *x, const struct source *from, struct person_exported *out,
                              struct fault *f) {
  uint64_t *count = (uint64_t *)((char *)out + from->count);
  enum err e = ERR_OK;
  x->from = from;
  int64_t levels = from->way == WAY_USAGE ? USAGE_LEVELS : from->way == WAY_STRETCH ? 2 : 1;
  for (x->level = 0; x->level < levels && !e; x->level++)
    e = export_table(x, count, f);
  return e;
}

static enum err take_line(void *ctx, struct text json, struct fault *f) {
  struct export *x = ctx;
  struct json_writer w;
  buf_reset(&x->page);
  json_writer_init(&w, &x->page);
  json_object(&w);
  json_field_str(&w, "table", "archive");
  json_name(&w, "row");
  json_put_raw(&w, json);
  json_object_end(&w);
  return x->sink->line(x->sink->ctx, buf_text(&x->page), f);
}

static enum err export_archive(struct export *x, struct person_exported *out, struct fault *f) {
  struct person_archives done;
  enum err e = person_archives_list(x->store, x->ask, &(struct person_sink){take_line, x}, &done, f);
  if (!e) {
    out->archived_rows = done.rows;
    out->archives_elsewhere = done.elsewhere;
  }
  return e;
}

/* The person is named there by what an erasure can take out: the member "user". */
static void write_note(const struct export *x, const struct person_exported *done, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "user", x->ask->user);
  if (done) {
    json_name(&w, "lines");
    person_exported_write(done, out);
    json_field_u64(&w, "archives_elsewhere", done->archives_elsewhere);
  }
  json_object_end(&w);
}

static enum err erased_when(struct driver_link *l, const struct export *x, int64_t *out_us, struct fault *f) {
  struct arena a;
  struct person_veil *veils = NULL;
  size_t count = 0;
  int64_t at_us = 0;
  arena_init(&a);
  enum err e = person_veils_read(l, &a, &veils, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    if (veils[i].erased_us > at_us && person_veil_fits(&veils[i], x->ask->user))
      at_us = veils[i].erased_us;
  arena_done(&a);
  if (!e)
    *out_us = at_us;
  return e;
}

struct note {
  struct export *x;
  const struct person_exported *done; /* NULL: it begins */
};

static enum err note_on(struct driver_link *l, const struct note *n, struct fault *f) {
  struct export *x = n->x;
  int64_t erased_us = 0;
  struct buf after;
  enum err e = erased_when(l, x, &erased_us, f);
  if (!e && !n->done)
    x->erased_us = erased_us;
  if (!e && erased_us != x->erased_us)
    e = fault_set(f, ERR_NOT_FOUND, "user", "the person was erased meanwhile");
  if (e)
    return e;
  buf_init(&after, 4096);
  write_note(x, n->done, &after);
  e = audit_add_on(l, x->ask->by,
                   &(struct audit_entry){.action = n->done ? TEXT("person.export") : TEXT("person.export_start"),
                                         .subject = TEXT("person"),
                                         .after = buf_text(&after)},
                   NULL, f);
  buf_done(&after);
  return e;
}

static enum err note(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = note_on(l, args, f);
  return l->driver->end(l, e, f);
}

enum err store_person_export(struct store *s, const struct person_ask *ask, const struct person_sink *sink,
                             struct person_exported *out, struct fault *f) {
  struct export x = {.store = s, .ask = ask, .sink = sink};
  struct person_exported done = {0};
  struct note begins = {&x, NULL}, ends = {&x, &done};
  enum err e = person_check_name(ask->user, f);
  if (!e)
    e = driver_run(s, DRIVER_WRITE, true, note, &begins, f);
  if (e)
    return e;
  buf_init(&x.page, (size_t)PAGE * ROW_BYTES_MAX);
  for (size_t i = 0; i < sizeof sources / sizeof *sources && !e; i++)
    e = export_source(&x, &sources[i], &done, f);
  if (!e)
    e = export_archive(&x, &done, f);
  buf_done(&x.page);
  if (!e)
    e = driver_run(s, DRIVER_WRITE, true, note, &ends, f);
  if (!e)
    *out = done;
  return e;
}
