/* OpenRouter: OpenAI's paths under /api/v1 (and Anthropic's beside them), the same bearer key, and two headers that say
 * which application calls. Its errors carry the vendor's status in error.code and its key limits come as 402 or 403,
 * which the shared rules know. Reached through the provider table by send.
 * https://openrouter.ai/docs/api-reference/overview */
#include "provider/address.h"
#include "provider/classify.h"
#include "provider/openai.h"
#include "provider/openrouter_catalogue.h"
#include "provider/table.h"

static enum err address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) {
  enum err e = openai_address(c, a, out, f);
  if (e)
    return e;
  address_add(out, TEXT("http-referer"), c->referer);
  address_add(out, TEXT("x-title"), c->title);
  return ERR_OK;
}

const struct provider provider_openrouter = {.kind = "openrouter",
                                             .serves = openai_serves,
                                             .address = address,
                                             .classify = classify_common,
                                             .catalogue_path = "/models",
                                             .read_catalogue = openrouter_catalogue_read};
