/* Which keeper the configuration names for the vault's master key. */
#ifndef APP_MASTER_KEY_H
#define APP_MASTER_KEY_H

#include "config/config.h"
#include "identity/keeper.h"

/* data_dir NULL: the store is in memory, and so is the key unless one is given. To be freed with keeper_free, or given
 * to vault_new. */
struct keeper *master_key_keeper(const struct config *c, const char *data_dir);
/* The key for a backup to hold: the one in data_dir/master.key, heap (secret_free); NULL when it is kept elsewhere or
 * has not been made yet. ERR_CONFIG: the file cannot be read or holds none. */
enum err master_key_in_file(const struct config *c, const char *data_dir, struct secret **out,
                            struct fault *f) MUST_CHECK;
/* Another one took over since (`weir vault rewrap`): a backup made meanwhile may hold the wrong one. ERR_STORE_BUSY. */
enum err master_key_still(const struct config *c, const char *data_dir, const struct secret *was,
                          struct fault *f) MUST_CHECK;

#endif
