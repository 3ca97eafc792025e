/* The vault over a store: which master key it is, when one is made, and what is refused at the start. */
#include "identity/vault.h"

#include "ports/store_vault.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIVEN "8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="
#define OTHER "9Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg="

static const struct vault_place home = {"weir_signing_keys", "sealed", 0, 7, 2};
static struct fault fault;

static struct store *open_store(void) {
  struct store *s = NULL;
  assert_int_equal(store_open_memory(&s, NULL), ERR_OK);
  return s;
}

static void expect(enum err got, enum err wanted, const char *part) {
  if (got != wanted || (part && !strstr(fault.text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), fault.text, err_name(wanted), part ? part : "");
}

static enum err check(struct sealed_vault *v) {
  fault = (struct fault){0};
  return vault_check(v, &fault);
}

static enum err seal(struct sealed_vault *v, const char *plain, struct buf *out) {
  struct vault *port = vault_port(v);
  fault = (struct fault){0};
  buf_init(out, VAULT_SEALED_MAX);
  return port->seal(port, &home, text_of(plain), out, &fault);
}

static enum err open_it(struct sealed_vault *v, const struct buf *sealed, const char *plain) {
  struct vault *port = vault_port(v);
  struct secret *s = NULL;
  fault = (struct fault){0};
  enum err e = port->open(port, &home, buf_text(sealed), &s, &fault);
  if (!e)
    assert_true(text_equal(secret_reveal(s), text_of(plain)));
  secret_free(s);
  return e;
}

static void a_secret_is_opened_by_another_process_with_the_same_key(void **state) {
  struct store *s = open_store();
  struct sealed_vault *a = vault_new(s, keeper_given(TEXT(GIVEN))), *b = vault_new(s, keeper_given(TEXT(GIVEN)));
  struct buf sealed;
  expect(check(a), ERR_OK, NULL);
  expect(seal(a, "hush", &sealed), ERR_OK, NULL);
  expect(check(b), ERR_OK, NULL);
  expect(open_it(b, &sealed, "hush"), ERR_OK, NULL);
  expect(open_it(a, &sealed, "hush"), ERR_OK, NULL);
  buf_done(&sealed);
  vault_free(a);
  vault_free(b);
  s->ops->close(s);
}

static void another_or_no_key_is_refused_once_something_is_sealed(void **state) {
  char dir[] = "/tmp/weir-vault-XXXXXX", path[64];
  struct store *s = open_store();
  struct buf sealed, second;
  assert_non_null(mkdtemp(dir));
  struct sealed_vault *a = vault_new(s, keeper_given(TEXT(GIVEN))), *other = vault_new(s, keeper_given(TEXT(OTHER))),
                      *none = vault_new(s, keeper_file(dir));
  expect(check(other), ERR_OK, NULL); /* nothing is sealed yet */
  expect(check(none), ERR_OK, NULL);
  expect(seal(a, "hush", &sealed), ERR_OK, NULL);
  expect(check(other), ERR_CONFIG, "is not the one");
  expect(check(none), ERR_CONFIG, "there is no master key here");
  expect(seal(other, "more", &second), ERR_UNAVAILABLE, "is not the one");
  buf_done(&second);
  expect(seal(none, "more", &second), ERR_UNAVAILABLE, "there is no master key here");
  buf_done(&second);
  expect(open_it(other, &sealed, ""), ERR_UNAVAILABLE, "is not the one");
  snprintf(path, sizeof path, "%s/master.key", dir);
  assert_int_not_equal(access(path, F_OK), 0); /* none is made that would be in the way */
  rmdir(dir);
  buf_done(&sealed);
  vault_free(a);
  vault_free(other);
  vault_free(none);
  s->ops->close(s);
}

static void the_file_is_made_by_the_first_secret(void **state) {
  char dir[] = "/tmp/weir-vault-XXXXXX", path[64];
  struct store *s = open_store();
  struct buf sealed;
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/master.key", dir);
  struct sealed_vault *a = vault_new(s, keeper_file(dir));
  expect(check(a), ERR_OK, NULL);
  assert_int_not_equal(access(path, F_OK), 0);
  expect(seal(a, "hush", &sealed), ERR_OK, NULL);
  assert_int_equal(access(path, F_OK), 0);
  vault_free(a);
  a = vault_new(s, keeper_file(dir));
  expect(check(a), ERR_OK, NULL);
  expect(open_it(a, &sealed, "hush"), ERR_OK, NULL);
  buf_done(&sealed);
  vault_free(a);
  unlink(path);
  rmdir(dir);
  s->ops->close(s);
}

static void a_key_that_could_be_guessed_is_refused_though_nothing_is_sealed(void **state) {
  struct store *s = open_store();
  struct sealed_vault *a =
      vault_new(s, keeper_given(TEXT("0000000000000000000000000000000000000000000000000000000000000000")));
  expect(check(a), ERR_CONFIG, "guessed");
  vault_free(a);
  s->ops->close(s);
}

/* A keeper that cannot be reached for a while. */
static bool is_away;
static enum err away_read(struct keeper *self, struct text kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  if (is_away)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "the key service is away");
  for (uint8_t i = 0; i < KEEPER_KEY_BYTES; i++)
    out[i] = (uint8_t)(i * i + 1);
  return ERR_OK;
}
static enum err away_make(struct keeper *self, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES], struct fault *f) {
  return ERR_UNSUPPORTED;
}
static enum err away_next(struct keeper *self, bool may_make, struct buf *kept, uint8_t out[KEEPER_KEY_BYTES],
                          struct fault *f) {
  return ERR_NOT_FOUND;
}
static enum err away_adopt(struct keeper *self, struct fault *f) { return ERR_OK; }
static void away_free(struct keeper *self) {}
static struct keeper away = {"away", away_read, away_make, away_next, away_adopt, away_free};

static void a_keeper_that_is_away_is_asked_again(void **state) {
  struct store *s = open_store();
  struct buf sealed, second;
  struct sealed_vault *a = vault_new(s, &away), *b = vault_new(s, &away);
  is_away = false;
  expect(seal(a, "hush", &sealed), ERR_OK, NULL);
  is_away = true;
  expect(open_it(a, &sealed, "hush"), ERR_OK, NULL); /* it is asked once */
  expect(seal(a, "more", &second), ERR_OK, NULL);
  buf_done(&second);
  expect(check(b), ERR_UNAVAILABLE, "away");
  expect(open_it(b, &sealed, "hush"), ERR_UNAVAILABLE, "away");
  is_away = false;
  expect(open_it(b, &sealed, "hush"), ERR_OK, NULL);
  buf_done(&sealed);
  vault_free(a);
  vault_free(b);
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_secret_is_opened_by_another_process_with_the_same_key),
      cmocka_unit_test(another_or_no_key_is_refused_once_something_is_sealed),
      cmocka_unit_test(the_file_is_made_by_the_first_secret),
      cmocka_unit_test(a_key_that_could_be_guessed_is_refused_though_nothing_is_sealed),
      cmocka_unit_test(a_keeper_that_is_away_is_asked_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
