/* The part of the store's port that keeps credentials of providers: what Weir shows to them, sealed by the vault for
 * column "sealed" of table "weir_credentials" and of organisation STORE_CREDENTIALS_ORG, for they are the whole
 * installation's. A change adds an entry to the audit log, in which no secret is, and an event `credential` in its
 * transaction. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_CREDENTIALS_H
#define PORTS_STORE_CREDENTIALS_H

#include "ports/store.h"
#include "ports/vault.h"

#define STORE_CREDENTIALS_MAX 1024 /* in an installation */
#define STORE_CREDENTIALS_ORG 1

struct store_credential {
  int64_t id, version;        /* version: 1, and one more with every change */
  struct text provider, name; /* name: unique within the provider */
  struct text workspace;      /* for whose calls it is; "": for all */
  struct text kind;           /* "api_key", "bearer", "aws" */
  struct text last4;          /* how the secret ends; "" of a short one */
  struct text sealed;
  int64_t sealed_version; /* of what is sealed: its place in the vault */
  int64_t weight;         /* its share where all of a provider's are used */
  bool is_active;
  int64_t created_us, changed_us;
};

/* Where the secret of one belongs. */
static inline struct vault_place store_credential_place(int64_t id, int64_t sealed_version) {
  return (struct vault_place){"weir_credentials", "sealed", STORE_CREDENTIALS_ORG, id, sealed_version};
}

struct store_credentials_ops {
  /* The id of one to be added: it has to be known when the secret is sealed. */
  enum err (*number)(struct store *s, int64_t *out_id, struct fault *f);
  /* At version 1. ERR_STORE_CONFLICT, field "name": the provider has one of this name. ERR_LIMIT: there are
   * STORE_CREDENTIALS_MAX. */
  enum err (*add)(struct store *s, const struct store_credential *c, const struct audit_actor *by, struct fault *f);
  /* All of them, oldest first. */
  enum err (*list)(struct store *s, struct arena *a, struct store_credential **out, size_t *out_count, struct fault *f);
  enum err (*get)(struct store *s, int64_t id, struct arena *a, struct store_credential *out,
                  struct fault *f); /* ERR_NOT_FOUND */
  /* Everything of *c but its provider, kind and time of making. *c was made from `version`: it has that still, else
   * ERR_STORE_STALE. What is sealed is either what was read or for the next sealed_version. ERR_NOT_FOUND,
   * ERR_STORE_CONFLICT as above. */
  enum err (*change)(struct store *s, const struct store_credential *c, int64_t version, const struct audit_actor *by,
                     struct fault *f);
  /* version: that it has, else ERR_STORE_STALE; 0: whatever it is. ERR_NOT_FOUND */
  enum err (*remove)(struct store *s, int64_t id, int64_t version, const struct audit_actor *by, struct fault *f);
};

#endif
