/* Operations on people for nth_operations.h, and what they find. */
#ifndef TESTS_FAULTS_NTH_PEOPLE_H
#define TESTS_FAULTS_NTH_PEOPLE_H

#include "../unit/store/expect.h"
#include "ports/store_people.h"
#include "store/driver.h"
#include "support/actor.h"

static inline enum err nth_people_exec(struct driver_link *l, void *sql, struct fault *f) {
  return l->driver->exec(l, sql, f);
}

/* Two users, one in a team and with a role; a workspace. Without entries in the audit log, which others count. */
static inline void nth_fill_people(struct store *s) {
  static char sql[] = "INSERT INTO weir_users (id, org_id, version, name, email, external, is_disabled, is_invited, "
                      "created_us, last_seen_us) VALUES (1, 1, 1, 'Ann', 'ann@a.org', 'idp', 0, 0, 5, 0), "
                      "(2, 1, 1, 'Bob', 'bob@a.org', '', 0, 0, 5, 0);"
                      "INSERT INTO weir_teams VALUES (1, 1, 1, 'ops', '', 5);"
                      "INSERT INTO weir_team_members VALUES (1, 1, 1);"
                      "INSERT INTO weir_workspaces VALUES (1, 1, 1, 'lab', '', 5);"
                      "INSERT INTO weir_grants VALUES (1, 1, 'user', 1, 1, 'viewer', 0, 5, '');"
                      "UPDATE weir_sequence SET value = 2 WHERE name IN ('users', 'teams', 'team_members', "
                      "'workspaces', 'grants')";
  EXPECT_OK(driver_run(s, DRIVER_WRITE, false, nth_people_exec, sql, &test_fault));
}

static inline enum err nth_people_create(struct store *s, struct arena *a, struct fault *f) {
  const struct people_row r = {.org_id = 1, .name = TEXT("den"), .created_us = 5};
  int64_t id = 0;
  return s->ops->people->create(s, PEOPLE_WORKSPACE, &r, TEST_ACTOR, &id, f);
}
static inline enum err nth_people_get(struct store *s, struct arena *a, struct fault *f) {
  struct people_row r;
  return s->ops->people->get(s, PEOPLE_USER, 1, 2, a, &r, f);
}
static inline enum err nth_people_list(struct store *s, struct arena *a, struct fault *f) {
  struct people_row *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->people->list(s, PEOPLE_USER, &(struct people_filter){.max = 10}, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 2);
  return e;
}
static inline enum err nth_people_update(struct store *s, struct arena *a, struct fault *f) {
  const struct people_row r = {.id = 2, .org_id = 1, .name = TEXT("Bert"), .text = TEXT("bob@a.org")};
  return s->ops->people->update(s, PEOPLE_USER, &r, 0, TEST_ACTOR, f);
}
static inline enum err nth_people_remove(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->remove(s, PEOPLE_USER, 1, 1, 1, TEST_ACTOR, f);
}
static inline enum err nth_people_find_user(struct store *s, struct arena *a, struct fault *f) {
  struct people_row r;
  return s->ops->people->find_user(s, TEXT("BOB@a.org"), a, &r, f);
}
static inline enum err nth_people_find_external(struct store *s, struct arena *a, struct fault *f) {
  struct people_row r;
  return s->ops->people->find_external(s, TEXT("idp"), a, &r, f);
}
static inline enum err nth_people_set_external(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->set_external(s, 2, TEXT("idp 2"), TEST_ACTOR, f);
}
static inline enum err nth_people_seen(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->seen(s, PEOPLE_USER, 2, 9, f);
}
static inline enum err nth_people_team_put(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->team_put(s, 1, 1, 2, true, TEST_ACTOR, f);
}
static inline enum err nth_people_grant(struct store *s, struct arena *a, struct fault *f) {
  const struct people_grant g = {.org_id = 1, .to = GRANT_TO_TEAM, .to_id = 1, .role = TEXT("member"), .created_us = 5};
  int64_t id = 0;
  return s->ops->people->grant(s, &g, TEST_ACTOR, &id, f);
}
static inline enum err nth_people_revoke(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->revoke(s, 1, 1, TEST_ACTOR, f);
}
static inline enum err nth_people_grants(struct store *s, struct arena *a, struct fault *f) {
  struct people_grant *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->people->grants(s, &(struct grant_filter){.max = 10}, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_people_rights(struct store *s, struct arena *a, struct fault *f) {
  struct people_row who;
  struct people_right *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->people->rights(s, PEOPLE_USER, 1, a, &who, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}

#define NTH_PEOPLE                                                                                                     \
  {"people_create", nth_people_create, .is_once = true}, {"people_get", nth_people_get},                               \
      {"people_list", nth_people_list}, {"people_update", nth_people_update, .is_once = true},                         \
      {"people_remove", nth_people_remove, .is_once = true}, {"people_find_user", nth_people_find_user},               \
      {"people_find_external", nth_people_find_external}, {"people_set_external", nth_people_set_external},            \
      {"people_seen", nth_people_seen}, {"people_team_put", nth_people_team_put, .counts_turns = true},                \
      {"people_grant", nth_people_grant}, {"people_revoke", nth_people_revoke, .is_once = true},                       \
      {"people_grants", nth_people_grants}, {                                                                          \
    "people_rights", nth_people_rights                                                                                 \
  }

#endif
