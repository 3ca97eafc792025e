/* The table of statements. Where the two databases differ the row has both texts. Who runs a statement stands in
 * store_keys.c, store_ledger.c, store_verify.c, log_stretches.c, migrate.c and, for batches, in postgres_batch.c. */
#include "store/sql.h"

#include "store/sql_people.h"

#include <stddef.h>

/* clang-format off */
#define LEDGER_TOLD                                                                                                    \
  "id, reserved_us, settled_us, request_id, attempt, key_id, key_name, user_name, wire, operation, provider, "         \
  "credential, model, upstream_model, upstream_request_id, outcome, error, status, upstream_status, streamed, "        \
  "billable, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, "           \
  "reasoning_tokens, usage_known, usage_estimated, cost_input_nano, cost_output_nano, cost_cache_write_nano, "         \
  "cost_cache_read_nano, cost_nano, cost_known, price_version, reserved_nano, first_token_us, duration_us, "           \
  "overhead_us, workspace"
#define LEDGER_COLUMNS LEDGER_TOLD ", provider_metadata"
/* What a row has none of is NULL there and an empty text here. */
#define LEDGER_METADATA(value) "nullif(" value ", '')"
#define BALANCE_COLUMNS                                                                                                \
  "key_id, entries, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, "    \
  "reasoning_tokens, cost_nano, billable_nano"
#define SPEND_COLUMNS "key_id, slot, cost_nano"
/* Adds to a sum that stops at the largest integer: past it SQLite would turn it into a floating-point number, and
 * PostgreSQL would refuse it. */
#define ADD(table, column)                                                                                             \
  column " = CASE WHEN " table "." column " > 9223372036854775807 - excluded." column                                  \
         " THEN 9223372036854775807 ELSE " table "." column " + excluded." column " END"
#define ADD_ARCHIVED(column) ADD("weir_ledger_archived", column)
#define ADD_USAGE(column)    ADD("weir_usage", column)
#define ADD_BALANCE(column) ADD("weir_ledger_balance", column)
#define ON_BALANCE                                                                                                     \
  " ON CONFLICT (key_id) DO UPDATE SET " ADD_BALANCE("entries") ", " ADD_BALANCE("input_tokens") ", "                  \
  ADD_BALANCE("output_tokens") ", " ADD_BALANCE("cache_write_5m_tokens") ", " ADD_BALANCE("cache_write_1h_tokens")     \
  ", " ADD_BALANCE("cache_read_tokens") ", " ADD_BALANCE("reasoning_tokens") ", " ADD_BALANCE("cost_nano") ", "        \
  ADD_BALANCE("billable_nano")
#define ON_SPEND " ON CONFLICT (key_id, slot) DO UPDATE SET " ADD("weir_ledger_spend", "cost_nano")

#define JOB_COLUMNS                                                                                                    \
  "id, kind, args, state, run_at_us, due_us, attempts, max_attempts, leased_by, cancel, progress, note, result, "      \
  "error, unique_key, created_us, started_us, ended_us"
#define JOB_LIVE "state IN ('queued', 'running')" /* as the partial indexes say it */
#define JOB_NEXT                                                                                                       \
  JOB_LIVE " AND due_us <= ?1 AND (state = 'queued' OR (attempts < max_attempts AND cancel = 0))"
#define JOB_TAKE                                                                                                       \
  "UPDATE weir_jobs SET state = 'running', attempts = attempts + 1, due_us = ?2, leased_by = ?3, started_us = ?1, "    \
  "progress = 0, note = '' WHERE id = "
#define AUDIT_COLUMNS                                                                                                  \
  "id, at_us, actor, origin, action, subject, before, after, salt, personal_sum, prev_hash, hash, org_id"
/* An empty text asks for nothing; ordered as it is found, so that a page never reads more than it passes over. ?8: whose,
 * -1 for whosesoever. */
#define AUDIT_MATCHES                                                                                                  \
  " AND (?3 = '' OR actor = ?3) AND (?4 = '' OR action = ?4) AND at_us >= ?5 AND at_us < ?6 ORDER BY id DESC LIMIT ?7"
/* A row's organisation is that of its workspace's name, or the first. */
#define OF_ORGANISATION(org, table)                                                                                    \
  "(CAST(" org " AS BIGINT) = 0 OR coalesce((SELECT org_id FROM weir_workspace_names WHERE name = " table              \
  ".workspace), 1) = " org ")"
/* A page of the request log from one of the indexes. ?1, ?2: below this settlement and id; ?3: not before; ?4: at most;
 * ?5 to ?10: the filters, empty (a key's: 0 in ?5) for none; ?11: the organisation, 0 for any. */
#define LOG(index)                                                                                                     \
  "SELECT " LEDGER_COLUMNS " FROM weir_ledger WHERE " index " (settled_us, id) < (?1, ?2) AND settled_us >= ?3 "       \
  "AND (CAST(?5 AS BIGINT) = 0 OR key_id = ?5) AND (CAST(?6 AS TEXT) = '' OR user_name = ?6) "                         \
  "AND (CAST(?7 AS TEXT) = '' OR workspace = ?7) AND (CAST(?8 AS TEXT) = '' OR provider = ?8) "                        \
  "AND (CAST(?9 AS TEXT) = '' OR model = ?9) "                                                                         \
  "AND (CAST(?10 AS TEXT) = '' OR outcome = ?10 OR (?10 = 'failed' AND outcome <> 'ok')) "                             \
  "AND " OF_ORGANISATION("?11", "weir_ledger") " "                                                                     \
  "ORDER BY settled_us DESC, id DESC LIMIT ?4"

/* Adding up stops at the largest integer too: in SQLite by a function of the driver, which counts a negative number as
 * 0, in PostgreSQL because its sums are wider. */
#define SUM_SQLITE(number)   "weir_sum(" number ")"
#define SUM_POSTGRES(number) "CAST(least(coalesce(sum(greatest(" number ", 0)), 0), 9223372036854775807) AS BIGINT)"
#define USAGE_DIMENSIONS     "key_id, user_name, workspace, provider, model, outcome"
#define USAGE_COLUMNS                                                                                                  \
  "level, start_us, " USAGE_DIMENSIONS ", key_name, requests, attempts, input_tokens, output_tokens, "                 \
  "cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reasoning_tokens, cost_nano, billable_nano, "      \
  "duration_us, durations, first_token_us, first_tokens"
#define TOKEN_SUMS(SUM)                                                                                                \
  SUM("input_tokens") ", " SUM("output_tokens") ", " SUM("cache_write_5m_tokens") ", " SUM("cache_write_1h_tokens")    \
  ", " SUM("cache_read_tokens") ", " SUM("reasoning_tokens") ", " SUM("cost_nano")
#define USAGE_SUMS(SUM)                                                                                                \
  SUM("requests") ", " SUM("attempts") ", " TOKEN_SUMS(SUM) ", " SUM("billable_nano") ", " SUM("duration_us") ", "     \
  SUM("durations") ", " SUM("first_token_us") ", " SUM("first_tokens")
#define ROW_OUTCOME          "CASE WHEN outcome = 'ok' THEN 'ok' ELSE 'error' END"
#define ROW_WORKSPACE        "coalesce(workspace, '')"
/* Rows of a range become sums of a level, per start. */
#define USAGE_OF_ROWS(SUM, level, start, range)                                                                        \
  "INSERT INTO weir_usage (complete, " USAGE_COLUMNS ") SELECT 1, " level ", " start ", key_id, user_name, "           \
  ROW_WORKSPACE ", provider, model, " ROW_OUTCOME ", max(key_name), " SUM("CASE WHEN attempt = 1 THEN 1 ELSE 0 END")   \
  ", count(*), " TOKEN_SUMS(SUM) ", " SUM("CASE WHEN billable = 1 THEN cost_nano ELSE 0 END") ", "                     \
  SUM("CASE WHEN duration_us >= 0 THEN duration_us ELSE 0 END") ", "                                                   \
  SUM("CASE WHEN duration_us >= 0 THEN 1 ELSE 0 END") ", "                                                             \
  SUM("CASE WHEN first_token_us >= 0 THEN first_token_us ELSE 0 END") ", "                                             \
  SUM("CASE WHEN first_token_us >= 0 THEN 1 ELSE 0 END") " FROM weir_ledger "                                          \
  "WHERE " range " GROUP BY " start ", key_id, user_name, " ROW_WORKSPACE ", provider, model, " ROW_OUTCOME
#define USAGE_FROM_ROWS(SUM)                                                                                           \
  USAGE_OF_ROWS(SUM, "CAST(?1 AS BIGINT)", "CAST(?2 AS BIGINT)", "settled_us >= ?3 AND settled_us < ?4")
#define USAGE_ARCHIVED(SUM)                                                                                            \
  USAGE_OF_ROWS(SUM, "3", "settled_us / 900000000 * 900000000", ARCHIVE_RANGE) ON_USAGE
/* Sums of level ?5 and ?6 from ?3 to ?4 become sums of level ?1 that begin at ?2. */
#define USAGE_FROM_SUMS(SUM)                                                                                           \
  "INSERT INTO weir_usage (complete, " USAGE_COLUMNS ") SELECT 1, CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), "            \
  USAGE_DIMENSIONS                                                                                                     \
  ", max(key_name), " USAGE_SUMS(SUM) " FROM weir_usage WHERE level IN (?5, ?6) AND start_us >= ?3 AND start_us < ?4 " \
  "GROUP BY " USAGE_DIMENSIONS
/* Of the day that begins at ?1, told apart by some of the dimensions only. */
#define USAGE_OF_DAY(SUM, level, dimensions, key_name, kinds)                                                          \
  "INSERT INTO weir_usage (complete, " USAGE_COLUMNS ") SELECT 1, " level ", CAST(?1 AS BIGINT), " dimensions ", "     \
  key_name ", " USAGE_SUMS(SUM) " FROM weir_usage WHERE level = 2 AND start_us = ?1 GROUP BY " kinds
#define USAGE_WHOM(SUM)                                                                                                \
  USAGE_OF_DAY(SUM, "4", "key_id, user_name, workspace, '', '', ''", "max(key_name)", "key_id, user_name, workspace")
#define USAGE_WHAT(SUM)                                                                                                \
  USAGE_OF_DAY(SUM, "5", "0, '', '', provider, model, outcome", "''", "provider, model, outcome")
#define OPEN_QUARTER "level = 1 AND complete = 0" /* as the partial indexes say it */
#define OPEN_DAY     "level = 2 AND complete = 0"
/* SQLite is told to take them, for it holds the primary key for the better way: of a level all is in there, in order. */
#define BY_OPEN(index, begin, end)                                                                                     \
  {begin " FROM weir_usage INDEXED BY " index " WHERE " end, begin " FROM weir_usage WHERE " end}
/* Stretches of the rows from ?1 to ?2, as weir_ledger_stretches has them: minute by minute, 256 rows a slice. */
#define STRETCHES_MAKE(offset, only)                                                                                   \
  "INSERT INTO weir_ledger_stretches (kind, subject, first_us, last_us) SELECT k.kind + " offset ", " STRETCH_SUBJECT  \
  ", min(settled_us), max(settled_us) FROM (SELECT settled_us, key_id, user_name, workspace, provider, model, "        \
  "settled_us / 60000000 AS minute, (row_number() OVER (PARTITION BY settled_us / 60000000 ORDER BY settled_us, id) "  \
  "- 1) / 256 AS slice FROM weir_ledger WHERE settled_us >= ?1 AND settled_us < ?2" only ") r CROSS JOIN "             \
  "(SELECT 1 AS kind UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) k "                  \
  "GROUP BY k.kind, " STRETCH_SUBJECT ", minute, slice HAVING " STRETCH_SUBJECT " <> '' ON CONFLICT DO NOTHING"
#define STRETCH_SUBJECT                                                                                                \
  "CASE k.kind WHEN 1 THEN CAST(key_id AS TEXT) WHEN 2 THEN user_name WHEN 3 THEN " ROW_WORKSPACE                      \
  " WHEN 4 THEN provider ELSE model END"
#define WHEN(flag, column, none) "CASE WHEN CAST(" flag " AS BIGINT) = 1 THEN " column " ELSE " none " END"
#define UNLESS_NONE(text, column) "(CAST(" text " AS TEXT) = '' OR " column " = " text ")"
/* Sums of level ?1 and ?2 from ?3 to ?4, told apart by what ?5 to ?11 say (1 or 0), of what ?12 to ?17 say. */
#define USAGE_ASKED(SUM)                                                                                               \
  "SELECT " WHEN("?5", "start_us", "0") ", " WHEN("?6", "key_id", "0") ", max(" WHEN("?6", "key_name", "''") "), "     \
  WHEN("?7", "user_name", "''") ", " WHEN("?8", "workspace", "''") ", " WHEN("?9", "provider", "''") ", "              \
  WHEN("?10", "model", "''") ", " WHEN("?11", "outcome", "''") ", " USAGE_SUMS(SUM) " FROM weir_usage "                \
  "WHERE level IN (?1, ?2) AND start_us >= ?3 AND start_us < ?4 "                                                      \
  "AND (CAST(?12 AS BIGINT) = 0 OR key_id = ?12) AND " UNLESS_NONE("?13", "user_name") " AND "                         \
  UNLESS_NONE("?14", "workspace") " AND " UNLESS_NONE("?15", "provider") " AND " UNLESS_NONE("?16", "model") " AND "   \
  UNLESS_NONE("?17", "outcome") " AND " OF_ORGANISATION("?19", "weir_usage") " GROUP BY 1, 2, 4, 5, 6, 7, 8 LIMIT ?18"
#define ON_ARCHIVED                                                                                                    \
  " ON CONFLICT (key_id) DO UPDATE SET " ADD_ARCHIVED("entries") ", " ADD_ARCHIVED("input_tokens") ", "                \
  ADD_ARCHIVED("output_tokens") ", " ADD_ARCHIVED("cache_write_5m_tokens") ", "                                        \
  ADD_ARCHIVED("cache_write_1h_tokens") ", " ADD_ARCHIVED("cache_read_tokens") ", "                                    \
  ADD_ARCHIVED("reasoning_tokens") ", " ADD_ARCHIVED("cost_nano") ", " ADD_ARCHIVED("billable_nano")
#define ON_USAGE                                                                                                       \
  " ON CONFLICT (level, start_us, " USAGE_DIMENSIONS ") DO UPDATE SET " ADD_USAGE("requests") ", "                     \
  ADD_USAGE("attempts") ", " ADD_USAGE("input_tokens") ", " ADD_USAGE("output_tokens") ", "                            \
  ADD_USAGE("cache_write_5m_tokens") ", " ADD_USAGE("cache_write_1h_tokens") ", " ADD_USAGE("cache_read_tokens") ", "  \
  ADD_USAGE("reasoning_tokens") ", " ADD_USAGE("cost_nano") ", " ADD_USAGE("billable_nano") ", "                       \
  ADD_USAGE("duration_us") ", " ADD_USAGE("durations") ", " ADD_USAGE("first_token_us") ", " ADD_USAGE("first_tokens")
#define ARCHIVE_RANGE        "(settled_us, id) >= (?1, ?2) AND (settled_us, id) <= (?3, ?4)"
#define ON_MARK              " ON CONFLICT (minute) DO UPDATE SET changes = weir_usage_dirty.changes + 1"
#define MARK_WRONG                                                                                                     \
  "INSERT INTO weir_usage_dirty (minute, changes) SELECT DISTINCT settled_us / 60000000, 1 FROM weir_ledger WHERE "    \
  "settled_us / 900000000 IN (SELECT r.slot FROM (SELECT settled_us / 900000000 AS slot, count(*) AS n "               \
  "FROM weir_ledger GROUP BY 1) r LEFT JOIN (SELECT start_us / 900000000 AS slot, sum(attempts) AS n FROM weir_usage " \
  "WHERE level = 1 GROUP BY 1) u ON u.slot = r.slot WHERE u.n IS NULL OR u.n <> r.n)" ON_MARK

/* A sealed column: its secrets with organisation and version, and the exchange of one for the same sealed otherwise. */
#define SEALED(table, column, org, version)                                                                            \
  BOTH("SELECT id, " org ", " version ", " column " FROM " table " WHERE id > ?1 AND " column                          \
       " IS NOT NULL ORDER BY id LIMIT ?2")
#define RESEAL(table, column, version)                                                                                 \
  BOTH("UPDATE " table " SET " column " = ?4 WHERE id = ?1 AND " version " = ?2 AND " column " = ?3")

#define BOTH(sql)          {sql, sql}
#define POSTGRES_ONLY(sql) {NULL, sql}

#define ENTITY "SELECT id, version, kind, name, user_name, body, position, created_us, changed_us FROM weir_entities"
#define GRANT "SELECT id, org_id, to_kind, to_id, workspace_id, role, created_us, origin FROM weir_grants"
#define PAGE " ORDER BY id LIMIT ?2"
#define RIGHTS                                                                                                         \
  "SELECT g.workspace_id, coalesce(w.name, ''), g.role, coalesce(r.permissions, '') FROM "
#define RIGHTS_JOINED                                                                                                  \
  " LEFT JOIN weir_workspaces w ON w.id = g.workspace_id LEFT JOIN weir_roles r ON r.id = g.role_id WHERE "
#define OWNER                                                                                                          \
  "g.org_id = ?1 AND g.role = 'owner' AND g.workspace_id = 0 AND u.is_disabled = 0 AND u.is_invited = 0 AND g.to_kind = "

static const char *const texts[SQL_COUNT][2] = {
    [SQL_SCHEMA_EXISTS] = {"SELECT count(*) FROM sqlite_schema WHERE name = 'weir_schema'",
                           "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('weir_schema')"},
    [SQL_SCHEMA_VERSION] = BOTH("SELECT max(version) FROM weir_schema"),
    [SQL_SCHEMA_SAYS_WHO] = {"SELECT count(*) FROM pragma_table_info('weir_schema') WHERE name = 'compatible'",
                             "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('weir_schema') "
                             "AND attname = 'compatible'"},
    [SQL_SCHEMA_HISTORY] = BOTH("SELECT version, name, checksum, applied_us, compatible FROM weir_schema "
                                "ORDER BY version"),
    [SQL_SCHEMA_HISTORY_FIRST] = BOTH("SELECT version, name, checksum, applied_us, version FROM weir_schema "
                                      "ORDER BY version"),
    [SQL_SCHEMA_ADD] = BOTH("INSERT INTO weir_schema (version, name, checksum, applied_us, compatible) "
                            "VALUES (?1, ?2, ?3, ?4, ?5)"),
    [SQL_SCHEMA_REMOVE] = BOTH("DELETE FROM weir_schema WHERE version = ?1"),
    [SQL_JOB_NEXT_ID] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = 'jobs' RETURNING value"),
    /* A row when more than so many are live. */
    [SQL_JOB_FULL] = BOTH("SELECT due_us FROM weir_jobs WHERE " JOB_LIVE " AND due_us > 0 ORDER BY due_us LIMIT 1 "
                          "OFFSET ?1"),
    [SQL_JOB_INSERT] = BOTH("INSERT INTO weir_jobs (" JOB_COLUMNS ") VALUES (?1, ?2, ?3, 'queued', ?4, ?4, 0, ?5, '', "
                            "0, 0, '', 'null', '', ?6, ?7, 0, 0) ON CONFLICT (unique_key) WHERE unique_key <> '' AND "
                            JOB_LIVE " DO NOTHING"),
    [SQL_JOB_DUE] = BOTH("SELECT due_us FROM weir_jobs WHERE " JOB_LIVE " AND due_us <= ?1 ORDER BY due_us LIMIT 1"),
    [SQL_JOB_CLAIM] = {JOB_TAKE "(SELECT id FROM weir_jobs WHERE " JOB_NEXT " AND instr(?4, ' ' || kind || ' ') > 0 "
                       "ORDER BY due_us, id LIMIT 1) RETURNING " JOB_COLUMNS,
                       JOB_TAKE "(SELECT id FROM weir_jobs WHERE " JOB_NEXT " AND strpos(?4, ' ' || kind || ' ') > 0 "
                       "ORDER BY due_us, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING " JOB_COLUMNS},
    [SQL_JOB_RENEW] = BOTH("UPDATE weir_jobs SET due_us = ?3, progress = ?4, note = ?5 WHERE id = ?1 AND attempts = ?2 "
                           "AND state = 'running' RETURNING cancel"),
    [SQL_JOB_FINISH] = BOTH("UPDATE weir_jobs SET state = 'done', result = ?3, progress = 1000, error = '', ended_us = "
                            "?4 WHERE id = ?1 AND attempts = ?2 AND state IN ('running', 'done')"),
    [SQL_JOB_RELEASE] = BOTH(
        "UPDATE weir_jobs SET state = CASE WHEN cancel = 1 AND ?3 = 'queued' THEN 'cancelled' ELSE ?3 END, run_at_us = "
        "?4, due_us = ?4, error = CASE WHEN ?5 = '' THEN error ELSE ?5 END, ended_us = CASE WHEN cancel = 0 AND ?3 = "
        "'queued' THEN 0 ELSE CAST(?6 AS BIGINT) END, max_attempts = max_attempts + CASE WHEN state = 'running' THEN "
        "CAST(?7 AS BIGINT) ELSE 0 END WHERE id = ?1 AND attempts = ?2 AND state IN ('running', ?3)"),
    [SQL_JOB_BURY] = BOTH(
        "UPDATE weir_jobs SET state = CASE WHEN cancel = 1 THEN 'cancelled' ELSE 'dead' END, ended_us = ?1, error = "
        "CASE WHEN cancel = 1 THEN error ELSE 'the process that ran it (' || leased_by || ') was lost in attempt ' || "
        "attempts || ' of ' || max_attempts END WHERE id IN (SELECT id FROM weir_jobs WHERE " JOB_LIVE " AND state = "
        "'running' AND due_us <= ?1 AND (attempts >= max_attempts OR cancel = 1) ORDER BY due_us, id LIMIT ?2) AND "
        "state = 'running' AND due_us <= ?1 RETURNING " JOB_COLUMNS),
    [SQL_JOB_CANCEL] = BOTH("UPDATE weir_jobs SET cancel = 1, ended_us = CASE WHEN state = 'queued' THEN ?2 ELSE "
                            "ended_us END, state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END WHERE "
                            "id = ?1 AND " JOB_LIVE " RETURNING state"),
    [SQL_JOB_RETRY] = BOTH("UPDATE weir_jobs SET state = 'queued', run_at_us = ?2, due_us = ?2, ended_us = 0, cancel = "
                           "0, progress = 0, note = '', max_attempts = attempts + ?3 WHERE id = ?1 AND state IN "
                           "('failed', 'dead', 'cancelled')"),
    [SQL_JOB_GET] = BOTH("SELECT " JOB_COLUMNS " FROM weir_jobs WHERE id = ?1"),
    [SQL_JOB_LIST] = BOTH("SELECT " JOB_COLUMNS " FROM weir_jobs WHERE id < ?1 AND (?2 = '' OR kind = ?2) AND (?3 = '' "
                          "OR state = ?3) ORDER BY id DESC LIMIT ?4"),
    [SQL_JOB_COUNTS] = BOTH("SELECT kind, state, count(*), min(due_us) FROM weir_jobs WHERE " JOB_LIVE " AND due_us > "
                            "0 GROUP BY kind, state"),
    [SQL_JOB_DEAD] = BOTH("SELECT kind, 'dead', count(*), 0 FROM weir_jobs WHERE state = 'dead' GROUP BY kind"),
    [SQL_JOB_PURGE] = BOTH("DELETE FROM weir_jobs WHERE id IN (SELECT id FROM weir_jobs WHERE ended_us > 0 AND "
                           "ended_us < ?1 ORDER BY ended_us LIMIT ?2)"),
    [SQL_AUDIT_NEXT] = BOTH("INSERT INTO weir_audit_end (name, id, hash) VALUES ('head', 1, ?1) ON CONFLICT (name) "
                            "DO UPDATE SET id = weir_audit_end.id + 1 RETURNING id, hash"),
    [SQL_AUDIT_INSERT] = BOTH("INSERT INTO weir_audit (" AUDIT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                              "?10, ?11, ?12, ?13)"),
    [SQL_AUDIT_SET_END] = BOTH("INSERT INTO weir_audit_end (name, id, hash) VALUES (?1, ?2, ?3) ON CONFLICT (name) "
                               "DO UPDATE SET id = excluded.id, hash = excluded.hash"),
    [SQL_AUDIT_END] = BOTH("SELECT id, hash FROM weir_audit_end WHERE name = ?1"),
    [SQL_AUDIT_LOCK] = {"SELECT id, hash FROM weir_audit_end WHERE name = ?1",
                        "SELECT id, hash FROM weir_audit_end WHERE name = ?1 FOR UPDATE"},
    [SQL_AUDIT_LIST] = BOTH("SELECT " AUDIT_COLUMNS " FROM weir_audit WHERE id < ?1 AND ?2 = '' AND "
                            "CAST(?8 AS BIGINT) < 0" AUDIT_MATCHES),
    [SQL_AUDIT_LIST_SUBJECT] = BOTH("SELECT " AUDIT_COLUMNS " FROM weir_audit WHERE id < ?1 AND subject = ?2 "
                                    "AND (CAST(?8 AS BIGINT) < 0 OR org_id = ?8)" AUDIT_MATCHES),
    [SQL_AUDIT_LIST_ORG] = BOTH("SELECT " AUDIT_COLUMNS " FROM weir_audit WHERE id < ?1 AND ?2 = '' AND org_id = ?8"
                                AUDIT_MATCHES),
    [SQL_AUDIT_PAGE] = BOTH("SELECT " AUDIT_COLUMNS " FROM weir_audit WHERE id > ?1 ORDER BY id LIMIT ?2"),
    [SQL_AUDIT_DELETE] = BOTH("DELETE FROM weir_audit WHERE id <= ?1"),
    [SQL_AUDIT_REDACT] = BOTH("UPDATE weir_audit SET actor = ?2, before = ?3, after = ?4, salt = ?5 WHERE id = ?1"),
    [SQL_ERASED_LIST] = BOTH("SELECT pseudonym, salt, sum, erased_us FROM weir_erased"),
    [SQL_ERASED_ADD] = BOTH("INSERT INTO weir_erased (pseudonym, salt, sum, erased_us) VALUES (?1, ?2, ?3, ?4) "
                            "ON CONFLICT (pseudonym) DO UPDATE SET erased_us = excluded.erased_us"),
    [SQL_ERASED_FORGET] = BOTH("DELETE FROM weir_erased WHERE erased_us < ?1"),
    [SQL_PERSON_REACH] = BOTH("SELECT id FROM weir_ledger WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2"),
    [SQL_PERSON_LEDGER] = BOTH("UPDATE weir_ledger SET user_name = ?4, key_name = ?4 WHERE id > ?1 AND id <= ?2 "
                               "AND user_name = ?3"),
    [SQL_PERSON_USAGE_REACH] = BOTH("SELECT start_us FROM weir_usage WHERE level = ?1 AND start_us > ?2 "
                                    "ORDER BY start_us LIMIT 1 OFFSET ?3"),
    /* Late rows may have made sums under the pseudonym already. */
    [SQL_PERSON_USAGE] = BOTH(
        "INSERT INTO weir_usage (" USAGE_COLUMNS ") SELECT level, start_us, key_id, ?5, workspace, provider, model, "
        "outcome, ?5, requests, attempts, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, "
        "cache_read_tokens, reasoning_tokens, cost_nano, billable_nano, duration_us, durations, first_token_us, "
        "first_tokens FROM weir_usage WHERE level = ?1 AND start_us > ?2 AND start_us <= ?3 AND user_name = ?4" ON_USAGE),
    [SQL_PERSON_USAGE_CLEAR] = BOTH("DELETE FROM weir_usage WHERE level = ?1 AND start_us > ?2 AND start_us <= ?3 "
                                    "AND user_name = ?4"),
    [SQL_PERSON_JOBS] = BOTH("SELECT id, args, result FROM weir_jobs WHERE id > ?1 ORDER BY id LIMIT ?2"),
    [SQL_PERSON_JOB] = BOTH("UPDATE weir_jobs SET args = ?2, result = ?3 WHERE id = ?1"),
    [SQL_PERSON_STRETCHES] = BOTH("DELETE FROM weir_ledger_stretches WHERE kind IN (2, 12) AND subject = ?1"),
    [SQL_SCHEDULE_PUT] = BOTH("INSERT INTO weir_schedules (kind, cron, next_us, last_us, last_job) VALUES (?1, ?2, ?3, "
                              "0, 0) ON CONFLICT (kind) DO UPDATE SET cron = excluded.cron, next_us = "
                              "excluded.next_us WHERE weir_schedules.cron <> excluded.cron"),
    [SQL_SCHEDULE_DROP] = BOTH("DELETE FROM weir_schedules WHERE kind = ?1"),
    [SQL_SCHEDULE_LIST] = BOTH("SELECT kind, cron, next_us, last_us, last_job FROM weir_schedules ORDER BY kind"),
    [SQL_SCHEDULE_MOVE] = BOTH("UPDATE weir_schedules SET next_us = ?4, last_us = ?5 WHERE kind = ?1 AND cron = ?2 AND "
                               "next_us = ?3"),
    [SQL_SCHEDULE_NOTE] = BOTH("UPDATE weir_schedules SET last_job = ?2 WHERE kind = ?1"),
    [SQL_LEDGER_INSERT] = BOTH(
        "INSERT INTO weir_ledger (" LEDGER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
        "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, "
        "?36, ?37, ?38, ?39, ?40, ?41, " LEDGER_METADATA("?42") ") ON CONFLICT (id) DO NOTHING"),
    [SQL_LEDGER_BALANCE] = BOTH("INSERT INTO weir_ledger_balance (" BALANCE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
                                "?7, ?8, ?9, ?10)" ON_BALANCE),
    [SQL_LEDGER_SPEND] = BOTH("INSERT INTO weir_ledger_spend (" SPEND_COLUMNS ") VALUES (?1, ?2, ?3)" ON_SPEND),
    [SQL_LEDGER_MOVE] = BOTH("INSERT INTO weir_ledger_stream (stream, position, moved_us) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT (stream) DO UPDATE SET position = excluded.position, "
                             "moved_us = excluded.moved_us WHERE excluded.position > weir_ledger_stream.position"),
    [SQL_LEDGER_POSITION] = BOTH("SELECT position FROM weir_ledger_stream WHERE stream = ?1"),
    [SQL_LEDGER_FORGET] = BOTH("DELETE FROM weir_ledger_stream WHERE moved_us < ?1 AND NOT EXISTS "
                               "(SELECT 1 FROM weir_replicas WHERE stream LIKE '%/' || boot)"),
    [SQL_LEDGER_LIST] = BOTH("SELECT " LEDGER_COLUMNS " FROM weir_ledger WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
    [SQL_LOG] = BOTH(LOG("")),
    [SQL_LOG_FAILURES] = BOTH(LOG("outcome <> 'ok' AND")),
    /* ?12 says again where it ends, so that a planner without values takes it for a short one. */
    [SQL_LOG_STRETCH] = BOTH(LOG("settled_us <= ?12 AND")),
    [SQL_LOG_STRETCH_FAILURES] = BOTH(LOG("outcome <> 'ok' AND settled_us <= ?12 AND")),
    [SQL_STRETCHES] = BOTH("SELECT first_us, last_us FROM weir_ledger_stretches WHERE kind = ?1 AND subject = ?2 "
                        "AND first_us < ?3 ORDER BY first_us DESC, last_us DESC LIMIT ?4"),
    [SQL_STRETCHES_MARKED] = BOTH("SELECT minute * 60000000 FROM weir_usage_dirty "
                               "WHERE minute <= (CAST(?1 AS BIGINT) - 1) / 60000000 ORDER BY minute DESC LIMIT ?2"),
    [SQL_STRETCHES_OPEN] = BY_OPEN("weir_usage_open_quarters", "SELECT DISTINCT start_us",
                                   OPEN_QUARTER " AND start_us < ?1 ORDER BY start_us DESC LIMIT ?2"),
    [SQL_STRETCHES_CLEAR] = BOTH("DELETE FROM weir_ledger_stretches WHERE first_us >= ?1 AND first_us < ?2"),
    [SQL_STRETCHES_MAKE] = BOTH(STRETCHES_MAKE("0", "")),
    [SQL_STRETCHES_MAKE_FAILURES] = BOTH(STRETCHES_MAKE("10", " AND outcome <> 'ok'")),
    [SQL_USAGE_MARK] = BOTH("INSERT INTO weir_usage_dirty (minute, changes) VALUES (?1, 1)" ON_MARK),
    [SQL_USAGE_LOCK] = BOTH("UPDATE weir_sequence SET value = value WHERE name = 'usage'"),
    [SQL_USAGE_ZONE] = BOTH("SELECT count(*) FROM weir_usage_zone WHERE name = ?1"),
    [SQL_USAGE_ZONE_CLEAR] = BOTH("DELETE FROM weir_usage_zone"),
    [SQL_USAGE_ZONE_SET] = BOTH("INSERT INTO weir_usage_zone (name) VALUES (?1)"),
    [SQL_USAGE_DAYS_CLEAR] = BOTH("DELETE FROM weir_usage WHERE level IN (2, 4, 5)"),
    [SQL_USAGE_MARK_ALL] = BOTH("INSERT INTO weir_usage_dirty (minute, changes) SELECT DISTINCT start_us / 60000000, 1 "
                                "FROM weir_usage WHERE level IN (1, 3)" ON_MARK),
    [SQL_USAGE_MARKS] = BOTH("SELECT minute, changes FROM weir_usage_dirty ORDER BY minute DESC LIMIT ?1"),
    [SQL_USAGE_UNMARK] = BOTH("DELETE FROM weir_usage_dirty WHERE minute = ?1 AND changes = ?2"),
    [SQL_USAGE_CLEAR] = BOTH("DELETE FROM weir_usage WHERE level = ?1 AND start_us = ?2"),
    [SQL_USAGE_FROM_ROWS] = {USAGE_FROM_ROWS(SUM_SQLITE), USAGE_FROM_ROWS(SUM_POSTGRES)},
    [SQL_USAGE_FROM_SUMS] = {USAGE_FROM_SUMS(SUM_SQLITE), USAGE_FROM_SUMS(SUM_POSTGRES)},
    [SQL_USAGE_IS_OPEN_QUARTER] = BY_OPEN("weir_usage_open_quarters", "SELECT start_us",
                                          OPEN_QUARTER " AND start_us = ?1 LIMIT 1"),
    [SQL_USAGE_CLOSE_QUARTER] = BOTH("UPDATE weir_usage SET complete = 1 WHERE " OPEN_QUARTER " AND start_us = ?1"),
    [SQL_USAGE_IS_OPEN_DAY] = BY_OPEN("weir_usage_open_days", "SELECT start_us",
                                      OPEN_DAY " AND start_us >= ?1 AND start_us < ?2 LIMIT 1"),
    [SQL_USAGE_OPEN_DAYS] = BY_OPEN("weir_usage_open_days", "SELECT DISTINCT start_us",
                                    OPEN_DAY " AND start_us < ?1 ORDER BY start_us DESC LIMIT ?2"),
    [SQL_USAGE_CLOSE_DAY] = BOTH("UPDATE weir_usage SET complete = 1 WHERE " OPEN_DAY " AND start_us = ?1"),
    [SQL_USAGE_CLEAR_PARTS] = BOTH("DELETE FROM weir_usage WHERE level IN (4, 5) AND start_us >= ?1 AND start_us < ?2"),
    [SQL_USAGE_WHOM] = {USAGE_WHOM(SUM_SQLITE), USAGE_WHOM(SUM_POSTGRES)},
    [SQL_USAGE_WHAT] = {USAGE_WHAT(SUM_SQLITE), USAGE_WHAT(SUM_POSTGRES)},
    [SQL_USAGE_CLEAR_STALE] = BOTH("DELETE FROM weir_usage WHERE level IN (4, 5) AND NOT EXISTS (SELECT 1 FROM "
                                   "weir_usage d WHERE d.level = 2 AND d.start_us = weir_usage.start_us)"),
    [SQL_USAGE_DIFFERENCE] = BOTH("SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM weir_usage_dirty) THEN 0 ELSE "
                                  "(SELECT coalesce(sum(entries), 0) FROM weir_ledger_balance) - "
                                  "(SELECT coalesce(sum(attempts), 0) FROM weir_usage WHERE level = 2) END AS BIGINT)"),
    [SQL_USAGE_MARK_WRONG] = BOTH(MARK_WRONG),
    [SQL_USAGE_SUMS] = {USAGE_ASKED(SUM_SQLITE), USAGE_ASKED(SUM_POSTGRES)},
    [SQL_ARCHIVES] = BOTH("SELECT name, entries, cost_nano, first_us, last_us, bytes, digest, made_us FROM weir_archives "
                          "ORDER BY name"),
    [SQL_ARCHIVE_ROWS] = BOTH("SELECT " LEDGER_COLUMNS " FROM weir_ledger WHERE settled_us < ?1 "
                              "ORDER BY settled_us, id LIMIT ?2"),
    [SQL_ARCHIVE_SUM] = BOTH("INSERT INTO weir_ledger_archived (" BALANCE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
                             "?7, ?8, ?9, ?10)" ON_ARCHIVED),
    [SQL_ARCHIVE_USAGE] = {USAGE_ARCHIVED(SUM_SQLITE), USAGE_ARCHIVED(SUM_POSTGRES)},
    [SQL_ARCHIVE_REMOVE] = BOTH("DELETE FROM weir_ledger WHERE " ARCHIVE_RANGE),
    [SQL_ARCHIVE_CLEAR] = BOTH("DELETE FROM weir_usage WHERE level IN (0, 1) AND start_us >= ?1 AND start_us < ?2"),
    [SQL_ARCHIVE_ENTER] = BOTH("INSERT INTO weir_archives (name, entries, cost_nano, first_us, last_us, bytes, digest, "
                               "made_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
    [SQL_ARCHIVE_REPLACE] = BOTH("UPDATE weir_archives SET name = ?3, bytes = ?4, digest = ?5 WHERE name = ?1 AND "
                                 "digest = ?2"),
    [SQL_ARCHIVED] = BOTH("SELECT " BALANCE_COLUMNS " FROM weir_ledger_archived WHERE key_id > ?1 ORDER BY key_id "
                          "LIMIT ?2"),
    [SQL_LEDGER_SPENT] = BOTH("SELECT cost_nano FROM weir_ledger_spend WHERE key_id = ?1 AND slot >= ?2"),
    [SQL_LEDGER_SPENT_ROWS] = BOTH("SELECT cost_nano FROM weir_ledger WHERE key_id = ?1 AND billable = 1 "
                                   "AND settled_us >= ?2 AND settled_us < ?3"),
    [SQL_LEDGER_SUMS] = BOTH("SELECT id, key_id, billable, input_tokens, output_tokens, cache_write_5m_tokens, "
                             "cache_write_1h_tokens, cache_read_tokens, reasoning_tokens, cost_nano FROM weir_ledger "
                             "WHERE id > ?1 ORDER BY id LIMIT ?2"),
    [SQL_LEDGER_BALANCES] = BOTH("SELECT " BALANCE_COLUMNS " FROM weir_ledger_balance WHERE key_id > ?1 "
                                 "ORDER BY key_id LIMIT ?2"),
    [SQL_LEDGER_SPENDS] = BOTH("SELECT " SPEND_COLUMNS " FROM weir_ledger_spend WHERE (key_id, slot) > (?1, ?2) "
                               "ORDER BY key_id, slot LIMIT ?3"),
    [SQL_NOW] = {"SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000",
                 "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"},
    [SQL_REPLICA_TURN] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = 'replicas' RETURNING value"),
    [SQL_REPLICA_LIST] = BOTH("SELECT seat, boot, name, version, started_us, seen_us FROM weir_replicas ORDER BY seat"),
    [SQL_REPLICA_CLAIM] = BOTH("INSERT INTO weir_replicas (seat, boot, name, version, started_us, seen_us) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (seat) DO UPDATE SET boot = excluded.boot, "
                               "name = excluded.name, version = excluded.version, started_us = excluded.started_us, "
                               "seen_us = excluded.seen_us"),
    [SQL_REPLICA_RENEW] = BOTH("UPDATE weir_replicas SET seen_us = ?3 WHERE seat = ?1 AND boot = ?2"),
    [SQL_REPLICA_RELEASE] = BOTH("DELETE FROM weir_replicas WHERE boot = ?1"),
    [SQL_META_ADD] = BOTH("INSERT INTO weir_meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING"),
    [SQL_META_SET] = BOTH("INSERT INTO weir_meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = "
                          "excluded.value"),
    [SQL_META_FIND] = BOTH("SELECT value FROM weir_meta WHERE name = ?1"),
    [SQL_EVENT_NEXT_ID] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = 'events' RETURNING value"),
    [SQL_EVENT_ADD] = BOTH("INSERT INTO weir_events (id, kind, subject, at_us) VALUES (?1, ?2, ?3, ?4)"),
    [SQL_EVENT_NEWEST] = BOTH("SELECT value FROM weir_sequence WHERE name = 'events'"),
    [SQL_EVENT_LIST] = BOTH("SELECT id, kind, subject, at_us FROM weir_events WHERE id > ?1 ORDER BY id LIMIT ?2"),
    [SQL_EVENT_PURGE] = BOTH("DELETE FROM weir_events WHERE id IN (SELECT id FROM weir_events ORDER BY id LIMIT ?2) "
                             "AND at_us < ?1"),
    [SQL_EVENT_RING] = POSTGRES_ONLY("SELECT pg_notify('weir_events', '')"),
    [SQL_ANSWER_TAKE] = BOTH(
        "INSERT INTO weir_answers (caller, key_hash, body_sum, status, answer, created_us) VALUES (?1, ?2, ?3, 0, ?4, "
        "?5) ON CONFLICT (caller, key_hash) DO UPDATE SET body_sum = excluded.body_sum, status = 0, answer = "
        "excluded.answer, created_us = excluded.created_us WHERE weir_answers.created_us < ?6 OR (weir_answers.status "
        "= 0 AND weir_answers.created_us < ?7)"),
    [SQL_ANSWER_GET] = BOTH("SELECT body_sum, status, answer FROM weir_answers WHERE caller = ?1 AND key_hash = ?2"),
    [SQL_ANSWER_PUT] = BOTH("UPDATE weir_answers SET status = ?4, answer = ?5 WHERE caller = ?1 AND key_hash = ?2 AND "
                            "created_us = ?3 AND status = 0"),
    [SQL_ANSWER_DROP] = BOTH("DELETE FROM weir_answers WHERE caller = ?1 AND key_hash = ?2 AND created_us = ?3"),
    [SQL_ANSWER_PURGE] = BOTH("DELETE FROM weir_answers WHERE created_us < ?1 AND created_us < coalesce((SELECT "
                              "created_us FROM weir_answers ORDER BY created_us LIMIT 1 OFFSET ?2), ?1)"),
    [SQL_CATALOGUE_PUT] = BOTH("INSERT INTO weir_catalogues (vendor, body, fetched_us) VALUES (?1, ?2, ?3) "
                               "ON CONFLICT (vendor) DO UPDATE SET body = excluded.body, "
                               "fetched_us = excluded.fetched_us"),
    [SQL_CATALOGUE_GET] = BOTH("SELECT fetched_us, body FROM weir_catalogues WHERE vendor = ?1"),
    [SQL_SERVICE_SECRETS] = BOTH("SELECT id, org_id, service_id, prefix, hash, created_us, expires_us FROM "
                                 "weir_service_secrets WHERE service_id = ?1 ORDER BY id LIMIT ?2"),
    [SQL_SERVICE_SECRET_FIND] = BOTH("SELECT id, org_id, service_id, prefix, hash, created_us, expires_us FROM "
                                     "weir_service_secrets WHERE hash = ?1"),
    [SQL_SERVICE_SECRET_ADD] = BOTH("INSERT INTO weir_service_secrets (id, org_id, service_id, prefix, hash, created_us, "
                                    "expires_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
    [SQL_SERVICE_SECRET_REMOVE] = BOTH("DELETE FROM weir_service_secrets WHERE id = ?1 AND service_id = ?2"),
    [SQL_SERVICE_SECRETS_DROP] = BOTH("DELETE FROM weir_service_secrets WHERE service_id = ?1"),
    [SQL_ENTITY_LIST] = BOTH(ENTITY " ORDER BY kind, position, id"),
    [SQL_ENTITY_GET] = BOTH(ENTITY " WHERE id = ?1 AND kind = ?2"),
    [SQL_ENTITY_PLACE] = BOTH("SELECT coalesce(max(CASE WHEN kind = ?1 THEN position END), 0), count(*) FROM weir_entities"),
    [SQL_ENTITY_INSERT] = BOTH("INSERT INTO weir_entities (id, kind, name, user_name, body, position, version, created_us, changed_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)"),
    [SQL_ENTITY_UPDATE] = BOTH("UPDATE weir_entities SET version = version + 1, name = ?2, user_name = ?3, body = ?4, position = ?5, changed_us = ?6 WHERE id = ?1"),
    [SQL_ENTITY_DELETE] = BOTH("DELETE FROM weir_entities WHERE id = ?1"),
    [SQL_ENTITY_NAMED] = BOTH("SELECT id FROM weir_entities WHERE kind = ?1 AND name = ?2"),
    [SQL_KEY_UNDER_POLICY] = BOTH("SELECT count(*) FROM weir_keys WHERE policy = ?1 AND policy <> ''"),
    [SQL_ENTITY_ERASE] = BOTH("DELETE FROM weir_entities WHERE kind IN ('assignment', 'limit') AND (user_name = ?1 OR name IN (SELECT ?2 || name FROM weir_keys WHERE user_name = ?1))"),
    [SQL_SIGNING_LIST] = BOTH("SELECT id, kid, public_key, sealed, version, created_us, signs_us FROM weir_signing_keys WHERE id > 0 "
                              "ORDER BY id DESC LIMIT ?1"),
    [SQL_SIGNING_ADD] = BOTH("INSERT INTO weir_signing_keys (id, kid, public_key, sealed, version, created_us, signs_us) "
                             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
    [SQL_SIGNING_REMOVE] = BOTH("DELETE FROM weir_signing_keys WHERE id = ?1"),
    [SQL_SIGNING_SEALED] = SEALED("weir_signing_keys", "sealed", "0", "version"),
    [SQL_TOTP_SEALED] = BOTH("SELECT t.user_id, u.org_id, t.version, t.secret FROM weir_totp t JOIN weir_users u ON "
                             "u.id = t.user_id WHERE t.user_id > ?1 ORDER BY t.user_id LIMIT ?2"),
    [SQL_TOTP_RESEAL] = BOTH("UPDATE weir_totp SET secret = ?4 WHERE user_id = ?1 AND version = ?2 AND secret = ?3"),
    [SQL_SIGNING_RESEAL] = RESEAL("weir_signing_keys", "sealed", "version"),
    [SQL_PEOPLE_NEXT_ID] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = ?1 RETURNING value"),
    [SQL_PEOPLE_LOCK] = {"SELECT id FROM weir_organisations WHERE id = ?1",
                         "SELECT id FROM weir_organisations WHERE id = ?1 FOR UPDATE"},
    [SQL_ORGANISATION_INSERT] = BOTH("INSERT INTO weir_organisations (id, version, name, description, timezone, "
                                     "week_start, created_us) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)"),
    [SQL_ORGANISATION_GET] = BOTH(ORGANISATION " WHERE id = ?1"),
    [SQL_ORGANISATION_LIST] = BOTH(ORGANISATION PEOPLE("id", "description") PAGE),
    [SQL_ORGANISATION_UPDATE] = BOTH("UPDATE weir_organisations SET version = version + 1, name = ?2, description = ?3, "
                                     "timezone = ?4, week_start = ?5 WHERE id = ?1"),
    [SQL_ORGANISATION_DELETE] = BOTH("DELETE FROM weir_organisations WHERE id = ?1"),
    [SQL_WORKSPACE_INSERT] = BOTH("INSERT INTO weir_workspaces (id, org_id, version, name, description, created_us) "
                                  "VALUES (?1, ?2, 1, ?3, ?4, ?5)"),
    [SQL_WORKSPACE_GET] = BOTH(WORKSPACE " WHERE id = ?1"),
    [SQL_WORKSPACE_LIST] = BOTH(WORKSPACE PEOPLE("org_id", "description") PAGE),
    [SQL_WORKSPACE_UPDATE] = BOTH("UPDATE weir_workspaces SET version = version + 1, description = ?2 WHERE id = ?1"),
    [SQL_WORKSPACE_DELETE] = BOTH("DELETE FROM weir_workspaces WHERE id = ?1"),
    [SQL_WORKSPACE_CLAIM] = BOTH("INSERT INTO weir_workspace_names (name, org_id) VALUES (?1, ?2) ON CONFLICT (name) DO "
                                 "NOTHING"),
    [SQL_WORKSPACE_CLAIMED] = BOTH("SELECT org_id FROM weir_workspace_names WHERE name = ?1"),
    [SQL_WORKSPACE_KEYS] = BOTH("SELECT id FROM weir_keys WHERE workspace = ?1 LIMIT 1"),
    [SQL_WORKSPACE_CALLS] = BOTH("SELECT start_us FROM weir_usage WHERE level = 2 AND workspace = ?1 "
                                  "ORDER BY start_us LIMIT 1"),
    [SQL_TEAM_INSERT] = BOTH("INSERT INTO weir_teams (id, org_id, version, name, description, created_us) VALUES (?1, "
                             "?2, 1, ?3, ?4, ?5)"),
    [SQL_TEAM_GET] = BOTH(TEAM " WHERE id = ?1"),
    [SQL_TEAM_LIST] = BOTH(TEAM PEOPLE("org_id", "description") PAGE),
    [SQL_TEAM_UPDATE] = BOTH("UPDATE weir_teams SET version = version + 1, name = ?2, description = ?3 WHERE id = ?1"),
    [SQL_TEAM_DELETE] = BOTH("DELETE FROM weir_teams WHERE id = ?1"),
    [SQL_TEAM_JOIN] = BOTH("INSERT INTO weir_team_members (id, team_id, user_id) VALUES (?1, ?2, ?3) ON CONFLICT "
                           "(team_id, user_id) DO NOTHING"),
    [SQL_TEAM_LEAVE] = BOTH("DELETE FROM weir_team_members WHERE team_id = ?1 AND user_id = ?2"),
    [SQL_TEAM_EMPTY] = BOTH("DELETE FROM weir_team_members WHERE team_id = ?1"),
    [SQL_USER_INSERT] = BOTH("INSERT INTO weir_users (id, org_id, version, name, email, external, is_disabled, "
                             "is_invited, created_us, last_seen_us) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, 0)"),
    [SQL_USER_GET] = BOTH(USER " WHERE id = ?1"),
    [SQL_USER_LIST] = BOTH(USER PEOPLE("org_id", "email") USERS_ONLY PAGE),
    [SQL_USER_UPDATE] = BOTH("UPDATE weir_users SET version = version + 1, name = ?2, email = ?3, is_disabled = ?4, "
                             "is_invited = ?5, email_us = ?6 WHERE id = ?1"),
    [SQL_USER_DELETE] = BOTH("DELETE FROM weir_users WHERE id = ?1"),
    [SQL_USER_BY_EMAIL] = BOTH(USER " WHERE email = ?1"),
    [SQL_USER_BY_EXTERNAL] = BOTH(USER " WHERE external = ?1 AND external <> ''"),
    [SQL_USER_SET_EXTERNAL] = BOTH("UPDATE weir_users SET version = version + 1, external = ?2 WHERE id = ?1"),
    [SQL_USER_SEEN] = BOTH("UPDATE weir_users SET last_seen_us = ?2, is_invited = 0 WHERE id = ?1 AND last_seen_us < "
                           "?2"),
    [SQL_USER_LEAVE] = BOTH("DELETE FROM weir_team_members WHERE user_id = ?1"),
    [SQL_SERVICE_INSERT] = BOTH("INSERT INTO weir_services (id, org_id, version, name, description, is_disabled, "
                                "created_us, last_seen_us) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, 0)"),
    [SQL_SERVICE_GET] = BOTH(SERVICE " WHERE id = ?1"),
    [SQL_SERVICE_LIST] = BOTH(SERVICE PEOPLE("org_id", "description") PAGE),
    [SQL_SERVICE_UPDATE] = BOTH("UPDATE weir_services SET version = version + 1, name = ?2, description = ?3, "
                                "is_disabled = ?4 WHERE id = ?1"),
    [SQL_SERVICE_DELETE] = BOTH("DELETE FROM weir_services WHERE id = ?1"),
    [SQL_SERVICE_SEEN] = BOTH("UPDATE weir_services SET last_seen_us = ?2 WHERE id = ?1 AND last_seen_us < ?2"),
    [SQL_ROLE_INSERT] = BOTH("INSERT INTO weir_roles (id, org_id, version, name, permissions, created_us) VALUES (?1, "
                             "?2, 1, ?3, ?4, ?5)"),
    [SQL_ROLE_GET] = BOTH(ROLE " WHERE id = ?1"),
    [SQL_ROLE_LIST] = BOTH(ROLE PEOPLE("org_id", "permissions") PAGE),
    [SQL_ROLE_UPDATE] = BOTH("UPDATE weir_roles SET version = version + 1, name = ?2, permissions = ?3 WHERE id = ?1"),
    [SQL_ROLE_DELETE] = BOTH("DELETE FROM weir_roles WHERE id = ?1"),
    [SQL_GRANT_INSERT] = BOTH("INSERT INTO weir_grants (id, org_id, to_kind, to_id, workspace_id, role, role_id, "
                              "created_us, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
    [SQL_GRANT_FIND] = BOTH("SELECT id FROM weir_grants WHERE to_kind = ?1 AND to_id = ?2 AND workspace_id = ?3 AND "
                            "role = ?4"),
    [SQL_GRANT_GET] = BOTH(GRANT " WHERE id = ?1"),
    [SQL_GRANT_LIST] = BOTH(GRANT " WHERE id > ?1 AND (CAST(?3 AS BIGINT) = 0 OR org_id = ?3) AND (CAST(?4 AS TEXT) = "
                            "'' OR to_kind = ?4) AND (CAST(?5 AS BIGINT) = 0 OR to_id = ?5) AND (CAST(?6 AS TEXT) = '' OR "
                            "role = ?6) AND (CAST(?7 AS BIGINT) = 0 OR workspace_id = ?7)" PAGE),
    [SQL_GRANT_DELETE] = BOTH("DELETE FROM weir_grants WHERE id = ?1"),
    [SQL_GRANTS_TO] = BOTH(GRANT " WHERE to_kind = ?2 AND to_id = ?1"),
    [SQL_GRANTS_IN] = BOTH(GRANT " WHERE workspace_id = ?1"),
    [SQL_GRANTS_OF] = BOTH(GRANT " WHERE role_id = ?1"),
    [SQL_OWNERS] = BOTH("SELECT count(*) FROM weir_grants g JOIN weir_users u ON u.id = g.to_id WHERE " OWNER "'user'"),
    [SQL_OWNERS_BY_TEAM] = BOTH("SELECT count(*) FROM weir_grants g JOIN weir_team_members m ON m.team_id = g.to_id "
                                "JOIN weir_users u ON u.id = m.user_id WHERE " OWNER "'team'"),
    [SQL_RIGHTS] = BOTH(RIGHTS "weir_grants g" RIGHTS_JOINED "g.to_kind = ?2 AND g.to_id = ?1"),
    [SQL_RIGHTS_BY_TEAM] = BOTH(RIGHTS "weir_team_members m JOIN weir_grants g ON g.to_kind = 'team' AND g.to_id = "
                                "m.team_id" RIGHTS_JOINED "m.user_id = ?1"),
    [SQL_COPY_TABLES] = {"SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'weir!_%' ESCAPE '!' "
                         "ORDER BY name",
                         "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND "
                         "tablename LIKE 'weir!_%' ESCAPE '!' ORDER BY tablename"},
    [SQL_COPY_COLUMNS] = {"SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY name COLLATE BINARY",
                          "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(array_position("
                          "string_to_array(i.indkey::text, ' '), a.attnum::text), 0) FROM pg_catalog.pg_attribute a "
                          "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary WHERE "
                          "a.attrelid = to_regclass(?1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname "
                          "COLLATE \"C\""},
    [SQL_BATCH_MAKE] = POSTGRES_ONLY("CREATE TEMPORARY TABLE IF NOT EXISTS weir_batch (LIKE weir_ledger INCLUDING DEFAULTS) ON "
                                     "COMMIT DELETE ROWS"),
    [SQL_BATCH_COPY] = POSTGRES_ONLY("COPY pg_temp.weir_batch (" LEDGER_COLUMNS ") FROM STDIN (FORMAT binary)"),
    [SQL_BATCH_INSERT] = POSTGRES_ONLY("INSERT INTO weir_ledger (" LEDGER_COLUMNS ") SELECT " LEDGER_TOLD ", "
                                       LEDGER_METADATA("provider_metadata") " FROM pg_temp.weir_batch ON CONFLICT (id) DO NOTHING RETURNING id"),
    [SQL_BATCH_BALANCES] = POSTGRES_ONLY(
        "INSERT INTO weir_ledger_balance (" BALANCE_COLUMNS ") SELECT * FROM unnest(?1::bigint[], ?2::bigint[], "
        "?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::bigint[], ?8::bigint[], ?9::bigint[], "
        "?10::bigint[])" ON_BALANCE),
    [SQL_BATCH_SPENDS] = POSTGRES_ONLY("INSERT INTO weir_ledger_spend (" SPEND_COLUMNS ") SELECT * FROM "
                                       "unnest(?1::bigint[], ?2::bigint[], ?3::bigint[])" ON_SPEND),
    [SQL_BATCH_MARKS] = POSTGRES_ONLY("INSERT INTO weir_usage_dirty (minute, changes) SELECT minute, 1 FROM "
                                      "unnest(?1::bigint[]) AS minute" ON_MARK),
};
/* clang-format on */

const char *sql_text(enum sql which, enum sql_dialect dialect) {
  bool is_signin = which >= SQL_SIGNIN_FIRST && which <= SQL_SIGNIN_LAST;
  if (which >= SQL_KEYS_FIRST && which <= SQL_KEYS_LAST)
    return sql_keys_texts[which - SQL_KEYS_FIRST][dialect];
  if (which >= SQL_PEOPLE_SORTED && which <= SQL_PEOPLE_SORTED_LAST)
    return sql_people_texts[which - SQL_PEOPLE_SORTED][dialect];
  if (which >= SQL_CREDENTIALS_FIRST && which <= SQL_CREDENTIALS_LAST)
    return sql_credentials_texts[which - SQL_CREDENTIALS_FIRST][dialect];
  return is_signin ? sql_signin_texts[which - SQL_SIGNIN_FIRST][dialect] : texts[which][dialect];
}

bool sql_is_planned_anew(enum sql which) {
  return which == SQL_LOG || which == SQL_LOG_FAILURES || which == SQL_USAGE_SUMS || which == SQL_ARCHIVE_ROWS ||
         which == SQL_ARCHIVE_USAGE || which == SQL_ARCHIVE_REMOVE;
}
