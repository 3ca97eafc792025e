/* Declared keys and external issuers of a configuration, in the words of identity/. Called by app.c at the start and at
 * every reload; it keeps nothing. */
#include "app/callers.h"

#include "app/state.h"

#include <stdlib.h>

static enum principal_period period_of_key(enum config_period p) {
  switch (p) {
  case CONFIG_PERIOD_DAY: return PRINCIPAL_DAY;
  case CONFIG_PERIOD_WEEK: return PRINCIPAL_WEEK;
  case CONFIG_PERIOD_MONTH: return PRINCIPAL_MONTH;
  default: return PRINCIPAL_NO_BUDGET;
  }
}

static void declare_keys(struct app *a, const struct config *c) {
  struct apikey_declared *keys = calloc(c->key_count + 1, sizeof(*keys));
  if (!keys)
    abort();
  for (size_t i = 0; i < c->key_count; i++) {
    const struct config_key *k = &c->keys[i];
    keys[i] = (struct apikey_declared){secret_reveal(k->value),
                                       k->name,
                                       k->user,
                                       k->models,
                                       k->model_count,
                                       k->rpm,
                                       k->tpm,
                                       k->concurrency,
                                       k->budget_nano,
                                       period_of_key(k->budget_period),
                                       k->expires_us,
                                       k->blocked,
                                       k->access_key_id,
                                       secret_reveal(k->secret_access_key),
                                       k->workspace,
                                       k->policy,
                                       k->routes,
                                       k->allow_ips,
                                       k->cors_origins,
                                       k->route_count,
                                       k->allow_ip_count,
                                       k->cors_origin_count};
  }
  apikey_identity_declare(a->identity, keys, c->key_count);
  free(keys);
}

static unsigned algorithms_of(const struct config_issuer *i) {
  unsigned all = (1U << JWS_ALGORITHMS) - 1, some = 0;
  for (size_t n = 0; n < i->algorithm_count; n++) {
    enum jws_algorithm a;
    if (jws_algorithm_read(i->algorithms[n], &a))
      some |= 1U << a;
  }
  return i->algorithm_count > 0 ? some : all;
}

static struct token_issuer issuer_of(const struct config_issuer *i) {
  const struct config_key *k = &i->limits;
  return (struct token_issuer){
      .name = i->name,
      .keys = {.issuer = i->issuer,
               .jwks_uri = i->jwks_uri,
               .ca_file = i->ca,
               .refresh_us = i->refresh_ms * 1000,
               .pause_us = i->pause_ms * 1000},
      .rule = {.audiences = i->audiences,
               .audience_count = i->audience_count,
               .scopes = i->scopes,
               .scope_count = i->scope_count,
               .user_claim = i->user_claim,
               .leeway_s = i->leeway_ms / 1000,
               .nbf_optional = i->nbf_optional},
      .algorithms = algorithms_of(i),
      .role = i->role,
      .limits = {.models = k->models,
                 .model_count = k->model_count,
                 .rpm = k->rpm,
                 .tpm = k->tpm,
                 .concurrency = k->concurrency,
                 .budget_nano = k->budget_nano,
                 .budget_period = period_of_key(k->budget_period),
                 .workspace = k->workspace,
                 .policy = k->policy},
  };
}

static void declare_issuers(struct app *a, const struct config *c) {
  struct token_issuer *issuers = calloc(c->issuer_count + 1, sizeof(*issuers));
  if (!issuers)
    abort();
  for (size_t i = 0; i < c->issuer_count; i++)
    issuers[i] = issuer_of(&c->issuers[i]);
  token_identity_declare(a->tokens, issuers, c->issuer_count);
  free(issuers);
}

void callers_declare(struct app *a, const struct config *c) {
  declare_keys(a, c);
  declare_issuers(a, c);
}
