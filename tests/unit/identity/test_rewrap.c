/* Another master key: every record is readable whenever the work stops, by processes with either key, and it goes on
 * where it was left. */
#include "identity/rewrap.h"

#include "base/random.h"
#include "identity/vault.h"
#include "store/store.h"
#include "support/actor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OLD     "8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="
#define NEW     "9Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="
#define RECORDS 5

static struct fault fault;

static void expect(enum err got, enum err wanted, const char *part) {
  if (got != wanted || (part && !strstr(fault.text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), fault.text, err_name(wanted), part ? part : "");
}

static struct store *open_store(void) {
  struct store *s = NULL;
  assert_int_equal(store_open_memory(&s, NULL), ERR_OK);
  return s;
}

/* Signing keys, because they are sealed and have no other owner. */
static void add_records(struct store *s, struct sealed_vault *v, int64_t first, int64_t last) {
  struct vault *port = vault_port(v);
  for (int64_t id = first; id <= last; id++) {
    struct store_signing_key k = {.id = id, .version = 1};
    struct vault_place p = {"weir_signing_keys", "sealed", 0, id, 1};
    char kid[16], plain[16];
    struct buf sealed;
    buf_init(&sealed, VAULT_SEALED_MAX);
    snprintf(kid, sizeof kid, "kid-%lld", (long long)id);
    snprintf(plain, sizeof plain, "secret %lld", (long long)id);
    k.kid = text_of(kid);
    expect(port->seal(port, &p, text_of(plain), &sealed, &fault), ERR_OK, NULL);
    k.sealed = buf_text(&sealed);
    expect(s->ops->vault->signing_add(s, &k, TEST_ACTOR, &fault), ERR_OK, NULL);
    buf_done(&sealed);
  }
}

/* That every record opens, in a vault. */
static void expect_readable(struct store *s, struct sealed_vault *v, size_t wanted) {
  struct vault *port = vault_port(v);
  struct store_sealed *rows;
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  expect(s->ops->vault->sealed_list(s, 0, 0, 100, &a, &rows, &count, &fault), ERR_OK, NULL);
  assert_int_equal(count, wanted);
  for (size_t i = 0; i < count; i++) {
    struct secret *plain = NULL;
    char text[16];
    snprintf(text, sizeof text, "secret %lld", (long long)rows[i].place.id);
    expect(port->open(port, &rows[i].place, rows[i].sealed, &plain, &fault), ERR_OK, NULL);
    assert_true(text_equal(secret_reveal(plain), text_of(text)));
    secret_free(plain);
  }
  arena_done(&a);
}

static void expect_readable_by(struct store *s, const char *key, size_t wanted) {
  struct sealed_vault *v = vault_new(s, keeper_given(text_of(key)));
  expect(vault_check(v, &fault), ERR_OK, NULL);
  expect_readable(s, v, wanted);
  vault_free(v);
}

struct stop {
  uint64_t after;
};

static enum err stop_after(void *data, uint64_t done, struct fault *f) {
  const struct stop *s = data;
  return done < s->after ? ERR_OK : fault_set(f, ERR_CANCELLED, NULL, "stopped");
}

static enum err rewrap(struct store *s, uint64_t stop, struct rewrap_result *out) {
  struct keeper *from = keeper_given(TEXT(OLD)), *to = keeper_given(TEXT(NEW));
  struct stop after = {stop};
  const struct rewrap_options o = {
      .store = s, .from = from, .to = to, .by = TEST_ACTOR, .go_on = stop_after, .data = &after};
  fault = (struct fault){0};
  enum err e = rewrap_run(&o, out, &fault);
  keeper_free(from);
  keeper_free(to);
  return e;
}

static void the_new_key_alone_is_good_afterwards(void **state) {
  struct store *s = open_store();
  struct sealed_vault *running = vault_new(s, keeper_given(TEXT(OLD)));
  struct rewrap_result r;
  struct sealed_vault *late = vault_new(s, keeper_given(TEXT(OLD)));
  add_records(s, running, 1, RECORDS);
  expect(rewrap(s, UINT64_MAX, &r), ERR_OK, NULL);
  assert_int_equal(r.records, RECORDS);
  assert_false(r.was_begun);
  expect_readable_by(s, NEW, RECORDS);
  expect(vault_check(late, &fault), ERR_CONFIG, "is not the one");
  expect(rewrap(s, UINT64_MAX, &r), ERR_CONFIG, "not the one in force");
  vault_free(running);
  vault_free(late);
  s->ops->close(s);
}

/* Stopped behind each record, as a kill would: both keys open everything, then it goes on to the end. */
static void stopped_anywhere_all_is_readable_and_it_goes_on(void **state) {
  for (uint64_t stop = 1; stop <= RECORDS; stop++) {
    struct store *s = open_store();
    struct sealed_vault *running = vault_new(s, keeper_given(TEXT(OLD)));
    struct rewrap_result r = {0};
    add_records(s, running, 1, RECORDS);
    expect(rewrap(s, stop, &r), ERR_CANCELLED, NULL);
    expect_readable(s, running, RECORDS); /* also by who has not been told */
    expect_readable_by(s, OLD, RECORDS);
    expect_readable_by(s, NEW, RECORDS);
    expect(rewrap(s, UINT64_MAX, &r), ERR_OK, NULL);
    assert_true(r.was_begun);
    assert_int_equal(r.records, RECORDS - stop);
    expect_readable_by(s, NEW, RECORDS);
    expect_readable(s, running, RECORDS); /* it has heard of the new key while both were there */
    vault_free(running);
    s->ops->close(s);
  }
}

static void what_is_sealed_meanwhile_is_under_the_new_key(void **state) {
  struct store *s = open_store();
  struct sealed_vault *running = vault_new(s, keeper_given(TEXT(OLD)));
  struct rewrap_result r = {0};
  add_records(s, running, 1, RECORDS);
  expect(rewrap(s, 2, &r), ERR_CANCELLED, NULL);
  add_records(s, running, RECORDS + 1, RECORDS + 2);
  struct sealed_vault *fresh = vault_new(s, keeper_given(TEXT(NEW)));
  add_records(s, fresh, RECORDS + 3, RECORDS + 3);
  expect_readable(s, running, RECORDS + 3);
  expect(rewrap(s, UINT64_MAX, &r), ERR_OK, NULL);
  assert_int_equal(r.records, RECORDS - 2);
  expect_readable_by(s, NEW, RECORDS + 3);
  add_records(s, running, RECORDS + 4, RECORDS + 4); /* by the one that was started with the old key */
  expect_readable_by(s, NEW, RECORDS + 4);
  vault_free(running);
  vault_free(fresh);
  s->ops->close(s);
}

static void a_process_that_is_told_knows_the_key_to_come(void **state) {
  struct store *s = open_store();
  struct sealed_vault *running = vault_new(s, keeper_given(TEXT(OLD)));
  struct rewrap_result r = {0};
  add_records(s, running, 1, RECORDS);
  expect(rewrap(s, 1, &r), ERR_CANCELLED, NULL);
  vault_look(running);
  expect(rewrap(s, UINT64_MAX, &r), ERR_OK, NULL);
  vault_look(running);
  expect_readable(s, running, RECORDS);
  vault_free(running);
  s->ops->close(s);
}

static void a_damaged_record_stops_it_and_is_named(void **state) {
  struct store *s = open_store();
  struct sealed_vault *running = vault_new(s, keeper_given(TEXT(OLD)));
  struct store_vault_state now;
  struct rewrap_result r;
  struct store_sealed *rows;
  size_t count;
  struct arena a;
  arena_init(&a);
  add_records(s, running, 1, 3);
  expect(s->ops->vault->sealed_list(s, 0, 0, 9, &a, &rows, &count, &fault), ERR_OK, NULL);
  char *bad = (char *)(uintptr_t)arena_copy(&a, rows[1].sealed).at;
  bad[40] ^= 1;
  expect(s->ops->vault->sealed_put(s, &rows[1], (struct text){bad, rows[1].sealed.len}, &fault), ERR_OK, NULL);
  expect(rewrap(s, UINT64_MAX, &r), ERR_STORE_CORRUPT, "weir_signing_keys 2");
  expect(s->ops->vault->state(s, &a, &now, &fault), ERR_OK, NULL);
  assert_true(now.next.len > 0); /* not ended: the old key is still in force */
  arena_done(&a);
  vault_free(running);
  s->ops->close(s);
}

static void nothing_sealed_and_the_same_key_are_refused(void **state) {
  struct store *s = open_store();
  struct rewrap_result r;
  expect(rewrap(s, UINT64_MAX, &r), ERR_NOT_FOUND, "nothing is sealed");
  struct sealed_vault *running = vault_new(s, keeper_given(TEXT(NEW)));
  add_records(s, running, 1, 1);
  expect(rewrap(s, UINT64_MAX, &r), ERR_CONFIG, "not the one in force");
  struct keeper *k = keeper_given(TEXT(NEW));
  struct rewrap_options o = {.store = s, .from = k, .to = k, .by = TEST_ACTOR};
  expect(rewrap_run(&o, &r, &fault), ERR_CONFIG, "is the one that is in force");
  o.to = NULL;
  expect(rewrap_run(&o, &r, &fault), ERR_UNSUPPORTED, "by hand");
  keeper_free(k);
  vault_free(running);
  s->ops->close(s);
}

static void a_link_that_is_damaged_is_refused(void **state) {
  static const char *const bad[] = {"", ".", "..", "a.b.c", "AA.AA.", "AA.AA", "====.AA."};
  uint8_t one[SEALED_KEY_BYTES], two[SEALED_KEY_BYTES], out[SEALED_KEY_BYTES];
  struct sealed_key k, other;
  struct rewrap_link l;
  struct arena a;
  struct buf b;
  arena_init(&a);
  buf_init(&b, 65536);
  random_bytes(one, sizeof one);
  random_bytes(two, sizeof two);
  sealed_key_init(&k, one);
  sealed_key_init(&other, two);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    enum err e = rewrap_link_read(text_of(bad[i]), &a, &l, &fault);
    if (e == ERR_OK)
      e = rewrap_link_open(&l, false, &k, out, &fault);
    expect(e, ERR_STORE_CORRUPT, NULL);
  }
  expect(rewrap_link_write(one, two, TEXT("kept.it"), &b, &fault), ERR_OK, NULL);
  expect(rewrap_link_read(buf_text(&b), &a, &l, &fault), ERR_OK, NULL);
  assert_true(text_equal(l.kept, TEXT("kept.it")));
  expect(rewrap_link_open(&l, false, &k, out, &fault), ERR_OK, NULL);
  assert_memory_equal(out, two, sizeof two);
  expect(rewrap_link_open(&l, true, &other, out, &fault), ERR_OK, NULL);
  assert_memory_equal(out, one, sizeof one);
  expect(rewrap_link_open(&l, true, &k, out, &fault), ERR_STORE_CORRUPT, NULL);
  expect(rewrap_link_open(&l, false, &other, out, &fault), ERR_STORE_CORRUPT, NULL);
  buf_done(&b);
  arena_done(&a);
}

static enum err rewrap_file(struct store *s, const char *dir, uint64_t stop, struct rewrap_result *out) {
  struct keeper *k = keeper_file(dir);
  struct stop after = {stop};
  const struct rewrap_options o = {.store = s, .from = k, .by = TEST_ACTOR, .go_on = stop_after, .data = &after};
  fault = (struct fault){0};
  enum err e = rewrap_run(&o, out, &fault);
  keeper_free(k);
  return e;
}

static bool has(const char *dir, const char *name) {
  char path[96];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return access(path, F_OK) == 0;
}

static void a_file_is_followed_by_one_of_its_own_making(void **state) {
  char dir[] = "/tmp/weir-rewrap-XXXXXX", from[96], to[96];
  struct store *s = open_store();
  struct rewrap_result r = {0};
  assert_non_null(mkdtemp(dir));
  struct sealed_vault *running = vault_new(s, keeper_file(dir));
  add_records(s, running, 1, RECORDS);
  expect(rewrap_file(s, dir, 2, &r), ERR_CANCELLED, NULL);
  assert_true(has(dir, "master.key.next"));
  expect(rewrap_file(s, dir, UINT64_MAX, &r), ERR_OK, NULL);
  assert_true(r.was_begun);
  assert_true(has(dir, "master.key") && has(dir, "master.key.old") && !has(dir, "master.key.next"));
  struct sealed_vault *next = vault_new(s, keeper_file(dir));
  expect(vault_check(next, &fault), ERR_OK, NULL);
  expect_readable(s, next, RECORDS);
  /* Killed between the turn in the store and the change of the files: the next start makes it good. */
  snprintf(from, sizeof from, "%s/master.key", dir);
  snprintf(to, sizeof to, "%s/master.key.next", dir);
  assert_int_equal(rename(from, to), 0);
  snprintf(to, sizeof to, "%s/master.key.old", dir);
  assert_int_equal(rename(to, from), 0);
  struct sealed_vault *after = vault_new(s, keeper_file(dir));
  expect(vault_check(after, &fault), ERR_OK, NULL);
  expect_readable(s, after, RECORDS);
  assert_true(!has(dir, "master.key.next") && has(dir, "master.key.old"));
  unlink(from);
  unlink(to);
  rmdir(dir);
  vault_free(running);
  vault_free(next);
  vault_free(after);
  s->ops->close(s);
}

/* What a backup of half the way brings back: the key before, and a database that knows the one to come. */
static void a_file_that_has_only_the_key_before_gets_the_one_to_come(void **state) {
  char dir[] = "/tmp/weir-rewrap-XXXXXX", path[96];
  struct store *s = open_store();
  struct rewrap_result r = {0};
  assert_non_null(mkdtemp(dir));
  struct sealed_vault *running = vault_new(s, keeper_file(dir));
  add_records(s, running, 1, RECORDS);
  expect(rewrap_file(s, dir, 2, &r), ERR_CANCELLED, NULL);
  snprintf(path, sizeof path, "%s/master.key.next", dir);
  assert_int_equal(unlink(path), 0);
  expect(key_file_write(path, (const uint8_t *)"0123456789abcdef0123456789abcdex", &fault), ERR_OK, NULL);
  expect(rewrap_file(s, dir, UINT64_MAX, &r), ERR_CONFIG, "is not the key that takes over");
  assert_int_equal(unlink(path), 0);
  expect(rewrap_file(s, dir, UINT64_MAX, &r), ERR_OK, NULL);
  struct sealed_vault *next = vault_new(s, keeper_file(dir));
  expect(vault_check(next, &fault), ERR_OK, NULL);
  expect_readable(s, next, RECORDS);
  snprintf(path, sizeof path, "%s/master.key", dir);
  unlink(path);
  snprintf(path, sizeof path, "%s/master.key.old", dir);
  unlink(path);
  rmdir(dir);
  vault_free(running);
  vault_free(next);
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_new_key_alone_is_good_afterwards),
      cmocka_unit_test(stopped_anywhere_all_is_readable_and_it_goes_on),
      cmocka_unit_test(what_is_sealed_meanwhile_is_under_the_new_key),
      cmocka_unit_test(a_process_that_is_told_knows_the_key_to_come),
      cmocka_unit_test(a_damaged_record_stops_it_and_is_named),
      cmocka_unit_test(nothing_sealed_and_the_same_key_are_refused),
      cmocka_unit_test(a_link_that_is_damaged_is_refused),
      cmocka_unit_test(a_file_is_followed_by_one_of_its_own_making),
      cmocka_unit_test(a_file_that_has_only_the_key_before_gets_the_one_to_come),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("rewrap", tests, NULL, NULL);
}
