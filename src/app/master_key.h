/* Which keeper the configuration names for the vault's master key. */
#ifndef APP_MASTER_KEY_H
#define APP_MASTER_KEY_H

#include "config/config.h"
#include "identity/keeper.h"

/* data_dir NULL: the store is in memory, and so is the key unless one is given. To be freed with keeper_free, or given
 * to vault_new. */
struct keeper *master_key_keeper(const struct config *c, const char *data_dir);

#endif
