/* The entries of the configuration that stand in the store, on their way to the loader, and what the log is told of
 * those that are left out. */
#ifndef APP_ENTITIES_H
#define APP_ENTITIES_H

#include "config/config.h"
#include "ports/store.h"

/* All of them, in their order, in the arena; of kinds that this version does not know none. Blocks; the store's
 * errors. */
enum err entities_read(struct store *s, struct arena *a, struct config_entry **out, size_t *out_count,
                       struct fault *f) MUST_CHECK;
/* The entries that a snapshot was made with, for another one, in the arena: as they were before anybody judged them. */
struct config_entry *entities_again(const struct config *c, struct arena *a, size_t *out_count);
/* A warning for every entry that is left out of `fresh` and was not, or for another reason, out of `old` (NULL: none).
 */
void entities_log(const struct config *old, const struct config *fresh);

#endif
