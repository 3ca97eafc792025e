/* The chain of the audit log without a store: its sums against ones made elsewhere, and what the proof finds. */
#include "store/audit_proof.h"

#include "expect.h"
#include "store/audit_chain.h"

#define COUNT 6

static struct arena arena;
static struct audit_row chain[COUNT + 2];

static int set_up(void **state) {
  arena_init(&arena);
  return 0;
}

static int tear_down(void **state) {
  arena_done(&arena);
  return 0;
}

static void seal(struct audit_row *rows, size_t count, size_t from) {
  for (size_t i = from; i < count; i++) {
    if (i > 0)
      memcpy(rows[i].prev_hash, rows[i - 1].hash, AUDIT_HASH_BYTES);
    audit_chain_hash(&rows[i], rows[i].hash);
  }
}

static void make(void) {
  for (size_t i = 0; i < COUNT; i++) {
    chain[i] = (struct audit_row){.id = (int64_t)i + 1,
                                  .at_us = 1000 + (int64_t)i,
                                  .actor = TEXT("local:ann"),
                                  .origin = TEXT("cli"),
                                  .action = TEXT("key.block"),
                                  .subject = TEXT("key:7"),
                                  .before = TEXT("{\"blocked\":false}"),
                                  .after = TEXT("{\"blocked\":true}")};
    memset(chain[i].salt, (int)(i + 1), AUDIT_SALT_BYTES);
    audit_chain_personal(&chain[i], chain[i].personal_sum);
  }
  seal(chain, COUNT, 0);
}

static struct audit_verdict prove(const struct audit_row *rows, size_t count, const struct audit_end *anchor,
                                  const struct audit_end *head, const struct audit_end *seen) {
  struct audit_proof *p = audit_proof_new(anchor, seen);
  for (size_t i = 0; i < count && audit_proof_add(p, &rows[i]); i++)
    continue;
  struct audit_verdict v = audit_proof_end(p, head, &arena);
  audit_proof_free(p);
  return v;
}

static struct audit_end end_of(const struct audit_row *r) {
  struct audit_end end = {.id = r->id};
  memcpy(end.hash, r->hash, AUDIT_HASH_BYTES);
  return end;
}

static struct audit_verdict prove_all(const struct audit_row *rows, size_t count) {
  struct audit_end anchor = {0}, head = end_of(&chain[COUNT - 1]);
  return prove(rows, count, &anchor, &head, NULL);
}

#define EXPECT_SOUND(verdict)                                                                                          \
  do {                                                                                                                 \
    struct audit_verdict v_ = (verdict);                                                                               \
    if (v_.bad_id)                                                                                                     \
      fail_msg("entry %lld: %.*s", (long long)v_.bad_id, TEXT_ARGS(v_.why));                                           \
  } while (0)
#define EXPECT_BAD(verdict, id, word)                                                                                  \
  do {                                                                                                                 \
    struct audit_verdict v_ = (verdict);                                                                               \
    if (v_.bad_id != (id) || text_find(v_.why, TEXT(word)) < 0)                                                        \
      fail_msg("entry %lld: \"%.*s\", expected %lld: %s", (long long)v_.bad_id, TEXT_ARGS(v_.why), (long long)(id),    \
               word);                                                                                                  \
  } while (0)

/* Made with Python's hashlib and hmac from the header's words alone. */
static void the_sums_are_what_the_header_says(void **state) {
  char personal[65] = {0}, hash[65] = {0}, redacted[65] = {0};
  uint8_t sum[AUDIT_HASH_BYTES];
  make();
  text_hex(chain[0].personal_sum, AUDIT_HASH_BYTES, personal);
  text_hex(chain[0].hash, AUDIT_HASH_BYTES, hash);
  audit_chain_redacted(&chain[0], sum);
  text_hex(sum, AUDIT_HASH_BYTES, redacted);
  assert_string_equal(personal, "8e000d4bb952384b0c17070435d2b029f96192a044f2b3669566bc9e63ba75c0");
  assert_string_equal(hash, "bf3012e7f048e371b1e2d18484bd41bb60149c8c18b78ea9cceef069a37716be");
  assert_string_equal(redacted, "c3bc9bdba2d35bb24aee0b08cbbd8b49b1d18158d1d23b1d829699243d0f333a");
}

static void an_organisation_is_in_the_sum_and_none_is_not(void **state) {
  char hash[65] = {0};
  uint8_t sum[AUDIT_HASH_BYTES];
  make();
  chain[0].org_id = 7;
  audit_chain_hash(&chain[0], sum);
  text_hex(sum, AUDIT_HASH_BYTES, hash);
  assert_string_equal(hash, "382cb9f1146a27e4bc7600af62db911edf513a0b75c049a32fe14c90e1a2f9d4");
  EXPECT_BAD(prove_all(chain, COUNT), 1, "");
  make();
  chain[2].org_id = 7;
  seal(chain, COUNT, 2);
  EXPECT_SOUND(prove_all(chain, COUNT));
  for (int64_t other = 0; other < 12; other += 8) {
    chain[2].org_id = other;
    EXPECT_BAD(prove_all(chain, COUNT), 3, "");
  }
  chain[2].org_id = 0;
}

static void a_whole_chain_is_sound(void **state) {
  make();
  struct audit_verdict v = prove_all(chain, COUNT);
  EXPECT_SOUND(v);
  assert_int_equal(v.rows, COUNT);
  assert_int_equal(v.head.id, COUNT);
  struct audit_end none = {0};
  EXPECT_SOUND(prove(NULL, 0, &none, &none, NULL));
}

static void a_missing_entry_is_named(void **state) {
  struct audit_row rows[COUNT];
  make();
  for (size_t gone = 0; gone < COUNT; gone++) {
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++)
      if (i != gone)
        rows[n++] = chain[i];
    EXPECT_BAD(prove_all(rows, n), (int64_t)gone + 1, "");
  }
}

static void two_entries_in_each_others_place_are_found(void **state) {
  struct audit_row rows[COUNT];
  make();
  memcpy(rows, chain, sizeof rows);
  rows[2] = chain[3];
  rows[3] = chain[2];
  EXPECT_BAD(prove_all(rows, COUNT), 3, "missing");
  rows[2].id = 3;
  rows[3].id = 4;
  EXPECT_BAD(prove_all(rows, COUNT), 3, "does not follow");
}

static void an_entry_put_in_between_is_found(void **state) {
  struct audit_row rows[COUNT + 1];
  make();
  memcpy(rows, chain, sizeof chain[0] * COUNT);
  rows[COUNT] = chain[COUNT - 1];
  rows[COUNT].id = COUNT + 1;
  memcpy(rows[COUNT].prev_hash, chain[COUNT - 1].hash, AUDIT_HASH_BYTES);
  audit_chain_hash(&rows[COUNT], rows[COUNT].hash);
  EXPECT_BAD(prove_all(rows, COUNT + 1), COUNT + 2, "should end with 6");
}

/* Whoever can write everything can make a chain anew; only what was written down elsewhere finds that. */
static void a_chain_that_was_made_anew_is_found_by_an_end_seen_earlier(void **state) {
  struct audit_end none = {0};
  make();
  struct audit_end seen = end_of(&chain[3]);
  chain[1].at_us++;
  seal(chain, COUNT, 1);
  struct audit_end head = end_of(&chain[COUNT - 1]);
  EXPECT_SOUND(prove(chain, COUNT, &none, &head, NULL));
  EXPECT_BAD(prove(chain, COUNT, &none, &head, &seen), 4, "written anew");
  seen = end_of(&chain[3]);
  EXPECT_SOUND(prove(chain, COUNT, &none, &head, &seen));
  seen.id = 99;
  EXPECT_BAD(prove(chain, COUNT, &none, &head, &seen), 99, "gone");
}

static void add_told(const char *action, struct text after) {
  struct audit_row *r = &chain[COUNT];
  *r = chain[COUNT - 1];
  r->id = COUNT + 1;
  r->action = text_of(action);
  r->after = after;
  audit_chain_personal(r, r->personal_sum);
  seal(chain, COUNT + 1, COUNT);
}

static void the_beginning_may_be_gone_when_an_entry_says_so(void **state) {
  make();
  char hex[65] = {0};
  text_hex(chain[1].hash, AUDIT_HASH_BYTES, hex);
  add_told("audit.purge", arena_format(&arena, "{\"through\":2,\"hash\":\"%s\"}", hex));
  struct audit_end anchor = end_of(&chain[1]), later = end_of(&chain[2]), head = end_of(&chain[COUNT]);
  EXPECT_SOUND(prove(chain + 2, COUNT - 1, &anchor, &head, NULL));
  EXPECT_BAD(prove(chain + 3, COUNT - 2, &later, &head, NULL), 4, "no entry says");
  EXPECT_BAD(prove(chain + 3, COUNT - 2, &anchor, &head, NULL), 3, "missing");
  EXPECT_BAD(prove(chain + 1, COUNT, &anchor, &head, NULL), 3, "2 stands there");
  struct audit_end none = {0}, old_head = end_of(&chain[COUNT - 1]);
  EXPECT_BAD(prove(chain + 2, COUNT - 2, &anchor, &old_head, NULL), 3, "no entry says");
  EXPECT_BAD(prove(chain, COUNT + 1, &none, &head, NULL), 1, "no entry says");
}

static void redact(size_t i, struct text actor) {
  memset(chain[i].salt, 0xff, AUDIT_SALT_BYTES);
  chain[i].is_erased = true;
  chain[i].actor = actor;
}

static void what_was_erased_must_be_vouched_for_by_the_latest_entry_about_it(void **state) {
  uint8_t sum[AUDIT_HASH_BYTES];
  char hex[65] = {0};
  struct audit_end none = {0};
  make();
  redact(2, TEXT("erased-1"));
  EXPECT_BAD(prove_all(chain, COUNT), 3, "no entry vouches");
  audit_chain_redacted(&chain[2], sum);
  text_hex(sum, AUDIT_HASH_BYTES, hex);
  add_told("audit.redact", arena_format(&arena, "{\"entries\":[[1,\"%s\"],[3,\"%s\"]]}", hex, hex));
  struct audit_end head = end_of(&chain[COUNT]);
  struct audit_verdict v = prove(chain, COUNT + 1, &none, &head, NULL);
  EXPECT_SOUND(v);
  assert_int_equal(v.erased, 1);
  chain[2].after = TEXT("{\"blocked\":null}");
  EXPECT_BAD(prove(chain, COUNT + 1, &none, &head, NULL), 3, "no entry vouches");
  make();
  redact(2, TEXT("erased-1"));
  add_told("audit.redact", TEXT("{\"entries\":[[3,\"12\"]]}"));
  head = end_of(&chain[COUNT]);
  EXPECT_BAD(prove(chain, COUNT + 1, &none, &head, NULL), COUNT + 1, "cannot be read");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_sums_are_what_the_header_says, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_organisation_is_in_the_sum_and_none_is_not, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_whole_chain_is_sound, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_missing_entry_is_named, set_up, tear_down),
      cmocka_unit_test_setup_teardown(two_entries_in_each_others_place_are_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_entry_put_in_between_is_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_chain_that_was_made_anew_is_found_by_an_end_seen_earlier, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_beginning_may_be_gone_when_an_entry_says_so, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_erased_must_be_vouched_for_by_the_latest_entry_about_it, set_up,
                                      tear_down),
  };
  return RUN_TESTS(tests);
}
