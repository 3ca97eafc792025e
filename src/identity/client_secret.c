/* Secrets and ids of OAuth2 clients. It does not know which there are. Called by oauth.c and by `weir service`.
 * house: tested-by tests/unit/identity/test_oauth.c */
#include "identity/client_secret.h"

#include "base/random.h"

#include <stdio.h>
#include <string.h>

static const char begin[] = "weirsec";

void client_secret_make(char out[CLIENT_SECRET_BYTES]) {
  uint8_t raw[32];
  random_bytes(raw, sizeof raw);
  memcpy(out, begin, sizeof begin - 1);
  text_base64url(raw, sizeof raw, out + sizeof begin - 1);
  secret_wipe(raw, sizeof raw);
}

/* With a purpose before it, so that it is never the hash of a key. What has another length is no secret of ours, and is
 * hashed as none. */
void client_secret_hash(const struct secret *server_secret, struct text client_secret, uint8_t out[SECRET_HMAC_BYTES]) {
  static const char purpose[] = "weir client secret ";
  char message[sizeof purpose + CLIENT_SECRET_BYTES];
  struct text shown = client_secret.len == CLIENT_SECRET_BYTES ? client_secret : TEXT_NONE;
  memcpy(message, purpose, sizeof purpose);
  if (shown.len > 0)
    memcpy(message + sizeof purpose, shown.at, shown.len);
  secret_hmac(server_secret, (struct text){message, sizeof purpose + shown.len}, out);
  secret_wipe(message, sizeof message);
}

size_t client_id_write(int64_t service_id, char out[CLIENT_ID_MAX]) {
  int n = snprintf(out, CLIENT_ID_MAX, "svc_%lld", (long long)service_id);
  return n > 0 ? (size_t)n : 0;
}

bool client_id_read(struct text client_id, int64_t *out_service_id) {
  int64_t id = 0;
  if (!text_starts(client_id, TEXT("svc_")) || !text_to_i64(text_skip(client_id, 4), &id) || id <= 0)
    return false;
  *out_service_id = id;
  return true;
}
