/* OpenAI and the many servers that speak its API, Azure among them. The base URL already holds /v1, as the vendor's SDK
 * takes it; without a key no authorisation is sent, which is what local servers want. Azure's older paths name the
 * deployment and want api-version and api-key; its newer ones under /openai/v1 are like everybody's and need nothing
 * here. Reached through the provider table by send. */
#include "provider/openai.h"

#include "provider/address.h"
#include "provider/classify.h"
#include "provider/table.h"

#define API_VERSION "api-version="

bool openai_serves(enum provider_operation op) {
  return op == PROVIDER_CHAT || op == PROVIDER_RESPONSES || op == PROVIDER_EMBEDDINGS || op == PROVIDER_MESSAGES ||
         op == PROVIDER_RAW;
}

static enum err path_of(const struct provider_call *c, struct text *out, struct fault *f) {
  switch (c->operation) {
  case PROVIDER_CHAT: *out = TEXT("/chat/completions"); return ERR_OK;
  case PROVIDER_RESPONSES: *out = TEXT("/responses"); return ERR_OK;
  case PROVIDER_EMBEDDINGS: *out = TEXT("/embeddings"); return ERR_OK;
  case PROVIDER_MESSAGES: *out = TEXT("/messages"); return ERR_OK;
  case PROVIDER_RAW:
    *out = text_starts(c->raw_path, TEXT("/v1/")) ? text_skip(c->raw_path, 3) : c->raw_path;
    return address_check_raw(c->raw_path, f);
  default: break;
  }
  return fault_set(f, ERR_UNSUPPORTED, NULL,
                   "an OpenAI-compatible provider serves chat completions, responses, embeddings and messages only");
}

/* The client's query with the configured api-version in place of its own. */
static struct text azure_query(const struct provider_call *c, struct text version, struct arena *a) {
  struct text query = arena_join(a, (const struct text[]){TEXT(API_VERSION), version}, 2), one;
  struct text rest = text_starts(c->query, TEXT("?")) ? text_skip(c->query, 1) : c->query;
  while (!text_is_empty(rest)) {
    if (!text_cut(rest, '&', &one, &rest)) {
      one = rest;
      rest = TEXT_NONE;
    }
    if (!text_is_empty(one) && !text_starts(one, TEXT(API_VERSION)))
      query = arena_join(a, (const struct text[]){query, TEXT("&"), one}, 3);
  }
  return query;
}

static enum err azure_path(const struct provider_call *c, struct arena *a, struct text path, struct text *out,
                           struct fault *f) {
  struct provider_call call = *c;
  struct text deployment, version;
  enum err e = address_segment(c->api_version, a, &version, f);
  if (!e && (c->operation == PROVIDER_CHAT || c->operation == PROVIDER_EMBEDDINGS)) {
    e = address_segment(c->model, a, &deployment, f);
    if (!e)
      path = arena_join(a, (const struct text[]){TEXT("/deployments/"), deployment, path}, 3);
  }
  if (e)
    return e;
  call.query = azure_query(c, version, a);
  *out = address_path(&call, a, path);
  return ERR_OK;
}

static void authorise(const struct provider_call *c, struct arena *a, struct provider_target *t) {
  if (text_is_empty(c->api_key))
    return;
  if (!text_is_empty(c->api_version))
    address_add(t, TEXT("api-key"), c->api_key);
  else
    address_add(t, TEXT("authorization"), arena_join(a, (const struct text[]){TEXT("Bearer "), c->api_key}, 2));
}

enum err openai_address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) {
  struct provider_target t = {0};
  struct text path;
  enum err e = path_of(c, &path, f);
  if (!e)
    e = address_check_key(c->api_key, f);
  if (!e && !text_is_empty(c->api_version))
    e = azure_path(c, a, path, &t.path, f);
  else if (!e)
    t.path = address_path(c, a, path);
  if (e)
    return e;
  authorise(c, a, &t);
  *out = t;
  return ERR_OK;
}

/* Whatever the status: billing comes as 429, of some servers as 400 or 403, and inside streams without any. */
static const struct provider_failure failures[] = {
    {.name = "insufficient_quota", .class = PROVIDER_USAGE_LIMIT},
    {.name = "credit_balance_exhausted", .class = PROVIDER_USAGE_LIMIT},
    {.name = "organization_spend_limit_exceeded", .class = PROVIDER_USAGE_LIMIT},
    {.name = "organization_usage_limit_exceeded", .class = PROVIDER_USAGE_LIMIT},
    {.name = "project_spend_limit_exceeded", .class = PROVIDER_USAGE_LIMIT},
    {.name = "billing_hard_limit_reached", .class = PROVIDER_USAGE_LIMIT},
    {.name = "billing_not_active", .class = PROVIDER_USAGE_LIMIT},
    {.name = "usage_limit_reached", .class = PROVIDER_USAGE_LIMIT},
    {429, 429, .name = "rate_limit_exceeded", .class = PROVIDER_RATE_LIMIT},
    {429, 429, .name = "slow_down", .class = PROVIDER_RATE_LIMIT},
    {429, 429, .name = "RateLimitReached", .class = PROVIDER_RATE_LIMIT},
};

const struct provider provider_openai = {
    .kind = "openai", .serves = openai_serves, .address = openai_address, FAILURES(failures)};
