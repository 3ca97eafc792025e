/* OpenRouter: OpenAI's paths under /api/v1 (and Anthropic's beside them), the same bearer key, and two headers that say
 * which application calls. Its errors carry the vendor's status in error.code, and in error.metadata what kind of error
 * and whose limit it is. Reached through the provider table by send.
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

/* A budget for what is in flight is a rate: it comes with a time to wait. All its other 402 are for want of money. */
static const struct provider_failure failures[] = {
    {.name = "openrouter_in_flight_budget", .class = PROVIDER_RATE_LIMIT},
    {.name = "openrouter_credits", .class = PROVIDER_USAGE_LIMIT},
    {.name = "openrouter_key_limit", .class = PROVIDER_USAGE_LIMIT},
    {.name = "openrouter_guardrail_budget", .class = PROVIDER_USAGE_LIMIT},
    {.name = "openrouter_workspace_budget", .class = PROVIDER_USAGE_LIMIT},
    {.name = "payment_required", .class = PROVIDER_USAGE_LIMIT},
    {403, 403, .name = "content_policy_violation", .class = PROVIDER_CLIENT_ERROR},
};

const struct provider provider_openrouter = {.kind = "openrouter",
                                             .serves = openai_serves,
                                             .address = address,
                                             FAILURES(failures),
                                             .catalogue_path = "/models",
                                             .read_catalogue = openrouter_catalogue_read};
