/* The audit log in a store: entries form one chain whoever adds them, every byte of a stored entry is held by it, and
 * lists, pages and retention do what the port says. */
#include "contract.h"
#include "ports/store_audit.h"
#include "store/store_audit.h"

#include <pthread.h>

static struct arena arena;

static int64_t add(struct store *s, const char *actor, const char *action, const char *subject) {
  int64_t id = 0;
  EXPECT_OK(
      s->ops->audit->add(s, &(struct audit_actor){text_of(actor), TEXT("cli")},
                         &(struct audit_entry){text_of(action), text_of(subject), TEXT("{\"a\":1}"), TEXT("{\"a\":2}")},
                         &id, &test_fault));
  return id;
}

static struct audit_verdict verify(struct store *s) {
  struct audit_verdict v = {0};
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  return v;
}

#define EXPECT_SOUND(s, count)                                                                                         \
  do {                                                                                                                 \
    struct audit_verdict v_ = verify(s);                                                                               \
    if (v_.bad_id || v_.rows != (count))                                                                               \
      fail_msg("%llu entries, expected %llu; %lld: %.*s", (unsigned long long)v_.rows, (unsigned long long)(count),    \
               (long long)v_.bad_id, TEXT_ARGS(v_.why));                                                               \
  } while (0)

static size_t list(struct store *s, struct audit_filter filter, struct audit_row **out) {
  size_t count = 0;
  filter.max = filter.max ? filter.max : 100;
  EXPECT_OK(s->ops->audit->list(s, &filter, &arena, out, &count, &test_fault));
  return count;
}

static void an_entry_comes_back_as_it_was_added(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  int64_t before_us = driver_now_us();
  assert_int_equal(add(s, "local:ann", "key.block", "key:7"), 1);
  assert_int_equal(list(s, (struct audit_filter){0}, &rows), 1);
  assert_int_equal(rows[0].id, 1);
  assert_true(rows[0].at_us >= before_us && rows[0].at_us <= driver_now_us());
  EXPECT_TEXT(rows[0].actor, TEXT("local:ann"));
  EXPECT_TEXT(rows[0].origin, TEXT("cli"));
  EXPECT_TEXT(rows[0].action, TEXT("key.block"));
  EXPECT_TEXT(rows[0].subject, TEXT("key:7"));
  EXPECT_TEXT(rows[0].before, TEXT("{\"a\":1}"));
  EXPECT_TEXT(rows[0].after, TEXT("{\"a\":2}"));
  assert_false(rows[0].is_erased);
  EXPECT_SOUND(s, 1);
}

static void texts_of_any_bytes_are_kept_so_that_the_chain_holds(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  char many[300];
  memset(many, 'x', sizeof many);
  EXPECT_OK(s->ops->audit->add(s, &(struct audit_actor){TEXT("a\0b\xff\xc3\xa9\n"), TEXT_NONE},
                               &(struct audit_entry){.action = TEXT(""), .subject = {many, sizeof many}}, NULL,
                               &test_fault));
  assert_int_equal(list(s, (struct audit_filter){0}, &rows), 1);
  EXPECT_TEXT(rows[0].actor, TEXT("a?b?\xc3\xa9?"));
  EXPECT_TEXT(rows[0].before, TEXT("null"));
  assert_int_equal(rows[0].subject.len, AUDIT_NAME_MAX);
  EXPECT_SOUND(s, 1);
}

static void an_entry_that_is_too_long_is_refused_and_leaves_no_gap(void **state) {
  struct store *s = contract_store(state);
  static char many[AUDIT_JSON_MAX + 1];
  memset(many, '1', sizeof many);
  struct audit_entry entry = {.action = TEXT("x"), .subject = TEXT("y"), .after = {many, sizeof many}};
  EXPECT_ERR(s->ops->audit->add(s, TEST_ACTOR, &entry, NULL, &test_fault), ERR_LIMIT);
  assert_int_equal(add(s, "a", "b", "c"), 1);
  EXPECT_SOUND(s, 1);
}

static void entries_are_found_by_time_actor_action_and_subject_in_pages(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  for (int i = 0; i < 12; i++)
    add(s, i % 2 ? "local:ann" : "local:bob", i % 3 ? "key.block" : "key.create", i % 4 ? "key:1" : "key:2");
  contract_exec(s, "UPDATE weir_audit SET at_us = id * 100");
  assert_int_equal(list(s, (struct audit_filter){.actor = TEXT("local:ann")}, &rows), 6);
  assert_int_equal(rows[0].id, 12);
  assert_int_equal(list(s, (struct audit_filter){.action = TEXT("key.create")}, &rows), 4);
  assert_int_equal(list(s, (struct audit_filter){.subject = TEXT("key:2")}, &rows), 3);
  assert_int_equal(rows[0].id, 9);
  assert_int_equal(list(s, (struct audit_filter){.subject = TEXT("key:2"), .action = TEXT("key.create")}, &rows), 1);
  assert_int_equal(list(s, (struct audit_filter){.since_us = 300, .until_us = 600}, &rows), 3);
  assert_int_equal(rows[0].id, 5);
  assert_int_equal(rows[2].id, 3);
  assert_int_equal(list(s, (struct audit_filter){.max = 5}, &rows), 5);
  assert_int_equal(list(s, (struct audit_filter){.max = 5, .before_id = rows[4].id}, &rows), 5);
  assert_int_equal(rows[0].id, 7);
  size_t count = 0;
  EXPECT_OK(s->ops->audit->page(s, 10, 5, &arena, &rows, &count, &test_fault));
  assert_int_equal(count, 2);
  assert_int_equal(rows[0].id, 11);
}

static void add_of(struct store *s, int64_t org_id, const char *subject) {
  const struct audit_entry entry = {.action = TEXT("team.create"), .subject = text_of(subject), .org_id = org_id};
  EXPECT_OK(s->ops->audit->add(s, TEST_ACTOR, &entry, NULL, &test_fault));
}

static void entries_are_those_of_an_organisation(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  for (int64_t i = 1; i <= 4; i++) {
    add_of(s, 0, "vault");
    add_of(s, 1, "team:1");
    add_of(s, 2, "team:2");
    add_of(s, 3, "team:2");
  }
  assert_int_equal(list(s, (struct audit_filter){0}, &rows), 16);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 1}, &rows), 8);
  for (size_t i = 0; i < 8; i++)
    assert_int_equal(rows[i].org_id, 0);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 2}, &rows), 4);
  assert_int_equal(rows[0].id, 15);
  assert_int_equal(rows[0].org_id, 2);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 2, .before_id = 11, .max = 1}, &rows), 1);
  assert_int_equal(rows[0].id, 7);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 3, .subject = TEXT("team:2")}, &rows), 4);
  assert_int_equal(rows[0].id, 16);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 1, .subject = TEXT("team:2")}, &rows), 0);
  assert_int_equal(list(s, (struct audit_filter){.org_id = 4}, &rows), 0);
  EXPECT_SOUND(s, 16);
}

/* Each statement breaks one thing of a chain of 5; the proof names the entry. */
static void what_is_done_to_the_table_is_found(void **state) {
  struct store *s = contract_store(state);
  static const struct {
    const char *sql;
    int64_t bad_id;
  } breaks[] = {
      {"UPDATE weir_audit SET org_id = 2 WHERE id = 3", 3},
      {"DELETE FROM weir_audit WHERE id = 3", 3},
      {"DELETE FROM weir_audit WHERE id = 5", 5},
      {"DELETE FROM weir_audit WHERE id = 1", 1},
      {"DELETE FROM weir_audit", 1},
      {"UPDATE weir_audit_end SET id = 4 WHERE name = 'head'", 6},
      {"UPDATE weir_audit SET id = 99 WHERE id = 5", 5},
      {"UPDATE weir_audit SET at_us = at_us + 1 WHERE id = 2", 2},
      {"UPDATE weir_audit SET actor = 'local:eve' WHERE id = 2", 2},
      {"UPDATE weir_audit SET salt = substr(salt, 1, 0), actor = 'local:eve' WHERE id = 2", 2},
      {"UPDATE weir_audit SET id = 6 WHERE id = 4; UPDATE weir_audit SET id = 4 WHERE id = 5; UPDATE weir_audit SET "
       "id = 5 WHERE id = 6",
       4},
      {"INSERT INTO weir_audit SELECT 6, at_us, actor, origin, action, subject, before, after, salt, personal_sum, "
       "prev_hash, hash, org_id FROM weir_audit WHERE id = 5",
       6},
      {"INSERT INTO weir_audit SELECT 0, at_us, actor, origin, action, subject, before, after, salt, personal_sum, "
       "prev_hash, hash, org_id FROM weir_audit WHERE id = 5",
       1},
      {"INSERT INTO weir_audit_end SELECT 'anchor', id, hash FROM weir_audit WHERE id = 2; DELETE FROM weir_audit "
       "WHERE id <= 2",
       3},
  };
  for (int i = 0; i < 5; i++)
    add(s, "local:ann", "key.block", "key:7");
  contract_exec(s,
                "CREATE TABLE keep AS SELECT * FROM weir_audit; CREATE TABLE keep_end AS SELECT * FROM weir_audit_end");
  for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
    contract_exec(s, breaks[i].sql);
    struct audit_verdict v = verify(s);
    if (v.bad_id != breaks[i].bad_id || v.why.len == 0)
      fail_msg("%s: %lld, expected %lld: %.*s", breaks[i].sql, (long long)v.bad_id, (long long)breaks[i].bad_id,
               TEXT_ARGS(v.why));
    contract_exec(s, "DELETE FROM weir_audit; DELETE FROM weir_audit_end; INSERT INTO weir_audit SELECT * FROM keep; "
                     "INSERT INTO weir_audit_end SELECT * FROM keep_end");
    EXPECT_SOUND(s, 5);
  }
  contract_exec(s, "DROP TABLE keep; DROP TABLE keep_end");
}

/* One byte of a bytes column flipped, on either database. */
static void flip_byte(struct store *s, const char *column, int at) {
  bool is_postgres = strcmp(s->ops->name, "postgres") == 0;
  char sql[512];
  if (is_postgres)
    snprintf(sql, sizeof sql, "UPDATE weir_audit SET %s = set_byte(%s, %d, get_byte(%s, %d) # 1) WHERE id = 2", column,
             column, at, column, at);
  else
    snprintf(sql, sizeof sql,
             "UPDATE weir_audit SET %s = CAST(substr(%s, 1, %d) || CASE WHEN substr(%s, %d, 1) = x'5a' THEN x'5b' ELSE "
             "x'5a' END || substr(%s, %d) AS BLOB) WHERE id = 2",
             column, column, at, column, at + 1, column, at + 2);
  contract_exec(s, sql);
}

static void flip_char(struct store *s, const char *column, int at) {
  char sql[512];
  snprintf(sql, sizeof sql,
           "UPDATE weir_audit SET %s = CAST(substr(CAST(%s AS TEXT), 1, %d) || CASE WHEN substr(CAST(%s AS TEXT), %d, "
           "1) = '7' THEN '8' ELSE '7' END || substr(CAST(%s AS TEXT), %d) AS %s) WHERE id = 2",
           column, column, at, column, at + 1, column, at + 2,
           strcmp(s->ops->name, "postgres") == 0 && strcmp(column, "actor") > 0 &&
                   (strcmp(column, "before") == 0 || strcmp(column, "after") == 0)
               ? "JSON"
               : "TEXT");
  contract_exec(s, sql);
}

static void expect_found(struct store *s, const char *column, int at) {
  struct audit_verdict v = verify(s);
  if (v.bad_id != 2)
    fail_msg("byte %d of %s is another, and the proof says %lld: %.*s", at, column, (long long)v.bad_id,
             TEXT_ARGS(v.why));
  contract_exec(s, "DELETE FROM weir_audit; INSERT INTO weir_audit SELECT * FROM keep");
}

static void every_byte_of_a_stored_entry_is_held_by_the_chain(void **state) {
  struct store *s = contract_store(state);
  static const struct {
    const char *column;
    int bytes;
  } binary[] = {{"salt", 32}, {"personal_sum", 32}, {"prev_hash", 32}, {"hash", 32}},
    texts[] = {{"actor", 9}, {"origin", 3}, {"action", 9}, {"subject", 5}};
  for (int i = 0; i < 3; i++)
    EXPECT_OK(s->ops->audit->add(s, &(struct audit_actor){TEXT("local:ann"), TEXT("cli")},
                                 &(struct audit_entry){TEXT("key.block"), TEXT("key:7"), TEXT("12345"), TEXT("666666")},
                                 NULL, &test_fault));
  contract_exec(s, "CREATE TABLE keep AS SELECT * FROM weir_audit");
  for (size_t c = 0; c < 4; c++)
    for (int at = 0; at < binary[c].bytes; at++) {
      flip_byte(s, binary[c].column, at);
      expect_found(s, binary[c].column, at);
    }
  for (size_t c = 0; c < 4; c++)
    for (int at = 0; at < texts[c].bytes; at++) {
      flip_char(s, texts[c].column, at);
      expect_found(s, texts[c].column, at);
    }
  for (int at = 0; at < 5; at++) { /* numbers are JSON whatever their digits are */
    flip_char(s, "before", at);
    expect_found(s, "before", at);
    flip_char(s, "after", at);
    expect_found(s, "after", at);
  }
  for (int bit = 0; bit < 62; bit++) {
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE weir_audit SET at_us = (at_us | %lld) - (at_us & %lld) WHERE id = 2", 1LL << bit,
             1LL << bit);
    contract_exec(s, sql);
    expect_found(s, "at_us", bit);
  }
  contract_exec(s, "DROP TABLE keep");
}

static void old_entries_leave_and_the_chain_goes_on_from_where_they_ended(void **state) {
  struct store *s = contract_store(state);
  int64_t year_us = INT64_C(365) * 86400000000, now_us = driver_now_us() + 2 * year_us;
  uint64_t removed = 9;
  struct audit_row *rows;
  for (int i = 0; i < 6; i++)
    add(s, "local:ann", "key.block", "key:7");
  EXPECT_ERR(s->ops->audit->purge(s, TEST_ACTOR, now_us - year_us + 1, now_us, 4, &removed, &test_fault),
             ERR_BAD_REQUEST);
  EXPECT_MENTIONS("365 days");
  EXPECT_OK(s->ops->audit->purge(s, TEST_ACTOR, 1, now_us, 4, &removed, &test_fault));
  assert_int_equal(removed, 0);
  EXPECT_SOUND(s, 6);
  EXPECT_OK(s->ops->audit->purge(s, TEST_ACTOR, now_us - year_us, now_us, 4, &removed, &test_fault));
  assert_int_equal(removed, 4);
  EXPECT_SOUND(s, 3);
  assert_int_equal(verify(s).anchor.id, 4);
  assert_int_equal(list(s, (struct audit_filter){0}, &rows), 3);
  EXPECT_TEXT(rows[0].action, TEXT("audit.purge"));
  EXPECT_OK(s->ops->audit->purge(s, TEST_ACTOR, now_us - year_us, now_us, 100, &removed, &test_fault));
  assert_int_equal(removed, 3);
  EXPECT_SOUND(s, 1);
  contract_exec(s, "UPDATE weir_audit_end SET id = id - 1 WHERE name = 'anchor'");
  assert_int_equal(verify(s).bad_id, 7);
}

static void an_end_that_was_written_down_is_looked_for(void **state) {
  struct store *s = contract_store(state);
  struct audit_verdict v;
  add(s, "a", "b", "c");
  struct audit_end seen = verify(s).head;
  add(s, "a", "b", "c");
  EXPECT_OK(s->ops->audit->verify(s, &seen, &arena, &v, &test_fault));
  assert_int_equal(v.bad_id, 0);
  seen.hash[5] ^= 1;
  EXPECT_OK(s->ops->audit->verify(s, &seen, &arena, &v, &test_fault));
  assert_int_equal(v.bad_id, 1);
}

#define WRITERS 4
#define EACH    25

struct writer {
  pthread_t thread;
  struct store *store;
  int failures;
};

static void *write_entries(void *arg) {
  struct writer *w = arg;
  struct audit_entry entry = {TEXT("key.block"), TEXT("key:7"), TEXT_NONE, TEXT("{}")};
  for (int i = 0; i < EACH; i++)
    w->failures += w->store->ops->audit->add(w->store, TEST_ACTOR, &entry, NULL, NULL) != ERR_OK;
  return NULL;
}

/* Where there is a server, each writer has a store of its own, as replicas do. */
static void writers_at_the_same_time_make_one_chain(void **state) {
  struct store *s = contract_store(state);
  bool is_postgres = strcmp(s->ops->name, "postgres") == 0;
  struct writer writers[WRITERS] = {0};
  for (int i = 0; i < WRITERS; i++) {
    writers[i].store = s;
    if (is_postgres)
      EXPECT_OK(store_open(contract_place(contract_address), &writers[i].store, &test_fault));
  }
  for (int i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&writers[i].thread, NULL, write_entries, &writers[i]), 0);
  for (int i = 0; i < WRITERS; i++) {
    pthread_join(writers[i].thread, NULL);
    assert_int_equal(writers[i].failures, 0);
    if (is_postgres)
      writers[i].store->ops->close(writers[i].store);
  }
  EXPECT_SOUND(s, WRITERS * EACH);
}

static void writers_of_two_connections_to_one_file_make_one_chain(void **state) {
  struct store *first = open_store(), *second = open_store();
  struct writer writers[2] = {{.store = first}, {.store = second}};
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&writers[i].thread, NULL, write_entries, &writers[i]), 0);
  for (int i = 0; i < 2; i++) {
    pthread_join(writers[i].thread, NULL);
    assert_int_equal(writers[i].failures, 0);
  }
  EXPECT_SOUND(first, 2 * EACH);
  first->ops->close(first);
  second->ops->close(second);
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(an_entry_comes_back_as_it_was_added),
      CONTRACT(texts_of_any_bytes_are_kept_so_that_the_chain_holds),
      CONTRACT(an_entry_that_is_too_long_is_refused_and_leaves_no_gap),
      CONTRACT(entries_are_found_by_time_actor_action_and_subject_in_pages),
      CONTRACT(entries_are_those_of_an_organisation),
      CONTRACT(what_is_done_to_the_table_is_found),
      CONTRACT(every_byte_of_a_stored_entry_is_held_by_the_chain),
      CONTRACT(old_entries_leave_and_the_chain_goes_on_from_where_they_ended),
      CONTRACT(an_end_that_was_written_down_is_looked_for),
      CONTRACT(writers_at_the_same_time_make_one_chain),
      TEST_WITH_DIR(writers_of_two_connections_to_one_file_make_one_chain),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
