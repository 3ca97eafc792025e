/* Argon2id by libsodium behind a turnstile: as many at once as the configuration allows, some more wait, the rest are
 * turned away, so that a crowd at the door takes neither all memory nor all threads. It knows no users. Called by
 * identity/signin.c. */
#include "identity/password.h"

#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define WAITING_EACH 8 /* for each that is at work */

struct passwords {
  pthread_mutex_t lock;
  pthread_cond_t turn;
  struct password_cost cost;
  size_t working, waiting;
  char nobody[PASSWORD_HASH_BYTES]; /* what is compared with where there is nothing */
  struct password_cost nobody_cost;
};

struct passwords *passwords_new(const struct password_cost *cost) {
  struct passwords *p = calloc(1, sizeof(*p));
  if (!p)
    abort();
  secret_start();
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->turn, NULL);
  p->cost = *cost;
  return p;
}

void passwords_free(struct passwords *p) {
  if (!p)
    return;
  pthread_cond_destroy(&p->turn);
  pthread_mutex_destroy(&p->lock);
  free(p);
}

void passwords_set_cost(struct passwords *p, const struct password_cost *cost) {
  pthread_mutex_lock(&p->lock);
  p->cost = *cost;
  pthread_cond_broadcast(&p->turn);
  pthread_mutex_unlock(&p->lock);
}

static enum err enter(struct passwords *p, struct password_cost *out, struct fault *f) {
  enum err e = ERR_OK;
  pthread_mutex_lock(&p->lock);
  if (p->waiting >= WAITING_EACH * p->cost.at_once) {
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "too many people sign in at this moment: try again in some seconds");
  } else {
    p->waiting++;
    while (p->working >= p->cost.at_once)
      pthread_cond_wait(&p->turn, &p->lock);
    p->waiting--;
    p->working++;
    *out = p->cost;
  }
  pthread_mutex_unlock(&p->lock);
  return e;
}

static void leave(struct passwords *p) {
  pthread_mutex_lock(&p->lock);
  p->working--;
  pthread_cond_signal(&p->turn);
  pthread_mutex_unlock(&p->lock);
}

static bool is_one_character(struct text t) {
  size_t step = text_utf8_step(t);
  for (size_t at = step; step > 0 && at < t.len; at += step) {
    if (t.len - at < step || memcmp(t.at, t.at + at, step) != 0)
      return false;
  }
  return true;
}

/* What lists of leaked passwords begin with, among those that are long enough; in lower case. */
static bool is_common(struct text t) {
  static const char *const common[] = {"123456789012",     "1234567890123",  "123123123123",    "passwordpassword",
                                       "password1234",     "password12345",  "password123456",  "qwertyuiop123",
                                       "qwertyuiopas",     "qwerty123456",   "adminadminadmin", "administrator",
                                       "changemechangeme", "letmeinletmein", "iloveyou1234",    "abcdefghijkl",
                                       "1q2w3e4r5t6y",     "qwertyqwerty",   "111111111111",    "0123456789012"};
  for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
    if (text_equal_nocase(t, text_of(common[i])))
      return true;
  }
  return false;
}

static size_t count_characters(struct text t) {
  size_t n = 0;
  for (; t.len > 0; n++)
    t = text_skip(t, text_utf8_step(t));
  return n;
}

enum err password_check(struct text password, struct fault *f) {
  if (password.len > PASSWORD_MAX_BYTES)
    return fault_set(f, ERR_BAD_REQUEST, "password", "a password has at most %d bytes", PASSWORD_MAX_BYTES);
  if (!text_is_utf8(password) || text_find_char(password, '\0') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, "password", "a password is text in UTF-8 without NUL");
  if (count_characters(password) < PASSWORD_MIN_CHARS)
    return fault_set(f, ERR_BAD_REQUEST, "password", "a password has at least %d characters", PASSWORD_MIN_CHARS);
  if (is_one_character(password) || is_common(password))
    return fault_set(f, ERR_BAD_REQUEST, "password", "this password is among the first that are tried");
  return ERR_OK;
}

/* In a turn. */
static enum err hash_now(const struct password_cost *c, struct text password, char out[PASSWORD_HASH_BYTES],
                         struct fault *f) {
  if (crypto_pwhash_argon2id_str(out, password.at ? password.at : "", password.len, (unsigned long long)c->passes,
                                 (size_t)c->memory_kib * 1024) != 0)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "there is no memory to work on a password");
  return ERR_OK;
}

enum err password_hash(struct passwords *p, struct text password, char out[PASSWORD_HASH_BYTES], struct fault *f) {
  struct password_cost cost = {0};
  if (password.len > PASSWORD_MAX_BYTES)
    return fault_set(f, ERR_LIMIT, "password", "a password has at most %d bytes", PASSWORD_MAX_BYTES);
  enum err e = enter(p, &cost, f);
  if (e != ERR_OK)
    return e;
  e = hash_now(&cost, password, out, f);
  leave(p);
  return e;
}

/* A hash of nothing that anybody could give, under the parameters of now. It is made once for each of them. */
static enum err hash_of_nobody(struct passwords *p, const struct password_cost *c, char out[PASSWORD_HASH_BYTES],
                               struct fault *f) {
  unsigned char random[32];
  pthread_mutex_lock(&p->lock);
  bool known = p->nobody[0] && p->nobody_cost.memory_kib == c->memory_kib && p->nobody_cost.passes == c->passes;
  if (known)
    memcpy(out, p->nobody, PASSWORD_HASH_BYTES);
  pthread_mutex_unlock(&p->lock);
  if (known)
    return ERR_OK;
  randombytes_buf(random, sizeof(random));
  enum err e = hash_now(c, (struct text){(const char *)random, sizeof(random)}, out, f);
  if (e != ERR_OK)
    return e;
  pthread_mutex_lock(&p->lock);
  memcpy(p->nobody, out, PASSWORD_HASH_BYTES);
  p->nobody_cost = *c;
  pthread_mutex_unlock(&p->lock);
  return ERR_OK;
}

static enum err verify_now(struct passwords *p, const struct password_cost *c, struct text hash, struct text password,
                           bool *out_is_old, struct fault *f) {
  char against[PASSWORD_HASH_BYTES] = "";
  bool real = hash.len > 0 && hash.len < sizeof(against) && password.len <= PASSWORD_MAX_BYTES;
  enum err e = real ? ERR_OK : hash_of_nobody(p, c, against, f);
  if (e != ERR_OK)
    return e;
  if (real)
    memcpy(against, hash.at, hash.len);
  struct text tried = text_head(password, PASSWORD_MAX_BYTES);
  bool right = crypto_pwhash_argon2id_str_verify(against, tried.at ? tried.at : "", tried.len) == 0;
  if (!right || !real)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "email and password do not belong together");
  *out_is_old = crypto_pwhash_argon2id_str_needs_rehash(against, (unsigned long long)c->passes,
                                                        (size_t)c->memory_kib * 1024) != 0;
  return ERR_OK;
}

enum err password_verify(struct passwords *p, struct text hash, struct text password, bool *out_is_old,
                         struct fault *f) {
  struct password_cost cost = {0};
  enum err e = enter(p, &cost, f);
  if (e != ERR_OK)
    return e;
  e = verify_now(p, &cost, hash, password, out_is_old, f);
  leave(p);
  return e;
}
