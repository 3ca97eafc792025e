/* Operations about what the control API keeps in the store: credentials of providers, entries of the configuration, and
 * what identity providers say of people; for the table in nth_operations.h. */
#ifndef TESTS_FAULTS_NTH_STORED_H
#define TESTS_FAULTS_NTH_STORED_H

#include "../unit/store/expect.h"
#include "ports/store_credentials.h"
#include "ports/store_entities.h"
#include "ports/store_people.h"
#include "ports/store_signin.h"
#include "support/actor.h"

static inline struct store_credential nth_credential(int64_t id, const char *name) {
  return (struct store_credential){.id = id,
                                   .version = 1,
                                   .provider = TEXT("p"),
                                   .name = text_of(name),
                                   .kind = TEXT("api_key"),
                                   .last4 = TEXT("0001"),
                                   .sealed = TEXT("sealed"),
                                   .sealed_version = 1,
                                   .weight = 1,
                                   .is_active = true,
                                   .created_us = 5,
                                   .changed_us = 5};
}

static inline struct store_entity nth_entity(const char *name) {
  return (struct store_entity){.kind = TEXT("provider"),
                               .name = text_of(name),
                               .body = TEXT("{\"name\":\"x\"}"),
                               .created_us = 5,
                               .changed_us = 5};
}

/* One of each, with the id 1. */
static inline void nth_fill_stored(struct store *s) {
  struct store_credential c = nth_credential(0, "main");
  const struct store_entity e = nth_entity("here");
  int64_t id = 0;
  EXPECT_OK(s->ops->credentials->number(s, &c.id, &test_fault));
  EXPECT_OK(s->ops->credentials->add(s, &c, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->create(s, &e, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(c.id, 1);
  assert_int_equal(id, 1);
}

static inline enum err nth_credential_number(struct store *s, struct arena *a, struct fault *f) {
  int64_t id = 0;
  return s->ops->credentials->number(s, &id, f);
}
static inline enum err nth_credential_add(struct store *s, struct arena *a, struct fault *f) {
  const struct store_credential c = nth_credential(2, "second");
  return s->ops->credentials->add(s, &c, TEST_ACTOR, f);
}
static inline enum err nth_credential_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_credential *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->credentials->list(s, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_credential_get(struct store *s, struct arena *a, struct fault *f) {
  struct store_credential c;
  return s->ops->credentials->get(s, 1, a, &c, f);
}
static inline enum err nth_credential_change(struct store *s, struct arena *a, struct fault *f) {
  const struct store_credential c = nth_credential(1, "other");
  return s->ops->credentials->change(s, &c, 1, TEST_ACTOR, f);
}
static inline enum err nth_credential_remove(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->credentials->remove(s, 1, 1, TEST_ACTOR, f);
}

static inline enum err nth_entity_list(struct store *s, struct arena *a, struct fault *f) {
  struct store_entity *rows = NULL;
  size_t count = 0;
  enum err e = s->ops->entities->list(s, a, &rows, &count, f);
  if (!e)
    assert_int_equal(count, 1);
  return e;
}
static inline enum err nth_entity_create(struct store *s, struct arena *a, struct fault *f) {
  const struct store_entity e = nth_entity("new");
  int64_t id = 0;
  return s->ops->entities->create(s, &e, TEST_ACTOR, &id, f);
}
static inline enum err nth_entity_update(struct store *s, struct arena *a, struct fault *f) {
  struct store_entity e = nth_entity("renamed");
  e.id = e.position = 1;
  return s->ops->entities->update(s, &e, 1, TEST_ACTOR, f);
}
static inline enum err nth_entity_remove(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->entities->remove(s, TEXT("provider"), 1, 1, TEST_ACTOR, f);
}

static inline enum err nth_people_follow(struct store *s, struct arena *a, struct fault *f) {
  return s->ops->people->follow(s, 2, TEXT("viewer"), TEXT("oidc:idp"), TEST_ACTOR, f);
}
static inline enum err nth_people_workspace_org(struct store *s, struct arena *a, struct fault *f) {
  bool is_known = false;
  int64_t org_id = 0;
  return s->ops->people->workspace_org(s, TEXT("lab"), &org_id, &is_known, f);
}
static inline enum err nth_session_page(struct store *s, struct arena *a, struct fault *f) {
  const struct signin_session_filter filter = {.max = 10};
  struct signin_session *rows = NULL;
  size_t count = 0;
  return s->ops->signin->session_page(s, &filter, a, &rows, &count, f);
}

#define NTH_STORED                                                                                                     \
  {"credential_number", nth_credential_number, .counts_turns = true},                                                  \
      {"credential_add", nth_credential_add, .is_once = true}, {"credential_list", nth_credential_list},               \
      {"credential_get", nth_credential_get}, {"credential_change", nth_credential_change, .is_once = true},           \
      {"credential_remove", nth_credential_remove, .is_once = true}, {"entity_list", nth_entity_list},                 \
      {"entity_create", nth_entity_create, .is_once = true}, {"entity_update", nth_entity_update, .is_once = true},    \
      {"entity_remove", nth_entity_remove, .is_once = true}, {"people_follow", nth_people_follow},                     \
      {"people_workspace_org", nth_people_workspace_org}, {                                                            \
    "session_page", nth_session_page                                                                                   \
  }

#endif
