/* Exporting a person: the rows that have their name, table by table, each as a line of JSON with its columns under
 * their own names. Hashes and whatever else is bytes stay out. Called through ports/store_persons.h.
 * house: tested-by tests/unit/store/test_store_persons.c */
#include "base/buf.h"
#include "base/json.h"
#include "store/copy_table.h"
#include "store/person_text.h"
#include "store/store_audit.h"
#include "store/store_persons.h"

#define PAGE          500
#define ROW_BYTES_MAX (1 << 21)
#define SELECT_MAX    8192

struct export {
  struct store *store;
  struct text user;
  const struct person_sink *sink;
  const struct person_listener *listener;
  const char *table;
  int64_t after;
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
  json_field_str(&w, "table", x->table);
  json_name(&w, "row");
  json_object(&w);
  for (size_t i = 0; i < s->column_count; i++)
    put_cell(l, &s->columns[i], (int)i + 1, &w);
  json_object_end(&w);
  json_object_end(&w);
  buf_add_char(&x->page, '\n');
}

/* Which rows of a table are somebody's; of those that are not listed, the ones that name them as user. A user's email
 * is in lower case, whoever asks. */
#define THE_USER "(SELECT id FROM weir_users WHERE email = lower(?3))"
static const struct {
  const char *table, *theirs;
} tables[] = {
    {"weir_audit", ""},
    {"weir_users", "AND email = lower(?3) "},
    {"weir_team_members", "AND user_id IN " THE_USER " "},
    {"weir_grants", "AND to_kind = 'user' AND to_id IN " THE_USER " "},
    {"weir_sessions", "AND user_id IN " THE_USER " "},
};

static const char *theirs_in(const char *table) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (strcmp(tables[i].table, table) == 0)
      return tables[i].theirs;
  return "AND user_name = ?3 ";
}

static void write_select(const struct copy_shape *s, struct buf *sql) {
  buf_add(sql, TEXT("SELECT id"));
  for (size_t i = 0; i < s->column_count; i++)
    buf_add_format(sql, ", %.*s", TEXT_ARGS(s->columns[i].name));
  buf_add_format(sql, " FROM %s WHERE id > ?1 %sORDER BY id LIMIT ?2", s->table, theirs_in(s->table));
  buf_add_char(sql, '\0');
}

/* Of the audit log every entry is looked at; a name may stand anywhere in it. */
static bool is_theirs(struct driver_link *l, const struct export *x, const struct copy_shape *s) {
  for (size_t i = 0; i < s->column_count; i++) {
    struct text value = l->driver->bytes(l, (int)i + 1);
    if (text_equal(s->columns[i].name, TEXT("actor")) && person_text_is(value, x->user))
      return true;
    if (s->columns[i].is_json && person_json_has(value, x->user))
      return true;
    if ((text_equal(s->columns[i].name, TEXT("before")) || text_equal(s->columns[i].name, TEXT("after"))) &&
        person_json_has(value, x->user))
      return true;
  }
  return false;
}

static enum err read_page(struct driver_link *l, struct export *x, const struct copy_shape *s, struct fault *f) {
  bool is_audit = strcmp(x->table, "weir_audit") == 0, row = false;
  size_t seen = 0;
  struct buf sql;
  buf_init(&sql, SELECT_MAX);
  write_select(s, &sql);
  enum err e = buf_check(&sql) ? fault_set(f, ERR_INTERNAL, NULL, "%s has too many columns", x->table) : ERR_OK;
  if (!e)
    e = l->driver->prepare_text(l, buf_text(&sql).at, f);
  buf_done(&sql);
  if (e)
    return e;
  int64_t after = x->after;
  l->driver->bind(l, 1, after);
  l->driver->bind(l, 2, PAGE);
  if (!is_audit)
    l->driver->bind_text(l, 3, x->user);
  while (!(e = l->driver->step(l, &row, "exporting a person", f)) && row) {
    after = l->driver->number(l, 0);
    seen++;
    if (is_audit && !is_theirs(l, x, s))
      continue;
    put_row(l, x, s);
    x->lines++;
  }
  l->driver->reset(l);
  x->after = after;
  x->more = seen == PAGE;
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
  enum err e = copy_shape_read(l, x->table, &a, s, f);
  if (!e)
    e = read_page(l, x, s, f);
  if (!e && buf_check(&x->page))
    e = fault_set(f, ERR_LIMIT, NULL, "a page of %s is larger than an export takes", x->table);
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

static enum err export_table(struct export *x, const char *table, unsigned permille, uint64_t *out, struct fault *f) {
  enum err e = ERR_OK;
  x->table = table;
  x->after = INT64_MIN;
  for (x->more = true; !e && x->more;) {
    e = driver_run(x->store, DRIVER_READ, false, page, x, f);
    if (!e)
      e = give(x, f);
    if (!e)
      *out += x->lines;
    if (!e && x->listener)
      e = x->listener->progress(x->listener->ctx, permille, table, f);
  }
  return e;
}

/* The person is named there by what an erasure can take out: the member "user". */
static enum err note(struct store *s, struct text user, const struct audit_actor *by,
                     const struct person_exported *done, struct fault *f) {
  struct buf after;
  struct json_writer w;
  buf_init(&after, 4096);
  json_writer_init(&w, &after);
  json_object(&w);
  json_field_text(&w, "user", user);
  json_field_u64(&w, "keys", done->keys);
  json_field_u64(&w, "ledger_rows", done->ledger_rows);
  json_field_u64(&w, "audit_entries", done->audit_entries);
  json_object_end(&w);
  struct audit_entry entry = {.action = TEXT("person.export"), .subject = TEXT("person"), .after = buf_text(&after)};
  enum err e = s->ops->audit->add(s, by, &entry, NULL, f);
  buf_done(&after);
  return e;
}

enum err store_person_export(struct store *s, struct text user, const struct audit_actor *by,
                             const struct person_sink *sink, const struct person_listener *listener,
                             struct person_exported *out, struct fault *f) {
  struct export x = {.store = s, .user = user, .sink = sink, .listener = listener};
  struct person_exported done = {0};
  uint64_t others = 0;
  enum err e = person_check_name(user, f);
  if (e)
    return e;
  buf_init(&x.page, (size_t)PAGE * ROW_BYTES_MAX);
  for (size_t i = 1; i < sizeof tables / sizeof *tables && !e; i++)
    e = export_table(&x, tables[i].table, 20, &others, f);
  if (!e)
    e = export_table(&x, "weir_keys", 50, &done.keys, f);
  if (!e)
    e = export_table(&x, "weir_ledger", 500, &done.ledger_rows, f);
  if (!e)
    e = export_table(&x, "weir_audit", 950, &done.audit_entries, f);
  buf_done(&x.page);
  if (!e)
    e = note(s, user, by, &done, f);
  if (!e)
    *out = done;
  return e;
}
