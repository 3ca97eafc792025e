/* Credentials of the store taken into a process: sealed by a real vault, opened once, laid over the configuration, left
 * out when they rest or are damaged, and read again when somebody says that they have changed. */
#include "app/credentials.h"

#include "../store/expect.h"
#include "config/credential.h"
#include "identity/vault.h"
#include "ports/store_credentials.h"
#include "support/actor.h"

#include <poll.h>
#include <stdatomic.h>

#define KEY  "8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="
#define YAML "providers: [{name: p, kind: openai}, {name: q, kind: bedrock, region: eu-west-1, base_url: 'http://h'}]\n"

static struct store *store;
static struct sealed_vault *vault;
static struct config *base;
static struct credential_desk *desk;
static struct arena arena;
static atomic_int news;

static void on_news(void *ctx) { atomic_fetch_add(&news, 1); }

static int begin(void **state) {
  static struct config_errors errors;
  if (make_dir(state) != 0)
    return -1;
  arena_init(&arena);
  store = open_store();
  vault = vault_new(store, keeper_given(TEXT(KEY)));
  assert_int_equal(config_load_text(TEXT(YAML), "weir.yaml", NULL, &base, &errors), ERR_OK);
  desk = credential_desk_new(&(struct credential_desk_options){store, vault_port(vault), on_news, NULL});
  atomic_store(&news, 0);
  return 0;
}

static int end(void **state) {
  credential_desk_free(desk);
  config_unref(base);
  vault_free(vault);
  store->ops->close(store);
  arena_done(&arena);
  return drop_dir(state);
}

static void seal(struct store_credential *c, const char *secret) {
  struct vault *port = vault_port(vault);
  const struct vault_place place = store_credential_place(c->id, c->sealed_version);
  struct buf sealed;
  buf_init(&sealed, VAULT_SEALED_MAX);
  EXPECT_OK(port->seal(port, &place, text_of(secret), &sealed, &test_fault));
  c->sealed = arena_copy(&arena, buf_text(&sealed));
  buf_done(&sealed);
}

static struct store_credential add(const char *provider, const char *name, const char *kind, const char *secret) {
  struct store_credential c = {.provider = text_of(provider),
                               .name = text_of(name),
                               .kind = text_of(kind),
                               .sealed_version = 1,
                               .weight = 1,
                               .is_active = true};
  EXPECT_OK(store->ops->credentials->number(store, &c.id, &test_fault));
  seal(&c, secret);
  EXPECT_OK(store->ops->credentials->add(store, &c, TEST_ACTOR, &test_fault));
  c.version = 1;
  return c;
}

static void change(const struct store_credential *c) {
  EXPECT_OK(store->ops->credentials->change(store, c, 0, TEST_ACTOR, &test_fault));
}

static void what_is_sealed_is_laid_over_the_configuration(void **state) {
  add("p", "one", "api_key", "sk-of-one");
  add("q", "two", "aws", "AKIA\nsecret");
  EXPECT_OK(credential_desk_load(desk, &test_fault));
  assert_true(credential_desk_has_news(desk));
  assert_false(credential_desk_has_news(desk));
  struct config *c = credential_desk_join(desk, base);
  assert_int_equal(c->providers[0].credential_count, 1);
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[0].api_key), TEXT("sk-of-one"));
  EXPECT_TEXT(secret_reveal(c->providers[1].credentials[0].access_key_id), TEXT("AKIA"));
  EXPECT_TEXT(secret_reveal(c->providers[1].credentials[0].secret_access_key), TEXT("secret"));
  config_unref(c);
}

static void one_that_rests_or_is_damaged_is_left_out(void **state) {
  struct store_credential rests = add("p", "rests", "api_key", "a"), moved = add("p", "moved", "api_key", "b");
  add("p", "good", "api_key", "c");
  rests.is_active = false;
  change(&rests);
  moved.sealed_version = 2; /* not what it was sealed for */
  change(&moved);
  EXPECT_OK(credential_desk_load(desk, &test_fault));
  struct config *c = credential_desk_join(desk, base);
  assert_int_equal(c->providers[0].credential_count, 1);
  EXPECT_TEXT(c->providers[0].credentials[0].name, TEXT("good"));
  assert_true(c->providers[0].has_stored);
  config_unref(c);
}

static bool has_secret(const char *wanted) {
  struct config *c = credential_desk_join(desk, base);
  bool has = c->providers[0].credential_count == 1 &&
             text_equal(secret_reveal(c->providers[0].credentials[0].api_key), text_of(wanted));
  config_unref(c);
  return has;
}

static void a_change_is_taken_up_when_it_is_told(void **state) {
  struct store_credential one = add("p", "one", "api_key", "first");
  EXPECT_OK(credential_desk_load(desk, &test_fault));
  assert_true(has_secret("first"));
  struct config *old = credential_desk_join(desk, base);
  EXPECT_OK(credential_desk_start(desk, &test_fault));
  one.sealed_version = 2;
  seal(&one, "second");
  change(&one);
  credential_desk_wake(desk);
  for (int i = 0; i < 2000 && !(atomic_load(&news) > 0 && has_secret("second")); i++)
    poll(NULL, 0, 5);
  assert_true(has_secret("second"));
  /* who still uses the old one has it */
  EXPECT_TEXT(secret_reveal(old->providers[0].credentials[0].api_key), TEXT("first"));
  config_unref(old);
}

static enum err cannot_open(struct vault *self, const struct vault_place *place, struct text sealed,
                            struct secret **out, struct fault *f) {
  return fault_set(f, ERR_UNAVAILABLE, NULL, "nobody can be asked");
}

static void a_keeper_that_cannot_be_asked_leaves_what_was_had(void **state) {
  struct vault deaf = {NULL, cannot_open};
  struct credential_desk *other = credential_desk_new(&(struct credential_desk_options){store, &deaf, on_news, NULL});
  add("p", "one", "api_key", "first");
  EXPECT_OK(credential_desk_load(other, &test_fault));
  assert_false(credential_desk_has_news(other));
  credential_desk_free(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_sealed_is_laid_over_the_configuration, begin, end),
      cmocka_unit_test_setup_teardown(one_that_rests_or_is_damaged_is_left_out, begin, end),
      cmocka_unit_test_setup_teardown(a_change_is_taken_up_when_it_is_told, begin, end),
      cmocka_unit_test_setup_teardown(a_keeper_that_cannot_be_asked_leaves_what_was_had, begin, end),
  };
  secret_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
