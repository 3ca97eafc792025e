/* What the commands on a store's files have in common: where the files are, and a passphrase that stands in one. Called
 * by backup.c and restore.c. */
#include "cli/cli.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PASSPHRASE_MAX_BYTES 4096

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
  if (f.err == ERR_OK)
    return true;
  cli_fail(&f);
  config_unref(out->config);
  return false;
}

static bool cannot(const char *path, const char *why) {
  fprintf(stderr, "weir: the passphrase file %s %s\n", path, why);
  return false;
}

bool cli_passphrase_read(const char *path, struct text *out) {
  *out = TEXT_NONE;
  if (!path)
    return true;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  char *at = calloc(1, PASSPHRASE_MAX_BYTES + 3);
  if (!at)
    abort();
  ssize_t n = fd < 0 ? -1 : read(fd, at, PASSPHRASE_MAX_BYTES + 2);
  int why = errno;
  if (fd >= 0)
    close(fd);
  if (n > 0 && at[n - 1] == '\n')
    n--;
  if (n > 0 && at[n - 1] == '\r')
    n--;
  if (n > 0 && n <= PASSPHRASE_MAX_BYTES) {
    *out = (struct text){at, (size_t)n};
    return true;
  }
  secret_wipe(at, PASSPHRASE_MAX_BYTES + 3);
  free(at);
  return cannot(path, n < 0 ? strerror(why) : n == 0 ? "is empty" : "is too long");
}

void cli_passphrase_done(struct text *t) {
  if (!t->at)
    return;
  secret_wipe((char *)(uintptr_t)t->at, t->len);
  free((char *)(uintptr_t)t->at);
  *t = TEXT_NONE;
}
