/* The list of erased persons and what it does to rows that arrive late. The list has no names, only their salted sums,
 * and is short: an erasure is rare, and entries go after a month. Called by store_ledger.c and store_persons.c.
 * house: tested-by tests/unit/store/test_store_persons.c */
#include "store/person_veil.h"

#include "base/random.h"
#include "base/secret.h"

static void sum_of(const uint8_t salt[32], struct text name, uint8_t out[32]) {
  struct secret *key = secret_new((struct text){(const char *)salt, 32});
  secret_hmac(key, name, out);
  secret_free(key);
}

void person_veil_make(struct person_veil *v, struct text name) {
  random_bytes(v->salt, sizeof v->salt);
  sum_of(v->salt, name, v->sum);
}

bool person_veil_fits(const struct person_veil *v, struct text name) {
  uint8_t sum[32];
  sum_of(v->salt, name, sum);
  return memcmp(sum, v->sum, sizeof sum) == 0;
}

bool person_veil_hides(const struct person_veil *v, struct text user, int64_t reserved_us) {
  return reserved_us <= v->erased_us + PERSON_GRACE_US && person_veil_fits(v, user);
}

enum err person_veils_read(struct driver_link *l, struct arena *a, struct person_veil **out, size_t *out_count,
                           struct fault *f) {
  struct person_veil *veils = NULL;
  size_t count = 0;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_ERASED_LIST, f);
  if (e)
    return e;
  while (!(e = l->driver->step(l, &row, "reading who was erased", f)) && row) {
    veils = driver_more(a, veils, count, sizeof *veils);
    struct person_veil *v = &veils[count++];
    struct text salt = l->driver->bytes(l, 1), sum = l->driver->bytes(l, 2);
    *v = (struct person_veil){.pseudonym = driver_text(l, 0, a), .erased_us = l->driver->number(l, 3)};
    if (salt.len == sizeof v->salt && sum.len == sizeof v->sum) {
      memcpy(v->salt, salt.at, sizeof v->salt);
      memcpy(v->sum, sum.at, sizeof v->sum);
    }
  }
  l->driver->reset(l);
  if (e)
    return e;
  *out = veils;
  *out_count = count;
  return ERR_OK;
}

static const struct person_veil *find(const struct person_veil *veils, size_t count, struct text user) {
  for (size_t i = 0; i < count; i++)
    if (person_veil_fits(&veils[i], user))
      return &veils[i];
  return NULL;
}

enum err person_veil_on(struct driver_link *l, const struct ledger_row **rows, size_t count, struct arena *a,
                        struct fault *f) {
  struct person_veil *veils = NULL;
  const struct person_veil *last = NULL; /* of the user of the row before: most come in runs */
  struct text last_user = TEXT_NONE;
  size_t veil_count = 0;
  enum err e = person_veils_read(l, a, &veils, &veil_count, f);
  if (e || veil_count == 0)
    return e;
  for (size_t i = 0; i < count; i++) {
    if (rows[i]->user.len == 0)
      continue;
    if (!text_equal(rows[i]->user, last_user)) {
      last_user = rows[i]->user;
      last = find(veils, veil_count, last_user);
    }
    if (!last || rows[i]->reserved_us > last->erased_us + PERSON_GRACE_US)
      continue;
    struct ledger_row *veiled = ARENA_NEW(a, struct ledger_row);
    *veiled = *rows[i];
    veiled->user = veiled->key_name = last->pseudonym;
    rows[i] = veiled;
  }
  return ERR_OK;
}
