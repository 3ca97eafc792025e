/* The table of provider kinds and what each class of outcome means for retries and health. A new kind is one file and
 * one row. Called by config (kinds), send and the breaker (classes). */
#include "provider/table.h"

static const struct provider *const providers[] = {&provider_anthropic, &provider_openai, &provider_openrouter,
                                                   &provider_bedrock};

static const struct {
  const char *name;
  bool falls_over, is_retried, is_unhealthy;
  enum err err;
} classes[] = {
    [PROVIDER_OK] = {"ok", false, false, false, ERR_OK},
    [PROVIDER_RATE_LIMIT] = {"rate_limit", true, true, true, ERR_UPSTREAM_RATE},
    [PROVIDER_USAGE_LIMIT] = {"usage_limit", true, false, false, ERR_UPSTREAM_USAGE},
    [PROVIDER_SERVER_ERROR] = {"server_error", true, true, true, ERR_UPSTREAM_SERVER},
    [PROVIDER_TIMEOUT] = {"timeout", true, true, true, ERR_UPSTREAM_TIMEOUT},
    [PROVIDER_NETWORK_ERROR] = {"network_error", true, true, true, ERR_UPSTREAM_NETWORK},
    [PROVIDER_AUTH_ERROR] = {"auth_error", false, false, false, ERR_UPSTREAM_STATUS},
    [PROVIDER_CLIENT_ERROR] = {"client_error", false, false, false, ERR_UPSTREAM_STATUS},
};
#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

const struct provider *provider_find(struct text kind) {
  for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
    if (text_equal(kind, text_of(providers[i]->kind)))
      return providers[i];
  return NULL;
}

const char *provider_class_name(enum provider_class c) { return (size_t)c < CLASS_COUNT ? classes[c].name : "unknown"; }

bool provider_class_falls_over(enum provider_class c) { return (size_t)c < CLASS_COUNT && classes[c].falls_over; }

bool provider_class_is_retried(enum provider_class c) { return (size_t)c < CLASS_COUNT && classes[c].is_retried; }

bool provider_class_is_unhealthy(enum provider_class c) { return (size_t)c < CLASS_COUNT && classes[c].is_unhealthy; }

enum provider_class provider_class_of_err(enum err e) {
  switch (e) {
  case ERR_OK: return PROVIDER_OK;
  case ERR_UPSTREAM_RATE: return PROVIDER_RATE_LIMIT;
  case ERR_UPSTREAM_USAGE: return PROVIDER_USAGE_LIMIT;
  case ERR_UPSTREAM_PROTOCOL:
  case ERR_UPSTREAM_SERVER: return PROVIDER_SERVER_ERROR;
  case ERR_UPSTREAM_TIMEOUT: return PROVIDER_TIMEOUT;
  case ERR_UPSTREAM_STATUS: return PROVIDER_CLIENT_ERROR;
  default: return PROVIDER_NETWORK_ERROR;
  }
}

enum err provider_err_of_class(enum provider_class c) {
  return (size_t)c < CLASS_COUNT ? classes[c].err : ERR_UPSTREAM_SERVER;
}
