/* Copying a store: between every two kinds all rows arrive, what the target cannot hold is cleaned, what is not empty,
 * not known or not balanced is refused, and whatever ends a copy early leaves nothing behind. */
#include "store/store_copy.h"

#include "contract.h"
#include "ports/store_replicas.h"
#include "store/copy_list.h"
#include "store/places.h"
#include "store/sqlite.h"

#include <fcntl.h>

#define ROWS 5001 /* more than two pages */

static char copy_path[128];
static uint64_t told_rows;
static const char *stop_at; /* "copying", "checking": ends the copy there */

static enum err tell(void *data, const char *doing, const char *table, uint64_t rows, struct fault *f) {
  told_rows += rows;
  return stop_at && strcmp(stop_at, doing) == 0 && strcmp(table, "weir_ledger") == 0
             ? fault_set(f, ERR_CANCELLED, NULL, "enough")
             : ERR_OK;
}
static const struct copy_watch watch = {tell, NULL};

static void fill_store(struct store *s) {
  static struct ledger_row rows[ROWS];
  struct store_key key = {.name = TEXT("anna"),
                          .models = TEXT("*"),
                          .budget_period = TEXT("day"),
                          .hash = {1, 0, 2},
                          .workspace = TEXT("lab")};
  int64_t id = 0;
  for (int i = 0; i < ROWS; i++)
    rows[i] = make_row(i + 1, i % 7, 100 + i, 1790000000000000 + (int64_t)i * 1000000);
  rows[5].model = TEXT("");
  rows[6].model = TEXT("caf\xc3\xa9 'quoted' \\n");
  append(s, rows, ROWS, 77);
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
  key.name = TEXT("bert");
  key.hash[0] = 9;
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
}

static void expect_filled(struct store *s) {
  struct arena a;
  struct ledger_totals t;
  struct ledger_row *rows;
  struct store_key *keys;
  size_t count;
  uint64_t position = 0;
  int64_t spent = 0, id = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
  assert_int_equal(t.rows, ROWS);
  assert_int_equal(t.mismatched_keys, 0);
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &position, &test_fault));
  assert_int_equal(position, 77);
  EXPECT_OK(s->ops->ledger_spent(s, 0, 0, &spent, &test_fault));
  assert_true(spent > 0);
  EXPECT_OK(s->ops->ledger_list(s, 8, 2, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(rows[0].model, TEXT("caf\xc3\xa9 'quoted' \\n"));
  EXPECT_TEXT(rows[1].model, TEXT(""));
  assert_int_equal(rows[0].first_token_us, -1);
  assert_int_equal(rows[0].price_version, 4000000000U);
  EXPECT_OK(s->ops->key_list(s, 0, 10, &a, &keys, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(keys[1].name, TEXT("bert"));
  assert_int_equal(keys[1].hash[0], 9);
  struct audit_verdict audit;
  EXPECT_OK(s->ops->audit->verify(s, NULL, &a, &audit, &test_fault));
  EXPECT_TEXT(audit.why, TEXT(""));
  assert_int_equal(audit.rows, 2);
  /* The sequence came along: no number is given twice. */
  struct store_key key = {.name = TEXT("carl"), .models = TEXT("*"), .budget_period = TEXT(""), .hash = {7}};
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(id, 3);
  arena_done(&a);
}

static struct store_place file_place(void) {
  snprintf(copy_path, sizeof copy_path, "%s/copy.db", test_dir);
  return (struct store_place){.kind = STORE_SQLITE, .path = copy_path};
}

static int drop_both(void **state) {
  unlink(copy_path);
  char wal[160];
  snprintf(wal, sizeof wal, "%s-wal", copy_path);
  unlink(wal);
  snprintf(wal, sizeof wal, "%s-shm", copy_path);
  unlink(wal);
  return drop_dir(state);
}

static int with_dir(void **state) {
  stop_at = NULL;
  told_rows = 0;
  return make_dir(state);
}

static void copy_and_expect(struct store *from, const struct store_place *to) {
  struct copy_report r = {0};
  struct store *s = NULL;
  EXPECT_OK(store_copy(from, to, &watch, &r, &test_fault));
  assert_int_equal(r.ledger_rows, ROWS);
  assert_int_equal(r.keys, 7);
  assert_true(r.rows > ROWS + 10);
  assert_true(told_rows > ROWS);
  EXPECT_OK(store_open(to, &s, &test_fault));
  expect_filled(s);
  s->ops->close(s);
}

static const char *need_database(void) {
  const char *address = contract_database();
  if (!address) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
  return address;
}

static void sqlite_to_sqlite(void **state) {
  struct store *from = open_store();
  struct store_place to = file_place();
  fill_store(from);
  copy_and_expect(from, &to);
  from->ops->close(from);
}

static void sqlite_to_postgresql_and_back_and_on(void **state) {
  struct store_place to = *contract_place(need_database()), back = file_place();
  static char second_address[256];
  struct store *from = open_store(), *middle = NULL;
  struct copy_report r;
  fill_store(from);
  EXPECT_OK(store_copy(from, &to, &watch, &r, &test_fault));
  from->ops->close(from);
  EXPECT_OK(store_open(&to, &middle, &test_fault));
  copy_and_expect(middle, &back);
  snprintf(second_address, sizeof second_address, "%s", need_database());
  copy_and_expect(middle, contract_place(second_address));
  middle->ops->close(middle);
}

static void a_store_in_memory_is_a_source_but_no_target(void **state) {
  struct store *from = open_memory();
  struct store_place to = file_place();
  struct copy_report r;
  fill_store(from);
  copy_and_expect(from, &to);
  EXPECT_ERR(store_copy(from, &(struct store_place){.kind = STORE_MEMORY}, &watch, &r, &test_fault), ERR_UNSUPPORTED);
  from->ops->close(from);
}

static void a_target_with_rows_or_a_file_is_refused_and_stays(void **state) {
  struct store_place to = *contract_place(need_database()), file = file_place();
  struct store *from = open_store(), *other = NULL;
  struct store_key key = {.name = TEXT("there"), .models = TEXT("*"), .budget_period = TEXT("")}, *keys;
  struct copy_report r;
  struct arena a;
  size_t count;
  int64_t id;
  fill_store(from);
  EXPECT_OK(store_open(&to, &other, &test_fault));
  EXPECT_OK(other->ops->key_create(other, &key, TEST_ACTOR, &id, &test_fault));
  EXPECT_ERR(store_copy(from, &to, &watch, &r, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("not empty");
  arena_init(&a);
  EXPECT_OK(other->ops->key_list(other, 0, 10, &a, &keys, &count, &test_fault));
  assert_int_equal(count, 1);
  key.name = TEXT("next");
  key.hash[0] = 1;
  EXPECT_OK(other->ops->key_create(other, &key, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(id, 2); /* the sequence was not touched either */
  arena_done(&a);
  other->ops->close(other);
  assert_int_equal(close(creat(copy_path, 0600)), 0);
  EXPECT_ERR(store_copy(from, &file, &watch, &r, &test_fault), ERR_STORE_CONFLICT);
  from->ops->close(from);
}

/* The folder holds the source alone. */
static void expect_no_trace(void) {
  char folder[160];
  snprintf(folder, sizeof folder, "%s.copying", copy_path);
  assert_int_not_equal(access(copy_path, F_OK), 0);
  assert_int_not_equal(access(folder, F_OK), 0);
}

static void one_that_is_stopped_leaves_nothing_and_the_next_one_succeeds(void **state) {
  struct store_place to = *contract_place(need_database()), file = file_place();
  struct store *from = open_store();
  struct copy_report r;
  static const char *const when[] = {"copying", "checking"};
  fill_store(from);
  for (size_t i = 0; i < 2; i++) {
    stop_at = when[i];
    EXPECT_ERR(store_copy(from, &to, &watch, &r, &test_fault), ERR_CANCELLED);
    EXPECT_ERR(store_copy(from, &file, &watch, &r, &test_fault), ERR_CANCELLED);
    expect_no_trace();
  }
  stop_at = NULL;
  copy_and_expect(from, &to);
  copy_and_expect(from, &file);
  from->ops->close(from);
}

static void a_store_on_which_a_replica_lives_is_not_copied(void **state) {
  struct store_place to = *contract_place(need_database()), file = file_place();
  const struct store_replica living = {.boot = 77, .name = TEXT("host-7"), .version = TEXT("1")};
  struct store *s = NULL, *from = open_memory();
  struct copy_report r;
  unsigned seat = 0;
  EXPECT_OK(store_open(&to, &s, &test_fault));
  EXPECT_OK(s->ops->replicas->claim(s, &living, 0, &seat, &test_fault));
  EXPECT_ERR(store_copy(s, &file, &watch, &r, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("host-7");
  EXPECT_ERR(store_copy(from, &to, &watch, &r, &test_fault), ERR_STORE_BUSY);
  contract_exec(s, "UPDATE weir_replicas SET seen_us = seen_us - 70000000");
  EXPECT_OK(store_copy(s, &file, &watch, &r, &test_fault));
  s->ops->close(s);
  from->ops->close(from);
}

static enum err lose_server(void *data, const char *doing, const char *table, uint64_t rows, struct fault *f) {
  if (strcmp(table, "weir_ledger") == 0 && contract_server.pid)
    postgres_server_kill(&contract_server);
  return ERR_OK;
}

static void a_server_that_dies_ends_it_and_holds_nothing(void **state) {
  struct store_place to = *contract_place(need_database());
  const struct copy_watch killing = {lose_server, NULL};
  struct store *from = open_store();
  struct copy_report r;
  fill_store(from);
  EXPECT_ERR(store_copy(from, &to, &killing, &r, &test_fault), ERR_STORE);
  assert_true(postgres_server_restart(&contract_server));
  copy_and_expect(from, &to);
  from->ops->close(from);
}

static void a_balance_that_is_wrong_is_refused(void **state) {
  struct store_place file = file_place();
  struct store *from = open_store();
  struct copy_report r;
  fill_store(from);
  contract_exec(from, "UPDATE weir_ledger_balance SET cost_nano = cost_nano + 1 WHERE key_id = 3");
  EXPECT_ERR(store_copy(from, &file, &watch, &r, &test_fault), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("key 3");
  expect_no_trace();
  from->ops->close(from);
}

static void a_table_that_is_not_listed_is_refused(void **state) {
  struct store_place file = file_place();
  struct store *from = open_store();
  struct copy_report r;
  contract_exec(from, "CREATE TABLE weir_future (id INTEGER PRIMARY KEY) STRICT");
  EXPECT_ERR(store_copy(from, &file, &watch, &r, &test_fault), ERR_UNSUPPORTED);
  EXPECT_MENTIONS("weir_future");
  expect_no_trace();
  from->ops->close(from);
}

static void what_postgresql_refuses_is_cleaned_on_the_way(void **state) {
  struct store_place to = *contract_place(need_database());
  struct store *from = open_store(), *s = NULL;
  struct ledger_row row = make_row(1, 7, 100, 10), *rows;
  struct copy_report r;
  struct arena a;
  size_t count;
  row.model = TEXT("a\0b\xff");
  append(from, &row, 1, 1);
  EXPECT_OK(store_copy(from, &to, &watch, &r, &test_fault));
  EXPECT_OK(store_open(&to, &s, &test_fault));
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &a, &rows, &count, &test_fault));
  EXPECT_TEXT(rows[0].model, TEXT("a?b?"));
  arena_done(&a);
  s->ops->close(s);
  from->ops->close(from);
}

struct found {
  char names[2048];
  size_t count;
};

static enum err list_tables(struct driver_link *l, void *args, struct fault *f) {
  struct found *found = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_COPY_TABLES, f);
  while (!e && !(e = l->driver->step(l, &row, "listing", f)) && row) {
    struct text name = l->driver->bytes(l, 0);
    size_t len = strlen(found->names);
    snprintf(found->names + len, sizeof found->names - len, "%.*s\n", TEXT_ARGS(name));
    found->count++;
  }
  l->driver->reset(l);
  return e;
}

static void the_list_names_every_table_and_no_other(void **state) {
  struct store *s = contract_store(state);
  struct found found = {0};
  EXPECT_OK(driver_run(s, DRIVER_READ, false, list_tables, &found, &test_fault));
  for (char *line = found.names, *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = '\0';
    if (!copy_list_find(line))
      fail_msg("%s has no row in store/copy_list.c: say there what a copy of the store does with it", line);
  }
  assert_int_equal(found.count, copy_list_count);
}

static enum err read_shapes(struct driver_link *l, void *args, struct fault *f) {
  struct arena a;
  struct copy_shape shape;
  enum err e = ERR_OK;
  arena_init(&a);
  for (size_t i = 0; i < copy_list_count && !e; i++)
    e = copy_shape_read(l, copy_list[i].table, &a, &shape, f);
  arena_done(&a);
  return e;
}

static void every_table_has_a_primary_key_and_types_that_are_copied(void **state) {
  struct store *s = contract_store(state);
  EXPECT_OK(driver_run(s, DRIVER_READ, false, read_shapes, NULL, &test_fault));
}

/* Any table, as a migration may make one: a key of several columns, NULLs, JSON. */
static const char odd_table[] = "CREATE TABLE weir_odd (a %s NOT NULL, b TEXT NOT NULL, j %s, n %s, "
                                "PRIMARY KEY (b, a))%s";

static void make_odd(struct store *s, bool with_rows) {
  char sql[512];
  bool pg = ((struct database *)s)->driver->dialect == SQL_POSTGRES;
  snprintf(sql, sizeof sql, odd_table, pg ? "BYTEA" : "BLOB", pg ? "JSON" : "TEXT", pg ? "BIGINT" : "INTEGER",
           pg ? "" : " STRICT");
  contract_exec(s, sql);
  for (int i = 0; with_rows && i < 4500; i++) {
    snprintf(sql, sizeof sql, "INSERT INTO weir_odd VALUES (%s%04x'%s, 'B%d', %s, %s)", pg ? "'\\x" : "x'", i,
             pg ? "::bytea" : "", i % 3, i % 5 ? "'{\"k\": [1,  2]}'" : "NULL", i % 2 ? "-5" : "NULL");
    contract_exec(s, sql);
  }
}

static enum err copy_odd(struct store *from, struct store *to, uint64_t *out_rows) {
  struct database *a = (struct database *)from, *b = (struct database *)to;
  struct driver_link *read = NULL, *write = NULL;
  struct copy_shape shape;
  struct copy_sum sum = {0}, again = {0};
  struct arena arena;
  arena_init(&arena);
  EXPECT_OK(a->driver->take(a, DRIVER_READ, false, &read, &test_fault));
  EXPECT_OK(b->driver->take(b, DRIVER_WRITE, false, &write, &test_fault));
  EXPECT_OK(a->driver->begin(read, DRIVER_READ, &test_fault));
  EXPECT_OK(b->driver->begin(write, DRIVER_WRITE, &test_fault));
  EXPECT_OK(copy_shape_read(read, "weir_odd", &arena, &shape, &test_fault));
  assert_int_equal(shape.key_count, 2);
  EXPECT_OK(copy_table_rows(read, write, &shape, &watch, &sum, &test_fault));
  EXPECT_OK(a->driver->end(read, ERR_OK, &test_fault));
  EXPECT_OK(copy_shape_read(write, "weir_odd", &arena, &shape, &test_fault));
  EXPECT_OK(copy_table_sum(write, &shape, &watch, &again, &test_fault));
  EXPECT_OK(b->driver->end(write, ERR_OK, &test_fault));
  a->driver->give(a, read);
  b->driver->give(b, write);
  arena_done(&arena);
  assert_int_equal(sum.rows, again.rows);
  assert_true(sum.low == again.low && sum.high == again.high);
  *out_rows = sum.rows;
  return ERR_OK;
}

static void any_table_arrives_with_nulls_and_json_in_both_directions(void **state) {
  struct store_place to = *contract_place(need_database());
  struct store *first = open_store(), *second = NULL, *third = open_memory();
  uint64_t rows = 0;
  EXPECT_OK(store_open(&to, &second, &test_fault));
  make_odd(first, true);
  make_odd(second, false);
  make_odd(third, false);
  EXPECT_OK(copy_odd(first, second, &rows));
  assert_int_equal(rows, 4500);
  EXPECT_OK(copy_odd(second, third, &rows));
  assert_int_equal(rows, 4500);
  third->ops->close(third);
  second->ops->close(second);
  first->ops->close(first);
}

#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, with_dir, drop_both)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_list_names_every_table_and_no_other),
      CONTRACT(every_table_has_a_primary_key_and_types_that_are_copied),
      WITH_BOTH(sqlite_to_sqlite),
      WITH_BOTH(sqlite_to_postgresql_and_back_and_on),
      WITH_BOTH(a_store_in_memory_is_a_source_but_no_target),
      WITH_BOTH(a_target_with_rows_or_a_file_is_refused_and_stays),
      WITH_BOTH(one_that_is_stopped_leaves_nothing_and_the_next_one_succeeds),
      WITH_BOTH(a_store_on_which_a_replica_lives_is_not_copied),
      WITH_BOTH(a_server_that_dies_ends_it_and_holds_nothing),
      WITH_BOTH(a_balance_that_is_wrong_is_refused),
      WITH_BOTH(a_table_that_is_not_listed_is_refused),
      WITH_BOTH(what_postgresql_refuses_is_cleaned_on_the_way),
      WITH_BOTH(any_table_arrives_with_nulls_and_json_in_both_directions),
  };
  return RUN_CONTRACT(tests);
}
