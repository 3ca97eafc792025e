/* Whose keys are, on every adapter: a key stays its owner's under another address and is never a later holder's, is
 * refused while its owner is disabled, and goes with them. */
#include "store/store_key_owners.h"

#include "contract.h"
#include "ports/store_audit.h"

static struct arena arena;

static int64_t make(struct store *s, enum people_kind kind, int64_t org_id, const char *name, const char *text) {
  struct people_row r = {.org_id = org_id,
                         .name = text_of(name),
                         .text = text_of(text),
                         .timezone = TEXT("UTC"),
                         .week_start = TEXT("monday"),
                         .created_us = 5};
  int64_t id = 0;
  EXPECT_OK(s->ops->people->create(s, kind, &r, TEST_ACTOR, &id, &test_fault));
  return id;
}

static struct people_row person(struct store *s, enum people_kind kind, int64_t id) {
  struct people_row r = {0};
  EXPECT_OK(s->ops->people->get(s, kind, 0, id, &arena, &r, &test_fault));
  return r;
}

static struct store_key key_of(const char *name, const char *user) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_x"),
                        .user = text_of(user),
                        .models = TEXT("*"),
                        .budget_period = TEXT(""),
                        .created_us = 5,
                        .finds_owner = true};
  snprintf((char *)k.hash, sizeof k.hash, "%s", name);
  return k;
}

static int64_t add(struct store *s, const struct store_key *k) {
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, k, TEST_ACTOR, &id, &test_fault));
  return id;
}

static int64_t make_key(struct store *s, const char *name, const char *user) {
  const struct store_key k = key_of(name, user);
  return add(s, &k);
}

static struct store_key get(struct store *s, int64_t id) {
  struct store_key k = {0};
  EXPECT_OK(s->ops->key_get(s, 0, id, &arena, &k, &test_fault));
  return k;
}

static enum err find(struct store *s, const char *name, struct store_key *out) {
  const struct store_key k = key_of(name, "");
  return s->ops->key_find(s, k.hash, &arena, out, &test_fault);
}

static size_t keys_of(struct store *s, struct key_filter q) {
  struct store_key *keys = NULL;
  size_t count = 0;
  q.max = 100;
  EXPECT_OK(s->ops->key_page(s, &q, &arena, &keys, &count, &test_fault));
  return count;
}

static void change_email(struct store *s, int64_t id, const char *email) {
  struct people_row r = person(s, PEOPLE_USER, id);
  r.text = text_of(email);
  EXPECT_OK(s->ops->people->update(s, PEOPLE_USER, &r, 0, TEST_ACTOR, &test_fault));
}

static void disable(struct store *s, enum people_kind kind, int64_t id, bool is_disabled) {
  struct people_row r = person(s, kind, id);
  r.is_disabled = is_disabled;
  EXPECT_OK(s->ops->people->update(s, kind, &r, 0, TEST_ACTOR, &test_fault));
}

/* How many events of keys there are. */
static size_t told(struct store *s) {
  struct store_event *events = NULL;
  size_t count = 0, keys = 0;
  EXPECT_OK(s->ops->events->list(s, 0, 1000, &arena, &events, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    keys += text_equal(events[i].kind, TEXT("key"));
  return keys;
}

static size_t entries(struct store *s, const char *action) {
  const struct audit_filter q = {.action = text_of(action), .max = 100};
  struct audit_row *rows = NULL;
  size_t count = 0;
  EXPECT_OK(s->ops->audit->list(s, &q, &arena, &rows, &count, &test_fault));
  return count;
}

static void a_key_is_whose_address_it_was_made_for(void **state) {
  struct store *s = contract_store(state);
  int64_t acme = make(s, PEOPLE_ORGANISATION, 0, "acme", ""), ann = make(s, PEOPLE_USER, 1, "Ann", "Ann@Example.com");
  int64_t bot = make(s, PEOPLE_SERVICE, 1, "bot", "");
  char service[32];
  make(s, PEOPLE_USER, acme, "Eve", "eve@example.com");
  struct store_key k = get(s, make_key(s, "mine", "ANN@example.com"));
  assert_int_equal(k.owner_user, ann);
  EXPECT_TEXT(k.user, TEXT("ann@example.com"));
  assert_int_equal(get(s, make_key(s, "other's", "eve@example.com")).owner_user, 0);
  assert_int_equal(get(s, make_key(s, "a name", "ci")).owner_user, 0);
  snprintf(service, sizeof service, "service:%lld", (long long)bot);
  assert_int_equal(get(s, make_key(s, "bot's", service)).owner_service, bot);
  assert_int_equal(get(s, make_key(s, "none's", "service:99")).owner_service, 0);
  k = get(s, make_key(s, "given", ""));
  k.user = TEXT("ann@example.com");
  k.finds_owner = true;
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(get(s, k.id).owner_user, ann);
  k = get(s, k.id);
  k.rpm = 5;
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(get(s, k.id).owner_user, ann);
  k.user = TEXT("somebody");
  EXPECT_OK(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault));
  assert_int_equal(get(s, k.id).owner_user, 0);
}

static void another_address_keeps_the_keys_and_the_old_one_gives_none(void **state) {
  struct store *s = contract_store(state);
  int64_t ann = make(s, PEOPLE_USER, 1, "Ann", "ann@example.com"), key = make_key(s, "mine", "ann@example.com");
  int64_t version = get(s, key).version;
  size_t events = told(s);
  assert_int_equal(person(s, PEOPLE_USER, ann).email_us, 0);
  change_email(s, ann, "ann@example.org");
  EXPECT_TEXT(get(s, key).user, TEXT("ann@example.org"));
  assert_int_equal(get(s, key).version, version + 1);
  assert_int_equal(told(s), events + 1);
  assert_int_equal(entries(s, "key.update"), 1);
  assert_true(person(s, PEOPLE_USER, ann).email_us > 5);
  int64_t bob = make(s, PEOPLE_USER, 1, "Bob", "ann@example.com");
  assert_int_equal(keys_of(s, (struct key_filter){.owner_user = ann}), 1);
  assert_int_equal(keys_of(s, (struct key_filter){.owner_user = bob}), 0);
  make_key(s, "nobody's", "ci");
  assert_int_equal(keys_of(s, (struct key_filter){.only_unowned = true}), 1);
  /* Made by the owner while the address changes: under the one they have by now. */
  struct store_key own = key_of("later", "ann@example.com");
  own.finds_owner = false;
  own.owner_user = ann;
  own.org_id = 1;
  EXPECT_TEXT(get(s, add(s, &own)).user, TEXT("ann@example.org"));
}

static void a_key_is_refused_while_its_owner_is_disabled(void **state) {
  struct store *s = contract_store(state);
  static const enum people_kind kinds[] = {PEOPLE_USER, PEOPLE_SERVICE};
  for (size_t i = 0; i < 2; i++) {
    int64_t who = make(s, kinds[i], 1, "who", "who@example.com");
    char user[32];
    struct store_key k = {0};
    snprintf(user, sizeof user, i ? "service:%lld" : "who@example.com", (long long)who);
    const char *name = i ? "service's" : "user's";
    int64_t id = make_key(s, name, user);
    const struct key_rotation r = {
        .id = id, .hash = {[0] = (uint8_t)(i + 1)}, .prefix = TEXT("weir_y"), .now_us = 1, .until_us = 1000};
    EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
    size_t events = told(s);
    disable(s, kinds[i], who, true);
    assert_int_equal(told(s), events + 1);
    EXPECT_OK(s->ops->key_find(s, r.hash, &arena, &k, &test_fault));
    assert_true(k.is_owner_away);
    EXPECT_OK(find(s, name, &k)); /* as it was before its rotation */
    assert_true(k.is_owner_away);
    assert_int_equal(k.old_until_us, 1000);
    disable(s, kinds[i], who, false);
    assert_int_equal(told(s), events + 2);
    EXPECT_OK(find(s, name, &k));
    assert_false(k.is_owner_away);
    /* A program that knows no owners has removed them. */
    contract_exec(s, i ? "DELETE FROM weir_services" : "DELETE FROM weir_users");
    EXPECT_OK(find(s, name, &k));
    assert_true(k.is_owner_away);
  }
}

static void keys_go_with_their_owner_and_rows_of_calls_stay(void **state) {
  struct store *s = contract_store(state);
  static const enum people_kind kinds[] = {PEOPLE_USER, PEOPLE_SERVICE};
  struct store_key k = {0};
  struct audit_verdict v;
  int64_t other = make_key(s, "ci", "ci");
  for (size_t i = 0; i < 2; i++) {
    int64_t who = make(s, kinds[i], 1, "who", "who@example.com");
    char user[32];
    snprintf(user, sizeof user, i ? "service:%lld" : "who@example.com", (long long)who);
    int64_t id = make_key(s, "a", user);
    make_key(s, "b", user);
    const struct ledger_row row = make_row((int64_t)i + 1, id, 7, 100);
    append(s, &row, 1, i + 1);
    const struct key_rotation r = {.id = id, .hash = {9}, .prefix = TEXT("weir_y"), .now_us = 1, .until_us = INT64_MAX};
    EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
    size_t events = told(s);
    EXPECT_OK(s->ops->people->remove(s, kinds[i], 1, who, 0, TEST_ACTOR, &test_fault));
    EXPECT_ERR(find(s, "a", &k), ERR_NOT_FOUND);
    EXPECT_ERR(find(s, "b", &k), ERR_NOT_FOUND);
    EXPECT_ERR(s->ops->key_find(s, r.hash, &arena, &k, &test_fault), ERR_NOT_FOUND);
    assert_int_equal(entries(s, "key.delete"), 2 * (i + 1));
    assert_int_equal(told(s), events + 2);
  }
  struct ledger_row *rows = NULL;
  size_t count = 0;
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &arena, &rows, &count, &test_fault));
  assert_int_equal(count, 2);
  assert_int_equal(get(s, other).id, other);
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  EXPECT_TEXT(v.why, TEXT(""));
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_key_is_whose_address_it_was_made_for),
      CONTRACT(another_address_keeps_the_keys_and_the_old_one_gives_none),
      CONTRACT(a_key_is_refused_while_its_owner_is_disabled),
      CONTRACT(keys_go_with_their_owner_and_rows_of_calls_stay),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
