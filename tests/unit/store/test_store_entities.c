/* Entries of the configuration in the store, on every adapter: in their order, one of a name, each change from the
 * version it was made for, with its entry in the audit log and the event that makes replicas read anew. */
#include "ports/store_entities.h"

#include "contract.h"
#include "ports/store_credentials.h"

#include <pthread.h>

static enum err try_create(struct store *s, const char *kind, const char *name, int64_t position, int64_t *out) {
  const struct store_entity e = {.kind = text_of(kind),
                                 .name = text_of(name),
                                 .user = TEXT("ann"),
                                 .body = TEXT("{\"name\":\"x\"}"),
                                 .position = position,
                                 .created_us = 5};
  return s->ops->entities->create(s, &e, TEST_ACTOR, out, &test_fault);
}

static int64_t create(struct store *s, const char *kind, const char *name, int64_t position) {
  int64_t id = 0;
  EXPECT_OK(try_create(s, kind, name, position, &id));
  return id;
}

static size_t list(struct store *s, struct arena *a, struct store_entity **out) {
  size_t count = 0;
  EXPECT_OK(s->ops->entities->list(s, a, out, &count, &test_fault));
  return count;
}

static void they_come_by_kind_and_position_and_then_in_the_order_of_making(void **state) {
  struct store *s = contract_store(state);
  struct store_entity *all = NULL;
  struct arena a;
  arena_init(&a);
  assert_int_equal(list(s, &a, &all), 0);
  int64_t last = create(s, "model", "c", 7);
  int64_t first = create(s, "model", "a", 3);
  int64_t behind = create(s, "model", "b", 0), same = create(s, "model", "d", 3);
  int64_t price = create(s, "price", "a", 0);
  const int64_t wanted[] = {first, same, last, behind, price};
  assert_int_equal(list(s, &a, &all), 5);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(all[i].id, wanted[i]);
  assert_int_equal(all[3].position, 8);
  assert_int_equal(all[4].position, 1);
  assert_int_equal(all[0].version, 1);
  assert_int_equal(all[0].created_us, 5);
  EXPECT_TEXT(all[0].kind, TEXT("model"));
  EXPECT_TEXT(all[0].name, TEXT("a"));
  EXPECT_TEXT(all[0].user, TEXT("ann"));
  EXPECT_TEXT(all[0].body, TEXT("{\"name\":\"x\"}"));
  arena_done(&a);
}

static void a_name_is_one_s_in_its_kind(void **state) {
  struct store *s = contract_store(state);
  int64_t id = create(s, "model", "a", 0), other = create(s, "model", "b", 0), unused = 0;
  (void)create(s, "policy", "a", 0);
  EXPECT_ERR(try_create(s, "model", "a", 0, &unused), ERR_STORE_CONFLICT);
  struct store_entity e = {
      .id = other, .kind = TEXT("model"), .name = TEXT("a"), .body = TEXT("{}"), .position = 1, .changed_us = 9};
  EXPECT_ERR(s->ops->entities->update(s, &e, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->entities->remove(s, TEXT("model"), id, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->update(s, &e, 0, TEST_ACTOR, &test_fault));
}

static void a_change_is_made_from_the_version_it_was_made_for(void **state) {
  struct store *s = contract_store(state);
  struct store_entity *all = NULL;
  struct arena a;
  arena_init(&a);
  struct store_entity e = {.id = create(s, "price", "a", 4),
                           .kind = TEXT("price"),
                           .name = TEXT("b"),
                           .body = TEXT("{\"input\":1}"),
                           .position = 9,
                           .changed_us = 77};
  EXPECT_ERR(s->ops->entities->update(s, &e, 2, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(s->ops->entities->update(s, &e, 1, TEST_ACTOR, &test_fault));
  EXPECT_ERR(s->ops->entities->update(s, &e, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_ERR(s->ops->entities->remove(s, TEXT("price"), e.id, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  assert_int_equal(list(s, &a, &all), 1);
  assert_int_equal(all[0].version, 2);
  assert_int_equal(all[0].position, 9);
  assert_int_equal(all[0].created_us, 5);
  assert_int_equal(all[0].changed_us, 77);
  EXPECT_TEXT(all[0].name, TEXT("b"));
  EXPECT_TEXT(all[0].user, TEXT(""));
  EXPECT_TEXT(all[0].body, TEXT("{\"input\":1}"));
  EXPECT_ERR(s->ops->entities->remove(s, TEXT("model"), e.id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->entities->remove(s, TEXT("price"), e.id, 2, TEST_ACTOR, &test_fault));
  EXPECT_ERR(s->ops->entities->remove(s, TEXT("price"), e.id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->entities->update(s, &e, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_change_is_audited_with_before_and_after_and_tells_every_replica(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  size_t count = 0;
  int64_t before = 0, after = 0;
  char subject[32];
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->events->newest(s, &before, &test_fault));
  struct store_entity e = {.id = create(s, "model", "a", 1),
                           .kind = TEXT("model"),
                           .name = TEXT("a"),
                           .body = TEXT("{\"wire\":\"x\"}"),
                           .position = 2};
  EXPECT_OK(s->ops->entities->update(s, &e, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->remove(s, TEXT("model"), e.id, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(s->ops->entities->remove(s, TEXT("model"), e.id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->events->newest(s, &after, &test_fault));
  assert_int_equal(after, before + 3);
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 9}, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 3);
  snprintf(subject, sizeof subject, "model:%lld", (long long)e.id);
  EXPECT_TEXT(rows[0].action, TEXT("model.delete"));
  EXPECT_TEXT(rows[0].subject, text_of(subject));
  EXPECT_TEXT(rows[1].action, TEXT("model.update"));
  EXPECT_TEXT(rows[1].before, TEXT("{\"model\":{\"name\":\"x\"},\"position\":1,\"user\":\"ann\"}"));
  EXPECT_TEXT(rows[1].after, TEXT("{\"model\":{\"wire\":\"x\"},\"position\":2}"));
  EXPECT_TEXT(rows[2].action, TEXT("model.create"));
  arena_done(&a);
}

/* --- policies and the keys under them --- */

static enum err put_under(struct store *s, const char *name, const char *policy, bool is_stored, int64_t *out,
                          struct fault *f) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_x"),
                        .models = TEXT("*"),
                        .policy = text_of(policy),
                        .policy_is_stored = is_stored};
  snprintf((char *)k.hash, sizeof k.hash, "%s", name);
  return s->ops->key_create(s, &k, TEST_ACTOR, out, f);
}

static void a_policy_that_keys_name_stays_under_its_name(void **state) {
  struct store *s = contract_store(state);
  int64_t key = 0, other = 0;
  struct store_entity p = {
      .id = create(s, "policy", "p", 1), .kind = TEXT("policy"), .name = TEXT("q"), .body = TEXT("{}")};
  (void)create(s, "model", "p", 1);
  EXPECT_OK(put_under(s, "k", "p", true, &key, &test_fault));
  EXPECT_OK(put_under(s, "unbound", "", true, &other, &test_fault));
  EXPECT_ERR(s->ops->entities->remove(s, TEXT("policy"), p.id, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("in use: 1 key is under it");
  EXPECT_ERR(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  p.name = TEXT("p");
  EXPECT_OK(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault)); /* it keeps its name */
  EXPECT_ERR(put_under(s, "k2", "none", true, &other, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("there is no policy of this name any more");
  EXPECT_OK(put_under(s, "k2", "of-the-file", false, &other, &test_fault));
  EXPECT_OK(s->ops->key_delete(s, key, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->remove(s, TEXT("policy"), p.id, 0, TEST_ACTOR, &test_fault));
}

/* The file declares the name meanwhile: the keys mean that one. */
static void a_shadowed_policy_may_go(void **state) {
  struct store *s = contract_store(state);
  int64_t key = 0;
  struct store_entity p = {
      .id = create(s, "policy", "p", 1), .kind = TEXT("policy"), .name = TEXT("q"), .body = TEXT("{}")};
  int64_t other = create(s, "policy", "r", 1);
  EXPECT_OK(put_under(s, "k", "p", true, &key, &test_fault));
  EXPECT_OK(put_under(s, "k2", "r", true, &key, &test_fault));
  p.is_shadowed = true;
  EXPECT_OK(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->discard(s, TEXT("policy"), other, 0, TEST_ACTOR, &test_fault));
}

static void a_key_that_a_policy_is_assigned_to_keeps_its_name(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = {0};
  struct arena a;
  int64_t id = 0;
  arena_init(&a);
  EXPECT_OK(put_under(s, "k", "", false, &id, &test_fault));
  int64_t assigned = create(s, "assignment", "key\nk", 1);
  (void)create(s, "assignment", "user\nk2", 1);
  EXPECT_OK(s->ops->key_get(s, 0, id, &a, &k, &test_fault));
  k.name = TEXT("k2");
  EXPECT_ERR(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("a policy is assigned to the key by this name");
  k.name = TEXT("k");
  k.rpm = 5;
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  k.name = TEXT("k2");
  EXPECT_OK(s->ops->entities->remove(s, TEXT("assignment"), assigned, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  k.name = TEXT("k3"); /* nobody has assigned anything to a key k2 */
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  arena_done(&a);
}

/* --- providers and the credentials under their names --- */

static int64_t add_credential(struct store *s, const char *provider) {
  struct store_credential c = {.provider = text_of(provider),
                               .name = TEXT("main"),
                               .kind = TEXT("api_key"),
                               .sealed = TEXT("sealed"),
                               .sealed_version = 1,
                               .weight = 1,
                               .created_us = 5};
  EXPECT_OK(s->ops->credentials->number(s, &c.id, &test_fault));
  EXPECT_OK(s->ops->credentials->add(s, &c, TEST_ACTOR, &test_fault));
  return c.id;
}

static void an_unproven_provider_takes_no_name_that_has_credentials(void **state) {
  struct store *s = contract_store(state);
  int64_t id = 0, kept = add_credential(s, "p");
  struct store_entity p = {
      .kind = TEXT("provider"), .name = TEXT("p"), .body = TEXT("{}"), .is_unproven = true, .created_us = 5};
  EXPECT_ERR(s->ops->entities->create(s, &p, TEST_ACTOR, &id, &test_fault), ERR_FORBIDDEN);
  EXPECT_MENTIONS("there are credentials of a provider \"p\"");
  p.name = TEXT("q");
  EXPECT_OK(s->ops->entities->create(s, &p, TEST_ACTOR, &p.id, &test_fault));
  EXPECT_OK(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault));
  p.name = TEXT("p");
  EXPECT_ERR(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault), ERR_FORBIDDEN);
  p.is_unproven = false;
  EXPECT_OK(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault));
  p.is_unproven = true;
  EXPECT_ERR(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault), ERR_FORBIDDEN);
  EXPECT_OK(s->ops->credentials->remove(s, kept, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->entities->update(s, &p, 0, TEST_ACTOR, &test_fault));
}

#define ROUNDS 12

struct putting {
  struct store *store;
  char name[16];
  enum err result;
  int64_t id;
};

static void *put_at_the_same_time(void *arg) {
  struct putting *p = arg;
  p->result = put_under(p->store, p->name, "p", true, &p->id, NULL);
  return NULL;
}

/* Whoever of the two comes first, no key is left under a policy that is gone. */
static void of_a_removal_and_a_new_key_at_the_same_time_one_is_refused(void **state) {
  struct store *s = contract_store(state);
  for (int i = 0; i < ROUNDS; i++) {
    struct putting p = {.store = s};
    pthread_t thread;
    int64_t id = create(s, "policy", "p", 1);
    snprintf(p.name, sizeof p.name, "k%d", i);
    assert_int_equal(pthread_create(&thread, NULL, put_at_the_same_time, &p), 0);
    enum err removed = s->ops->entities->remove(s, TEXT("policy"), id, 0, TEST_ACTOR, &test_fault);
    pthread_join(thread, NULL);
    if ((removed == ERR_OK) == (p.result == ERR_OK) || (removed && removed != ERR_STORE_CONFLICT) ||
        (p.result && p.result != ERR_STORE_CONFLICT))
      fail_msg("round %d: removed %s, made %s", i, err_name(removed), err_name(p.result));
    if (removed)
      EXPECT_OK(s->ops->key_delete(s, p.id, 0, TEST_ACTOR, &test_fault));
    if (removed)
      EXPECT_OK(s->ops->entities->remove(s, TEXT("policy"), id, 0, TEST_ACTOR, &test_fault));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(they_come_by_kind_and_position_and_then_in_the_order_of_making),
      CONTRACT(a_name_is_one_s_in_its_kind),
      CONTRACT(a_change_is_made_from_the_version_it_was_made_for),
      CONTRACT(a_change_is_audited_with_before_and_after_and_tells_every_replica),
      CONTRACT(a_policy_that_keys_name_stays_under_its_name),
      CONTRACT(a_shadowed_policy_may_go),
      CONTRACT(a_key_that_a_policy_is_assigned_to_keeps_its_name),
      CONTRACT(an_unproven_provider_takes_no_name_that_has_credentials),
      CONTRACT(of_a_removal_and_a_new_key_at_the_same_time_one_is_refused),
  };
  return RUN_CONTRACT(tests);
}
