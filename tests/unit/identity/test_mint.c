/* Tokens of ours: what is signed is taken, on every replica, and nothing that a forger makes is; keys rotate without a
 * token being refused meanwhile. */
#include "identity/mint.h"

#include "identity/jwks.h"
#include "identity/jws_sign.h"
#include "identity/oauth.h"
#include "identity/vault.h"
#include "ports/store_audit.h"
#include "ports/store_vault.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/hmac.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER  "https://weir.example"
#define NOW     INT64_C(1801353600000000)
#define SECOND  INT64_C(1000000)
#define MINUTE  (60 * SECOND)
#define DAY     (1440 * MINUTE)
#define EXPIRES (NOW + 10 * MINUTE)

struct world {
  struct store *store;
  struct sealed_vault *vault;
  struct mint *mint;
  struct arena arena;
  struct fault fault;
  /* The key that signs, for forgers who have more than they should. */
  uint8_t seed[JWS_SEED_BYTES], public_key[JWS_PUBLIC_BYTES];
  struct text kid;
};

static const struct mint_claims usual = {TEXT("user:12"), 3, 40, TEXT("keys.read keys.own"), EXPIRES};

static void expect(struct world *x, enum err got, enum err wanted, const char *part) {
  if (got != wanted || (part && !strstr(x->fault.text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), x->fault.text, err_name(wanted), part ? part : "");
}

static struct text sign(struct world *x, struct mint *m, const struct mint_claims *c, int64_t now_us) {
  struct buf b;
  buf_init(&b, 8192);
  expect(x, mint_sign(m, c, now_us, &b, &x->fault), ERR_OK, NULL);
  struct text token = arena_copy(&x->arena, buf_text(&b));
  buf_done(&b);
  return token;
}

static enum err check(struct world *x, struct mint *m, struct text token, int64_t now_us, struct mint_claims *out) {
  x->fault = (struct fault){0};
  return mint_check(m, token, now_us, &x->arena, out, &x->fault);
}

static struct store_signing_key *keys_of(struct world *x, size_t *out_count) {
  struct store_signing_key *k = NULL;
  expect(x, x->store->ops->vault->signing_list(x->store, &x->arena, &k, out_count, &x->fault), ERR_OK, NULL);
  return k;
}

static void steal_key(struct world *x) {
  struct vault *v = vault_port(x->vault);
  struct secret *seed = NULL;
  size_t count = 0;
  struct store_signing_key *k = keys_of(x, &count);
  assert_int_equal(count, 1);
  struct vault_place place = {"weir_signing_keys", "sealed", 0, k->id, k->version};
  expect(x, v->open(v, &place, k->sealed, &seed, &x->fault), ERR_OK, NULL);
  memcpy(x->seed, secret_reveal(seed).at, sizeof x->seed);
  memcpy(x->public_key, k->public_key, sizeof x->public_key);
  x->kid = k->kid;
  secret_free(seed);
}

static struct world *world_new(void) {
  struct world *x = calloc(1, sizeof *x);
  assert_non_null(x);
  assert_int_equal(store_open_memory(&x->store, NULL), ERR_OK);
  x->vault = vault_new(x->store, keeper_memory());
  x->mint = mint_new(x->store, vault_port(x->vault), TEXT(ISSUER));
  arena_init(&x->arena);
  return x;
}

static void world_free(struct world *x) {
  mint_free(x->mint);
  vault_free(x->vault);
  x->store->ops->close(x->store);
  arena_done(&x->arena);
  free(x);
}

static void what_is_signed_is_read_on_every_replica(void **state) {
  struct world *x = world_new();
  struct mint *other = mint_new(x->store, vault_port(x->vault), TEXT(ISSUER));
  struct text token = sign(x, x->mint, &usual, NOW);
  struct mint *readers[] = {x->mint, other};
  for (size_t i = 0; i < 2; i++) {
    struct mint_claims c = {0};
    expect(x, check(x, readers[i], token, NOW + 5 * MINUTE, &c), ERR_OK, NULL);
    assert_true(text_equal(c.subject, usual.subject));
    assert_true(text_equal(c.scope, usual.scope));
    assert_int_equal(c.org_id, 3);
    assert_int_equal(c.session_id, 40);
    assert_int_equal(c.expires_us, EXPIRES);
  }
  assert_true(mint_is_ours(other, token));
  assert_false(text_equal(token, sign(x, other, &usual, NOW))); /* jti */
  size_t count = 0;
  keys_of(x, &count);
  assert_int_equal(count, 1);
  mint_free(other);
  world_free(x);
}

static void a_token_ends_with_its_time_and_lives_a_day_at_most(void **state) {
  struct world *x = world_new();
  struct mint_claims c = usual, out;
  struct buf b;
  struct text token = sign(x, x->mint, &usual, NOW);
  expect(x, check(x, x->mint, token, EXPIRES + (MINT_LEEWAY_S + 1) * SECOND, &out), ERR_UNAUTHENTICATED, "exp");
  expect(x, check(x, x->mint, token, NOW - (MINT_LEEWAY_S + 1) * SECOND, &out), ERR_UNAUTHENTICATED, "nbf");
  c.expires_us = NOW + DAY + SECOND;
  buf_init(&b, 8192);
  expect(x, mint_sign(x->mint, &c, NOW, &b, &x->fault), ERR_LIMIT, "a day");
  assert_int_equal(b.len, 0);
  buf_done(&b);
  world_free(x);
}

#define GOOD_REST "\"sub\":\"user:1\",\"iat\":1801353600,\"nbf\":1801353600,\"exp\":1801357200,\"org\":1"
#define GOOD_BODY "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\"," GOOD_REST "}"

static struct text forge(struct world *x, const char *header, const char *payload) {
  struct buf b;
  buf_init(&b, 16384);
  /* "KID" in the header stands for the name of the key. */
  struct text head = text_of(header);
  ptrdiff_t at = text_find(head, TEXT("KID"));
  assert_true(at >= 0);
  const struct text parts[] = {text_head(head, (size_t)at), x->kid, text_skip(head, (size_t)at + 3)};
  jws_sign(x->seed, arena_join(&x->arena, parts, 3), text_of(payload), &b);
  struct text token = arena_copy(&x->arena, buf_text(&b));
  buf_done(&b);
  return token;
}

#define GOOD_HEAD "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"KID\"}"

/* Signed with the right key, so that nothing but what is said can be why they are refused. */
static void what_a_forger_says_is_not_believed(void **state) {
  static const struct {
    const char *header, *payload;
  } cases[] = {
      {"{\"alg\":\"none\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"None\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"HS256\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"RS256\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"ES256\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"eddsa\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":\"KID\",\"crit\":[\"exp\"]}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":\"KID\",\"typ\":\"dpop+jwt\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":\"KIDx\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":\"../KID\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":\"' OR '1'='1\",\"was\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"was\":\"KID\"}", GOOD_BODY},
      {"{\"alg\":\"EdDSA\",\"kid\":1,\"was\":\"KID\"}", GOOD_BODY},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "/\",\"aud\":\"" ISSUER "\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"aud\":\"" ISSUER "\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"https://other.example\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"org\":2," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sid\":-1," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sid\":\"4\"," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"scope\":[]," GOOD_REST "}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"user:1\",\"nbf\":1801353600}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"user:1\",\"exp\":1801357200}"},
      {GOOD_HEAD, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"nbf\":1801353600,\"exp\":1801357200}"},
      {GOOD_HEAD,
       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"user:1\",\"nbf\":1801353600,\"exp\":1801353000}"},
      {GOOD_HEAD, "[]"},
      {GOOD_HEAD, ""},
  };
  struct world *x = world_new();
  struct mint_claims out = {.org_id = 77};
  sign(x, x->mint, &usual, NOW);
  steal_key(x);
  expect(x, check(x, x->mint, forge(x, GOOD_HEAD, GOOD_BODY), NOW, &out), ERR_OK, NULL);
  assert_int_equal(out.org_id, 1);
  out.org_id = 77;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct text token = forge(x, cases[i].header, cases[i].payload);
    enum err e = check(x, x->mint, token, NOW + 2 * SECOND * (int64_t)i, &out);
    if (e != ERR_UNAUTHENTICATED || out.org_id != 77)
      fail_msg("%zu: %s %s: %s", i, cases[i].header, cases[i].payload, err_name(e));
  }
  world_free(x);
}

static void another_key_signs_nothing(void **state) {
  struct world *x = world_new(), *y = world_new();
  struct mint_claims out;
  sign(x, x->mint, &usual, NOW);
  struct text strange = sign(y, y->mint, &usual, NOW);
  steal_key(x);
  expect(x, check(x, x->mint, strange, NOW, &out), ERR_UNAUTHENTICATED, "not one of ours");
  jws_make_key(x->seed, x->public_key); /* our key's name over another's signature */
  expect(x, check(x, x->mint, forge(x, GOOD_HEAD, GOOD_BODY), NOW, &out), ERR_UNAUTHENTICATED, "did not make");
  world_free(x);
  world_free(y);
}

/* Algorithm confusion: the public key, which everybody has, as the secret of an HMAC. */
static void the_public_key_is_no_secret_to_sign_with(void **state) {
  struct world *x = world_new();
  struct mint_claims out;
  unsigned char mac[32];
  unsigned len = 0;
  char encoded[44];
  sign(x, x->mint, &usual, NOW);
  steal_key(x);
  struct text token = forge(x, "{\"alg\":\"HS256\",\"kid\":\"KID\"}", GOOD_BODY), input = token, rest;
  for (size_t i = token.len; i > 0 && token.at[i - 1] != '.'; i--)
    input.len = i - 2;
  HMAC(EVP_sha256(), x->public_key, sizeof x->public_key, (const unsigned char *)input.at, input.len, mac, &len);
  rest = (struct text){encoded, text_base64url(mac, len, encoded)};
  token = arena_format(&x->arena, "%.*s.%.*s", TEXT_ARGS(input), TEXT_ARGS(rest));
  expect(x, check(x, x->mint, token, NOW, &out), ERR_UNAUTHENTICATED, NULL);
  world_free(x);
}

static void no_byte_of_a_token_can_be_changed_or_left_out(void **state) {
  struct world *x = world_new();
  struct mint_claims out;
  struct text token = sign(x, x->mint, &usual, NOW);
  char *copy = malloc(token.len);
  assert_non_null(copy);
  for (size_t i = 0; i < token.len; i++) {
    memcpy(copy, token.at, token.len);
    copy[i] = copy[i] == 'A' ? 'B' : 'A';
    expect(x, check(x, x->mint, (struct text){copy, token.len}, NOW, &out), ERR_UNAUTHENTICATED, NULL);
    expect(x, check(x, x->mint, text_head(token, i), NOW, &out), ERR_UNAUTHENTICATED, NULL);
  }
  free(copy);
  char *huge = malloc(100000);
  assert_non_null(huge);
  memset(huge, 'a', 100000);
  expect(x, check(x, x->mint, (struct text){huge, 100000}, NOW, &out), ERR_UNAUTHENTICATED, "too long");
  assert_false(mint_is_ours(x->mint, (struct text){huge, 100000}));
  free(huge);
  world_free(x);
}

/* A store that counts how often it is asked for keys. */
static unsigned asked;
static const struct store_vault_ops *real_vault;
static enum err count_list(struct store *s, struct arena *a, struct store_signing_key **out, size_t *out_count,
                           struct fault *f) {
  asked++;
  return real_vault->signing_list(s, a, out, out_count, f);
}

static void a_storm_of_unknown_keys_asks_the_store_once_a_second(void **state) {
  struct world *x = world_new();
  struct mint_claims out;
  sign(x, x->mint, &usual, NOW);
  steal_key(x);
  const struct store_ops *real = x->store->ops;
  struct store_ops counting = *real;
  struct store_vault_ops vault = *real->vault;
  real_vault = real->vault;
  vault.signing_list = count_list;
  counting.vault = &vault;
  x->store->ops = &counting;
  asked = 0;
  for (int i = 0; i < 1000; i++) {
    char header[80];
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"made-up-%d\",\"n\":\"KID\"}", i);
    expect(x, check(x, x->mint, forge(x, header, GOOD_BODY), NOW + 5 * SECOND, &out), ERR_UNAUTHENTICATED, NULL);
  }
  assert_int_equal(asked, 1);
  x->store->ops = real;
  world_free(x);
}

#define CROWD 8

/* Of many who come at once with a token of a key that is new here. */
struct one_of_many {
  struct mint *mint;
  struct text token;
  atomic_int *begun;
  enum err got;
  pthread_t thread;
};

static atomic_int begun;
static enum err slow_list(struct store *s, struct arena *a, struct store_signing_key **out, size_t *out_count,
                          struct fault *f) {
  while (atomic_load(&begun) < CROWD)
    sched_yield();
  for (int i = 0; i < 1000; i++)
    sched_yield(); /* the others get as far as they can */
  return real_vault->signing_list(s, a, out, out_count, f);
}

static void *come(void *arg) {
  struct one_of_many *one = arg;
  struct mint_claims claims;
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  atomic_fetch_add(one->begun, 1);
  one->got = mint_check(one->mint, one->token, NOW + 2 * SECOND, &a, &claims, &f);
  arena_done(&a);
  return NULL;
}

/* Who comes while the store is being asked for the key waits for the answer, and is not refused. */
static void many_at_once_with_a_new_key_are_all_let_in(void **state) {
  struct world *x = world_new();
  struct mint *other = mint_new(x->store, vault_port(x->vault), TEXT(ISSUER));
  struct one_of_many crowd[CROWD];
  struct mint_claims out;
  struct world *y = world_new();
  expect(x, check(x, other, sign(y, y->mint, &usual, NOW), NOW, &out), ERR_UNAUTHENTICATED, "not one of ours");
  struct text token = sign(x, x->mint, &usual, NOW);
  const struct store_ops *real = x->store->ops;
  struct store_ops slow = *real;
  struct store_vault_ops vault = *real->vault;
  real_vault = real->vault;
  vault.signing_list = slow_list;
  slow.vault = &vault;
  x->store->ops = &slow;
  atomic_store(&begun, 0);
  for (size_t i = 0; i < CROWD; i++) {
    crowd[i] = (struct one_of_many){other, token, &begun, ERR_OK, 0};
    assert_int_equal(pthread_create(&crowd[i].thread, NULL, come, &crowd[i]), 0);
  }
  for (size_t i = 0; i < CROWD; i++)
    pthread_join(crowd[i].thread, NULL);
  for (size_t i = 0; i < CROWD; i++)
    assert_int_equal(crowd[i].got, ERR_OK);
  x->store->ops = real;
  mint_free(other);
  world_free(x);
  world_free(y);
}

static bool publishes(struct world *x, struct mint *m, struct text kid, int64_t now_us) {
  struct buf b;
  struct jwks *set = NULL;
  buf_init(&b, 65536);
  expect(x, mint_write_jwks(m, now_us, &b, &x->fault), ERR_OK, NULL);
  bool has = text_find(buf_text(&b), kid) >= 0;
  if (has) {
    assert_int_equal(jwks_read(buf_text(&b), &set, &x->fault), ERR_OK);
    jwks_unref(set);
  }
  assert_true(text_find(buf_text(&b), TEXT("\"d\"")) < 0);
  buf_done(&b);
  return has;
}

static struct text kid_of(struct world *x, struct text token) {
  struct jws t;
  assert_int_equal(jws_read(token, &x->arena, &t, &x->fault), ERR_OK);
  return t.key_id;
}

static struct mint_claims until(int64_t expires_us) {
  struct mint_claims c = usual;
  c.expires_us = expires_us;
  return c;
}

static void keys_rotate_and_no_token_is_refused_for_it(void **state) {
  struct world *x = world_new();
  struct mint *other = mint_new(x->store, vault_port(x->vault), TEXT(ISSUER));
  struct mint_claims out, c = until(NOW + 10 * MINUTE);
  size_t count = 0;
  struct text first = kid_of(x, sign(x, x->mint, &c, NOW));
  expect(x, mint_rotate(x->mint, NOW + 29 * DAY, &x->fault), ERR_OK, NULL);
  keys_of(x, &count);
  assert_int_equal(count, 1);
  /* The next key is published before it signs. */
  int64_t t = NOW + 30 * DAY;
  expect(x, mint_rotate(x->mint, t, &x->fault), ERR_OK, NULL);
  struct store_signing_key *k = keys_of(x, &count);
  assert_int_equal(count, 2);
  struct text second = k[1].kid;
  assert_true(publishes(x, x->mint, first, t) && publishes(x, x->mint, second, t));
  c = until(t + DAY);
  struct text old = sign(x, x->mint, &c, t + MINT_PUBLISH_US - SECOND);
  assert_true(text_equal(kid_of(x, old), first));
  /* Then it signs, also where nobody has told of it, and the old one's tokens go on. */
  t += MINT_PUBLISH_US;
  c = until(t + MINUTE);
  assert_true(text_equal(kid_of(x, sign(x, other, &c, t)), second));
  expect(x, check(x, other, old, t + DAY - MINT_PUBLISH_US - MINUTE, &out), ERR_OK, NULL);
  expect(x, mint_rotate(x->mint, t + DAY - MINUTE, &x->fault), ERR_OK, NULL);
  assert_true(publishes(x, x->mint, first, t));
  /* Then the old one goes. */
  expect(x, mint_rotate(x->mint, t + DAY + 2 * MINUTE, &x->fault), ERR_OK, NULL);
  assert_false(publishes(x, x->mint, first, t));
  assert_true(publishes(x, x->mint, second, t));
  keys_of(x, &count);
  assert_int_equal(count, 1);
  mint_free(other);
  world_free(x);
}

static void rotating_makes_nothing_where_nothing_was_signed(void **state) {
  struct world *x = world_new();
  struct store_vault_state v;
  size_t count = 9;
  expect(x, mint_rotate(x->mint, NOW, &x->fault), ERR_OK, NULL);
  assert_false(publishes(x, x->mint, TEXT("kid"), NOW));
  keys_of(x, &count);
  assert_int_equal(count, 0);
  expect(x, x->store->ops->vault->state(x->store, &x->arena, &v, &x->fault), ERR_OK, NULL);
  assert_int_equal(v.check.len, 0);
  world_free(x);
}

static void a_key_that_is_taken_away_is_not_known_once_that_is_told(void **state) {
  struct world *x = world_new();
  struct mint_claims out;
  struct text token = sign(x, x->mint, &usual, NOW);
  expect(x,
         x->store->ops->vault->signing_remove(x->store, 1, &(const struct audit_actor){TEXT("local:t"), TEXT("cli")},
                                              &x->fault),
         ERR_OK, NULL);
  mint_forget(x->mint);
  expect(x, check(x, x->mint, token, NOW, &out), ERR_UNAUTHENTICATED, "not one of ours");
  world_free(x);
}

static void two_processes_that_sign_the_first_token_make_one_key(void **state) {
  struct world *x = world_new();
  struct mint *other = mint_new(x->store, vault_port(x->vault), TEXT(ISSUER));
  struct buf b;
  size_t count = 0;
  buf_init(&b, 65536);
  /* Both have looked and seen no key. */
  expect(x, mint_write_jwks(other, NOW, &b, &x->fault), ERR_OK, NULL);
  struct text one = sign(x, x->mint, &usual, NOW), two = sign(x, other, &usual, NOW);
  assert_true(text_equal(kid_of(x, one), kid_of(x, two)));
  keys_of(x, &count);
  assert_int_equal(count, 1);
  buf_done(&b);
  mint_free(other);
  world_free(x);
}

static void it_is_ours_by_its_issuer_alone(void **state) {
  struct world *x = world_new();
  struct mint *other = mint_new(x->store, vault_port(x->vault), TEXT("https://other.example"));
  struct text token = sign(x, x->mint, &usual, NOW);
  assert_true(mint_is_ours(x->mint, token));
  assert_false(mint_is_ours(other, token));
  assert_false(mint_is_ours(x->mint, TEXT("weir_abc")));
  assert_false(mint_is_ours(x->mint, TEXT("")));
  assert_false(mint_is_ours(x->mint, TEXT("e30.e30.e30")));
  mint_free(other);
  world_free(x);
}

static void the_port_shows_and_rotates_the_same_keys(void **state) {
  struct world *x = world_new();
  struct oauth_desk d;
  struct buf b;
  buf_init(&b, 65536);
  oauth_desk_init(&d, &(struct oauth_desk_options){.store = x->store, .mint = x->mint});
  sign(x, x->mint, &usual, NOW);
  steal_key(x);
  expect(x, d.port.rotate(&d.port, NOW + 31 * DAY, &x->fault), ERR_OK, NULL);
  expect(x, d.port.write_jwks(&d.port, NOW + 31 * DAY, &b, &x->fault), ERR_OK, NULL);
  assert_true(text_find(buf_text(&b), x->kid) > 0);
  assert_true(text_find(text_skip(buf_text(&b), 20), TEXT("},{")) > 0); /* and the next */
  buf_done(&b);
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_signed_is_read_on_every_replica),
      cmocka_unit_test(a_token_ends_with_its_time_and_lives_a_day_at_most),
      cmocka_unit_test(what_a_forger_says_is_not_believed),
      cmocka_unit_test(another_key_signs_nothing),
      cmocka_unit_test(the_public_key_is_no_secret_to_sign_with),
      cmocka_unit_test(no_byte_of_a_token_can_be_changed_or_left_out),
      cmocka_unit_test(a_storm_of_unknown_keys_asks_the_store_once_a_second),
      cmocka_unit_test(many_at_once_with_a_new_key_are_all_let_in),
      cmocka_unit_test(keys_rotate_and_no_token_is_refused_for_it),
      cmocka_unit_test(rotating_makes_nothing_where_nothing_was_signed),
      cmocka_unit_test(a_key_that_is_taken_away_is_not_known_once_that_is_told),
      cmocka_unit_test(two_processes_that_sign_the_first_token_make_one_key),
      cmocka_unit_test(it_is_ours_by_its_issuer_alone),
      cmocka_unit_test(the_port_shows_and_rotates_the_same_keys),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("mint", tests, NULL, NULL);
}
