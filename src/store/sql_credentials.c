/* The part of the table of statements about credentials of providers. Read by sql.c; run by store_credentials.c and,
 * for another master key, by store_sealed.c. It decides nothing. */
#include "store/sql.h"

/* clang-format off */
#define COLUMNS                                                                                                        \
  "id, version, provider, name, workspace, kind, last4, sealed, sealed_version, weight, active, created_us, changed_us"
#define BOTH(sql) {sql, sql}
#define AT(which) (which) - SQL_CREDENTIALS_FIRST

const char *const sql_credentials_texts[SQL_CREDENTIALS_LAST - SQL_CREDENTIALS_FIRST + 1][2] = {
    [AT(SQL_CREDENTIALS)] = BOTH("SELECT " COLUMNS " FROM weir_credentials WHERE id > ?1 ORDER BY id LIMIT ?2"),
    [AT(SQL_CREDENTIAL_GET)] = BOTH("SELECT " COLUMNS " FROM weir_credentials WHERE id = ?1"),
    [AT(SQL_CREDENTIAL_LOCK)] = {"SELECT " COLUMNS " FROM weir_credentials WHERE id = ?1",
                                 "SELECT " COLUMNS " FROM weir_credentials WHERE id = ?1 FOR UPDATE"},
    [AT(SQL_CREDENTIAL_FULL)] = BOTH("SELECT id FROM weir_credentials WHERE id > 0 ORDER BY id LIMIT 1 OFFSET ?1"),
    [AT(SQL_CREDENTIAL_OF)] = BOTH("SELECT id FROM weir_credentials WHERE provider = ?1 LIMIT 1"),
    [AT(SQL_CREDENTIAL_ADD)] = BOTH("INSERT INTO weir_credentials (id, org_id, version, provider, name, workspace, kind, "
                                    "last4, sealed, sealed_version, weight, active, created_us, changed_us) VALUES (?1, "
                                    "?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)"),
    [AT(SQL_CREDENTIAL_CHANGE)] = BOTH("UPDATE weir_credentials SET version = version + 1, name = ?2, workspace = ?3, "
                                       "last4 = ?4, sealed = ?5, sealed_version = ?6, weight = ?7, active = ?8, "
                                       "changed_us = ?9 WHERE id = ?1"),
    [AT(SQL_CREDENTIAL_REMOVE)] = BOTH("DELETE FROM weir_credentials WHERE id = ?1"),
    [AT(SQL_CREDENTIAL_SEALED)] = BOTH("SELECT id, org_id, sealed_version, sealed FROM weir_credentials WHERE id > ?1 "
                                       "ORDER BY id LIMIT ?2"),
    [AT(SQL_CREDENTIAL_RESEAL)] = BOTH("UPDATE weir_credentials SET sealed = ?4 WHERE id = ?1 AND sealed_version = ?2 "
                                       "AND sealed = ?3"),
};
/* clang-format on */
