/* The part of the table of statements about signing in: passwords, second factors, sessions, links, attempts. Read by
 * sql.c; run by store_signin.c, store_sessions.c and store_attempts.c. */
#include "store/sql.h"

/* clang-format off */
#define SESSION_COLUMNS                                                                                                \
  "id, user_id, org_id, refresh, refresh_before, created_us, rotated_us, expires_us, ended_us, way, address, agent"
#define BOTH(sql) {sql, sql}
#define AT(which) (which) - SQL_SIGNIN_FIRST

const char *const sql_signin_texts[SQL_SIGNIN_LAST - SQL_SIGNIN_FIRST + 1][2] = {
    [AT(SQL_PASSWORD_GET)] = BOTH("SELECT hash FROM weir_passwords WHERE user_id = ?1"),
    [AT(SQL_PASSWORD_CHANGED)] = BOTH("SELECT changed_us FROM weir_passwords WHERE user_id = ?1"),
    [AT(SQL_USER_ORG)] = BOTH("SELECT org_id FROM weir_users WHERE id = ?1"),
    [AT(SQL_PASSWORD_PUT)] = BOTH("INSERT INTO weir_passwords (user_id, hash, changed_us) VALUES (?1, ?2, ?3) ON CONFLICT "
                              "(user_id) DO UPDATE SET hash = excluded.hash, changed_us = excluded.changed_us"),
    [AT(SQL_PASSWORD_UPGRADE)] = BOTH("UPDATE weir_passwords SET hash = ?3 WHERE user_id = ?1 AND hash = ?2"),
    [AT(SQL_PASSWORD_DROP)] = BOTH("DELETE FROM weir_passwords WHERE user_id = ?1"),
    [AT(SQL_TOTP_GET)] = BOTH("SELECT version, secret, confirmed_us, last_step FROM weir_totp WHERE user_id = ?1"),
    [AT(SQL_TOTP_PUT)] = BOTH("INSERT INTO weir_totp (user_id, version, secret, confirmed_us, last_step) VALUES (?1, ?2, "
                          "?3, 0, 0) ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, secret = "
                          "excluded.secret, last_step = 0 WHERE weir_totp.confirmed_us = 0"),
    [AT(SQL_TOTP_CONFIRM)] = BOTH("UPDATE weir_totp SET confirmed_us = ?3, last_step = ?4 WHERE user_id = ?1 AND "
                              "version = ?2 AND confirmed_us = 0"),
    [AT(SQL_TOTP_STEP)] = BOTH("UPDATE weir_totp SET last_step = ?2 WHERE user_id = ?1 AND last_step < ?2"),
    [AT(SQL_TOTP_DROP)] = BOTH("DELETE FROM weir_totp WHERE user_id = ?1"),
    [AT(SQL_RECOVERY_ADD)] = BOTH("INSERT INTO weir_recovery_codes (user_id, hash, used_us) VALUES (?1, ?2, 0)"),
    [AT(SQL_RECOVERY_USE)] = BOTH("UPDATE weir_recovery_codes SET used_us = ?3 WHERE user_id = ?1 AND hash = ?2 AND "
                              "used_us = 0"),
    [AT(SQL_RECOVERY_LEFT)] = BOTH("SELECT count(*) FROM weir_recovery_codes WHERE user_id = ?1 AND used_us = 0"),
    [AT(SQL_RECOVERY_DROP)] = BOTH("DELETE FROM weir_recovery_codes WHERE user_id = ?1"),
    [AT(SQL_SESSION_NEXT_ID)] = BOTH("UPDATE weir_sequence SET value = value + 1 WHERE name = 'sessions' RETURNING value"),
    [AT(SQL_SESSION_ADD)] = BOTH("INSERT INTO weir_sessions (" SESSION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, ?6, "
                             "0, ?7, ?8, ?9)"),
    [AT(SQL_SESSION_GET)] = BOTH("SELECT " SESSION_COLUMNS " FROM weir_sessions WHERE id = ?1"),
    [AT(SQL_SESSION_LOCK)] = {"SELECT " SESSION_COLUMNS " FROM weir_sessions WHERE id = ?1",
                          "SELECT " SESSION_COLUMNS " FROM weir_sessions WHERE id = ?1 FOR UPDATE"},
    [AT(SQL_SESSION_LIST)] = BOTH("SELECT " SESSION_COLUMNS " FROM weir_sessions WHERE user_id = ?1 AND ended_us = 0 AND "
                              "expires_us > ?2 ORDER BY id DESC LIMIT ?3"),
    [AT(SQL_SESSION_PAGE)] = BOTH("SELECT " SESSION_COLUMNS " FROM weir_sessions WHERE id < ?1 AND ended_us = 0 AND "
                              "expires_us > ?2 AND (CAST(?3 AS BIGINT) = 0 OR org_id = ?3) AND (CAST(?4 AS BIGINT) = 0 "
                              "OR user_id = ?4) ORDER BY id DESC LIMIT ?5"),
    [AT(SQL_SESSION_ROTATE)] = BOTH("UPDATE weir_sessions SET refresh_before = refresh, refresh = ?2, rotated_us = ?3 "
                                "WHERE id = ?1"),
    [AT(SQL_SESSION_END)] = BOTH("UPDATE weir_sessions SET ended_us = ?2 WHERE id = ?1 AND ended_us = 0 AND "
                             "(CAST(?3 AS BIGINT) = 0 OR user_id = ?3)"),
    [AT(SQL_SESSION_END_ALL)] = BOTH("UPDATE weir_sessions SET ended_us = ?3 WHERE user_id = ?1 AND id <> ?2 AND "
                                 "ended_us = 0"),
    [AT(SQL_SESSION_DROP)] = BOTH("DELETE FROM weir_sessions WHERE user_id = ?1"),
    [AT(SQL_SESSION_PURGE)] = BOTH("DELETE FROM weir_sessions WHERE id IN (SELECT id FROM weir_sessions WHERE "
                               "expires_us < ?1 ORDER BY expires_us LIMIT ?2)"),
    [AT(SQL_LINK_ADD)] = BOTH("INSERT INTO weir_links (hash, kind, user_id, created_us, expires_us) VALUES (?1, ?2, ?3, "
                          "?4, ?5)"),
    [AT(SQL_LINK_FIND)] = BOTH("SELECT user_id FROM weir_links WHERE hash = ?1 AND kind = ?2 AND expires_us > ?3"),
    [AT(SQL_LINK_TAKE)] = BOTH("DELETE FROM weir_links WHERE user_id = ?1 AND kind = ?2 RETURNING hash, expires_us"),
    [AT(SQL_LINK_DROP)] = BOTH("DELETE FROM weir_links WHERE user_id = ?1"),
    [AT(SQL_LINK_DROP_OLD)] = BOTH("DELETE FROM weir_links WHERE user_id = ?1 AND kind = ?2 AND created_us < ?3"),
    [AT(SQL_LINK_PURGE)] = BOTH("DELETE FROM weir_links WHERE hash IN (SELECT hash FROM weir_links WHERE expires_us < ?1 "
                            "ORDER BY expires_us LIMIT ?2)"),
    [AT(SQL_ATTEMPTS_GET)] = BOTH("SELECT failures, last_us, known_us FROM weir_attempts WHERE scope = ?1"),
    [AT(SQL_ATTEMPTS_ADD)] = BOTH("INSERT INTO weir_attempts (scope, failures, last_us, known_us) VALUES (?1, ?2, ?3, ?4) "
                              "ON CONFLICT (scope) DO NOTHING"),
    [AT(SQL_ATTEMPTS_PUT)] = BOTH("UPDATE weir_attempts SET failures = ?2, last_us = ?3, known_us = ?4 WHERE scope = ?1 "
                              "AND failures = ?5 AND last_us = ?6 AND known_us = ?7"),
    [AT(SQL_ATTEMPTS_PURGE)] = BOTH("DELETE FROM weir_attempts WHERE scope IN (SELECT scope FROM weir_attempts WHERE "
                                "last_us < ?1 ORDER BY last_us LIMIT ?2)"),
};
/* clang-format on */
