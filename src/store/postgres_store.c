/* A PostgreSQL store: a primary, and standbys that lists are read from. A standby is used only when it has come as far
 * in the write-ahead log as this store has written, so that who changed something sees it in every list; when it has
 * not, or fails in any way, the primary is asked instead. Opened by store.c. house: tested-by
 * tests/unit/store/test_postgres.c */
#include "store/postgres.h"

/* A commit is confirmed when its record is on the primary's disk (postgres_link.c sees to that). */
#define WRITTEN "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"

enum err postgres_take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f) {
  struct postgres_store *s = (struct postgres_store *)d;
  struct postgres_link *l = use == DRIVER_LIST && !fresh ? postgres_take_standby(s, atomic_load(&s->written)) : NULL;
  enum err e = l ? ERR_OK : postgres_pool_take(&s->primary, fresh, &l, f);
  if (e)
    return e;
  l->wrote = use == DRIVER_WRITE;
  *out = &l->base;
  return ERR_OK;
}

/* Raises the place that standbys must have reached; while it cannot be learnt none of them is asked. */
static void note_written(struct postgres_store *s, struct postgres_link *l) {
  struct fault ignored;
  int64_t place = INT64_MAX, known = atomic_load(&s->written);
  unsigned doubts = atomic_load(&s->doubts);
  if (l->broken || PQtransactionStatus(l->db) != PQTRANS_IDLE ||
      postgres_ask_number(l, WRITTEN, s->options.connect_timeout_ms, &place, &ignored) != ERR_OK) {
    atomic_fetch_add(&s->doubts, 1);
    atomic_store(&s->written, INT64_MAX);
    return;
  }
  /* A doubt that came up meanwhile is about a change that this place may be before. */
  while ((known == INT64_MAX ? atomic_load(&s->doubts) == doubts : known < place) &&
         !atomic_compare_exchange_weak(&s->written, &known, place))
    continue;
}

void postgres_give(struct database *d, struct driver_link *base) {
  struct postgres_store *s = (struct postgres_store *)d;
  struct postgres_link *l = (struct postgres_link *)base;
  if (l->wrote && s->replica_count > 0)
    note_written(s, l);
  postgres_pool_give(l);
}

static int64_t written(struct store *store) {
  struct postgres_store *s = (struct postgres_store *)store;
  return s->replica_count > 0 ? atomic_load(&s->written) : 0;
}

/* No further than the primary has come itself: a place that was made up must not keep standbys unused for ever. */
static void catch_up(struct store *store, int64_t place) {
  struct postgres_store *s = (struct postgres_store *)store;
  struct postgres_link *l = NULL;
  struct fault ignored;
  int64_t now = 0, known = atomic_load(&s->written);
  if (s->replica_count == 0 || place <= known || postgres_pool_take(&s->primary, false, &l, &ignored) != ERR_OK)
    return;
  if (postgres_ask_number(l, WRITTEN, s->options.connect_timeout_ms, &now, &ignored) != ERR_OK)
    now = 0;
  postgres_pool_give(l);
  place = place < now ? place : now;
  while (known < place && !atomic_compare_exchange_weak(&s->written, &known, place))
    continue;
}

static void close_store(struct store *store) {
  struct postgres_store *s = (struct postgres_store *)store;
  for (size_t i = 0; i < s->replica_count; i++)
    postgres_pool_done(&s->replicas[i]);
  postgres_pool_done(&s->primary);
  free(s);
}

static const struct store_ops ops = {.name = "postgres",
                                     .is_shared = true,
                                     .close = close_store,
                                     .standbys_check = postgres_check_standbys,
                                     .written = written,
                                     .catch_up = catch_up,
                                     DRIVER_OPS,
                                     .events = &store_events_with_bell};

static enum err init_pools(struct postgres_store *s, const struct postgres_options *o, struct fault *f) {
  enum err e = postgres_pool_init(&s->primary, &s->options, o->url, false, f);
  for (size_t i = 0; i < o->replica_count && i < POSTGRES_REPLICAS_MAX && !e; i++) {
    e = postgres_pool_init(&s->replicas[i], &s->options, o->replicas[i], true, f);
    s->replica_count++;
  }
  return e;
}

enum err postgres_store_open(const struct postgres_options *o, struct database **out, struct fault *f) {
  struct postgres_store *s = calloc(1, sizeof *s);
  struct driver_link *first = NULL;
  if (!s)
    abort();
  s->base = (struct database){{&ops}, &postgres_driver};
  s->options = *o;
  s->options.url = TEXT_NONE;
  memset(s->options.replicas, 0, sizeof s->options.replicas);
  atomic_init(&s->written, INT64_MAX);
  enum err e = init_pools(s, o, f);
  if (!e)
    e = postgres_take(&s->base, DRIVER_WRITE, false, &first, f);
  if (e) {
    close_store(&s->base.base);
    return e;
  }
  postgres_give(&s->base, first);
  *out = &s->base;
  return ERR_OK;
}
