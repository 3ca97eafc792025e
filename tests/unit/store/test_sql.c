/* How the databases carry the statements out: with an index, whatever the size of the tables; and which statements
 * exist where. */
#include "store/sql.h"

#include "expect.h"
#include "store/sqlite.h"

/* Statements that read a whole small table, or that no running gateway sends: the reason stands beside each. */
static bool may_scan(enum sql which) {
  return which == SQL_SCHEMA_EXISTS || which == SQL_SCHEMA_VERSION || which == SQL_SCHEMA_HISTORY || /* a few rows */
         which == SQL_LEDGER_FORGET ||   /* a row a journal, once at the start */
         which == SQL_LEDGER_SPENT_ROWS; /* only from the middle of a slot, where no budget period begins */
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
      if (strncmp(said, "SEARCH", 6) != 0 ||
          !(strstr(said, "USING INDEX") || strstr(said, "USING INTEGER PRIMARY KEY")))
        fail_msg("%s: %s", sql_text(which, SQL_SQLITE), said);
      seen++;
    }
    sqlite3_finalize(plan);
  }
  assert_true(seen > 10);
  s->base.base.ops->close(&s->base.base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_statement_exists_on_postgresql_and_most_on_sqlite),
      cmocka_unit_test(sqlite_answers_every_statement_from_an_index),
  };
  return RUN_TESTS(tests);
}
