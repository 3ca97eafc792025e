/* Copying one table between two databases. The statements are made of the names that the database itself gives, so that
 * a new table or column is carried over without a word here. Called by store_copy.c, which owns both transactions.
 * house: tested-by tests/unit/store/test_store_copy.c */
#include "store/copy_table.h"

#include "base/buf.h"

#include <sodium.h>

#define PAGE_ROWS     2000
#define STATEMENT_MAX 65536

static const char doing_read[] = "reading a table", doing_write[] = "filling a table";

struct word {
  const char *type;
  enum driver_cell_kind kind;
  bool is_json;
};

/* The types that migrations use, as each database calls them. */
static const struct word words[] = {
    {"INTEGER", DRIVER_CELL_NUMBER, false}, {"TEXT", DRIVER_CELL_TEXT, false}, {"BLOB", DRIVER_CELL_BYTES, false},
    {"bigint", DRIVER_CELL_NUMBER, false},  {"text", DRIVER_CELL_TEXT, false}, {"bytea", DRIVER_CELL_BYTES, false},
    {"integer", DRIVER_CELL_NUMBER, false}, {"json", DRIVER_CELL_TEXT, true},
};

static enum err column_read(struct driver_link *l, struct arena *a, struct copy_shape *s, struct fault *f) {
  struct text type = l->driver->bytes(l, 1);
  int64_t key = l->driver->number(l, 2);
  size_t at = s->column_count;
  if (at == COPY_COLUMNS_MAX || key > COPY_KEYS_MAX)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "%s has more columns than can be copied", s->table);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!text_equal(type, text_of(words[i].type)))
      continue;
    s->columns[at] = (struct copy_column){driver_text(l, 0, a), words[i].kind, words[i].is_json};
    s->column_count++;
    if (key > 0) {
      s->keys[key - 1] = at;
      s->key_count = (size_t)key > s->key_count ? (size_t)key : s->key_count;
    }
    return ERR_OK;
  }
  return fault_set(f, ERR_UNSUPPORTED, NULL, "%s has a column of the type %.*s, which is not copied", s->table,
                   TEXT_ARGS(text_head(type, 64)));
}

enum err copy_shape_read(struct driver_link *l, const char *table, struct arena *a, struct copy_shape *out,
                         struct fault *f) {
  bool row = false;
  *out = (struct copy_shape){.table = table};
  enum err e = l->driver->prepare(l, SQL_COPY_COLUMNS, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text_of(table));
  while (!(e = l->driver->step(l, &row, doing_read, f)) && row && !(e = column_read(l, a, out, f)))
    continue;
  l->driver->reset(l);
  if (e)
    return e;
  if (out->column_count == 0)
    return fault_set(f, ERR_NOT_FOUND, NULL, "there is no table %s", table);
  return out->key_count ? ERR_OK : fault_set(f, ERR_UNSUPPORTED, NULL, "%s has no primary key", table);
}

enum err copy_shape_same(const struct copy_shape *from, const struct copy_shape *to, struct fault *f) {
  bool same = from->column_count == to->column_count;
  for (size_t i = 0; i < from->column_count && same; i++)
    same = text_equal(from->columns[i].name, to->columns[i].name) && from->columns[i].kind == to->columns[i].kind;
  return same ? ERR_OK
              : fault_set(f, ERR_STORE, NULL, "%s has other columns in the target than in the source", from->table);
}

static void add_names(const struct copy_shape *s, bool for_reading, bool is_postgres, struct buf *b) {
  for (size_t i = 0; i < s->column_count; i++)
    buf_add_format(b, "%s%.*s%s", i ? ", " : "", TEXT_ARGS(s->columns[i].name),
                   for_reading && is_postgres && s->columns[i].is_json ? "::text" : "");
}

static void add_keys(const struct copy_shape *s, struct buf *b) {
  for (size_t i = 0; i < s->key_count; i++)
    buf_add_format(b, "%s%.*s", i ? ", " : "", TEXT_ARGS(s->columns[s->keys[i]].name));
}

/* "?1, ?2"; the driver makes its own of it. */
static void add_places(size_t count, struct buf *b) {
  for (size_t i = 0; i < count; i++)
    buf_add_format(b, "%s?%zu", i ? ", " : "", i + 1);
}

static enum err prepare_made(struct driver_link *l, struct buf *sql, struct fault *f) {
  buf_add_char(sql, '\0');
  enum err e = buf_check(sql);
  if (!e)
    e = l->driver->prepare_text(l, buf_text(sql).at, f);
  buf_done(sql);
  return e;
}

enum err copy_table_has_rows(struct driver_link *l, const struct copy_shape *s, bool *out, struct fault *f) {
  struct buf sql;
  bool row = false;
  buf_init(&sql, STATEMENT_MAX);
  buf_add_format(&sql, "SELECT 1 FROM %s LIMIT 1", s->table);
  enum err e = prepare_made(l, &sql, f);
  if (e)
    return e;
  e = l->driver->step(l, &row, doing_read, f);
  l->driver->reset(l);
  if (!e)
    *out = row;
  return e;
}

/* Where a page ended. */
struct cursor {
  bool is_set;
  struct driver_cell keys[COPY_KEYS_MAX];
  struct arena *arena, arenas[2]; /* of the last page's texts, and of the next one's */
};

static enum err prepare_page(struct driver_link *l, const struct copy_shape *s, const struct cursor *at,
                             struct fault *f) {
  struct buf sql;
  buf_init(&sql, STATEMENT_MAX);
  buf_add(&sql, TEXT("SELECT "));
  add_names(s, true, l->driver->dialect == SQL_POSTGRES, &sql);
  buf_add_format(&sql, " FROM %s", s->table);
  if (at->is_set) {
    buf_add(&sql, TEXT(" WHERE ("));
    add_keys(s, &sql);
    buf_add(&sql, TEXT(") > ("));
    add_places(s->key_count, &sql);
    buf_add(&sql, TEXT(")"));
  }
  buf_add(&sql, TEXT(" ORDER BY "));
  add_keys(s, &sql);
  buf_add_format(&sql, " LIMIT %d", PAGE_ROWS);
  return prepare_made(l, &sql, f);
}

static void bind_cell(struct driver_link *l, int at, const struct driver_cell *c) {
  switch (c->kind) {
  case DRIVER_CELL_NULL: break; /* what is not bound is NULL */
  case DRIVER_CELL_NUMBER: l->driver->bind(l, at, c->number); break;
  case DRIVER_CELL_TEXT: l->driver->bind_text(l, at, c->bytes); break;
  case DRIVER_CELL_BYTES: l->driver->bind_bytes(l, at, c->bytes); break;
  }
}

static void cells_read(struct driver_link *l, const struct copy_shape *s, struct driver_cell *out) {
  for (size_t i = 0; i < s->column_count; i++) {
    out[i] = (struct driver_cell){.kind = s->columns[i].kind};
    if (l->driver->is_null(l, (int)i))
      out[i].kind = DRIVER_CELL_NULL;
    else if (out[i].kind == DRIVER_CELL_NUMBER)
      out[i].number = l->driver->number(l, (int)i);
    else
      out[i].bytes = l->driver->bytes(l, (int)i);
  }
}

/* The other arena, because the cursor's present texts are still bound to the statement. */
static void cursor_move(struct cursor *at, const struct copy_shape *s, const struct driver_cell *cells) {
  struct arena *fresh = at->arena == &at->arenas[0] ? &at->arenas[1] : &at->arenas[0];
  for (size_t i = 0; i < s->key_count; i++) {
    at->keys[i] = cells[s->keys[i]];
    at->keys[i].bytes = arena_copy(fresh, at->keys[i].bytes);
  }
  at->is_set = true;
}

static void cursor_turn(struct cursor *at) {
  arena_done(at->arena);
  arena_init(at->arena);
  at->arena = at->arena == &at->arenas[0] ? &at->arenas[1] : &at->arenas[0];
}

/* What becomes of a row. */
struct sink {
  struct driver_link *to; /* NULL: it is only summed */
  const struct copy_shape *shape;
  struct copy_sum sum;
  struct buf insert; /* the statement, where rows go in one by one; made with the first */
};

static void add_to_sum(struct copy_sum *sum, const struct driver_cell *cells, size_t count) {
  crypto_generichash_state state;
  uint64_t hash[2];
  crypto_generichash_init(&state, NULL, 0, sizeof hash);
  for (size_t i = 0; i < count; i++) {
    const struct driver_cell *c = &cells[i];
    const int64_t head[2] = {c->kind, c->kind == DRIVER_CELL_NUMBER ? c->number : (int64_t)c->bytes.len};
    crypto_generichash_update(&state, (const uint8_t *)head, sizeof head);
    if (c->bytes.len)
      crypto_generichash_update(&state, (const uint8_t *)c->bytes.at, c->bytes.len);
  }
  crypto_generichash_final(&state, (uint8_t *)hash, sizeof hash);
  sum->rows++;
  sum->low += hash[0];
  sum->high += hash[1];
}

static void make_insert(struct sink *k) {
  buf_add_format(&k->insert, "INSERT INTO %s (", k->shape->table);
  add_names(k->shape, false, false, &k->insert);
  buf_add(&k->insert, TEXT(") VALUES ("));
  add_places(k->shape->column_count, &k->insert);
  buf_add(&k->insert, TEXT(")"));
  buf_add_char(&k->insert, '\0');
}

static enum err insert(struct sink *k, const struct driver_cell *cells, struct fault *f) {
  if (k->insert.len == 0)
    make_insert(k);
  enum err e = buf_check(&k->insert);
  if (!e)
    e = k->to->driver->prepare_text(k->to, buf_text(&k->insert).at, f);
  for (size_t i = 0; i < k->shape->column_count && !e; i++)
    bind_cell(k->to, (int)i + 1, &cells[i]);
  return e ? e : driver_finish(k->to, doing_write, NULL, f);
}

static enum err take_row(struct sink *k, struct driver_cell *cells, struct fault *f) {
  char *cleaned[COPY_COLUMNS_MAX] = {NULL};
  size_t count = k->shape->column_count;
  enum err e = ERR_OK;
  for (size_t i = 0; k->to && k->to->driver->clean && i < count; i++)
    if (cells[i].kind == DRIVER_CELL_TEXT && (cleaned[i] = k->to->driver->clean(cells[i].bytes)))
      cells[i].bytes.at = cleaned[i];
  add_to_sum(&k->sum, cells, count);
  if (k->to)
    e = k->to->driver->load_row ? k->to->driver->load_row(k->to, cells, count, f) : insert(k, cells, f);
  for (size_t i = 0; i < count; i++)
    free(cleaned[i]);
  return e;
}

static enum err page(struct driver_link *l, struct cursor *at, struct sink *k, bool *out_more, struct fault *f) {
  struct driver_cell cells[COPY_COLUMNS_MAX];
  int64_t count = 0;
  bool row = false;
  enum err e = prepare_page(l, k->shape, at, f);
  if (e)
    return e;
  for (size_t i = 0; at->is_set && i < k->shape->key_count; i++)
    bind_cell(l, (int)i + 1, &at->keys[i]);
  while (!(e = l->driver->step(l, &row, doing_read, f)) && row) {
    cells_read(l, k->shape, cells);
    if (++count == PAGE_ROWS)
      cursor_move(at, k->shape, cells);
    e = take_row(k, cells, f);
    if (e)
      break;
  }
  l->driver->reset(l);
  cursor_turn(at);
  *out_more = count == PAGE_ROWS;
  return e;
}

static enum err pages(struct driver_link *l, struct sink *k, const struct copy_watch *watch, struct fault *f) {
  struct cursor at = {.is_set = false};
  bool more = true;
  enum err e = ERR_OK;
  arena_init(&at.arenas[0]);
  arena_init(&at.arenas[1]);
  at.arena = &at.arenas[0];
  while (!e && more) {
    e = page(l, &at, k, &more, f);
    if (!e)
      e = watch->tell(watch->data, k->to ? "copying" : "checking", k->shape->table, k->sum.rows, f);
  }
  arena_done(&at.arenas[0]);
  arena_done(&at.arenas[1]);
  return e;
}

static enum err load_begin(struct driver_link *to, const struct copy_shape *s, struct fault *f) {
  struct buf columns;
  buf_init(&columns, STATEMENT_MAX);
  add_names(s, false, false, &columns);
  buf_add_char(&columns, '\0');
  enum err e = buf_check(&columns);
  if (!e)
    e = to->driver->load_begin(to, s->table, buf_text(&columns).at, f);
  buf_done(&columns);
  return e;
}

enum err copy_table_rows(struct driver_link *from, struct driver_link *to, const struct copy_shape *shape,
                         const struct copy_watch *watch, struct copy_sum *out, struct fault *f) {
  struct sink k = {.to = to, .shape = shape};
  buf_init(&k.insert, STATEMENT_MAX);
  enum err e = to->driver->load_begin ? load_begin(to, shape, f) : ERR_OK;
  if (!e)
    e = pages(from, &k, watch, f);
  if (!e && to->driver->load_end)
    e = to->driver->load_end(to, f);
  buf_done(&k.insert);
  if (!e)
    *out = k.sum;
  return e;
}

enum err copy_table_sum(struct driver_link *l, const struct copy_shape *shape, const struct copy_watch *watch,
                        struct copy_sum *out, struct fault *f) {
  struct sink k = {.shape = shape};
  enum err e = pages(l, &k, watch, f);
  if (!e)
    *out = k.sum;
  return e;
}
