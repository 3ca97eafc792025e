/* Anthropic's own API (and servers that speak it): paths, key header, version. It never builds a body; wire/anthropic
 * does. https://docs.anthropic.com/en/api/overview. Reached through the provider table by send. */
#include "provider/address.h"
#include "provider/classify.h"
#include "provider/table.h"

static bool serves(enum provider_operation op) {
  return op == PROVIDER_MESSAGES || op == PROVIDER_COUNT_TOKENS || op == PROVIDER_RAW;
}

static enum err path_of(const struct provider_call *c, struct text *out, struct fault *f) {
  switch (c->operation) {
  case PROVIDER_MESSAGES: *out = TEXT("/v1/messages"); return ERR_OK;
  case PROVIDER_COUNT_TOKENS: *out = TEXT("/v1/messages/count_tokens"); return ERR_OK;
  case PROVIDER_RAW: *out = c->raw_path; return address_check_raw(c->raw_path, f);
  default: break;
  }
  return fault_set(f, ERR_UNSUPPORTED, NULL, "an anthropic provider serves messages and token counts only");
}

static enum err address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) {
  struct provider_target t = {0};
  struct text path;
  enum err e = path_of(c, &path, f);
  if (!e)
    e = address_check_key(c->api_key, f);
  if (e)
    return e;
  t.path = address_path(c, a, path);
  address_add(&t, TEXT("x-api-key"), text_is_empty(c->api_key) ? c->own_x_api_key : c->api_key);
  if (text_is_empty(c->api_key))
    address_add(&t, TEXT("authorization"), c->own_authorization);
  if (!c->has_version)
    address_add(&t, TEXT("anthropic-version"), TEXT("2023-06-01"));
  *out = t;
  return ERR_OK;
}

/* A used-up account is reported as 400 invalid_request_error here; the openings are exact so that no echoed prompt can
 * look like one. A month's spending of the organisation is told apart from a rate by its error_code only. */
static const struct provider_failure failures[] = {
    {400, 400, .opening = "Your credit balance is too low", .class = PROVIDER_USAGE_LIMIT},
    {400, 400, .opening = "You have reached your specified API usage limits", .class = PROVIDER_USAGE_LIMIT},
    {400, 400, .opening = "You have reached your specified workspace API usage limits", .class = PROVIDER_USAGE_LIMIT},
    {.name = "enforced_spend_limit_reached", .class = PROVIDER_USAGE_LIMIT},
};

const struct provider provider_anthropic = {
    .kind = "anthropic", .serves = serves, .address = address, FAILURES(failures)};
