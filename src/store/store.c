/* Opens a store: connects, brings the schema up, drops what is of no use any more. The only file that knows both
 * drivers; what is opened is used through ports/store.h.
 * house: tested-by tests/unit/store/test_sqlite.c */
#include "store/store.h"

#include "ports/store_persons.h"
#include "store/migrate.h"
#include "store/places.h"
#include "store/postgres.h"
#include "store/sqlite.h"
#include "store/sqlite_key.h"

/* Positions of journals this long gone are dropped. */
#define STREAM_KEPT_US (30LL * 24 * 3600 * 1000000)

enum err store_open_bare(const struct store_place *place, bool create, struct database **out, struct fault *f) {
  if (place->kind == STORE_POSTGRES)
    return postgres_store_open(&place->postgres, out, f);
  return sqlite_store_open(place->kind == STORE_MEMORY ? NULL : place->path, place->key, create, out, f);
}

static enum err serve(const struct store_place *place, struct database *d, struct fault *f) {
  bool file = place->kind == STORE_SQLITE;
  unsigned applied;
  enum err e = file ? sqlite_store_durable(d, place->path, f) : ERR_OK;
  if (!e)
    e = migrate_up_on(d, &applied, f);
  if (!e && file)
    e = sqlite_store_reader(d, place->path, place->key, f);
  if (!e)
    e = store_ledger_forget(&d->base, driver_now_us() - STREAM_KEPT_US, f);
  if (!e)
    e = store_persons_ops.forget(&d->base, driver_now_us() - PERSON_WATCHED_US, f);
  return e;
}

enum err store_open(const struct store_place *place, struct store **out, struct fault *f) {
  struct database *d = NULL;
  enum err e = store_open_bare(place, true, &d, f);
  if (e)
    return e;
  e = serve(place, d, f);
  if (e) {
    d->base.ops->close(&d->base);
    return e;
  }
  *out = &d->base;
  return ERR_OK;
}

bool store_takes_key(void) { return sqlite_key_is_possible(); }

enum err store_check_address(struct text url, struct fault *f) {
  struct postgres_address a;
  enum err e = postgres_address_read(url, false, 0, &a, f);
  if (!e)
    postgres_address_done(&a);
  return e;
}

enum err store_open_sqlite(const char *path, struct store **out, struct fault *f) {
  return store_open(&(struct store_place){.kind = STORE_SQLITE, .path = path}, out, f);
}

enum err store_open_memory(struct store **out, struct fault *f) {
  return store_open(&(struct store_place){.kind = STORE_MEMORY}, out, f);
}
