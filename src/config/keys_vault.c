/* The part of the table about the vault, in which secrets are sealed. keys.c has the rest and the top level,
 * section.c reads by it. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key vault_keys[] = {
    {"master_key", KEY_SECRET, AT(config_vault, master_key), .initial = "", .max = 64,
     .help = "32 bytes in base64 or hexadecimal, instead of the file `master.key` in `data_dir`: the same in every "
             "replica on one database; without it what is sealed is lost"},
};
const struct key_section keys_vault = {
    "vault", "The key under which secrets in the store are sealed: docs/OPERATIONS.md says how to keep it.",
    sizeof(struct config_vault), ROWS(vault_keys), check_vault};
