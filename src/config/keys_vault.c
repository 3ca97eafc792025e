/* The part of the table about the vault, in which secrets are sealed. keys.c has the rest and the top level,
 * section.c reads by it. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key vault_keys[] = {
    {"master_key", KEY_SECRET, AT(config_vault, master_key), .initial = "", .max = 64,
     .help = "32 bytes in base64 or hexadecimal, instead of the file `master.key` in `data_dir`: the same in every "
             "replica on one database; without it what is sealed is lost"},
    {"aws_kms", KEY_TEXT, AT(config_vault, aws_kms), .initial = "", .max = 2048,
     .help = "the id, ARN or alias of a key in AWS KMS, which then makes the master key and alone can decrypt it"},
    {"aws_secret", KEY_TEXT, AT(config_vault, aws_secret), .initial = "", .max = 2048,
     .help = "the name or ARN of a secret in AWS Secrets Manager that holds the master key"},
    {"region", KEY_TEXT, AT(config_vault, region), .initial = "", .max = 64,
     .help = "of AWS; when empty, the ARN's, `AWS_REGION` or `AWS_DEFAULT_REGION`"},
    {"endpoint", KEY_TEXT, AT(config_vault, endpoint), .initial = "", .max = 2048,
     .help = "the address of that AWS service, such as a VPC endpoint's; the public one when empty"},
};
const struct key_section keys_vault = {
    "vault", "The key under which secrets in the store are sealed: docs/OPERATIONS.md says how to keep it.",
    sizeof(struct config_vault), ROWS(vault_keys), check_vault};
