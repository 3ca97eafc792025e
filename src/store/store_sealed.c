/* The table of sealed columns, and reading and exchanging what is in them. A record is exchanged only if it is still
 * what was read, so that nothing that was sealed anew meanwhile is lost. Who seals a new column adds a row here and two
 * statements to sql.c; tests/unit/store/test_store_vault.c asks the database for columns that were forgotten.
 * house: tested-by tests/unit/store/test_store_vault.c */
#include "store/store_sealed.h"

#include "store/driver.h"

static const struct sealed_column {
  const char *table, *column;
  enum sql list, put;
} columns[] = {
    {"weir_signing_keys", "sealed", SQL_SIGNING_SEALED, SQL_SIGNING_RESEAL},
    {"weir_totp", "secret", SQL_TOTP_SEALED, SQL_TOTP_RESEAL},
    {"weir_credentials", "sealed", SQL_CREDENTIAL_SEALED, SQL_CREDENTIAL_RESEAL},
};
const size_t store_sealed_columns = sizeof columns / sizeof *columns;

struct list {
  const struct sealed_column *column;
  int64_t after_id;
  size_t max;
  struct arena *arena;
  struct store_sealed *at;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  bool row = false;
  w->at = NULL;
  w->count = 0;
  enum err e = l->driver->prepare(l, w->column->list, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->after_id);
  l->driver->bind(l, 2, (int64_t)w->max);
  while (!(e = l->driver->step(l, &row, "reading sealed secrets", f)) && row) {
    w->at = driver_more(w->arena, w->at, w->count, sizeof *w->at);
    w->at[w->count++] = (struct store_sealed){{w->column->table, w->column->column, l->driver->number(l, 1),
                                               l->driver->number(l, 0), l->driver->number(l, 2)},
                                              driver_text(l, 3, w->arena)};
  }
  l->driver->reset(l);
  return e;
}

enum err store_sealed_list(struct store *s, size_t column, int64_t after_id, size_t max, struct arena *a,
                           struct store_sealed **out, size_t *out_count, struct fault *f) {
  struct list w = {&columns[column], after_id, max, a, NULL, 0};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct put {
  const struct sealed_column *column;
  const struct store_sealed *was;
  struct text fresh;
};

static enum err put(struct driver_link *l, void *args, struct fault *f) {
  const struct put *w = args;
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, w->column->put, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->was->place.id);
  l->driver->bind(l, 2, w->was->place.version);
  l->driver->bind_bytes(l, 3, w->was->sealed);
  l->driver->bind_bytes(l, 4, w->fresh);
  e = driver_finish(l, "storing a secret under another master key", &changes, f);
  return e || changes > 0 ? e : fault_set(f, ERR_STORE_STALE, NULL, "the secret was changed meanwhile");
}

enum err store_sealed_put(struct store *s, const struct store_sealed *was, struct text fresh, struct fault *f) {
  for (size_t i = 0; i < store_sealed_columns; i++) {
    struct put w = {&columns[i], was, fresh};
    if (strcmp(columns[i].table, was->place.table) == 0 && strcmp(columns[i].column, was->place.column) == 0)
      return driver_run(s, DRIVER_WRITE, false, put, &w, f);
  }
  return fault_set(f, ERR_NOT_FOUND, NULL, "there is no sealed column %s of %s", was->place.column, was->place.table);
}
