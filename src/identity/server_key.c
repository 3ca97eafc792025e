/* Chooses where the server's secret comes from and holds it against what the database knows of it, which is a check
 * value that gives nothing away. The file itself is apikey_secret.c's. Called by app and by `weir key create`. */
#include "identity/server_key.h"

#include "identity/apikey.h"

#include <unistd.h>

static const char meta_name[] = "server_key_check";

static enum err refuse(struct fault *f, const char *what) {
  return fault_set(
      f, ERR_CONFIG, "server_key",
      "%s the keys in this database were made under. Give every replica the same one: `server_key: "
      "\"${WEIR_SERVER_KEY}\"` in the configuration with what `base64 -w0 server.key` prints in the data_dir "
      "of a replica that works, or that file itself in this data_dir. (When it is lost no stored key works "
      "any more: remove the row \"%s\" of weir_meta to begin with another.)",
      what, meta_name);
}

static enum err read_given(struct text given, struct secret **out, struct fault *f) {
  uint8_t raw[SECRET_HMAC_BYTES];
  if (!secret_read_key(given, raw))
    return fault_set(f, ERR_CONFIG, "server_key", "server_key must be 32 bytes in base64 or hexadecimal");
  *out = secret_new((struct text){(const char *)raw, sizeof raw});
  secret_wipe(raw, sizeof raw);
  return ERR_OK;
}

static bool has_file(const char *data_dir) {
  char path[1100];
  return snprintf(path, sizeof path, "%s/server.key", data_dir) < (int)sizeof path && access(path, F_OK) == 0;
}

/* Made only when no process has decided before: it would be of no use, and in the way of the right one. */
static enum err read_file(const struct server_key_place *p, struct arena *a, struct secret **out, struct fault *f) {
  struct text agreed = TEXT_NONE;
  if (p->data_dir && p->store->ops->is_shared && !has_file(p->data_dir)) {
    enum err e = p->store->ops->replicas->agreed(p->store, text_of(meta_name), a, &agreed, f);
    if (e)
      return e;
    if (agreed.len > 0)
      return refuse(
          f, "there is no server.key in data_dir, and no `server_key` in the configuration, but there is one that");
  }
  return apikey_load_secret(p->data_dir, out, f);
}

static enum err compare(const struct server_key_place *p, const struct secret *s, struct arena *a, struct fault *f) {
  static const char purpose[] = "weir: which server key";
  uint8_t mac[SECRET_HMAC_BYTES];
  char hex[2 * SECRET_HMAC_BYTES];
  struct text agreed = TEXT_NONE;
  secret_hmac(s, text_of(purpose), mac);
  struct text mine = {hex, text_hex(mac, sizeof mac, hex)};
  enum err e = p->store->ops->replicas->agree(p->store, text_of(meta_name), mine, a, &agreed, f);
  if (e)
    return e;
  return secret_equal(agreed, mine) ? ERR_OK : refuse(f, "the server key of this process is not the one that");
}

enum err server_key_open(const struct server_key_place *p, struct secret **out, struct fault *f) {
  struct secret *s = NULL;
  struct arena a;
  arena_init(&a);
  enum err e = p->given.len > 0 ? read_given(p->given, &s, f) : read_file(p, &a, &s, f);
  if (!e && p->store->ops->is_shared)
    e = compare(p, s, &a, f);
  arena_done(&a);
  if (e) {
    secret_free(s);
    return e;
  }
  *out = s;
  return ERR_OK;
}
