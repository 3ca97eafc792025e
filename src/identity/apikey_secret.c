/* The server's secret, under which keys are hashed and pairs derived: made at the first start, kept in one file that
 * only its owner may read. Losing it makes every stored key useless, so nothing here ever replaces it. Called by app
 * and by `weir key`. */
#include "identity/apikey.h"

#include "base/random.h"
#include "identity/key_file.h"

_Static_assert(KEY_FILE_BYTES == SECRET_HMAC_BYTES, "the secret is a key in a file");

static enum err read_or_make(const char *path, uint8_t raw[KEY_FILE_BYTES], struct fault *f) {
  static const char what[] = "a server secret", loss[] = "no existing key works";
  enum err e = key_file_read(path, what, loss, raw, f);
  if (e != ERR_NOT_FOUND)
    return e;
  random_bytes(raw, KEY_FILE_BYTES);
  e = key_file_write(path, raw, f);
  return e ? e : key_file_read(path, what, loss, raw, f); /* another process may have been first */
}

enum err apikey_load_secret(const char *data_dir, struct secret **out, struct fault *f) {
  uint8_t raw[KEY_FILE_BYTES];
  char path[1024];
  enum err e = ERR_OK;
  if (!data_dir)
    random_bytes(raw, sizeof(raw));
  else if (snprintf(path, sizeof(path), "%s/server.key", data_dir) >= (int)sizeof(path))
    return fault_set(f, ERR_CONFIG, "data_dir", "the path is too long");
  else
    e = read_or_make(path, raw, f);
  if (e == ERR_OK)
    *out = secret_new((struct text){(const char *)raw, sizeof(raw)});
  secret_wipe(raw, sizeof(raw));
  return e;
}
