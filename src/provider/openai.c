/* OpenAI and the many servers that speak its API. The base URL already holds /v1, as the vendor's SDK takes it; without
 * a key no authorisation is sent, which is what local servers want. Reached through the provider table by send. */
#include "provider/openai.h"

#include "provider/address.h"
#include "provider/classify.h"
#include "provider/table.h"

bool openai_serves(enum provider_operation op) {
  return op == PROVIDER_CHAT || op == PROVIDER_EMBEDDINGS || op == PROVIDER_RAW;
}

static enum err path_of(const struct provider_call *c, struct text *out, struct fault *f) {
  switch (c->operation) {
  case PROVIDER_CHAT: *out = TEXT("/chat/completions"); return ERR_OK;
  case PROVIDER_EMBEDDINGS: *out = TEXT("/embeddings"); return ERR_OK;
  case PROVIDER_RAW:
    *out = text_starts(c->raw_path, TEXT("/v1/")) ? text_skip(c->raw_path, 3) : c->raw_path;
    return address_check_raw(c->raw_path, f);
  default: break;
  }
  return fault_set(f, ERR_UNSUPPORTED, NULL,
                   "an OpenAI-compatible provider serves chat completions and embeddings only");
}

enum err openai_address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) {
  struct provider_target t = {0};
  struct text path;
  enum err e = path_of(c, &path, f);
  if (!e)
    e = address_check_key(c->api_key, f);
  if (e)
    return e;
  t.path = address_path(c, a, path);
  if (text_is_empty(c->api_key))
    address_add(&t, TEXT("authorization"), c->own_authorization);
  else
    address_add(&t, TEXT("authorization"), arena_join(a, (const struct text[]){TEXT("Bearer "), c->api_key}, 2));
  *out = t;
  return ERR_OK;
}

const struct provider provider_openai = {
    .kind = "openai", .serves = openai_serves, .address = openai_address, .classify = classify_common};
