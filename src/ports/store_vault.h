/* The part of the store's port that keeps what the vault seals, and what all processes must know of the vault: which
 * master key it is, never the key. Keys that sign tokens are here; other sealed things are with what they belong to,
 * and every column of them is a row in store/sealed_list.c, by which they are read again for a new master key. A change
 * adds an entry to the audit log and an event in its transaction. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_VAULT_H
#define PORTS_STORE_VAULT_H

#include "ports/store.h"
#include "ports/vault.h"

#define STORE_SIGNING_KEYS_MAX 64 /* of which a list gives the newest */
#define STORE_PUBLIC_KEY_BYTES 32
#define STORE_KID_MAX          64

/* A pair of keys (Ed25519) whose private half is sealed for column "sealed" of table "weir_signing_keys". */
struct store_signing_key {
  int64_t id;
  struct text kid;
  uint8_t public_key[STORE_PUBLIC_KEY_BYTES];
  struct text sealed;
  int64_t version; /* of what is sealed */
  int64_t created_us;
  int64_t signs_us; /* from when on it signs; before, it is published alone */
};

/* What all processes agree on; "" where there is nothing. */
struct store_vault_state {
  struct text check; /* of the master key: a keyed sum that gives nothing away */
  struct text kept;  /* the master key as its key service has encrypted it */
  struct text next;  /* while another master key takes over: the two, each sealed under the other */
};

/* A sealed secret with where it belongs; the place's names live for ever. */
struct store_sealed {
  struct vault_place place;
  struct text sealed;
};

struct store_vault_ops {
  enum err (*state)(struct store *s, struct arena *a, struct store_vault_state *out, struct fault *f);
  /* The master key of an installation that has sealed nothing yet: check and kept, if nobody was before; *out is what
   * stands there. */
  enum err (*begin)(struct store *s, const struct store_vault_state *mine, const struct audit_actor *by,
                    struct arena *a, struct store_vault_state *out, struct fault *f);

  /* From one state to the next, if it is still `from`, with an entry of this action in the audit log and the event
   * `vault`. ERR_STORE_CONFLICT: it is not. */
  enum err (*turn)(struct store *s, const struct store_vault_state *from, const struct store_vault_state *to,
                   struct text action, const struct audit_actor *by, struct fault *f);

  /* Every sealed column is one of 0 to sealed_columns - 1; its secrets by id, lowest first, ids above after_id. */
  const size_t *sealed_columns;
  enum err (*sealed_list)(struct store *s, size_t column, int64_t after_id, size_t max, struct arena *a,
                          struct store_sealed **out, size_t *out_count, struct fault *f);
  /* The same secret sealed otherwise, in place of what was read. ERR_STORE_STALE: that is not there any more. */
  enum err (*sealed_put)(struct store *s, const struct store_sealed *was, struct text fresh, struct fault *f);

  /* Oldest first, at most STORE_SIGNING_KEYS_MAX. */
  enum err (*signing_list)(struct store *s, struct arena *a, struct store_signing_key **out, size_t *out_count,
                           struct fault *f);
  /* ERR_STORE_CONFLICT: there is one with this id, made by somebody else meanwhile. */
  enum err (*signing_add)(struct store *s, const struct store_signing_key *k, const struct audit_actor *by,
                          struct fault *f);
  enum err (*signing_remove)(struct store *s, int64_t id, const struct audit_actor *by,
                             struct fault *f); /* ERR_NOT_FOUND */
};

#endif
