/* The vault over a store and a keeper. The master key is asked for once and held, derived, until the end; which one it
 * has to be is read from the store each time something is sealed, so that a process with an old one seals nothing that
 * others cannot open. Called by mint.c, and by whoever stores secrets. */
#include "identity/vault.h"

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
  struct sealed_key key;
  bool has_key;
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

/* ERR_NOT_FOUND: nothing is sealed, no key is there, and none was to be made. */
static enum err load(struct sealed_vault *v, bool may_make, struct arena *a, struct fault *f) {
  struct store_vault_state state;
  struct sealed_key k;
  struct buf kept;
  enum err e = v->store->ops->vault->state(v->store, a, &state, f);
  if (e)
    return e;
  if (v->has_key && is_right(&v->key, state.check))
    return ERR_OK;
  buf_init(&kept, 65536);
  e = ask_keeper(v, &state, may_make, &kept, &k, f);
  if (!e && state.check.len == 0 && may_make)
    e = begin(v, &k, buf_text(&kept), a, &state, f);
  if (!e && state.check.len > 0 && !is_right(&k, state.check))
    e = refuse(f, v, "the master key of this process is not the one that");
  if (!e && state.check.len > 0) {
    v->key = k;
    v->has_key = true;
  }
  secret_wipe(&k, sizeof k);
  buf_done(&kept);
  return e;
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

/* A copy of the key, so that nothing is encrypted under the lock. */
static enum err key_for(struct sealed_vault *v, bool to_seal, struct sealed_key *out, struct fault *f) {
  struct arena a;
  arena_init(&a);
  pthread_mutex_lock(&v->lock);
  enum err e = !to_seal && v->has_key ? ERR_OK : load(v, to_seal, &a, f);
  if (!e && v->has_key)
    *out = v->key;
  else if (!e)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "there is a sealed secret, but nothing was ever sealed here");
  pthread_mutex_unlock(&v->lock);
  arena_done(&a);
  return as_unavailable(e, f);
}

static enum err seal(struct vault *self, const struct vault_place *place, struct text plain, struct buf *out,
                     struct fault *f) {
  struct sealed_key k;
  enum err e = key_for((struct sealed_vault *)self, true, &k, f);
  if (e)
    return e;
  e = sealed_write(&k, place, plain, out, f);
  secret_wipe(&k, sizeof k);
  return e;
}

static enum err open_sealed(struct vault *self, const struct vault_place *place, struct text sealed,
                            struct secret **out, struct fault *f) {
  struct sealed_key k;
  enum err e = key_for((struct sealed_vault *)self, false, &k, f);
  if (e)
    return e;
  e = sealed_open(&k, place, sealed, out, f);
  secret_wipe(&k, sizeof k);
  return e;
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
