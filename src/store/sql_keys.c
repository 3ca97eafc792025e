/* The part of the table of statements about stored keys. Read by sql.c; run by store_keys.c, store_key_changes.c,
 * store_key_owners.c and, for an erasure, by store_persons.c. It decides nothing. */
#include "store/sql.h"

/* clang-format off */
#define KEY_COLUMNS                                                                                                    \
  "id, name, prefix, user_name, hash, models, rpm, tpm, concurrency, budget_nano, budget_period, created_us, "         \
  "expires_us, last_used_us, blocked, workspace, policy, org_id, version, routes, allow_ips, cors_origins, "           \
  "owner_user, owner_service"
/* And whether whose it is may not use it now: disabled, or not there any more. */
#define KEYS                                                                                                           \
  KEY_COLUMNS ", CASE WHEN owner_user > 0 THEN coalesce((SELECT u.is_disabled FROM weir_users u WHERE u.id = "          \
  "owner_user), 1) WHEN owner_service > 0 THEN coalesce((SELECT s.is_disabled FROM weir_services s WHERE s.id = "       \
  "owner_service), 1) ELSE 0 END"
#define KEYS_OF(owner) "SELECT " KEYS " FROM weir_keys WHERE " owner " = ?1 AND " owner " > 0 ORDER BY id"
/* The user of an organisation by email, and by number. */
#define OWNER    "SELECT u.id, u.email FROM weir_users u WHERE u.email = ?1 AND u.org_id = ?2"
#define OWNER_IS "SELECT u.id, u.email FROM weir_users u WHERE u.id = ?1 AND u.org_id = ?2"
#define UNLESS_NONE(text, column) "(CAST(" text " AS TEXT) = '' OR " column " = " text ")"
#define UNLESS_ZERO(number, column) "(CAST(" number " AS BIGINT) = 0 OR " column " = " number ")"
/* ?1: after this id; ?2: at most; ?3 to ?7: the organisation, user, workspace, a part of the name, blocked or not; ?8, ?9:
 * the user or service account that owns it; ?10: only without an owner. 0, '' and, of blocked, -1 for any. */
#define KEY_PAGE(FIND, after, order)                                                                                   \
  "SELECT " KEYS " FROM weir_keys WHERE id " after " ?1 AND " UNLESS_ZERO("?3", "org_id") " AND "                      \
  UNLESS_NONE("?4", "user_name") " AND " UNLESS_NONE("?5", "workspace") " AND (CAST(?6 AS TEXT) = '' OR "              \
  FIND "(lower(name), lower(?6)) > 0) AND (CAST(?7 AS BIGINT) = -1 OR blocked = ?7) AND "                              \
  UNLESS_ZERO("?8", "owner_user") " AND " UNLESS_ZERO("?9", "owner_service") " AND (CAST(?10 AS BIGINT) = 0 OR "       \
  "(owner_user = 0 AND owner_service = 0)) ORDER BY id " order " LIMIT ?2"
#define BOTH(sql) {sql, sql}
#define AT(which) (which) - SQL_KEYS_FIRST

const char *const sql_keys_texts[SQL_KEYS_LAST - SQL_KEYS_FIRST + 1][2] = {
    [AT(SQL_KEY_NEXT_ID)] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = 'keys' RETURNING value"),
    [AT(SQL_KEY_INSERT)] = BOTH("INSERT INTO weir_keys (" KEY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                            "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"),
    [AT(SQL_KEY_FIND)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE hash = ?1"),
    [AT(SQL_KEY_FIND_BY_ACCESS_ID)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE substr(hash, 1, 8) = ?1"),
    [AT(SQL_KEY_LIST)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE id > ?1 ORDER BY id LIMIT ?2"),
    /* What a change is made from: nobody else changes it until the transaction ends. */
    [AT(SQL_KEY_LOCK)] = {"SELECT " KEYS " FROM weir_keys WHERE id = ?1",
                      "SELECT " KEYS " FROM weir_keys WHERE id = ?1 FOR UPDATE"},
    [AT(SQL_KEY_BLOCK)] = BOTH("UPDATE weir_keys SET blocked = ?2, version = version + 1 WHERE id = ?1"),
    [AT(SQL_KEY_UPDATE)] = BOTH("UPDATE weir_keys SET name = ?2, user_name = ?3, models = ?4, rpm = ?5, tpm = ?6, "
                            "concurrency = ?7, budget_nano = ?8, budget_period = ?9, expires_us = ?10, blocked = ?11, "
                            "workspace = ?12, policy = ?13, routes = ?14, allow_ips = ?15, cors_origins = ?16, "
                            "owner_user = ?17, owner_service = ?18, "
                            "version = version + 1 WHERE id = ?1"),
    [AT(SQL_KEY_GET)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE id = ?1 AND (CAST(?2 AS BIGINT) = 0 OR org_id = "
                         "?2)"),
    [AT(SQL_KEY_OLDEST)] = {KEY_PAGE("instr", ">", "ASC"), KEY_PAGE("strpos", ">", "ASC")},
    [AT(SQL_KEY_NEWEST)] = {KEY_PAGE("instr", "<", "DESC"), KEY_PAGE("strpos", "<", "DESC")},
    [AT(SQL_KEY_TOUCH)] = BOTH("UPDATE weir_keys SET last_used_us = ?2 WHERE id = ?1 AND last_used_us < ?2"),
    [AT(SQL_KEY_FIND_BY_NAME)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE name = ?1"),
    [AT(SQL_KEY_FIND_OLD)] = BOTH("SELECT " KEYS ", until_us FROM weir_key_old JOIN weir_keys ON id = key_id "
                              "WHERE old_hash = ?1"),
    [AT(SQL_KEY_FIND_OLD_BY_ACCESS_ID)] = BOTH("SELECT " KEYS ", until_us, old_hash FROM weir_key_old JOIN weir_keys "
                                           "ON id = key_id WHERE substr(old_hash, 1, 8) = ?1"),
    [AT(SQL_KEY_ROTATE)] = BOTH("UPDATE weir_keys SET hash = ?2, prefix = ?3, version = version + 1 WHERE id = ?1"),
    [AT(SQL_KEY_DELETE)] = BOTH("DELETE FROM weir_keys WHERE id = ?1"),
    [AT(SQL_KEY_OLD_ADD)] = BOTH("INSERT INTO weir_key_old (old_hash, key_id, until_us) VALUES (?1, ?2, ?3)"),
    [AT(SQL_KEY_OLD_END)] = BOTH("UPDATE weir_key_old SET until_us = ?2 WHERE key_id = ?1 AND until_us > ?2"),
    [AT(SQL_KEY_OLD_DROP)] = BOTH("DELETE FROM weir_key_old WHERE key_id = ?1"),
    [AT(SQL_KEY_OLD_FORGET)] = BOTH("DELETE FROM weir_key_old WHERE until_us < ?1"),
    [AT(SQL_KEY_EXPIRED)] = BOTH("SELECT id FROM weir_keys WHERE expires_us > 0 AND expired_us <> expires_us "
                             "AND expires_us <= ?1 ORDER BY expires_us LIMIT ?2"),
    [AT(SQL_KEY_NOTE_EXPIRED)] = BOTH("UPDATE weir_keys SET expired_us = expires_us WHERE id = ?1 "
                                  "AND expired_us <> expires_us"),
    [AT(SQL_PERSON_KEYS)] = BOTH("SELECT " KEYS " FROM weir_keys WHERE user_name = ?1 AND id > ?2 ORDER BY id "
                             "LIMIT ?3"),
    [AT(SQL_KEY_OWNER)] = {OWNER, OWNER " FOR SHARE OF u"},
    [AT(SQL_KEY_OWNER_IS)] = {OWNER_IS, OWNER_IS " FOR SHARE OF u"},
    /* Those of a user, or of a service account, locked in the order of their ids. */
    [AT(SQL_KEYS_OF_USER)] = {KEYS_OF("owner_user"), KEYS_OF("owner_user") " FOR UPDATE OF weir_keys"},
    [AT(SQL_KEYS_OF_SERVICE)] = {KEYS_OF("owner_service"), KEYS_OF("owner_service") " FOR UPDATE OF weir_keys"},
    [AT(SQL_KEY_RENAME_USER)] = BOTH("UPDATE weir_keys SET user_name = ?2, version = version + 1 WHERE id = ?1"),
    /* Keys that are made meanwhile look at their owner first, and wait until the transaction ends. */
    [AT(SQL_USER_HOLD)] = {"SELECT id FROM weir_users WHERE id = ?1", "SELECT id FROM weir_users WHERE id = ?1 FOR UPDATE"},
};
/* clang-format on */
