/* What the statements about people are made of: the columns of each kind, and which rows a list has. For sql.c and
 * sql_people.c alone. */
#ifndef STORE_SQL_PEOPLE_H
#define STORE_SQL_PEOPLE_H

/* clang-format off */
/* What every kind of people_row gives, in the order of its members. */
#define ORGANISATION "SELECT id, id, version, name, description, '', timezone, week_start, 0, 0, created_us, 0, 0 FROM weir_organisations"
#define WORKSPACE "SELECT id, org_id, version, name, description, '', '', '', 0, 0, created_us, 0, 0 FROM weir_workspaces"
#define TEAM      "SELECT id, org_id, version, name, description, '', '', '', 0, 0, created_us, 0, 0 FROM weir_teams"
#define USER                                                                                                           \
  "SELECT id, org_id, version, name, email, external, '', '', is_disabled, is_invited, created_us, last_seen_us, "  \
  "email_us FROM weir_users"
#define SERVICE                                                                                                        \
  "SELECT id, org_id, version, name, description, '', '', '', is_disabled, 0, created_us, last_seen_us, 0 FROM "           \
  "weir_services"
#define ROLE  "SELECT id, org_id, version, name, permissions, '', '', '', 0, 0, created_us, 0, 0 FROM weir_roles"
/* A page of one kind: ?1 above this id, ?2 at most, ?3 of this organisation, ?4 with this in one of two columns. */
#define HAS(column) "replace(lower(" column "), lower(?4), '') <> lower(" column ")"
#define THOSE(org, text)                                                                                               \
  "(CAST(?3 AS BIGINT) = 0 OR " org " = ?3) AND (CAST(?4 AS TEXT) = '' OR " HAS("name") " OR " HAS(text) ")"
#define PEOPLE(org, text) " WHERE id > ?1 AND " THOSE(org, text)
/* Of users: ?5 in this team, ?6 disabled (1), not (0) or either (-1), ?7 with this role given to them. */
#define USERS_ONLY                                                                                                     \
  " AND (CAST(?5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM weir_team_members m WHERE m.team_id = ?5 AND m.user_id = "     \
  "weir_users.id)) AND (CAST(?6 AS BIGINT) < 0 OR is_disabled = ?6) AND (CAST(?7 AS TEXT) = '' OR EXISTS (SELECT 1 "    \
  "FROM weir_grants g WHERE g.to_kind = 'user' AND g.to_id = weir_users.id AND g.role = ?7))"
/* clang-format on */

#endif
