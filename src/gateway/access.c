/* From a configured credential to the keys that sign a call. Sources are shared by all workers and outlive reloads that
 * change nothing about them; fetching blocks (files, HTTP to the machine's metadata), so it runs in the offload pool.
 * Called by gateway.c for snapshots and by send for each signed call. */
#include "gateway/access.h"

#include "aws/registry.h"
#include "base/log.h"
#include "gateway/background.h"

#include <stdlib.h>

static struct aws_source_options options_of(const struct config_provider *p, const struct config_credential *c) {
  static const enum aws_source_kind kinds[] = {
      [CONFIG_FROM_FIXED] = AWS_SOURCE_STATIC,        [CONFIG_FROM_ENVIRONMENT] = AWS_SOURCE_ENVIRONMENT,
      [CONFIG_FROM_PROFILE] = AWS_SOURCE_PROFILE,     [CONFIG_FROM_WEB_IDENTITY] = AWS_SOURCE_WEB_IDENTITY,
      [CONFIG_FROM_CONTAINER] = AWS_SOURCE_CONTAINER, [CONFIG_FROM_INSTANCE] = AWS_SOURCE_INSTANCE,
  };
  struct aws_source_options o = {.kind = AWS_SOURCE_ENVIRONMENT, .region = p->region};
  if (!c)
    return o;
  o.kind = kinds[c->from];
  o.profile = c->profile;
  o.fixed = (struct aws_credentials){.bearer = secret_reveal(c->bearer),
                                     .access_key_id = secret_reveal(c->access_key_id),
                                     .secret_access_key = secret_reveal(c->secret_access_key),
                                     .session_token = secret_reveal(c->session_token)};
  return o;
}

/* A provider without credentials has one source all the same: the environment. */
static size_t source_count(const struct config_provider *p) { return p->credential_count ? p->credential_count : 1; }

static void *zeroed(size_t count, size_t bytes) {
  void *at = calloc(count, bytes);
  if (!at)
    abort();
  return at;
}

static enum err open_provider(struct gateway_snapshot *s, const struct config_provider *p, struct fault *f) {
  struct aws_source **sources = zeroed(source_count(p), sizeof(*sources));
  s->sources[p->index] = sources;
  for (size_t i = 0; i < source_count(p); i++) {
    const struct config_credential *c = p->credential_count ? &p->credentials[i] : NULL;
    struct aws_source_options o = options_of(p, c);
    sources[i] = aws_registry_find(p->name, c ? c->name : TEXT_NONE, &o);
    if (!sources[i])
      return fault_set(f, ERR_LIMIT, "providers", "there are too many AWS credentials");
  }
  return ERR_OK;
}

enum err access_open(struct gateway_worker *w, struct gateway_snapshot *s, struct fault *f) {
  enum err e = ERR_OK;
  s->sources = zeroed(s->config->provider_count + 1, sizeof(*s->sources));
  for (size_t i = 0; i < s->config->provider_count && e == ERR_OK; i++) {
    const struct config_provider *p = &s->config->providers[i];
    const struct provider *adapter = w->gateway->provider_find(p->kind_name);
    if (adapter && adapter->signs)
      e = open_provider(s, p, f);
  }
  return e;
}

void access_close(struct gateway_snapshot *s) {
  for (size_t i = 0; s->sources && i < s->config->provider_count; i++) {
    for (size_t k = 0; s->sources[i] && k < source_count(&s->config->providers[i]); k++)
      aws_registry_release(s->sources[i][k]);
    free(s->sources[i]);
  }
  free(s->sources);
}

struct fetch_call {
  struct aws_source *source;
  int64_t now_s;
  struct fault fault;
};

static enum err fetch_run(void *arg) {
  struct fetch_call *c = arg;
  return aws_source_fetch(c->source, c->now_s, &c->fault);
}

static enum err fetch(struct gateway_worker *w, struct aws_source *source, struct fault *out) {
  struct fetch_call call = {.source = source, .now_s = loop_wall_us() / 1000000};
  enum err e = offload_call(w->gateway->offload, fetch_run, &call);
  *out = call.fault;
  return e;
}

/* about: the place of the source in the snapshot. */
static void renew(struct gateway_worker *w, struct gateway_snapshot *s, const void *about) {
  struct aws_source *const *source = about;
  struct fault why = {0};
  (void)s;
  if (fetch(w, *source, &why) != ERR_OK)
    LOG_WARN("aws_credentials_not_renewed", log_str("detail", fault_text(&why)));
}

enum err access_find(struct attempt *t, struct aws_credentials *out) {
  struct exchange *x = t->x;
  const struct candidate *c = t->candidate;
  struct aws_source **source = x->snapshot->sources[c->provider->index];
  int64_t now_s = loop_wall_us() / 1000000;
  bool stale = false;
  if (c->credential)
    source += c->credential - c->provider->credentials;
  enum err e = aws_source_get(*source, now_s, x->arena, out, &stale);
  if (e == ERR_OK && stale && !background_start(x->worker, x->snapshot, renew, source))
    renew(x->worker, x->snapshot, source);
  if (e != ERR_AGAIN)
    return e;
  struct fault why = {0};
  int64_t before_us = loop_clock_us();
  e = fetch(x->worker, *source, &why);
  attempt_waited(t, before_us);
  if (e == ERR_OK)
    e = aws_source_get(*source, now_s, x->arena, out, &stale);
  if (e == ERR_OK || e == ERR_CANCELLED)
    return e;
  LOG_ERROR("aws_credentials_not_found", log_text("provider", c->provider->name), log_str("detail", fault_text(&why)));
  return fault_set(&t->fault, ERR_UPSTREAM_NETWORK, NULL, "no AWS credentials could be had for %.*s",
                   TEXT_ARGS(c->provider->name));
}
