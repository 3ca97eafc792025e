/* Every statement of the store, written once in the SQL that SQLite and PostgreSQL share. Parameters are ?1, ?2, ...;
 * the PostgreSQL driver writes them its way. Few statements exist for one database only; the table says which. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>

enum sql {
  SQL_SCHEMA_EXISTS,
  SQL_SCHEMA_VERSION,
  SQL_SCHEMA_SAYS_WHO, /* 1 when the history has the column `compatible`; one of before has not */
  SQL_SCHEMA_HISTORY,
  SQL_SCHEMA_HISTORY_FIRST, /* of that one */
  SQL_SCHEMA_ADD,
  SQL_SCHEMA_REMOVE,
  /* Of keys; OLDEST and NEWEST: a page of those that a filter lets through. */
  /* clang-format off */
  SQL_KEY_NEXT_ID, SQL_KEY_INSERT, SQL_KEY_FIND, SQL_KEY_FIND_BY_ACCESS_ID, SQL_KEY_LIST, SQL_KEY_LOCK,
  SQL_KEY_BLOCK, SQL_KEY_UPDATE, SQL_KEY_GET, SQL_KEY_OLDEST, SQL_KEY_NEWEST, SQL_KEY_TOUCH, SQL_KEY_FIND_BY_NAME,
  SQL_KEY_FIND_OLD, SQL_KEY_FIND_OLD_BY_ACCESS_ID, SQL_KEY_ROTATE, SQL_KEY_DELETE, SQL_KEY_OLD_ADD, SQL_KEY_OLD_END,
  SQL_KEY_OLD_DROP, SQL_KEY_OLD_FORGET, SQL_KEY_EXPIRED, SQL_KEY_NOTE_EXPIRED, SQL_PERSON_KEYS, SQL_KEY_OWNER,
  SQL_KEY_OWNER_IS, SQL_KEYS_OF_USER, SQL_KEYS_OF_SERVICE, SQL_KEY_RENAME_USER, SQL_USER_HOLD,
  /* clang-format on */
  SQL_JOB_NEXT_ID,
  SQL_JOB_FULL,
  SQL_JOB_INSERT,
  SQL_JOB_DUE,
  SQL_JOB_CLAIM,
  SQL_JOB_RENEW,
  SQL_JOB_FINISH,
  SQL_JOB_RELEASE,
  SQL_JOB_BURY,
  SQL_JOB_CANCEL,
  SQL_JOB_RETRY,
  SQL_JOB_GET,
  SQL_JOB_LIST,
  SQL_JOB_COUNTS,
  SQL_JOB_DEAD,
  SQL_JOB_PURGE,
  SQL_AUDIT_NEXT,
  SQL_AUDIT_INSERT,
  SQL_AUDIT_SET_END,
  SQL_AUDIT_END,
  SQL_AUDIT_LOCK,
  SQL_AUDIT_LIST,
  SQL_AUDIT_LIST_SUBJECT,
  SQL_AUDIT_PAGE,
  SQL_AUDIT_DELETE,
  SQL_AUDIT_REDACT,
  SQL_ERASED_LIST,
  SQL_ERASED_ADD,
  SQL_ERASED_FORGET,
  SQL_PERSON_REACH,
  SQL_PERSON_LEDGER,
  SQL_PERSON_USAGE_REACH,
  SQL_PERSON_USAGE,
  SQL_PERSON_USAGE_CLEAR,
  SQL_PERSON_STRETCHES,
  SQL_SCHEDULE_PUT,
  SQL_SCHEDULE_DROP,
  SQL_SCHEDULE_LIST,
  SQL_SCHEDULE_MOVE,
  SQL_SCHEDULE_NOTE,
  SQL_LEDGER_INSERT,
  SQL_LEDGER_BALANCE,
  SQL_LEDGER_SPEND,
  SQL_LEDGER_MOVE,
  SQL_LEDGER_POSITION,
  SQL_LEDGER_FORGET,
  SQL_LEDGER_LIST,
  SQL_LOG,                  /* the request log: all of it */
  SQL_LOG_FAILURES,         /* what did not end well */
  SQL_LOG_STRETCH,          /* the same of a short stretch, planned once for all */
  SQL_LOG_STRETCH_FAILURES, /* likewise */
  SQL_STRETCHES,            /* of a subject, newest first */
  SQL_STRETCHES_MARKED,     /* minutes whose stretches are not all there, newest first */
  SQL_STRETCHES_OPEN,       /* likewise quarters */
  SQL_STRETCHES_CLEAR,
  SQL_STRETCHES_MAKE,
  SQL_STRETCHES_MAKE_FAILURES,
  SQL_USAGE_MARK, /* a minute whose rows changed */
  SQL_USAGE_LOCK, /* one adds up at a time */
  SQL_USAGE_ZONE, /* of the days */
  SQL_USAGE_ZONE_CLEAR,
  SQL_USAGE_ZONE_SET,
  SQL_USAGE_DAYS_CLEAR,
  SQL_USAGE_MARK_ALL, /* every quarter that has sums */
  SQL_USAGE_MARKS,
  SQL_USAGE_UNMARK, /* unless it changed again */
  SQL_USAGE_CLEAR,  /* the sums of one stretch */
  SQL_USAGE_FROM_ROWS,
  SQL_USAGE_FROM_SUMS,
  SQL_USAGE_IS_OPEN_QUARTER, /* a row when a sum of it is not complete */
  SQL_USAGE_CLOSE_QUARTER,   /* its sums are complete */
  SQL_USAGE_IS_OPEN_DAY,     /* likewise of the days of a stretch */
  SQL_USAGE_OPEN_DAYS,
  SQL_USAGE_CLOSE_DAY,
  SQL_USAGE_CLEAR_PARTS, /* the levels made from days, of a stretch */
  SQL_USAGE_WHOM,        /* make one: by key, user and workspace */
  SQL_USAGE_WHAT,        /* by provider, model and outcome */
  SQL_USAGE_CLEAR_STALE, /* of days that are no more */
  SQL_USAGE_DIFFERENCE,  /* of days and balances, when nothing is marked */
  SQL_USAGE_MARK_WRONG,
  SQL_USAGE_SUMS,
  SQL_ARCHIVES,
  SQL_ARCHIVE_ROWS,  /* the oldest */
  SQL_ARCHIVE_SUM,   /* of a key */
  SQL_ARCHIVE_USAGE, /* quarters of what leaves */
  SQL_ARCHIVE_REMOVE,
  SQL_ARCHIVE_CLEAR, /* minutes and quarters of what has left */
  SQL_ARCHIVE_ENTER,
  SQL_ARCHIVE_REPLACE, /* a file that was written anew, for the one it was made of */
  SQL_ARCHIVED,        /* the sums of keys, as SQL_LEDGER_BALANCES */
  /* clang-format off */
  SQL_PERSON_JOBS, SQL_PERSON_JOB, /* a page of all; one loses the name */
  SQL_LEDGER_SPENT, SQL_LEDGER_SPENT_ROWS, SQL_LEDGER_SUMS, SQL_LEDGER_BALANCES, SQL_LEDGER_SPENDS,
  SQL_NOW, /* the database's clock, microseconds since 1970 */
  SQL_REPLICA_TURN, SQL_REPLICA_LIST, SQL_REPLICA_CLAIM, SQL_REPLICA_RENEW, SQL_REPLICA_RELEASE, SQL_META_ADD,
  SQL_META_FIND, SQL_META_SET, SQL_EVENT_NEXT_ID, SQL_EVENT_ADD, SQL_EVENT_NEWEST, SQL_EVENT_LIST, SQL_EVENT_PURGE,
  SQL_ANSWER_TAKE, SQL_ANSWER_GET, SQL_ANSWER_PUT, SQL_ANSWER_DROP, SQL_ANSWER_PURGE, SQL_CATALOGUE_PUT, SQL_CATALOGUE_GET,
  /* secrets of service accounts, the last of all of an account; keys that sign tokens, and what is sealed in them */
  SQL_SERVICE_SECRETS, SQL_SERVICE_SECRET_FIND, SQL_SERVICE_SECRET_ADD, SQL_SERVICE_SECRET_REMOVE, SQL_SERVICE_SECRETS_DROP,
  SQL_SIGNING_LIST, SQL_SIGNING_ADD, SQL_SIGNING_REMOVE, SQL_SIGNING_SEALED, SQL_SIGNING_RESEAL, SQL_TOTP_SEALED,
  SQL_TOTP_RESEAL, SQL_AUDIT_LIST_ORG, SQL_ENTITY_LIST, SQL_ENTITY_GET, SQL_ENTITY_PLACE, SQL_ENTITY_INSERT, SQL_ENTITY_UPDATE,
  SQL_ENTITY_DELETE, SQL_ENTITY_ERASE, SQL_ENTITY_NAMED, SQL_KEY_UNDER_POLICY,
  /* people: an organisation is locked while anything in it changes; a workspace's name is an organisation's for ever */
  SQL_PEOPLE_NEXT_ID, SQL_PEOPLE_LOCK, SQL_ORGANISATION_INSERT, SQL_ORGANISATION_GET, SQL_ORGANISATION_LIST,
  SQL_ORGANISATION_UPDATE, SQL_ORGANISATION_DELETE, SQL_WORKSPACE_INSERT, SQL_WORKSPACE_GET, SQL_WORKSPACE_LIST,
  SQL_WORKSPACE_UPDATE, SQL_WORKSPACE_DELETE, SQL_WORKSPACE_CLAIM, SQL_WORKSPACE_CLAIMED, SQL_WORKSPACE_KEYS, SQL_WORKSPACE_CALLS,
  SQL_TEAM_INSERT, SQL_TEAM_GET, SQL_TEAM_LIST, SQL_TEAM_UPDATE, SQL_TEAM_DELETE,
  SQL_TEAM_JOIN, SQL_TEAM_LEAVE, SQL_TEAM_EMPTY,
  SQL_USER_INSERT, SQL_USER_GET, SQL_USER_LIST, SQL_USER_UPDATE, SQL_USER_DELETE,
  SQL_USER_BY_EMAIL, SQL_USER_BY_EXTERNAL, SQL_USER_SET_EXTERNAL, SQL_USER_SEEN, SQL_USER_LEAVE,
  SQL_SERVICE_INSERT, SQL_SERVICE_GET, SQL_SERVICE_LIST, SQL_SERVICE_UPDATE, SQL_SERVICE_DELETE, SQL_SERVICE_SEEN,
  SQL_ROLE_INSERT, SQL_ROLE_GET, SQL_ROLE_LIST, SQL_ROLE_UPDATE, SQL_ROLE_DELETE,
  SQL_GRANT_INSERT, SQL_GRANT_FIND, SQL_GRANT_GET, SQL_GRANT_LIST, SQL_GRANT_DELETE,
  SQL_GRANTS_TO, SQL_GRANTS_IN, SQL_GRANTS_OF,
  SQL_OWNERS, SQL_OWNERS_BY_TEAM, SQL_RIGHTS, SQL_RIGHTS_BY_TEAM,
  /* signing in */
  SQL_PASSWORD_GET, SQL_PASSWORD_CHANGED, SQL_USER_ORG, SQL_PASSWORD_PUT, SQL_PASSWORD_UPGRADE, SQL_PASSWORD_DROP, SQL_TOTP_GET, SQL_TOTP_PUT,
  SQL_TOTP_CONFIRM, SQL_TOTP_STEP, SQL_TOTP_DROP, SQL_RECOVERY_ADD, SQL_RECOVERY_USE, SQL_RECOVERY_LEFT,
  SQL_RECOVERY_DROP, SQL_SESSION_NEXT_ID, SQL_SESSION_ADD, SQL_SESSION_GET, SQL_SESSION_LOCK, SQL_SESSION_LIST, SQL_SESSION_PAGE,
  SQL_SESSION_ROTATE, SQL_SESSION_END, SQL_SESSION_END_ALL, SQL_SESSION_DROP, SQL_SESSION_PURGE, SQL_LINK_ADD,
  SQL_LINK_FIND, SQL_LINK_TAKE, SQL_LINK_DROP, SQL_LINK_DROP_OLD, SQL_LINK_PURGE, SQL_ATTEMPTS_GET,
  SQL_ATTEMPTS_ADD, SQL_ATTEMPTS_PUT, SQL_ATTEMPTS_PURGE,
  SQL_CREDENTIALS /* of providers */, SQL_CREDENTIAL_GET, SQL_CREDENTIAL_LOCK, SQL_CREDENTIAL_FULL, SQL_CREDENTIAL_OF, SQL_CREDENTIAL_ADD,
  SQL_CREDENTIAL_CHANGE, SQL_CREDENTIAL_REMOVE, SQL_CREDENTIAL_SEALED, SQL_CREDENTIAL_RESEAL,
  SQL_PEOPLE_SORTED /* of each kind, in the order of enum people_kind */, SQL_PEOPLE_SORTED_LAST = SQL_PEOPLE_SORTED + 5,
  /* clang-format on */
  SQL_COPY_TABLES,    /* Weir's tables that are there */
  SQL_COPY_COLUMNS,   /* of one table: name, type, place in the primary key or 0; by name */
  SQL_BATCH_MAKE,     /* PostgreSQL: the temporary table that rows are copied into */
  SQL_BATCH_COPY,     /* PostgreSQL: fills it */
  SQL_BATCH_INSERT,   /* PostgreSQL: its rows into the ledger; yields the ids that were new */
  SQL_BATCH_BALANCES, /* PostgreSQL: many sums at once, each column an array */
  SQL_BATCH_SPENDS,
  SQL_EVENT_RING, /* PostgreSQL: with the commit */
  SQL_BATCH_MARKS,
  SQL_COUNT
};

enum sql_dialect { SQL_SQLITE, SQL_POSTGRES };

#define SQL_LEDGER_COLUMNS    42 /* of a ledger row, as SQL_LEDGER_INSERT takes them and SQL_LEDGER_LIST gives them */
#define SQL_BALANCE_COLUMNS   10
#define SQL_SPEND_COLUMNS     3
#define SQL_USAGE_SUMS_AT     8  /* the first sum's column in SQL_USAGE_SUMS */
#define SQL_USAGE_COUNTS      14 /* sums of one row of it */
#define SQL_PARAMETERS_MAX    SQL_LEDGER_COLUMNS

#define SQL_KEYS_FIRST        SQL_KEY_NEXT_ID
#define SQL_KEYS_LAST         SQL_USER_HOLD
#define SQL_SIGNIN_FIRST      SQL_PASSWORD_GET
#define SQL_SIGNIN_LAST       SQL_ATTEMPTS_PURGE
#define SQL_CREDENTIALS_FIRST SQL_CREDENTIALS
#define SQL_CREDENTIALS_LAST  SQL_CREDENTIAL_RESEAL
/* The texts of these, for sql_text alone (sql_keys.c, sql_signin.c, sql_credentials.c, sql_people.c). */
extern const char *const sql_keys_texts[][2], *const sql_signin_texts[][2], *const sql_credentials_texts[][2],
                                                                                *const sql_people_texts[][2];

/* NULL when the dialect has no such statement. */
const char *sql_text(enum sql which, enum sql_dialect dialect);
/* Statements whose best plan depends on the values: how far back, how many, how common. PostgreSQL is to plan them each
 * time they run instead of once for all values. */
bool sql_is_planned_anew(enum sql which);

#endif
