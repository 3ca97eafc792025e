/* A house with a door: a store in memory, a vault, a mint, and the desk of signing in, for the tests of signing in and
 * of access. Browsers keep cookies by their names, as browsers do. */
#ifndef TESTS_UNIT_IDENTITY_SIGNIN_WORLD_H
#define TESTS_UNIT_IDENTITY_SIGNIN_WORLD_H

#include "identity/access.h"
#include "identity/signin.h"
#include "identity/totp.h"
#include "identity/vault.h"
#include "ports/store_audit.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
#define URL              "https://weir.example"
#define NOW              INT64_C(1801353600000000)
#define SECOND           INT64_C(1000000)
#define MINUTE           (60 * SECOND)
#define DAY              (1440 * MINUTE)
#define PASSWORD         "correct horse battery"
#define OWNER            "owner@x.org"

struct world {
  struct store *store;
  struct sealed_vault *vault;
  struct mint *mint;
  struct rights *rights;
  struct secret *server_secret;
  struct signin_desk *desk;
  struct access_desk *access;
  struct arena arena;
  struct fault fault;
  int64_t now_us;
};

/* What a browser has. */
struct browser {
  struct text cookies[5]; /* "name=value" */
  size_t count;
  struct text csrf;
  const char *address;
};

static inline struct signin *of(struct world *x) { return signin_port(x->desk); }

static inline struct signin_options options_of(struct world *x, const char *url) {
  return (struct signin_options){.store = x->store,
                                 .vault = vault_port(x->vault),
                                 .mint = x->mint,
                                 .rights = x->rights,
                                 .server_secret = x->server_secret,
                                 .public_url = text_of(url),
                                 .cost = {PASSWORD_MEMORY_MIN, 1, 2},
                                 .times = {10 * MINUTE, 7 * DAY, 30 * DAY}};
}

static inline struct world *world_open(const char *url) {
  struct world *x = calloc(1, sizeof(*x));
  assert_non_null(x);
  assert_int_equal(store_open_memory(&x->store, NULL), ERR_OK);
  x->vault = vault_new(x->store, keeper_memory());
  x->mint = mint_new(x->store, vault_port(x->vault), text_of(url));
  x->rights = rights_new(x->store);
  x->server_secret = secret_new(TEXT("thirty-two bytes of the server.."));
  const struct signin_options o = options_of(x, url);
  x->desk = signin_new(&o);
  x->access = access_new(&(struct access_options){.store = x->store,
                                                  .mint = x->mint,
                                                  .rights = x->rights,
                                                  .server_secret = x->server_secret,
                                                  .public_url = text_of(url)});
  arena_init(&x->arena);
  x->now_us = NOW;
  return x;
}

static inline struct world *world_new(void) { return world_open(URL); }

static inline void world_free(struct world *x) {
  access_free(x->access);
  signin_free(x->desk);
  rights_free(x->rights);
  mint_free(x->mint);
  vault_free(x->vault);
  secret_free(x->server_secret);
  x->store->ops->close(x->store);
  arena_done(&x->arena);
  free(x);
}

static inline void expect(struct world *x, enum err got, enum err wanted) {
  if (got != wanted)
    fail_msg("%s \"%s\", wanted %s", err_name(got), x->fault.text, err_name(wanted));
}

/* The cookies of an answer take the place of those of their names; age 0 takes them away. */
static inline void keep(struct world *x, struct browser *b, const struct signin_result *r) {
  for (size_t i = 0; i < r->cookie_count; i++) {
    struct text pair = TEXT_NONE, name = TEXT_NONE, value = TEXT_NONE, rest;
    assert_true(text_cut(r->cookies[i], ';', &pair, &rest) && text_cut(pair, '=', &name, &value));
    size_t at = 0;
    while (at < b->count && !text_starts(b->cookies[at], arena_format(&x->arena, "%.*s=", TEXT_ARGS(name))))
      at++;
    if (value.len == 0) {
      if (at < b->count)
        b->cookies[at] = b->cookies[--b->count];
      continue;
    }
    assert_true(at < 5);
    b->count = at == b->count ? at + 1 : b->count;
    b->cookies[at] = pair;
  }
  b->csrf = r->csrf;
}

static inline struct text cookie_header(struct world *x, const struct browser *b) {
  struct text all = TEXT("theme=dark");
  for (size_t i = 0; i < b->count; i++)
    all = arena_format(&x->arena, "%.*s; %.*s", TEXT_ARGS(all), TEXT_ARGS(b->cookies[i]));
  return all;
}

static inline struct signin_visit visit(struct world *x, const struct browser *b) {
  x->fault = (struct fault){0};
  return (struct signin_visit){.address = b->address ? text_of(b->address) : TEXT("192.0.2.1"),
                               .agent = TEXT("test"),
                               .cookie = cookie_header(x, b),
                               .csrf = b->csrf,
                               .now_us = x->now_us,
                               .arena = &x->arena};
}

static inline struct text setup_token(struct world *x) {
  struct text url, page, token;
  expect(x, signin_setup_url(x->desk, x->now_us, &x->arena, &url, &x->fault), ERR_OK);
  assert_true(text_cut(url, '=', &page, &token));
  assert_true(text_equal(page, TEXT(URL "/setup?token")));
  return token;
}

static inline enum err login_with(struct world *x, struct browser *b, const char *email, const char *password,
                                  const char *code) {
  struct signin_result r = {0};
  struct signin_visit v = visit(x, b);
  enum err e = of(x)->login(of(x), &v, text_of(email), text_of(password), text_of(code), &r, &x->fault);
  if (e == ERR_OK && r.needs_code)
    return ERR_AGAIN;
  if (e == ERR_OK)
    keep(x, b, &r);
  return e;
}

static inline enum err login(struct world *x, struct browser *b, const char *password) {
  return login_with(x, b, OWNER, password, "");
}

/* The first owner, signed in. */
static inline struct browser owner(struct world *x) {
  struct browser b = {0};
  struct signin_result r = {0};
  struct text token = setup_token(x);
  struct signin_visit v = visit(x, &b);
  expect(x, of(x)->setup(of(x), &v, token, TEXT("Owner@X.org"), TEXT("The Owner"), TEXT(PASSWORD), &r, &x->fault),
         ERR_OK);
  keep(x, &b, &r);
  return b;
}

static inline enum err refresh(struct world *x, struct browser *b) {
  struct signin_result r = {0};
  struct signin_visit v = visit(x, b);
  enum err e = of(x)->refresh(of(x), &v, &r, &x->fault);
  if (e == ERR_OK)
    keep(x, b, &r);
  return e;
}

static inline enum err ask_with(struct world *x, const struct access_claim *claim, struct caller *out) {
  x->fault = (struct fault){0};
  struct access *a = access_port(x->access);
  return a->find(a, claim, x->now_us, &x->arena, out, &x->fault);
}

static inline enum err ask(struct world *x, const struct browser *b, const char *method, struct caller *out) {
  return ask_with(
      x,
      &(struct access_claim){
          .cookie = cookie_header(x, b), .csrf = b->csrf, .method = text_of(method), .address = TEXT("192.0.2.1")},
      out);
}

/* Another user of the first organisation, with a password. */
static inline int64_t declare(struct world *x, const char *email, const char *role) {
  const struct signin_declared d = {text_of(email), TEXT(""), TEXT(PASSWORD), text_of(role)};
  struct people_row row;
  expect(x, signin_declare(x->desk, &d, 1, x->now_us, &x->fault), ERR_OK);
  expect(x, x->store->ops->people->find_user(x->store, text_of(email), &x->arena, &row, &x->fault), ERR_OK);
  return row.id;
}

static inline struct caller caller_of(struct world *x, const struct browser *b) {
  struct caller c = {0};
  expect(x, ask(x, b, "GET", &c), ERR_OK);
  return c;
}

static inline const char *code_of(struct text base32, int64_t now_us) {
  static char code[8];
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  uint8_t secret[TOTP_SECRET_BYTES];
  uint32_t bits = 0;
  int have = 0;
  size_t n = 0;
  for (size_t i = 0; i < base32.len && n < sizeof(secret); i++) {
    bits = bits << 5 | (uint32_t)(strchr(alphabet, base32.at[i]) - alphabet);
    if ((have += 5) >= 8)
      secret[n++] = (uint8_t)(bits >> (have -= 8));
  }
  snprintf(code, sizeof(code), "%06u", (unsigned)totp_code(secret, n, (uint64_t)(now_us / SECOND / 30), 6));
  return code;
}

/* Turns a second factor on. */
static inline struct text enrol(struct world *x, const struct browser *b, struct text codes[SIGNIN_RECOVERY]) {
  struct caller c = caller_of(x, b);
  struct signin_visit v = visit(x, b);
  struct text secret, uri;
  expect(x, of(x)->factor_begin(of(x), &v, &c, TEXT(PASSWORD), &secret, &uri, &x->fault), ERR_OK);
  assert_true(text_starts(uri, TEXT("otpauth://totp/Weir:owner%40x.org?secret=")));
  expect(x, of(x)->factor_confirm(of(x), &v, &c, text_of(code_of(secret, x->now_us)), codes, &x->fault), ERR_OK);
  return secret;
}

#endif
