/* The sealed columns of the store's tables, for a new master key: what store_vault.c takes from store_sealed.c. Other
 * rooms use ports/store_vault.h. Everything blocks. */
#ifndef STORE_STORE_SEALED_H
#define STORE_STORE_SEALED_H

#include "ports/store_vault.h"

extern const size_t store_sealed_columns;

/* The port's functions. */
enum err store_sealed_list(struct store *s, size_t column, int64_t after_id, size_t max, struct arena *a,
                           struct store_sealed **out, size_t *out_count, struct fault *f);
enum err store_sealed_put(struct store *s, const struct store_sealed *was, struct text fresh, struct fault *f);

#endif
