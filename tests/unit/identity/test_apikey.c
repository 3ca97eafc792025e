/* Virtual keys over a real store in memory whose answers can be made to fail. */
#include "identity/apikey.h"

#include "store/store.h"
#include "support/actor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEY "weir_0123456789012345678901234567890123456789012"
#define S   INT64_C(1000000)
#define NOW (INT64_C(1000000) * S)

/* Counts and fails in front of the real store. */
struct counting {
  struct store port;
  struct store_ops ops;
  struct store *real;
  _Atomic unsigned finds, touches;
  _Atomic size_t touched;
  enum err fails;
  struct fixture *asks_too;        /* while the store is asked, others come */
  struct apikey_identity *forgets; /* while the store is asked, this key is changed and told of */
  int64_t forgotten_id;
};

static void ask_too(struct counting *c);

static enum err counting_find(struct store *s, const uint8_t *hash, struct arena *a, struct store_key *out,
                              struct fault *f) {
  struct counting *c = (struct counting *)s;
  c->finds++;
  ask_too(c);
  if (c->fails != ERR_OK)
    return fault_set(f, c->fails, NULL, "the disk is gone");
  enum err e = c->real->ops->key_find(c->real, hash, a, out, f);
  if (c->forgets) {
    assert_int_equal(c->real->ops->key_set_blocked(c->real, c->forgotten_id, true, TEST_ACTOR, f), ERR_OK);
    apikey_identity_forget(c->forgets, c->forgotten_id);
    c->forgets = NULL;
  }
  return e;
}

static enum err counting_touch(struct store *s, const int64_t *ids, const int64_t *used, size_t count,
                               struct fault *f) {
  struct counting *c = (struct counting *)s;
  c->touches++;
  if (c->fails != ERR_OK)
    return fault_set(f, c->fails, NULL, "the disk is gone");
  c->touched += count;
  return c->real->ops->key_touch(c->real, ids, used, count, f);
}

struct fixture {
  struct counting store;
  struct secret *secret;
  struct apikey_identity *i;
  struct identity *port;
  struct fault fault;
};

static struct fixture *open_fixture(void) {
  struct fixture *f = calloc(1, sizeof(*f));
  assert_non_null(f);
  assert_int_equal(store_open_memory(&f->store.real, NULL), ERR_OK);
  f->store.ops.key_find = counting_find;
  f->store.ops.key_touch = counting_touch;
  f->store.port.ops = &f->store.ops;
  assert_int_equal(apikey_load_secret(NULL, &f->secret, NULL), ERR_OK);
  f->i = apikey_identity_new(&f->store.port, NULL, f->secret);
  f->port = apikey_identity_port(f->i);
  return f;
}

static void close_fixture(struct fixture *f) {
  apikey_identity_free(f->i);
  secret_free(f->secret);
  f->store.real->ops->close(f->store.real);
  free(f);
}

static int64_t create(struct fixture *f, struct text key, struct store_key k) {
  int64_t id = 0;
  k.name = text_is_empty(k.name) ? TEXT("stored") : k.name;
  k.models = TEXT("*");
  k.prefix = text_head(key, 12);
  secret_hmac(f->secret, key, k.hash);
  assert_int_equal(f->store.real->ops->key_create(f->store.real, &k, TEST_ACTOR, &id, &f->fault), ERR_OK);
  return id;
}

/* The error; on success the reference is given back at once. */
static enum err find(struct fixture *f, struct text key, int64_t now_us) {
  const struct principal *p = NULL;
  f->fault = (struct fault){0};
  enum err e = f->port->find(f->port, key, now_us, &p, &f->fault);
  assert_int_equal(p != NULL, e == ERR_OK);
  assert_int_equal(f->fault.err, e);
  f->port->unref(p);
  return e;
}

/* Time ends the old one, whatever the map remembers. */
static void test_a_rotated_key_is_good_until_its_end_and_not_a_moment_longer(void **state) {
  struct fixture *f = open_fixture();
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  struct key_rotation r = {.id = id, .prefix = TEXT("weir_second"), .now_us = NOW, .until_us = NOW + 10 * S};
  secret_hmac(f->secret, TEXT("the-second-key"), r.hash);
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(f->store.real->ops->key_rotate(f->store.real, &r, TEST_ACTOR, &f->fault), ERR_OK);
  assert_int_equal(find(f, TEXT("the-second-key"), NOW + S), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + 10 * S - 1), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + 10 * S), ERR_UNAUTHENTICATED);
  assert_non_null(strstr(f->fault.text, "was rotated"));
  assert_int_equal(find(f, TEXT("the-second-key"), NOW + 10 * S), ERR_OK);
  close_fixture(f);
}

static void test_a_stored_key_is_found_and_remembered(void **state) {
  struct fixture *f = open_fixture();
  create(f, TEXT(KEY), (struct store_key){0});
  for (int i = 0; i < 10; i++)
    assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(f->store.finds, 1);
  assert_int_equal(find(f, TEXT("weir_somebody_elses_key"), NOW), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT("weir_somebody_elses_key"), NOW), ERR_UNAUTHENTICATED);
  assert_int_equal(f->store.finds, 2);
  close_fixture(f);
}

static void test_a_forgotten_key_is_asked_for_at_once_and_others_are_not(void **state) {
  struct fixture *f = open_fixture();
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  create(f, TEXT("weir_another_key"), (struct store_key){.name = TEXT("another")});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(find(f, TEXT("weir_another_key"), NOW), ERR_OK);
  assert_int_equal(f->store.real->ops->key_set_blocked(f->store.real, id, true, TEST_ACTOR, NULL), ERR_OK);
  apikey_identity_forget(f->i, id);
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_FORBIDDEN);
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_FORBIDDEN);
  assert_int_equal(find(f, TEXT("weir_another_key"), NOW), ERR_OK);
  assert_int_equal(f->store.finds, 3);
  apikey_identity_forget(f->i, 0);
  assert_int_equal(find(f, TEXT("weir_another_key"), NOW), ERR_OK);
  assert_int_equal(f->store.finds, 4);
  f->store.fails = ERR_STORE;
  apikey_identity_forget(f->i, 0); /* what was good is not good enough any more, and nobody can say more */
  assert_int_equal(find(f, TEXT("weir_another_key"), NOW), ERR_STORE);
  assert_int_equal(find(f, TEXT("weir_another_key"), NOW), ERR_STORE);
  close_fixture(f);
}

static void test_a_key_that_was_not_known_is_once_it_is_made(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_UNAUTHENTICATED);
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_UNAUTHENTICATED);
  apikey_identity_forget(f->i, id);
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  close_fixture(f);
}

/* The store was asked before the change and answers after it was told of. */
static void test_an_answer_that_was_overtaken_is_not_remembered(void **state) {
  struct fixture *f = open_fixture();
  f->store.forgotten_id = create(f, TEXT(KEY), (struct store_key){0});
  f->store.forgets = f->i;
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_FORBIDDEN);
  close_fixture(f);
}

static void test_malformed_keys_are_refused_unasked(void **state) {
  struct fixture *f = open_fixture();
  char longest[APIKEY_MAX_BYTES + 1];
  memset(longest, 'k', sizeof(longest));
  const struct text bad[] = {TEXT(""),
                             TEXT("short"),
                             TEXT("has a space"),
                             TEXT("tab\there"),
                             TEXT("caf\xc3\xa9-key"),
                             TEXT("nul\0key-1"),
                             {longest, sizeof(longest)}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_int_equal(find(f, bad[i], NOW), ERR_UNAUTHENTICATED);
  assert_int_equal(f->store.finds, 0);
  assert_int_equal(find(f, (struct text){longest, APIKEY_MAX_BYTES}, NOW), ERR_UNAUTHENTICATED);
  assert_int_equal(f->store.finds, 1);
  close_fixture(f);
}

static void test_blocked_and_expired_keys_say_so(void **state) {
  struct fixture *f = open_fixture();
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  create(f, TEXT("expiring-key"), (struct store_key){.name = TEXT("expiring"), .expires_us = NOW + S});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(f->store.real->ops->key_set_blocked(f->store.real, id, true, TEST_ACTOR, NULL), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + S), ERR_FORBIDDEN);
  assert_true(f->port->is_ours(f->port, TEXT(KEY)));
  assert_int_equal(find(f, TEXT("expiring-key"), NOW + S - 1), ERR_OK);
  assert_int_equal(find(f, TEXT("expiring-key"), NOW + S), ERR_UNAUTHENTICATED);
  assert_non_null(strstr(f->fault.text, "expired"));
  assert_false(f->port->is_ours(f->port, TEXT("sk-ant-somebody")));
  f->store.fails = ERR_STORE;
  assert_true(f->port->is_ours(f->port, TEXT("weir_a_key_nobody_can_tell_of")));
  close_fixture(f);
}

static void test_a_revoked_key_is_refused_within_the_time_of_trust(void **state) {
  struct fixture *f = open_fixture();
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(f->store.real->ops->key_set_blocked(f->store.real, id, true, TEST_ACTOR, NULL), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + APIKEY_TRUST_US), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + APIKEY_TRUST_US + 1), ERR_FORBIDDEN);
  create(f, TEXT("born-later"), (struct store_key){.name = TEXT("later")});
  assert_int_equal(find(f, TEXT("born-later"), NOW), ERR_OK);
  close_fixture(f);
}

static void test_with_the_store_away_a_known_key_works_for_a_while(void **state) {
  struct fixture *f = open_fixture();
  create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  f->store.fails = ERR_STORE;
  assert_int_equal(find(f, TEXT(KEY), NOW + 10 * S), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + 299 * S), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + 310 * S), ERR_STORE);
  assert_int_equal(find(f, TEXT("never-seen"), NOW), ERR_STORE);
  assert_non_null(strstr(f->fault.text, "the disk is gone"));
  f->store.fails = ERR_OK;
  assert_int_equal(find(f, TEXT(KEY), NOW + 320 * S), ERR_OK);
  close_fixture(f);
}

static void test_a_key_that_was_refused_is_not_good_with_the_store_away(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, TEXT("never-seen"), NOW), ERR_UNAUTHENTICATED);
  f->store.fails = ERR_STORE;
  assert_int_equal(find(f, TEXT("never-seen"), NOW + 10 * S), ERR_STORE);
  close_fixture(f);
}

/* Those that come while one asks a store that was away: none of them waits for it. */
static void ask_too(struct counting *c) {
  struct fixture *f = c->asks_too;
  if (!f)
    return;
  c->asks_too = NULL;
  assert_int_equal(find(f, TEXT(KEY), NOW + 13 * S), ERR_OK);
  assert_int_equal(find(f, TEXT("another-key"), NOW + 13 * S), ERR_STORE);
  f->fault = (struct fault){0};
}

static void test_that_a_key_is_unknown_is_not_said_on_stale_grounds(void **state) {
  struct fixture *f = open_fixture();
  assert_int_equal(find(f, TEXT("never-seen"), NOW), ERR_UNAUTHENTICATED);
  f->store.fails = ERR_STORE;
  for (int64_t us = 0; us < 3; us++) /* it may have been made meanwhile */
    assert_int_equal(find(f, TEXT("never-seen"), NOW + 10 * S + us), ERR_STORE);
  close_fixture(f);
}

static void test_a_store_that_does_not_answer_is_asked_by_one_caller_now_and_then(void **state) {
  struct fixture *f = open_fixture();
  create(f, TEXT(KEY), (struct store_key){0});
  create(f, TEXT("another-key"), (struct store_key){.name = TEXT("another")});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  f->store.fails = ERR_STORE_BUSY;
  assert_int_equal(find(f, TEXT("another-key"), NOW + 10 * S), ERR_STORE_BUSY);
  unsigned finds = f->store.finds;
  assert_int_equal(find(f, TEXT(KEY), NOW + 10 * S), ERR_OK);
  assert_int_equal(f->store.finds, finds);
  f->store.asks_too = f;
  assert_int_equal(find(f, TEXT(KEY), NOW + 12 * S), ERR_OK);
  assert_int_equal(f->store.finds, finds + 1);
  f->store.fails = ERR_OK;
  assert_int_equal(find(f, TEXT("another-key"), NOW + 14 * S), ERR_OK);
  assert_int_equal(f->store.finds, finds + 2);
  assert_int_equal(find(f, TEXT("a-third-key"), NOW + 14 * S), ERR_UNAUTHENTICATED);
  close_fixture(f);
}

static void test_whether_anybody_can_be_served_without_the_store(void **state) {
  struct fixture *f = open_fixture();
  int64_t id = create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT("never-seen"), NOW), ERR_UNAUTHENTICATED);
  assert_false(apikey_identity_can_serve(f->i, NOW));
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_true(apikey_identity_can_serve(f->i, NOW + 300 * S));
  assert_false(apikey_identity_can_serve(f->i, NOW + 301 * S));
  apikey_identity_forget(f->i, id);
  assert_false(apikey_identity_can_serve(f->i, NOW));
  struct apikey_declared declared = {.value = TEXT("declared-1"), .name = TEXT("one")};
  apikey_identity_declare(f->i, &declared, 1);
  assert_true(apikey_identity_can_serve(f->i, NOW + 301 * S));
  close_fixture(f);
}

static void test_declared_keys_are_replaced_as_a_whole(void **state) {
  struct fixture *f = open_fixture();
  const struct principal *held = NULL;
  struct apikey_declared first[] = {{.value = TEXT("declared-1"), .name = TEXT("one")},
                                    {.value = TEXT("declared-2"), .name = TEXT("two")},
                                    {.value = TEXT("declared-1"), .name = TEXT("again")}};
  apikey_identity_declare(f->i, first, 3);
  assert_int_equal(f->port->find(f->port, TEXT("declared-1"), NOW, &held, NULL), ERR_OK);
  assert_true(text_equal(held->name, TEXT("one")));
  assert_int_equal(f->store.finds, 0);
  apikey_identity_declare(f->i, first + 1, 1);
  assert_true(text_equal(held->name, TEXT("one"))); /* still alive */
  f->port->unref(held);
  assert_int_equal(find(f, TEXT("declared-1"), NOW), ERR_UNAUTHENTICATED);
  assert_int_equal(find(f, TEXT("declared-2"), NOW), ERR_OK);
  apikey_identity_declare(f->i, NULL, 0);
  assert_int_equal(find(f, TEXT("declared-2"), NOW), ERR_UNAUTHENTICATED);
  close_fixture(f);
}

static void test_the_last_use_of_every_key_reaches_the_store(void **state) {
  struct fixture *f = open_fixture();
  char key[32];
  for (int i = 0; i < 300; i++) {
    snprintf(key, sizeof(key), "stored-key-%d", i);
    char name[32];
    snprintf(name, sizeof(name), "k%d", i);
    create(f, text_of(key), (struct store_key){.name = text_of(name)});
    assert_int_equal(find(f, text_of(key), NOW), ERR_OK);
    assert_int_equal(find(f, text_of(key), NOW + 1), ERR_OK);
  }
  assert_int_equal(apikey_identity_flush(f->i, &f->fault), ERR_OK);
  assert_int_equal(f->store.touched, 300);
  assert_int_equal(apikey_identity_flush(f->i, &f->fault), ERR_OK);
  assert_int_equal(f->store.touched, 300);
  close_fixture(f);
}

static void test_the_first_use_counts_as_a_use(void **state) {
  struct fixture *f = open_fixture();
  create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(apikey_identity_flush(f->i, &f->fault), ERR_OK);
  assert_int_equal(f->store.touched, 1);
  close_fixture(f);
}

static void test_a_use_that_could_not_be_written_is_written_later(void **state) {
  struct fixture *f = open_fixture();
  create(f, TEXT(KEY), (struct store_key){0});
  assert_int_equal(find(f, TEXT(KEY), NOW), ERR_OK);
  assert_int_equal(find(f, TEXT(KEY), NOW + 1), ERR_OK);
  f->store.fails = ERR_STORE;
  assert_int_equal(apikey_identity_flush(f->i, &f->fault), ERR_STORE);
  f->store.fails = ERR_OK;
  assert_int_equal(apikey_identity_flush(f->i, &f->fault), ERR_OK);
  assert_int_equal(f->store.touched, 1);
  close_fixture(f);
}

static void test_generated_keys_have_their_form(void **state) {
  char a[APIKEY_TEXT_BYTES], b[APIKEY_TEXT_BYTES];
  apikey_generate(a);
  apikey_generate(b);
  assert_memory_equal(a, "weir_", 5);
  assert_true(memcmp(a, b, sizeof(a)) != 0);
  assert_int_equal(apikey_check_form((struct text){a, sizeof(a)}, NULL), ERR_OK);
  assert_true(text_is_visible_ascii((struct text){a, sizeof(a)}));
}

/* --- threads --- */

static void *crowd(void *arg) {
  struct fixture *f = arg;
  for (int i = 0; i < 500; i++) {
    const struct principal *p = NULL;
    if (f->port->find(f->port, i % 2 ? TEXT(KEY) : TEXT("declared-1"), NOW + i * S, &p, NULL) == ERR_OK)
      f->port->unref(p);
    if (i % 50 == 0) {
      struct apikey_declared d = {.value = TEXT("declared-1"), .name = TEXT("one")};
      apikey_identity_declare(f->i, &d, 1);
      (void)!apikey_identity_flush(f->i, NULL);
    }
  }
  return NULL;
}

static void test_workers_share_the_map(void **state) {
  struct fixture *f = open_fixture();
  pthread_t threads[3];
  create(f, TEXT(KEY), (struct store_key){0});
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, crowd, f), 0);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(find(f, TEXT("declared-1"), NOW), ERR_OK);
  close_fixture(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_stored_key_is_found_and_remembered),
      cmocka_unit_test(test_a_forgotten_key_is_asked_for_at_once_and_others_are_not),
      cmocka_unit_test(test_a_key_that_was_not_known_is_once_it_is_made),
      cmocka_unit_test(test_an_answer_that_was_overtaken_is_not_remembered),
      cmocka_unit_test(test_a_rotated_key_is_good_until_its_end_and_not_a_moment_longer),
      cmocka_unit_test(test_malformed_keys_are_refused_unasked),
      cmocka_unit_test(test_blocked_and_expired_keys_say_so),
      cmocka_unit_test(test_a_revoked_key_is_refused_within_the_time_of_trust),
      cmocka_unit_test(test_with_the_store_away_a_known_key_works_for_a_while),
      cmocka_unit_test(test_that_a_key_is_unknown_is_not_said_on_stale_grounds),
      cmocka_unit_test(test_a_store_that_does_not_answer_is_asked_by_one_caller_now_and_then),
      cmocka_unit_test(test_whether_anybody_can_be_served_without_the_store),
      cmocka_unit_test(test_a_key_that_was_refused_is_not_good_with_the_store_away),
      cmocka_unit_test(test_declared_keys_are_replaced_as_a_whole),
      cmocka_unit_test(test_the_last_use_of_every_key_reaches_the_store),
      cmocka_unit_test(test_the_first_use_counts_as_a_use),
      cmocka_unit_test(test_a_use_that_could_not_be_written_is_written_later),
      cmocka_unit_test(test_generated_keys_have_their_form),
      cmocka_unit_test(test_workers_share_the_map),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("apikey", tests, NULL, NULL);
}
