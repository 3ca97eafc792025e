/* Migrations on both databases: all at once, back step by step, the same schema whichever way it came, one program at a
 * time, and refusals of what this program did not write. */
#include "store/migrate.h"

#include "base/buf.h"
#include "contract.h"
#include "ports/store_usage.h"
#include "store/copy_list.h"
#include "store/embedded.h"
#include "store/sqlite.h"

#include <libpq-fe.h>
#include <pthread.h>

#define MIGRATIONS ((unsigned)(embedded_migrations_count / 2))

static struct store_place sqlite_place = {.kind = STORE_SQLITE, .path = test_db};
static const struct store_place *place;

static int on_sqlite(void **state) {
  place = &sqlite_place;
  return make_dir(state);
}

static int after_sqlite(void **state) { return drop_dir(state); }

static int on_postgres(void **state) {
  const char *address = contract_database();
  test_fault = (struct fault){0};
  place = address ? contract_place(address) : NULL;
  return 0;
}

static void need_place(void) {
  if (!place) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
}

static bool is_sqlite(void) { return place->kind == STORE_SQLITE; }

/* What a query says, rows and columns behind one another. From outside the store. */
static void ask(const char *sql, struct buf *out) {
  if (!is_sqlite()) {
    PGconn *db = PQconnectdb(contract_address);
    PGresult *r = PQexec(db, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
      fail_msg("%s: %s", sql, PQerrorMessage(db));
    for (int i = 0; i < PQntuples(r) * PQnfields(r); i++)
      buf_add_format(out, "%s|", PQgetvalue(r, i / PQnfields(r), i % PQnfields(r)));
    PQclear(r);
    PQfinish(db);
    return;
  }
  sqlite3 *db = NULL;
  sqlite3_stmt *s = NULL;
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  for (const char *rest = sql; *rest;) {
    if (sqlite3_prepare_v2(db, rest, -1, &s, &rest) != SQLITE_OK)
      fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (s && sqlite3_step(s) == SQLITE_ROW)
      for (int i = 0; i < sqlite3_column_count(s); i++)
        buf_add_format(out, "%s|", (const char *)sqlite3_column_text(s, i));
    sqlite3_finalize(s);
  }
  sqlite3_close(db);
}

static void change(const char *sql) {
  struct buf ignored;
  buf_init(&ignored, 4096);
  ask(sql, &ignored);
  buf_done(&ignored);
}

static void expect_applied(unsigned want) {
  struct arena a;
  struct migration_status *status = NULL;
  size_t count = 0;
  arena_init(&a);
  EXPECT_OK(migrate_status(place, &a, &status, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  EXPECT_TEXT(status[0].name, TEXT("keys"));
  EXPECT_TEXT(status[1].name, TEXT("ledger"));
  EXPECT_TEXT(status[2].name, TEXT("key_access_ids"));
  EXPECT_TEXT(status[3].name, TEXT("key_policies"));
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(status[i].version, i + 1);
    assert_int_equal(status[i].applied, i < want);
    assert_int_equal(status[i].applied_us > 0, i < want);
    assert_int_equal(status[i].checksum.len, 8);
    assert_true(status[i].known);
  }
  arena_done(&a);
}

static struct store *open_placed(void) {
  struct store *s = NULL;
  EXPECT_OK(store_open(place, &s, &test_fault));
  return s;
}

static void up_applies_what_is_missing_once(void **state) {
  need_place();
  unsigned count = 99;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  expect_applied(MIGRATIONS);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, 0);
}

static void down_takes_back_the_newest_first_and_up_brings_them_again(void **state) {
  need_place();
  unsigned count = 99;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, 1, &count, &test_fault));
  assert_int_equal(count, 1);
  expect_applied(MIGRATIONS - 1);
  EXPECT_OK(migrate_down(place, 99, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS - 1);
  expect_applied(0);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  struct store *s = open_placed();
  struct ledger_row row = make_row(1, 1, 1, 1);
  append(s, &row, 1, 1);
  s->ops->close(s);
}

static void a_key_of_an_older_weir_has_neither_workspace_nor_policy(void **state) {
  need_place();
  unsigned count;
  struct arena a;
  struct store_key key = {0};
  uint8_t hash[STORE_HASH_BYTES];
  char insert[256];
  memset(hash, 0xab, sizeof hash);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, MIGRATIONS - 3, &count, &test_fault));
  snprintf(insert, sizeof insert,
           "INSERT INTO weir_keys VALUES (1, 'old', 'weir_x', 'ann', %s, '*', 1, 2, 3, 4, 'day', 5, 6, 7, 0)",
           is_sqlite() ? "x'abababababababababababababababababababababababababababababababab'"
                       : "'\\xabababababababababababababababababababababababababababababababab'");
  change(insert);
  struct store *s = open_placed();
  arena_init(&a);
  EXPECT_OK(s->ops->key_find(s, hash, &a, &key, &test_fault));
  EXPECT_TEXT(key.user, TEXT("ann"));
  EXPECT_TEXT(key.workspace, TEXT(""));
  EXPECT_TEXT(key.policy, TEXT(""));
  arena_done(&a);
  s->ops->close(s);
  EXPECT_OK(migrate_down(place, MIGRATIONS - 3, &count, &test_fault));
  change("UPDATE weir_keys SET name = 'kept' WHERE name = 'old' AND blocked = 0");
}

/* Before keys had an owner, a user's email and the number of a service account said whose they were. */
static void keys_of_an_older_weir_find_their_owners(void **state) {
  need_place();
  unsigned count;
  struct arena a;
  struct store_key *keys = NULL;
  size_t found = 0;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, MIGRATIONS - 26, &count, &test_fault));
  change("INSERT INTO weir_users VALUES (4, 1, 1, 'Ann', 'ann@example.com', '', 0, 0, 9, 9);"
         "INSERT INTO weir_users VALUES (5, 2, 1, 'Eve', 'eve@example.com', '', 0, 0, 9, 9);"
         "INSERT INTO weir_services VALUES (3, 1, 1, 'bot', '', 0, 9, 9);");
  static const char *const users[] = {"Ann@example.com", "eve@example.com", "service:3", "service:4", ""};
  for (int i = 0; i < 5; i++) {
    char insert[400];
    snprintf(insert, sizeof insert,
             "INSERT INTO weir_keys (id, name, prefix, user_name, hash, models, rpm, tpm, concurrency, budget_nano, "
             "budget_period, created_us, expires_us, last_used_us, blocked) VALUES (%d, 'k%d', 'weir_x', '%s', %s, "
             "'*', 0, 0, 0, 0, '', 5, 0, 0, 0)",
             i + 1, i + 1, users[i],
             is_sqlite() ? (const char *const[]){"x'00'", "x'01'", "x'02'", "x'03'", "x'04'"}[i]
                         : (const char *const[]){"'0'", "'1'", "'2'", "'3'", "'4'"}[i]);
    change(insert);
  }
  struct store *s = open_placed();
  arena_init(&a);
  EXPECT_OK(s->ops->key_list(s, 0, 10, &a, &keys, &found, &test_fault));
  assert_int_equal(found, 5);
  for (size_t i = 0; i < found; i++) {
    assert_int_equal(keys[i].owner_user, i == 0 ? 4 : 0);
    assert_int_equal(keys[i].owner_service, i == 2 ? 3 : 0);
    assert_false(keys[i].is_owner_away);
  }
  arena_done(&a);
  s->ops->close(s);
}

/* A ledger of the version before the request log and the roll-ups: 50,000 rows over 20 days, none of them marked. */
static void a_large_ledger_of_an_older_weir_is_brought_up_whole(void **state) {
  need_place();
  unsigned count;
  char sql[2000];
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, MIGRATIONS - 4, &count, &test_fault));
  snprintf(
      sql, sizeof sql,
      "%s INSERT INTO weir_ledger SELECT i, i, 1790000000000000 + 34560000 * %s, 'r', 1, i %% 100, 'k', 'u', 'w', "
      "'o', 'p', 'c', 'm', 'm', 'i', 'ok', '', 200, 200, 0, 1, 10, 20, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 2, 1, 1, 1, "
      "1, 1, 1 FROM %s;"
      "INSERT INTO weir_ledger_balance SELECT key_id, count(*), sum(input_tokens), sum(output_tokens), 0, 0, 0, 0, "
      "sum(cost_nano), sum(cost_nano) FROM weir_ledger GROUP BY key_id;"
      "INSERT INTO weir_ledger_spend SELECT key_id, settled_us / 900000000, sum(cost_nano) FROM weir_ledger GROUP "
      "BY 1, 2",
      is_sqlite() ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)" : "",
      is_sqlite() ? "i" : "i::bigint", is_sqlite() ? "n" : "generate_series(1, 50000) i");
  change(sql);
  struct store *s = open_placed();
  struct ledger_totals t;
  struct usage_sum *sums = NULL;
  struct ledger_row *page = NULL;
  struct arena a;
  size_t minutes = 1, found = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
  assert_int_equal(t.rows, 50000);
  assert_int_equal(t.mismatched_keys, 0);
  const struct usage_roll_up_ask roll_up = {.zone = TEXT("UTC"), .minutes_since_us = INT64_MAX, .max = 10000};
  while (minutes)
    EXPECT_OK(s->ops->usage->roll_up(s, &roll_up, &minutes, &test_fault));
  EXPECT_OK(s->ops->usage->sums(s, &(struct usage_ask){.by = 0}, &a, &sums, &found, &test_fault));
  assert_int_equal(found, 1);
  assert_int_equal(sums[0].attempts, 50000);
  assert_int_equal(sums[0].cost_nano, 100000);
  const struct usage_log_ask log = {.key_id = 7, .max = 600};
  EXPECT_OK(s->ops->usage->log(s, &log, &a, &page, &found, &test_fault));
  assert_int_equal(found, 500);
  EXPECT_TEXT(page[0].workspace, TEXT(""));
  arena_done(&a);
  s->ops->close(s);
}

static void down_leaves_nothing_but_the_history(void **state) {
  unsigned count;
  sqlite3 *db = NULL;
  int64_t tables = 0;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, 99, &count, &test_fault));
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", &tables, &test_fault));
  assert_int_equal(tables, 1);
  sqlite3_close(db);
}

static void every_table_is_strict(void **state) {
  unsigned count;
  sqlite3 *db = NULL;
  int64_t loose = 99, tables = 0;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'weir_%'", &tables, &test_fault));
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'weir_%' AND strict = 0", &loose,
                          &test_fault));
  assert_int_equal(tables, copy_list_count);
  assert_int_equal(loose, 0);
  sqlite3_close(db);
}

static void describe(struct buf *out) {
  ask(is_sqlite()
          ? "SELECT m.name, p.name, p.type, p.\"notnull\", p.dflt_value, p.pk FROM sqlite_schema m, "
            "pragma_table_info(m.name) p WHERE m.type = 'table' ORDER BY 1, 2; "
            "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' ORDER BY 1"
          : "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1, 2",
      out);
  if (!is_sqlite()) {
    ask("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2", out);
    ask("SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = "
        "'public'::regnamespace ORDER BY 1",
        out);
  }
}

static void a_newer_schema_is_refused(void **state) {
  need_place();
  struct store *s = open_placed();
  s->ops->close(s);
  change("INSERT INTO weir_schema VALUES (99, 'future', 'abc', 1, 99)");
  EXPECT_ERR(store_open(place, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("newer Weir");
  EXPECT_MENTIONS("future");
  unsigned count;
  EXPECT_ERR(migrate_down(place, 1, &count, &test_fault), ERR_STORE);
}

/* This program with two more migrations, of which the first says that older ones may go on. */
#define NEWER_MAX 520
static struct embedded_file newer_files[NEWER_MAX];
static char newer_compatible[256];

static struct migrate_program newer_program(bool both) {
  static const char *const texts[] = {newer_compatible, "DROP TABLE weir_new;\n",
                                      "-- No line that says so.\nALTER TABLE weir_keys ADD COLUMN odd TEXT;\n",
                                      "ALTER TABLE weir_keys DROP COLUMN odd;\n"};
  static char names[4][64];
  size_t have = embedded_migrations_count;
  assert_true(have + 4 <= NEWER_MAX);
  memcpy(newer_files, embedded_migrations, have * sizeof *newer_files);
  snprintf(newer_compatible, sizeof newer_compatible,
           "-- compatible: %u\nCREATE TABLE weir_new (\n  id BIGINT PRIMARY KEY NOT NULL\n);\n", MIGRATIONS);
  for (size_t i = 0; i < 4; i++) {
    snprintf(names[i], sizeof names[i], "%04zu_next.%s.sql", have / 2 + 1 + i / 2, i % 2 ? "down" : "up");
    newer_files[have + i] = (struct embedded_file){names[i], texts[i], strlen(texts[i])};
  }
  return (struct migrate_program){newer_files, have + (both ? 4 : 2)};
}

static void a_newer_schema_that_says_so_is_used_and_kept(void **state) {
  need_place();
  unsigned count;
  struct arena a;
  struct migration_status *status;
  size_t rows;
  struct migrate_program newer = newer_program(false);
  EXPECT_OK(migrate_up_as(place, &newer, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS + 1);
  struct store *s = open_placed();
  struct ledger_row row = make_row(1, 1, 1, 1);
  append(s, &row, 1, 1);
  s->ops->close(s);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_ERR(migrate_down(place, 1, &count, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("take it back with that one");
  arena_init(&a);
  EXPECT_OK(migrate_status(place, &a, &status, &rows, &test_fault));
  assert_int_equal(rows, MIGRATIONS + 1);
  assert_false(status[MIGRATIONS].known);
  assert_true(status[MIGRATIONS].applied);
  assert_int_equal(status[MIGRATIONS].compatible, MIGRATIONS);
  EXPECT_TEXT(status[MIGRATIONS].name, TEXT("next"));
  arena_done(&a);
  change("DELETE FROM weir_new");
  EXPECT_OK(migrate_down_as(place, &newer, 1, &count, &test_fault));
  EXPECT_OK(migrate_down(place, 1, &count, &test_fault));
  assert_int_equal(count, 1);
}

static void a_newer_schema_with_one_that_does_not_say_so_is_refused(void **state) {
  need_place();
  unsigned count;
  struct store *s = NULL;
  struct arena a;
  struct migration_status *status;
  size_t rows;
  struct migrate_program newer = newer_program(true);
  EXPECT_OK(migrate_up_as(place, &newer, &count, &test_fault));
  EXPECT_ERR(store_open(place, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("newer Weir");
  arena_init(&a);
  EXPECT_OK(migrate_status(place, &a, &status, &rows, &test_fault)); /* which tells what is the matter */
  assert_int_equal(rows, MIGRATIONS + 2);
  assert_int_equal(status[MIGRATIONS + 1].compatible, MIGRATIONS + 2);
  arena_done(&a);
  EXPECT_OK(migrate_down_as(place, &newer, 1, &count, &test_fault));
  s = open_placed();
  s->ops->close(s);
}

/* The table of the history as the first programs made it. */
static void a_history_that_does_not_say_who_may_use_it_is_completed(void **state) {
  need_place();
  unsigned count;
  struct buf fresh, again;
  struct arena a;
  struct migration_status *status;
  size_t rows;
  buf_init(&fresh, 1 << 20);
  buf_init(&again, 1 << 20);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  describe(&fresh);
  change("ALTER TABLE weir_schema DROP COLUMN compatible");
  arena_init(&a);
  EXPECT_OK(migrate_status(place, &a, &status, &rows, &test_fault));
  assert_true(status[0].applied);
  arena_done(&a);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, 0);
  describe(&again);
  EXPECT_TEXT(buf_text(&again), buf_text(&fresh));
  buf_done(&fresh);
  buf_done(&again);
}

static void a_schema_that_any_older_program_began_equals_a_fresh_one(void **state) {
  need_place();
  unsigned count;
  struct buf fresh, again;
  buf_init(&fresh, 1 << 20);
  buf_init(&again, 1 << 20);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  describe(&fresh);
  for (size_t known = 1; known < MIGRATIONS; known++) {
    const struct migrate_program older = {embedded_migrations, 2 * known};
    EXPECT_OK(migrate_down(place, MIGRATIONS, &count, &test_fault));
    EXPECT_OK(migrate_up_as(place, &older, &count, &test_fault));
    assert_int_equal(count, known);
    EXPECT_OK(migrate_up(place, &count, &test_fault));
    buf_reset(&again);
    describe(&again);
    EXPECT_TEXT(buf_text(&again), buf_text(&fresh));
  }
  buf_done(&fresh);
  buf_done(&again);
}

static void a_changed_migration_is_refused(void **state) {
  need_place();
  struct store *s = open_placed();
  s->ops->close(s);
  change("UPDATE weir_schema SET checksum = 'other' WHERE version = 1");
  EXPECT_ERR(store_open(place, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("migration 1");
}

static void a_history_with_a_gap_is_refused(void **state) {
  need_place();
  struct store *s = open_placed();
  s->ops->close(s);
  change("DELETE FROM weir_schema WHERE version = 5");
  EXPECT_ERR(store_open(place, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("lacks migration 5");
}

static void a_shared_database_with_a_living_replica_is_not_taken_back(void **state) {
  need_place();
  const struct store_replica r = {.boot = 17, .name = TEXT("a:1"), .version = TEXT("1")};
  unsigned count = 99, seat = 0;
  struct store *s = open_placed();
  EXPECT_OK(s->ops->replicas->claim(s, &r, 0, &seat, &test_fault));
  EXPECT_ERR(migrate_down(place, 1, &count, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("in use");
  expect_applied(MIGRATIONS);
  EXPECT_OK(s->ops->replicas->release(s, 17, &test_fault));
  s->ops->close(s);
  EXPECT_OK(migrate_down(place, 1, &count, &test_fault));
  assert_int_equal(count, 1);
}

static void a_failing_migration_leaves_nothing_behind(void **state) {
  need_place();
  unsigned count;
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  EXPECT_OK(migrate_down(place, MIGRATIONS - 1, &count, &test_fault));
  change("CREATE TABLE weir_ledger_stream (a TEXT)"); /* the last table of migration 2 */
  EXPECT_ERR(migrate_up(place, &count, &test_fault), ERR_STORE);
  expect_applied(1);
  change("DROP TABLE weir_ledger_stream");
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS - 1);
}

static void status_and_down_need_a_file(void **state) {
  struct arena a;
  struct migration_status *status;
  size_t count;
  unsigned steps;
  arena_init(&a);
  EXPECT_ERR(migrate_status(place, &a, &status, &count, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(migrate_down(place, 1, &steps, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_schema_taken_back_and_brought_again_equals_a_fresh_one(void **state) {
  struct buf fresh, again;
  unsigned count;
  need_place();
  buf_init(&fresh, 1 << 20);
  buf_init(&again, 1 << 20);
  EXPECT_OK(migrate_up(place, &count, &test_fault));
  describe(&fresh);
  assert_true(fresh.len > 1000);
  for (unsigned back = 1; back <= MIGRATIONS; back++) {
    EXPECT_OK(migrate_down(place, back, &count, &test_fault));
    assert_int_equal(count, back);
    EXPECT_OK(migrate_up(place, &count, &test_fault));
    buf_reset(&again);
    describe(&again);
    EXPECT_TEXT(buf_text(&again), buf_text(&fresh));
  }
  buf_done(&fresh);
  buf_done(&again);
}

#define PROGRAMS 6

static void *open_and_count(void *arg) {
  unsigned *count = arg;
  struct fault f = {0};
  *count = migrate_up(place, count, &f) == ERR_OK ? *count : 1000;
  return NULL;
}

static void of_programs_that_start_together_one_migrates(void **state) {
  pthread_t threads[PROGRAMS];
  unsigned counts[PROGRAMS] = {0}, sum = 0;
  need_place();
  for (int i = 0; i < PROGRAMS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, open_and_count, &counts[i]), 0);
  for (int i = 0; i < PROGRAMS; i++) {
    pthread_join(threads[i], NULL);
    sum += counts[i];
  }
  assert_int_equal(sum, MIGRATIONS);
  expect_applied(MIGRATIONS);
}

#define ON_BOTH(test)                                                                                                  \
  {#test " (sqlite)", test, on_sqlite, after_sqlite, NULL}, { #test " (postgres)", test, on_postgres, NULL, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_BOTH(up_applies_what_is_missing_once),
      ON_BOTH(down_takes_back_the_newest_first_and_up_brings_them_again),
      ON_BOTH(a_key_of_an_older_weir_has_neither_workspace_nor_policy),
      ON_BOTH(keys_of_an_older_weir_find_their_owners),
      ON_BOTH(a_large_ledger_of_an_older_weir_is_brought_up_whole),
      {"down_leaves_nothing_but_the_history", down_leaves_nothing_but_the_history, on_sqlite, after_sqlite, NULL},
      {"every_table_is_strict", every_table_is_strict, on_sqlite, after_sqlite, NULL},
      ON_BOTH(a_schema_taken_back_and_brought_again_equals_a_fresh_one),
      ON_BOTH(of_programs_that_start_together_one_migrates),
      ON_BOTH(a_newer_schema_is_refused),
      ON_BOTH(a_newer_schema_that_says_so_is_used_and_kept),
      ON_BOTH(a_newer_schema_with_one_that_does_not_say_so_is_refused),
      ON_BOTH(a_history_that_does_not_say_who_may_use_it_is_completed),
      ON_BOTH(a_schema_that_any_older_program_began_equals_a_fresh_one),
      ON_BOTH(a_changed_migration_is_refused),
      ON_BOTH(a_history_with_a_gap_is_refused),
      {"a_shared_database_with_a_living_replica_is_not_taken_back",
       a_shared_database_with_a_living_replica_is_not_taken_back, on_postgres, NULL, NULL},
      ON_BOTH(a_failing_migration_leaves_nothing_behind),
      {"status_and_down_need_a_file", status_and_down_need_a_file, on_sqlite, after_sqlite, NULL},
  };
  return RUN_CONTRACT(tests);
}
