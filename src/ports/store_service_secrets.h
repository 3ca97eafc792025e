/* The part of the store's port about the secrets of service accounts, with which they ask for tokens. Only a hash of
 * one is kept. A change locks the account's organisation, adds an entry to the audit log and an event `access`. Blocks;
 * errors as in ports/store.h. */
#ifndef PORTS_STORE_SERVICE_SECRETS_H
#define PORTS_STORE_SERVICE_SECRETS_H

#include "ports/store.h"

#define SERVICE_SECRETS_MAX  10 /* of one account: enough to exchange one in use */
#define SERVICE_SECRET_BEGIN 16 /* bytes of prefix at most */

struct store_service_secret {
  int64_t id, org_id, service_id;
  struct text prefix; /* how it begins, for people */
  uint8_t hash[STORE_HASH_BYTES];
  int64_t created_us, expires_us; /* expires_us 0: never */
};

struct store_service_secrets_ops {
  /* ERR_NOT_FOUND: the organisation (0: any) has no such account. ERR_LIMIT: it has SERVICE_SECRETS_MAX. */
  enum err (*add)(struct store *s, const struct store_service_secret *secret, const struct audit_actor *by,
                  int64_t *out_id, struct fault *f);
  /* Of one account of the organisation (0: any), oldest first. */
  enum err (*list)(struct store *s, int64_t org_id, int64_t service_id, struct arena *a,
                   struct store_service_secret **out, size_t *out_count, struct fault *f);
  enum err (*find)(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a,
                   struct store_service_secret *out, struct fault *f); /* ERR_NOT_FOUND; also one that has expired */
  /* Tokens that were had with it stay good until they end. ERR_NOT_FOUND */
  enum err (*remove)(struct store *s, int64_t org_id, int64_t service_id, int64_t id, const struct audit_actor *by,
                     struct fault *f);
};

#endif
