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

enum err master_key_in_file(const struct config *c, const char *data_dir, struct secret **out, struct fault *f) {
  uint8_t raw[KEEPER_KEY_BYTES];
  struct keeper *k = master_key_keeper(c, data_dir);
  enum err e = strcmp(k->name, "file") == 0 ? k->read(k, TEXT_NONE, raw, f) : ERR_NOT_FOUND;
  keeper_free(k);
  if (e != ERR_OK && e != ERR_NOT_FOUND)
    return e;
  *out = e == ERR_OK ? secret_new((struct text){(const char *)raw, sizeof raw}) : NULL;
  secret_wipe(raw, sizeof raw);
  return ERR_OK;
}

enum err master_key_still(const struct config *c, const char *data_dir, const struct secret *was, struct fault *f) {
  struct secret *now = NULL;
  enum err e = master_key_in_file(c, data_dir, &now, f);
  if (e)
    return e;
  bool same = was && now ? secret_equal(secret_reveal(was), secret_reveal(now)) : was == now;
  secret_free(now);
  return same ? ERR_OK
              : fault_set(f, ERR_STORE_BUSY, "vault",
                          "another master key took over while the backup was made, so that it may hold the wrong one: "
                          "make it again");
}
