/* What the commands on a store's files have in common: where the files are, and a passphrase that stands in one. Called
 * by backup.c and restore.c. */
#include "cli/cli.h"

#include "store/backup_passphrase.h"

bool cli_files_find(const char *config_path, struct cli_files *out) {
  memset(out, 0, sizeof(*out));
  if (!cli_config_load(config_path, &out->config))
    return false;
  struct fault f = {.err = ERR_OK};
  int n = snprintf(out->data_dir, sizeof(out->data_dir), "%.*s", TEXT_ARGS(out->config->data_dir));
  if (out->config->store != CONFIG_STORE_SQLITE)
    fault_set(&f, ERR_CONFIG, "store",
              "only a store in a file (store: sqlite) is backed up and restored by weir; PostgreSQL has its own tools, "
              "such as "
              "pg_dump and pg_restore: docs/OPERATIONS.md says in which order");
  else if (n <= 0 || (size_t)n >= sizeof(out->data_dir) ||
           source_store_place(out->config, out->database, sizeof(out->database), &out->place) != ERR_OK)
    fault_set(&f, ERR_CONFIG, "data_dir", "data_dir is too long");
  snprintf(out->server_key, sizeof(out->server_key), "%s/server.key", out->data_dir);
  snprintf(out->master_key, sizeof(out->master_key), "%s/master.key", out->data_dir);
  if (f.err == ERR_OK)
    return true;
  cli_fail(&f);
  config_unref(out->config);
  return false;
}

bool cli_passphrase_read(const char *path, struct text *out) {
  struct fault f = {0};
  if (backup_passphrase_read(path, out, &f) == ERR_OK)
    return true;
  cli_fail(&f);
  return false;
}

void cli_passphrase_done(struct text *t) { backup_passphrase_done(t); }
