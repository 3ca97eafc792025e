/* How the databases carry the statements out: with an index, whatever the size of the tables; and which statements
 * exist where. */
#include "store/sql.h"

#include "base/buf.h"
#include "contract.h"
#include "store/sqlite.h"

#include <libpq-fe.h>

/* Statements that read a whole small table, or that no running gateway sends: the reason stands beside each. */
static bool may_scan(enum sql which) {
  return which == SQL_SCHEMA_EXISTS || which == SQL_SCHEMA_VERSION || which == SQL_SCHEMA_HISTORY ||
         which == SQL_SCHEMA_HISTORY_FIRST || which == SQL_SCHEMA_SAYS_WHO || /* a few rows */
         which == SQL_COPY_TABLES || which == SQL_COPY_COLUMNS ||             /* of the databases' own catalogues */
         which == SQL_JOB_NEXT_ID || which == SQL_PEOPLE_NEXT_ID ||
         which == SQL_SESSION_NEXT_ID || /* a row a sequence */
         which == SQL_SCHEDULE_LIST ||   /* a row a kind */
         which == SQL_CREDENTIAL_OF ||   /* a row a secret of a provider, of which there are few */
         which == SQL_NOW ||             /* no table */
         (which >= SQL_PEOPLE_SORTED && which <= SQL_PEOPLE_SORTED_LAST) || /* all of an organisation, for an order */
         which == SQL_EVENT_PURGE || which == SQL_ANSWER_PURGE || which == SQL_SESSION_PURGE ||
         which == SQL_LINK_PURGE || which == SQL_ATTEMPTS_PURGE || /* the oldest, as many as are to go */
         which == SQL_JOB_COUNTS || which == SQL_JOB_DEAD ||       /* an index of just these, to its end */
         which == SQL_REPLICA_LIST ||                              /* at most 1,024 rows, all of them asked for */
         which == SQL_USAGE_ZONE || which == SQL_USAGE_ZONE_CLEAR || which == SQL_USAGE_ZONE_SET || /* one row */
         which == SQL_USAGE_CLEAR_STALE ||                                 /* all against all, after an upgrade */
         which == SQL_USAGE_DAYS_CLEAR || which == SQL_USAGE_MARK_ALL ||   /* another time zone: everything anew */
         which == SQL_USAGE_MARKS ||                                       /* a page of a small table, in its order */
         which == SQL_USAGE_DIFFERENCE || which == SQL_USAGE_MARK_WRONG || /* all against all, now and then */
         which == SQL_ARCHIVES || which == SQL_ARCHIVE_REPLACE ||          /* some files, all of them asked for */
         which == SQL_AUDIT_END || which == SQL_AUDIT_LOCK || which == SQL_ERASED_LIST ||
         which == SQL_ERASED_FORGET || /* two rows */
         which == SQL_ENTITY_LIST || which == SQL_ENTITY_PLACE ||
         which == SQL_ENTITY_ERASE || /* at most 8,192 rows, all of them looked at */
         which == SQL_LEDGER_FORGET;  /* a row a journal, once at the start */
}

/* One whose rows are numbered and told apart in memory: what counts is how they are found. */
static bool only_the_ledger_counts(enum sql which) {
  return which == SQL_STRETCHES_MAKE || which == SQL_STRETCHES_MAKE_FAILURES;
}

/* Groups are put together in memory, after what they are made of was found by an index. */
static bool may_sort(enum sql which) {
  return which == SQL_USAGE_FROM_ROWS || which == SQL_USAGE_FROM_SUMS || which == SQL_USAGE_SUMS ||
         which == SQL_ARCHIVE_USAGE || which == SQL_USAGE_WHOM || which == SQL_USAGE_WHAT ||
         which == SQL_STRETCHES_MAKE || which == SQL_STRETCHES_MAKE_FAILURES;
}

static void every_statement_exists_on_postgresql_and_most_on_sqlite(void **state) {
  for (enum sql which = 0; which < SQL_COUNT; which++) {
    assert_non_null(sql_text(which, SQL_POSTGRES));
    assert_int_equal(sql_text(which, SQL_SQLITE) != NULL, which < SQL_BATCH_MAKE);
  }
}

static void sqlite_answers_every_statement_from_an_index(void **state) {
  struct sqlite_store *s = (struct sqlite_store *)open_memory();
  unsigned seen = 0;
  for (enum sql which = 0; which < SQL_BATCH_MAKE; which++) {
    static char explain[4096];
    sqlite3_stmt *plan = NULL;
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql_text(which, SQL_SQLITE));
    if (sqlite3_prepare_v2(s->write.db, explain, -1, &plan, NULL) != SQLITE_OK)
      fail_msg("%s: %s", explain, sqlite3_errmsg(s->write.db));
    while (!may_scan(which) && sqlite3_step(plan) == SQLITE_ROW) {
      const char *said = (const char *)sqlite3_column_text(plan, 3);
      if (may_sort(which) && strncmp(said, "USE TEMP B-TREE FOR GROUP BY", 28) == 0)
        continue;
      if (strstr(said, " SUBQUERY ")) /* a heading: its own lines follow */
        continue;
      if (only_the_ledger_counts(which) && !strstr(said, "weir_ledger"))
        continue;
      if (strncmp(said, "SEARCH", 6) != 0 || !(strstr(said, "USING INDEX") || strstr(said, "USING COVERING INDEX") ||
                                               strstr(said, "USING INTEGER PRIMARY KEY")))
        fail_msg("%s: %s", sql_text(which, SQL_SQLITE), said);
      seen++;
    }
    sqlite3_finalize(plan);
  }
  assert_true(seen > 10);
  s->base.base.ops->close(&s->base.base);
}

/* Enough rows of every kind that reading all of them would be the dearer way. */
static const char rows[] =
    "INSERT INTO weir_keys SELECT i, 'n' || i, 'p', 'u', sha256(i::text::bytea), '*', 0, 0, 0, 0, '', 0, i, 0, 0, "
    "'w' || i % 500, '' "
    "FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_ledger SELECT i, i, i, 'r', 1, i % 100, 'n', 'u', 'w', 'o', 'p', 'c', 'm', 'm', 'i', 'o', 'e', "
    "200, "
    "200, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 2, 1, 1, 1, 1, 1, 1 FROM generate_series(1, 50000) i;"
    "INSERT INTO weir_key_old SELECT sha256((-i)::text::bytea), i, i FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_answers SELECT 'user:' || i, sha256(i::text::bytea), '', 0, '', i FROM generate_series(1, 20000) "
    "i;"
    "INSERT INTO weir_audit SELECT i, i, 'a', 'o', 'c', 's' || i, 'null', 'null', '', '', '', '' FROM "
    "generate_series(1, "
    "20000) i;"
    "INSERT INTO weir_ledger_balance SELECT i, 1, 1, 1, 0, 0, 0, 0, 2, 2 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_ledger_archived SELECT i, 1, 1, 1, 0, 0, 0, 0, 2, 2 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_ledger_spend SELECT i % 100, i, 2 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_usage SELECT i % 4, 900000000::bigint * (i / 10), i % 10, 'u', '', 'p', 'm', 'ok', 'n', 1, 1, 1, "
    "1, "
    "0, 0, 0, 0, 1, 1, 1, 1, 1, 1, CASE WHEN i % 500 < 4 THEN 0 ELSE 1 END FROM generate_series(1, 40000) i;"
    "INSERT INTO weir_ledger_stretches SELECT i % 5 + 1, 's' || i % 100, i, i FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_usage_dirty SELECT i, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_replicas SELECT i, 'b' || i, 'n', 'v', 1, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_events SELECT i, 'key', '1', 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_meta SELECT 'n' || i, 'v' FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_ledger_stream SELECT 's' || i, 1, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_catalogues SELECT 'v' || i, 'x', 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_jobs SELECT i, 'k' || i % 9, '{}', CASE WHEN i % 50 = 0 THEN 'queued' WHEN i % 51 = 0 THEN "
    "'running' ELSE 'done' END, i, i, 1, 3, '', 0, 0, '', 'null', '', '', i, i, CASE WHEN i % 50 = 0 OR i % 51 = 0 "
    "THEN 0 ELSE i END FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_signing_keys SELECT i, 'k' || i, 'x', 'x', 1, 1, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_organisations SELECT i, 1, 'o' || i, '', 'UTC', 'monday', 0 FROM generate_series(2, 20000) i;"
    "INSERT INTO weir_workspaces SELECT i, 1, 1, 'w' || i, '', 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_workspace_names SELECT 'w' || i, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_teams SELECT i, 1, 1, 't' || i, '', 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_team_members SELECT i, i % 5000, i FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_users SELECT i, 1, 1, 'n', 'e' || i, 'x' || i, 0, 0, 0, 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_services SELECT i, 1, 1, 's' || i, '', 0, 0, 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_roles SELECT i, 1, 1, 'r' || i, '', 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_grants SELECT i, i % 2000, CASE WHEN i % 2 = 0 THEN 'user' ELSE 'team' END, i, i % 100, 'role:' "
    "|| i, i, 0 FROM generate_series(1, 20000) "
    "i;"
    "INSERT INTO weir_service_secrets SELECT i, 1, i % 5000, 'p', sha256(i::text::bytea), 1, 0 FROM generate_series(1, "
    "20000) i;"
    "INSERT INTO weir_credentials SELECT i, 1, 1, 'p', 'n' || i, '', 'api_key', '', 'x', 1, 1, 1, 0, 0 FROM "
    "generate_series(1, 20000) i;"
    "INSERT INTO weir_entities SELECT i, 'model', 'm' || i, '', '{}', i, 1, 1, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_passwords SELECT i, 'h', 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_totp SELECT i, 1, 's', 1, 1 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_recovery_codes SELECT i / 10, sha256(i::text::bytea), 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_sessions SELECT i, i / 10, 1, 'r', 'b', i, i, i, 0, 'w', 'a', 'a' FROM generate_series(1, 20000) "
    "i;"
    "INSERT INTO weir_links SELECT sha256(i::text::bytea), 'k', i / 10, i, i FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_attempts SELECT sha256(i::text::bytea), 1, i, 0 FROM generate_series(1, 20000) i;"
    "INSERT INTO weir_schedules SELECT 'k' || i, '@daily', i, 0, 0 FROM generate_series(1, 20000) i; ANALYZE";

static void add_plan(PGresult *r, const char *sql, PGconn *db, struct buf *out) {
  if (PQresultStatus(r) != PGRES_TUPLES_OK)
    fail_msg("%s: %s", sql, PQerrorMessage(db));
  for (int i = 0; i < PQntuples(r); i++)
    buf_add_format(out, "%s\n", PQgetvalue(r, i, 0));
  PQclear(r);
}

/* Writes the statement as PostgreSQL wants it; returns how many parameters it has. */
static int write_statement(enum sql which, struct buf *b) {
  int parameters = 0;
  for (const char *c = sql_text(which, SQL_POSTGRES); *c; c++) {
    buf_add_char(b, *c == '?' ? '$' : *c);
    int at = *c == '?' ? (int)strtol(c + 1, NULL, 10) : 0;
    parameters = at > parameters ? at : parameters;
  }
  return parameters;
}

/* PREPARE and EXPLAIN EXECUTE as a driver's statement runs: with a plan that knows no values. */
static void explain(PGconn *db, enum sql which, struct buf *out) {
  struct buf b;
  buf_init(&b, 16384);
  buf_add(&b, TEXT("PREPARE p AS "));
  int parameters = write_statement(which, &b);
  buf_add(&b, TEXT("; EXPLAIN EXECUTE p"));
  for (int i = 0; i < parameters; i++)
    buf_add(&b, i == 0 ? TEXT("(NULL") : TEXT(", NULL"));
  buf_add(&b, parameters ? TEXT(")") : TEXT(""));
  buf_add_char(&b, '\0');
  add_plan(PQexec(db, b.at), b.at, db, out);
  PQclear(PQexec(db, "DEALLOCATE p"));
  buf_done(&b);
}

/* One that is planned anew, with values as they are. */
static void explain_with(PGconn *db, enum sql which, const char *const *values, struct buf *out) {
  struct buf b;
  buf_init(&b, 16384);
  buf_add(&b, TEXT("EXPLAIN "));
  int parameters = write_statement(which, &b);
  buf_add_char(&b, '\0');
  add_plan(PQexecParams(db, b.at, parameters, NULL, values, NULL, NULL, 0), b.at, db, out);
  buf_done(&b);
}

static void postgresql_answers_every_statement_from_an_index(void **state) {
  struct store *s = contract_store(state);
  PGconn *db = PQconnectdb(contract_address);
  unsigned seen = 0;
  contract_exec(s, rows);
  PQclear(PQexec(db, "SET plan_cache_mode = force_generic_plan; CREATE TEMPORARY TABLE weir_batch (LIKE weir_ledger)"));
  for (enum sql which = SQL_KEY_NEXT_ID; which < SQL_COUNT; which++) {
    struct buf plan;
    if (may_scan(which) || sql_is_planned_anew(which) || which == SQL_KEY_NEXT_ID || which == SQL_USAGE_LOCK ||
        which == SQL_REPLICA_TURN || which == SQL_JOB_NEXT_ID || which == SQL_SESSION_NEXT_ID ||
        which == SQL_EVENT_NEXT_ID || which == SQL_EVENT_NEWEST || which == SQL_EVENT_RING || which == SQL_BATCH_MAKE ||
        which == SQL_BATCH_COPY || which == SQL_BATCH_INSERT) /* one row; no plans; the whole batch is what it is for */
      continue;
    buf_init(&plan, 65536);
    explain(db, which, &plan);
    if (text_find(buf_text(&plan), TEXT("Seq Scan")) >= 0 ||
        (!may_sort(which) && text_find(buf_text(&plan), TEXT("Sort")) >= 0))
      fail_msg("statement %d:\n%.*s", which, TEXT_ARGS(buf_text(&plan)));
    seen++;
    buf_done(&plan);
  }
  assert_true(seen > 14);
  PQfinish(db);
}

static void expect_index(PGconn *db, enum sql which, const char *index, const char *const *values) {
  struct buf plan;
  buf_init(&plan, 65536);
  explain_with(db, which, values, &plan);
  if (text_find(buf_text(&plan), text_of(index)) < 0 ||
      (!may_sort(which) && text_find(buf_text(&plan), TEXT("Sort")) >= 0))
    fail_msg("statement %d:\n%.*s", which, TEXT_ARGS(buf_text(&plan)));
  buf_done(&plan);
}

/* No page reads and sorts what lies behind it. */
static void postgresql_reads_a_page_of_the_log_in_order_of_its_index(void **state) {
  struct store *s = contract_store(state);
  PGconn *db = PQconnectdb(contract_address);
  const char *all[] = {"9999999999", "0", "0", "50", "0", "", "", "", "", "", "0"};
  const char *key[] = {"9999999999", "0", "0", "50", "5", "", "", "", "", "", "0"};
  const char *org[] = {"9999999999", "0", "0", "50", "0", "", "", "", "", "", "1"};
  const char *failed[] = {"9999999999", "0", "0", "50", "0", "", "", "", "", "failed", "0"};
  contract_exec(s, rows);
  expect_index(db, SQL_LOG, "Index Scan Backward using weir_ledger_settled", all);
  expect_index(db, SQL_LOG, "Index Scan Backward using weir_ledger_settled", key);
  expect_index(db, SQL_LOG, "Index Scan Backward using weir_ledger_settled", org);
  expect_index(db, SQL_LOG_FAILURES, "Index Scan Backward using weir_ledger_", failed);
  const char *stretch[] = {"30001", "0", "30000", "50", "0", "u", "", "", "", "", "0", "30000"};
  const char *stretch_failed[] = {"30001", "0", "30000", "50", "0", "u", "", "", "", "failed", "0", "30000"};
  expect_index(db, SQL_LOG_STRETCH, "Index Scan Backward using weir_ledger_settled", stretch);
  expect_index(db, SQL_LOG_STRETCH_FAILURES, "Index Scan Backward using weir_ledger_", stretch_failed);
  const char *sums[] = {
      "1",    "3", "900000000000", "1800000000000", "1", "0", "0", "0", "0", "1", "0", "0", "", "", "", "", "",
      "9999", "0"};
  const char *oldest[] = {"40000", "100"}, *range[] = {"100", "100", "200", "200"};
  expect_index(db, SQL_ARCHIVE_ROWS, "Index Scan using weir_ledger_settled", oldest);
  expect_index(db, SQL_ARCHIVE_USAGE, "weir_ledger_settled", range);
  expect_index(db, SQL_ARCHIVE_REMOVE, "weir_ledger_settled", range);
  expect_index(db, SQL_USAGE_SUMS, "weir_usage_pkey", sums);
  PQfinish(db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_statement_exists_on_postgresql_and_most_on_sqlite),
      cmocka_unit_test(sqlite_answers_every_statement_from_an_index),
      {"postgresql_answers_every_statement_from_an_index", postgresql_answers_every_statement_from_an_index,
       contract_postgres, contract_close, NULL},
      {"postgresql_reads_a_page_of_the_log_in_order_of_its_index",
       postgresql_reads_a_page_of_the_log_in_order_of_its_index, contract_postgres, contract_close, NULL},
  };
  return RUN_CONTRACT(tests);
}
