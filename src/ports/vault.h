/* The vault: secrets sealed for rows of the store. Each is encrypted under a data key of its own, which is encrypted
 * under the master key; what row it belongs to is authenticated with it, so that a sealed secret that is changed, cut,
 * or moved to another row does not open. The master key never leaves the adapter (identity/vault.c). */
#ifndef PORTS_VAULT_H
#define PORTS_VAULT_H

#include "base/buf.h"
#include "base/secret.h"

#define VAULT_PLAIN_MAX  65536
#define VAULT_SEALED_MAX (VAULT_PLAIN_MAX + 512)

/* Which row and column a secret belongs to. */
struct vault_place {
  const char *table, *column;
  int64_t org_id, id;
  int64_t version; /* of the row's secret: one that was replaced does not open in the place of its successor */
};

struct vault {
  /* Appends the sealed form of plain to out. Blocks for as long as the master key's keeper does (a file: not at all; a
   * key service: a request the first time). ERR_UNAVAILABLE: the keeper cannot be asked. ERR_LIMIT. */
  enum err (*seal)(struct vault *self, const struct vault_place *place, struct text plain, struct buf *out,
                   struct fault *f);
  /* *out is new, to be freed with secret_free. ERR_STORE_CORRUPT: it is not what was sealed here; ERR_UNAVAILABLE. */
  enum err (*open)(struct vault *self, const struct vault_place *place, struct text sealed, struct secret **out,
                   struct fault *f);
};

#endif
