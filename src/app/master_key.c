/* The choice among keepers of the master key: the configuration's own key before the file in data_dir. Called by app.c
 * and by the commands that need the vault.
 * house: tested-by tests/unit/identity/test_vault.c */
#include "app/master_key.h"

struct keeper *master_key_keeper(const struct config *c, const char *data_dir) {
  if (!secret_is_empty(c->vault.master_key))
    return keeper_given(secret_reveal(c->vault.master_key));
  return data_dir ? keeper_file(data_dir) : keeper_memory();
}
