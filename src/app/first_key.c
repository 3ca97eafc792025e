/* The greeting of `make run`. The key file is written only after the store has the key, so a crash between the two
 * leaves at worst an unused key and never a printed one that does not work. Only app.c uses this. */
#include "app/first_key.h"

#include "fiber/loop.h"
#include "identity/apikey.h"
#include "ports/store_audit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool read_key(const char *path, char out[APIKEY_TEXT_BYTES]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t n = read(fd, out, APIKEY_TEXT_BYTES);
  close(fd);
  return n == APIKEY_TEXT_BYTES;
}

static enum err write_key(const char *path, const char *key, struct fault *f) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool good = fd >= 0 && write(fd, key, APIKEY_TEXT_BYTES) == APIKEY_TEXT_BYTES && write(fd, "\n", 1) == 1;
  int why = errno;
  if (fd >= 0)
    close(fd);
  return good ? ERR_OK : fault_set(f, ERR_SYSTEM, NULL, "cannot write %s: %s", path, strerror(why));
}

static enum err make_key(const struct first_key_options *o, char key[APIKEY_TEXT_BYTES], struct fault *f) {
  int64_t id;
  apikey_generate(key);
  struct store_key row = {.name = TEXT("first"),
                          .prefix = {key, APIKEY_PREFIX_BYTES},
                          .user = TEXT(""),
                          .models = TEXT("*"),
                          .budget_period = TEXT(""),
                          .created_us = loop_wall_us()};
  secret_hmac(o->server_secret, (struct text){key, APIKEY_TEXT_BYTES}, row.hash);
  enum err e = o->store->ops->key_create(o->store, &row, &(struct audit_actor){TEXT("weir"), TEXT("start")}, &id, f);
  if (e == ERR_STORE_CONFLICT)
    return fault_set(
        f, e, NULL,
        "a key named \"first\" exists already, made by another replica or shown at an earlier start; `weir "
        "key create` makes another");
  return e;
}

static enum err find_key(const struct first_key_options *o, char key[APIKEY_TEXT_BYTES], struct fault *f) {
  char path[1100];
  if (!o->data_dir)
    return make_key(o, key, f);
  snprintf(path, sizeof(path), "%s/first-key", o->data_dir);
  if (read_key(path, key))
    return ERR_OK;
  enum err e = make_key(o, key, f);
  return e == ERR_OK ? write_key(path, key, f) : e;
}

enum err first_key_print(const struct first_key_options *o, FILE *out, struct fault *f) {
  char key[APIKEY_TEXT_BYTES];
  enum err e = find_key(o, key, f);
  if (e != ERR_OK)
    return e;
  if (o->demo)
    fprintf(out, "Demo mode: no provider key was found in the environment, so a simulator answers.\nSet "
                 "ANTHROPIC_API_KEY (or OPENAI_API_KEY) and start again to reach the real API.\n");
  fprintf(out,
          "\nWatch an answer stream:\n\n  curl -N %s/v1/messages \\\n    -H 'x-api-key: %.*s' \\\n    -H "
          "'anthropic-version: 2023-06-01' -H 'content-type: application/json' \\\n"
          "    -d "
          "'{\"model\":\"%s\",\"max_tokens\":200,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":"
          "\"Hello\"}]}'\n\n"
          "Claude Code: ANTHROPIC_BASE_URL=%s ANTHROPIC_API_KEY=%.*s claude\nThe ledger:  build/weir ledger list\n\n",
          o->url, APIKEY_TEXT_BYTES, key, o->demo ? "sim-text" : "claude-sonnet-4-5", o->url, APIKEY_TEXT_BYTES, key);
  secret_wipe(key, sizeof(key));
  return ERR_OK;
}
