/* The n-th call of the store's driver fails, for n = 1, 2, 3 ... until a run of the operation meets no fault; for every
 * operation of the port, on SQLite and on PostgreSQL: the database refuses, the connection is lost, or it is lost while
 * the commit was made. Whatever happens there is no half change, an error says so, nothing
 * stays open, and the next call works. Leaks are the sanitizer's to find. */
#include "../unit/store/contract.h"

#include "faulty_driver.h"
#include "nth_operations.h"
#include "store/migrate.h"
#include "store/places.h"
#include "store/sqlite.h"

#include <libpq-fe.h>

#define CALLS_MAX 2000

/* Where the operations run. */
struct ground {
  struct faulty faulty;
  struct database *inner;
  PGconn *beside; /* PostgreSQL: another connection, that looks */
};

static bool on_postgres;

/* --- what is in all tables, as one number --- */

static uint64_t mix(uint64_t sum, uint64_t n) {
  sum = (sum ^ n) * UINT64_C(0x9e3779b97f4a7c15);
  return sum ^ (sum >> 29);
}

/* Of one row, without what tells the time when `timeless`, nor what is random in the audit log. */
static uint64_t row_sum(sqlite3_stmt *s, const char *table, bool timeless) {
  bool is_audit = strncmp(table, "weir_audit", 10) == 0;
  uint64_t sum = 7;
  for (int i = 0; i < sqlite3_column_count(s); i++) {
    struct text name = text_of(sqlite3_column_name(s, i));
    const unsigned char *at = sqlite3_column_blob(s, i);
    if (timeless && (text_ends(name, TEXT("_us")) ||
                     (is_audit && strstr(" salt personal_sum prev_hash hash after ", sqlite3_column_name(s, i)))))
      continue;
    sum = mix(sum, (uint64_t)sqlite3_column_type(s, i));
    for (int k = 0, n = sqlite3_column_bytes(s, i); k < n; k++)
      sum = mix(sum, at[k]);
  }
  return sum;
}

static uint64_t table_sum(sqlite3 *db, const char *table, bool timeless) {
  sqlite3_stmt *s = NULL;
  char sql[160];
  uint64_t sum = 0;
  snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
  while (sqlite3_step(s) == SQLITE_ROW)
    sum += row_sum(s, table, timeless); /* in whatever order */
  sqlite3_finalize(s);
  return sum;
}

static uint64_t sqlite_sum(struct ground *g, bool timeless) {
  sqlite3 *db = ((struct sqlite_store *)g->inner)->write.db;
  sqlite3_stmt *s = NULL;
  uint64_t sum = 1;
  assert_int_equal(sqlite3_get_autocommit(db), 1);
  assert_int_equal(
      sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &s, NULL),
      SQLITE_OK);
  while (sqlite3_step(s) == SQLITE_ROW)
    sum = mix(sum, table_sum(db, (const char *)sqlite3_column_text(s, 0), timeless));
  sqlite3_finalize(s);
  return sum;
}

static uint64_t postgres_sum(struct ground *g, bool timeless) {
  static const char tables[] =
      "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
  uint64_t sum = 1;
  PGresult *r = PQexec(g->beside, tables);
  assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
  for (int i = 0; i < PQntuples(r); i++) {
    char sql[400];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(hashtextextended((SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(t)) "
             "WHERE NOT (%s AND (key LIKE '%%\\_us' OR (%s AND key IN ('salt', 'personal_sum', 'prev_hash', 'hash', "
             "'after')))))::text, 0)), 0) FROM %s t",
             timeless ? "true" : "false", strncmp(PQgetvalue(r, i, 0), "weir_audit", 10) == 0 ? "true" : "false",
             PQgetvalue(r, i, 0));
    PGresult *one = PQexec(g->beside, sql);
    if (PQresultStatus(one) != PGRES_TUPLES_OK)
      fail_msg("%s", PQerrorMessage(g->beside));
    for (const char *c = PQgetvalue(one, 0, 0); *c; c++)
      sum = mix(sum, (unsigned char)*c);
    PQclear(one);
  }
  PQclear(r);
  return sum;
}

static uint64_t sum_of(struct ground *g, bool timeless) {
  return on_postgres ? postgres_sum(g, timeless) : sqlite_sum(g, timeless);
}

/* --- grounds --- */

static void ground_open(struct ground *g, bool bare) {
  struct store_place memory = {.kind = STORE_MEMORY};
  const char *address = on_postgres ? contract_database() : NULL;
  const struct store_place *place = on_postgres ? contract_place(address) : &memory;
  *g = (struct ground){0};
  if (bare) {
    EXPECT_OK(store_open_bare(place, true, &g->inner, &test_fault));
  } else {
    struct store *s = NULL;
    EXPECT_OK(store_open(place, &s, &test_fault));
    g->inner = (struct database *)s;
    nth_fill(s);
  }
  if (on_postgres)
    g->beside = PQconnectdb(address);
  faulty_init(&g->faulty, g->inner);
}

static void ground_close(struct ground *g) {
  g->inner->base.ops->close(&g->inner->base);
  PQfinish(g->beside);
}

/* --- runs --- */

static enum err run(struct ground *g, const struct nth_operation *o, uint64_t fail_at, struct fault *f) {
  struct arena a;
  arena_init(&a);
  g->faulty.calls = 0;
  g->faulty.fail_at = fail_at;
  g->faulty.met = false;
  *f = (struct fault){0};
  enum err e = o->run(&g->faulty.base.base, &a, f);
  arena_done(&a);
  if (g->faulty.misuse[0])
    fail_msg("%s, call %llu: %s", o->name, (unsigned long long)fail_at, g->faulty.misuse);
  return e;
}

/* A ground for the operation: the one at hand, or a new one. To make one takes a while on PostgreSQL, so it is kept
 * from operation to operation until one has changed something. */
static struct ground ground;
static bool ground_is_open, ground_is_bare;

static void ground_drop(void) {
  if (ground_is_open)
    ground_close(&ground);
  ground_is_open = false;
}

static struct ground *ground_take(const struct nth_operation *o) {
  if (ground_is_open && ground_is_bare != o->is_migration)
    ground_drop();
  if (!ground_is_open)
    ground_open(&ground, o->is_migration);
  ground_is_open = true;
  ground_is_bare = o->is_migration;
  return &ground;
}

/* What the operation makes of a ground when nothing fails. */
static uint64_t sum_after(const struct nth_operation *o) {
  struct ground *g = ground_take(o);
  struct fault f;
  uint64_t before = sum_of(g, false);
  enum err e = run(g, o, 0, &f);
  if (e)
    fail_msg("%s without a fault: %s", o->name, fault_text(&f));
  uint64_t sum = sum_of(g, true);
  if (sum_of(g, false) != before)
    ground_drop();
  return sum;
}

/* One run with a fault; true when nothing was changed. */
static bool check_run(struct ground *g, const struct nth_operation *o, uint64_t n, enum err e, const struct fault *f,
                      const uint64_t sums[3]) {
  uint64_t after = sum_of(g, false), timeless = sum_of(g, true);
  if (e && !f->text[0])
    fail_msg("%s, call %llu: %s without a word", o->name, (unsigned long long)n, err_name(e));
  bool is_again = g->faulty.way == FAULTY_IN_DOUBT && o->counts_turns;
  if (e == ERR_OK && timeless != sums[2] && !is_again)
    fail_msg("%s, call %llu: it says that it is done and it is not", o->name, (unsigned long long)n);
  if (e && after != sums[0] && !(g->faulty.way == FAULTY_IN_DOUBT && timeless == sums[2]) && !o->in_pieces)
    fail_msg("%s, call %llu: %s, and something was changed", o->name, (unsigned long long)n, fault_text(f));
  return after == sums[0];
}

/* A run that failed is followed by one that does not: then all is as if nothing had failed. */
static void check_next(struct ground *g, const struct nth_operation *o, uint64_t n, uint64_t want) {
  struct fault f;
  enum err e = run(g, o, 0, &f);
  if (e)
    fail_msg("%s after call %llu had failed: %s", o->name, (unsigned long long)n, fault_text(&f));
  if (sum_of(g, true) != want)
    fail_msg("%s after call %llu had failed: it is not as it should be", o->name, (unsigned long long)n);
}

static void every_fault(const struct nth_operation *o, enum faulty_way way) {
  uint64_t sums[3] = {0, 0, sum_after(o)}, n = 1, failed = 0;
  /* A migration that failed leaves a database of no more use, and on PostgreSQL to make one takes a while. */
  const uint64_t stride = on_postgres && o->is_migration ? 31 : 1;
  bool met = true;
  for (; met && n < CALLS_MAX; n += stride) {
    struct fault f;
    struct ground *g = ground_take(o);
    g->faulty.way = way;
    sums[0] = sum_of(g, false);
    enum err e = run(g, o, n, &f);
    met = g->faulty.met;
    failed += e != ERR_OK;
    bool is_as_before = check_run(g, o, n, e, &f, sums);
    if (e && (!is_as_before || n % 8 == 1) && !(way == FAULTY_IN_DOUBT && o->is_once)) {
      check_next(g, o, n, sums[2]);
      is_as_before = sum_of(g, false) == sums[0];
    }
    if (!is_as_before)
      ground_drop();
  }
  if (met || n < 3 || (way == FAULTY_REFUSED && failed == 0))
    fail_msg("%s: %llu runs, %llu failed", o->name, (unsigned long long)n, (unsigned long long)failed);
}

static void test_operation(void **state) {
  const struct nth_operation *o = *state;
  if (on_postgres && postgres_server_missing()) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
  static bool is_running;
  if (is_running) /* the one before has failed in the middle */
    ground_drop();
  is_running = true;
  every_fault(o, FAULTY_REFUSED);
  /* A connection lost in a migration ends the program's start. PostgreSQL's are lost for real in test_postgres. */
  if (!o->is_migration && !on_postgres) {
    every_fault(o, FAULTY_LOST);
    every_fault(o, FAULTY_IN_DOUBT);
  }
  is_running = false;
}

int main(int argc, char **argv) {
  struct CMUnitTest tests[COUNT_OF(nth_operations)];
  on_postgres = argc > 1 && strcmp(argv[1], "postgres") == 0;
  for (size_t i = 0; i < COUNT_OF(nth_operations); i++)
    tests[i] = (struct CMUnitTest){.name = nth_operations[i].name,
                                   .test_func = test_operation,
                                   .initial_state = (void *)(uintptr_t)&nth_operations[i]};
  int failed = RUN_CONTRACT(tests);
  ground_drop();
  return failed;
}
