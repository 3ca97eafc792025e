/* The choice among keepers of the master key: what the configuration names, before the file in data_dir. Called by
 * app.c and by the commands that need the vault. The configuration names one at most (config/check.c). house: tested-by
 * tests/unit/identity/test_keeper_aws.c */
#include "app/master_key.h"

#include "identity/keeper_aws.h"

static struct keeper_aws_options aws_options(const struct config *c, struct text id) {
  return (struct keeper_aws_options){
      .id = id, .region = c->vault.region, .endpoint = c->vault.endpoint, .ca_file = c->upstream_ca};
}

struct keeper *master_key_keeper(const struct config *c, const char *data_dir) {
  const struct keeper_aws_options kms = aws_options(c, c->vault.aws_kms), kept = aws_options(c, c->vault.aws_secret);
  if (!secret_is_empty(c->vault.master_key))
    return keeper_given(secret_reveal(c->vault.master_key));
  if (kms.id.len > 0)
    return keeper_aws_kms(&kms);
  if (kept.id.len > 0)
    return keeper_aws_secret(&kept);
  return data_dir ? keeper_file(data_dir) : keeper_memory();
}
