/* The vault over a store and a keeper. The master key is asked for once and held, derived, until the end; which one it
 * has to be is read from the store each time something is sealed, so that a process with an old one seals nothing that
 * others cannot open. Called by mint.c, and by whoever stores secrets. */
#include "identity/vault.h"

#include "identity/rewrap.h"
#include "identity/sealed.h"
#include "ports/store_audit.h"
#include "ports/store_vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct sealed_vault {
  struct vault port; /* first */
  struct store *store;
  struct keeper *keeper;
  pthread_mutex_t lock; /* held while the keeper is asked: the others need the answer too */
  /* The one that seals; and, while another master key takes over and after that, the one before. */
  struct sealed_key keys[2];
  unsigned count;
};

static enum err refuse(struct fault *f, const struct sealed_vault *v, const char *what) {
  return fault_set(f, ERR_CONFIG, "vault",
                   "%s the secrets in this database are sealed under (asked: %s). Give every replica the right one: "
                   "`master.key` of a data_dir that works, or the section `vault` of its configuration. When it is "
                   "lost, docs/OPERATIONS.md says what can be done",
                   what, v->keeper->name);
}

static bool is_right(const struct sealed_key *k, struct text check) {
  return secret_equal((struct text){k->check, sizeof k->check}, check);
}

/* The first secret of the installation: whoever is first decides which master key it is. */
static enum err begin(struct sealed_vault *v, struct sealed_key *k, struct text kept, struct arena *a,
                      struct store_vault_state *state, struct fault *f) {
  static const struct audit_actor by = {TEXT("system:vault"), TEXT("vault")};
  const struct store_vault_state mine = {{k->check, sizeof k->check}, kept, TEXT_NONE};
  return v->store->ops->vault->begin(v->store, &mine, &by, a, state, f);
}

/* The keeper's key; a new one when there is none and none has been used. */
static enum err ask_keeper(struct sealed_vault *v, const struct store_vault_state *state, bool may_make,
                           struct buf *kept, struct sealed_key *out, struct fault *f) {
  uint8_t raw[KEEPER_KEY_BYTES];
  enum err e = v->keeper->read(v->keeper, state->kept, raw, f);
  if (e == ERR_NOT_FOUND && state->check.len > 0)
    e = refuse(f, v, "there is no master key here, but there is one that");
  else if (e == ERR_NOT_FOUND && may_make)
    e = v->keeper->make(v->keeper, kept, raw, f);
  if (e == ERR_OK)
    sealed_key_init(out, raw);
  secret_wipe(raw, sizeof raw);
  return e;
}

static void know(struct sealed_vault *v, const struct sealed_key *seals, const struct sealed_key *before) {
  v->keys[0] = *seals;
  if (before)
    v->keys[1] = *before;
  v->count = before ? 2 : 1;
}

/* One of the keys that are known is the one in force: it seals from now on, the other one stays for what was read
 * before. */
static bool is_known(struct sealed_vault *v, struct text check) {
  if (v->count > 0 && is_right(&v->keys[0], check))
    return true;
  if (v->count < 2 || !is_right(&v->keys[1], check))
    return false;
  const struct sealed_key seals = v->keys[1], before = v->keys[0];
  know(v, &seals, &before);
  return true;
}

/* A new key that the keeper has made ready and a rewrap has put in force, before it came to its very end. */
static enum err adopt_next(struct sealed_vault *v, struct text check, struct sealed_key *k, struct fault *f) {
  uint8_t raw[KEEPER_KEY_BYTES];
  struct buf unused;
  buf_init(&unused, 65536);
  bool right = v->keeper->next(v->keeper, false, &unused, raw, NULL) == ERR_OK;
  if (right) {
    sealed_key_init(k, raw);
    right = is_right(k, check);
  }
  secret_wipe(raw, sizeof raw);
  buf_done(&unused);
  return right ? v->keeper->adopt(v->keeper, f) : refuse(f, v, "the master key of this process is not the one that");
}

/* Another master key takes over: with either of the two the other one is opened. */
static enum err load_both(struct sealed_vault *v, const struct store_vault_state *state, const struct sealed_key *k,
                          struct arena *a, struct fault *f) {
  bool is_next = !is_right(k, state->check);
  uint8_t raw[KEEPER_KEY_BYTES];
  struct rewrap_link link;
  struct sealed_key other;
  enum err e = rewrap_link_read(state->next, a, &link, f);
  if (!e && rewrap_link_open(&link, is_next, k, raw, NULL) != ERR_OK)
    e = refuse(f, v, "the master key of this process is not the one that");
  if (e)
    return e;
  sealed_key_init(&other, raw);
  secret_wipe(raw, sizeof raw);
  if (is_next && !is_right(&other, state->check))
    e = refuse(f, v, "the master key of this process is not the one that");
  else
    know(v, is_next ? k : &other, is_next ? &other : k);
  secret_wipe(&other, sizeof other);
  return e;
}

/* With what the keeper says. */
static enum err load_from_keeper(struct sealed_vault *v, struct store_vault_state *state, bool may_make,
                                 struct arena *a, struct fault *f) {
  struct sealed_key k;
  struct buf kept;
  buf_init(&kept, 65536);
  enum err e = ask_keeper(v, state, may_make, &kept, &k, f);
  if (!e && state->check.len == 0 && may_make)
    e = begin(v, &k, buf_text(&kept), a, state, f);
  if (!e && state->next.len > 0)
    e = load_both(v, state, &k, a, f);
  else if (!e && state->check.len > 0) {
    if (!is_right(&k, state->check))
      e = adopt_next(v, state->check, &k, f);
    if (!e)
      know(v, &k, NULL);
  }
  secret_wipe(&k, sizeof k);
  buf_done(&kept);
  return e;
}

/* ERR_NOT_FOUND: nothing is sealed, no key is there, and none was to be made. */
static enum err load(struct sealed_vault *v, bool may_make, struct arena *a, struct fault *f) {
  struct store_vault_state state;
  enum err e = v->store->ops->vault->state(v->store, a, &state, f);
  if (e)
    return e;
  if (state.next.len == 0 && is_known(v, state.check))
    return ERR_OK;
  if (state.next.len > 0 && v->count == 2 && is_right(&v->keys[1], state.check))
    return ERR_OK;
  if (state.next.len > 0 && v->count == 1 && is_right(&v->keys[0], state.check)) {
    struct sealed_key k = v->keys[0];
    e = load_both(v, &state, &k, a, f);
    secret_wipe(&k, sizeof k);
    return e;
  }
  return load_from_keeper(v, &state, may_make, a, f);
}

/* A request is no place for advice about the configuration: to whoever asks, the vault is out of order. */
static enum err as_unavailable(enum err e, struct fault *f) {
  if (e == ERR_CONFIG || e == ERR_UNSUPPORTED || e == ERR_NOT_FOUND) {
    if (f)
      f->err = ERR_UNAVAILABLE;
    return ERR_UNAVAILABLE;
  }
  return e;
}

static const struct sealed_key *find(const struct sealed_vault *v, struct text id) {
  for (unsigned i = 0; i < v->count; i++) {
    if (id.len == 0 || memcmp(v->keys[i].id, id.at, SEALED_KEY_ID_BYTES) == 0)
      return &v->keys[i];
  }
  return NULL;
}

/* A copy of the key with this id, or, without one, of the key that seals; so that nothing is encrypted under the lock.
 */
static enum err key_for(struct sealed_vault *v, struct text id, struct sealed_key *out, struct fault *f) {
  const struct sealed_key *k;
  enum err e = ERR_OK;
  struct arena a;
  arena_init(&a);
  pthread_mutex_lock(&v->lock);
  k = id.len > 0 ? find(v, id) : NULL;
  if (!k) {
    e = load(v, id.len == 0, &a, f);
    k = e ? NULL : find(v, id);
  }
  if (k)
    *out = *k;
  else if (!e)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "a secret in the store is sealed under a master key that is not known");
  pthread_mutex_unlock(&v->lock);
  arena_done(&a);
  return as_unavailable(e, f);
}

static enum err seal(struct vault *self, const struct vault_place *place, struct text plain, struct buf *out,
                     struct fault *f) {
  struct sealed_key k;
  enum err e = key_for((struct sealed_vault *)self, TEXT_NONE, &k, f);
  if (e)
    return e;
  e = sealed_write(&k, place, plain, out, f);
  secret_wipe(&k, sizeof k);
  return e;
}

static enum err open_sealed(struct vault *self, const struct vault_place *place, struct text sealed,
                            struct secret **out, struct fault *f) {
  struct sealed_key k;
  struct text id;
  enum err e = sealed_read_key_id(sealed, &id, f);
  if (!e)
    e = key_for((struct sealed_vault *)self, id, &k, f);
  if (e)
    return e;
  e = sealed_open(&k, place, sealed, out, f);
  secret_wipe(&k, sizeof k);
  return e;
}

void vault_look(struct sealed_vault *v) {
  struct arena a;
  arena_init(&a);
  pthread_mutex_lock(&v->lock);
  /* A key that was never needed is not asked for now; what goes wrong is told to who needs it next. */
  enum err ignored = v->count > 0 ? load(v, false, &a, NULL) : ERR_OK;
  (void)ignored;
  pthread_mutex_unlock(&v->lock);
  arena_done(&a);
}

enum err vault_check(struct sealed_vault *v, struct fault *f) {
  struct fault why = {0};
  struct arena a;
  arena_init(&a);
  pthread_mutex_lock(&v->lock);
  enum err e = load(v, false, &a, &why);
  pthread_mutex_unlock(&v->lock);
  arena_done(&a);
  if (e == ERR_OK || e == ERR_NOT_FOUND)
    return ERR_OK;
  if (f)
    *f = why;
  return e;
}

struct sealed_vault *vault_new(struct store *store, struct keeper *keeper) {
  struct sealed_vault *v = calloc(1, sizeof *v);
  if (!v)
    abort();
  v->port = (struct vault){seal, open_sealed};
  v->store = store;
  v->keeper = keeper;
  pthread_mutex_init(&v->lock, NULL);
  return v;
}

void vault_free(struct sealed_vault *v) {
  if (!v)
    return;
  keeper_free(v->keeper);
  pthread_mutex_destroy(&v->lock);
  secret_wipe(v, sizeof *v);
  free(v);
}

struct vault *vault_port(struct sealed_vault *v) {
  return &v->port;
}
