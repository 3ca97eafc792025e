/* The table of provider kinds and what each class of outcome means for retries and health. A new kind is one file and
 * one row. Called by config (kinds), send and the breaker (classes). */
#include "provider/table.h"

static const struct provider *const providers[] = {&provider_anthropic, &provider_openai, &provider_openrouter,
                                                   &provider_bedrock};

static const struct {
  const char *name;
  bool falls_over, is_unhealthy;
} classes[] = {
    [PROVIDER_OK] = {"ok", false, false},
    [PROVIDER_RATE_LIMIT] = {"rate_limit", true, true},
    [PROVIDER_USAGE_LIMIT] = {"usage_limit", true, false},
    [PROVIDER_SERVER_ERROR] = {"server_error", true, true},
    [PROVIDER_TIMEOUT] = {"timeout", true, true},
    [PROVIDER_NETWORK_ERROR] = {"network_error", true, true},
    [PROVIDER_AUTH_ERROR] = {"auth_error", false, false},
    [PROVIDER_CLIENT_ERROR] = {"client_error", false, false},
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

bool provider_class_is_unhealthy(enum provider_class c) { return (size_t)c < CLASS_COUNT && classes[c].is_unhealthy; }
