/* The part of the table of statements that lists people in another order than that of their ids: by name, without
 * regard to case, up and down, and by id down. There is no index for it: a list is as long as an organisation is large,
 * and looked through once a page. Read by sql.c; run by store_people.c. */
#include "store/sql_people.h"

#include "store/sql.h"

/* clang-format off */
/* The same bytes sort the same way in both databases. */
#define KEY(name, collation) "lower(substr(" name ", 1, 100)) COLLATE " collation
/* ?1 the id of the last row before, and `key` its name; 0: from the beginning. `how`: 1 by name, 2 by name down, 3 by
 * id down. */
#define BEHIND(key, how, c)                                                                                            \
  " AND (CAST(?1 AS BIGINT) = 0 OR (CAST(" how " AS BIGINT) = 3 AND id < ?1) OR (" how " = 1 AND (" KEY("name", c)       \
  " > " KEY("CAST(" key " AS TEXT)", c) " OR (" KEY("name", c) " = " KEY("CAST(" key " AS TEXT)", c) " AND id > ?1))) "  \
  "OR (" how " = 2 AND (" KEY("name", c) " < " KEY("CAST(" key " AS TEXT)", c) " OR (" KEY("name", c) " = "              \
  KEY("CAST(" key " AS TEXT)", c) " AND id < ?1)))) ORDER BY CASE WHEN " how " = 1 THEN " KEY("name", c)                 \
  " END, CASE WHEN " how " = 2 THEN " KEY("name", c) " END DESC, CASE WHEN " how " = 1 THEN id END, id DESC LIMIT ?2"
#define SORTED(select, those, key, how)                                                                                \
  {select " WHERE " those BEHIND(key, how, "BINARY"), select " WHERE " those BEHIND(key, how, "\"C\"")}

/* In the order of enum people_kind. */
const char *const sql_people_texts[SQL_PEOPLE_SORTED_LAST - SQL_PEOPLE_SORTED + 1][2] = {
    SORTED(ORGANISATION, THOSE("id", "description"), "?5", "?6"),
    SORTED(WORKSPACE, THOSE("org_id", "description"), "?5", "?6"),
    SORTED(TEAM, THOSE("org_id", "description"), "?5", "?6"),
    SORTED(USER, THOSE("org_id", "email") USERS_ONLY, "?8", "?9"),
    SORTED(SERVICE, THOSE("org_id", "description"), "?5", "?6"),
    SORTED(ROLE, THOSE("org_id", "permissions"), "?5", "?6"),
};
/* clang-format on */
