/* The gateway's side of a worker: its snapshot with the origins of its providers, and the answers to requests that
 * never became an exchange. Called by app.c. */
#include "gateway/gateway.h"

#include "base/log.h"
#include "gateway/access.h"
#include "gateway/route.h"
#include "net/url.h"

#include <stdlib.h>

void gateway_snapshot_unref(struct gateway_snapshot *s) {
  if (!s || --s->refs > 0)
    return;
  access_close(s);
  routes_free(s->routes);
  config_unref(s->config);
  free(s->origins);
  free(s->base_paths);
  free(s);
}

static bool has_several_kinds(const struct config *c) {
  for (size_t i = 1; i < c->provider_count; i++) {
    if (c->providers[i].kind != c->providers[0].kind)
      return true;
  }
  return false;
}

static bool has_choice(const struct config *c, const struct routes *r) {
  for (size_t i = 0; i < c->model_count; i++) {
    if (r->models[i].count > 1)
      return true;
  }
  return false;
}

static struct gateway_snapshot *snapshot_new(const struct gateway *g, struct config *c) {
  struct gateway_snapshot *s = calloc(1, sizeof(*s));
  size_t count = c->provider_count ? c->provider_count : 1;
  if (!s)
    abort();
  s->refs = 1;
  s->config = c;
  s->mixes = has_several_kinds(c);
  s->routes = routes_new(c, g->provider_find, &g->state);
  s->remembers = c->affinity.enabled && g->affinity && has_choice(c, s->routes);
  s->origins = calloc(count, sizeof(struct http_origin *));
  s->base_paths = calloc(count, sizeof(*s->base_paths));
  if (!s->origins || !s->base_paths)
    abort();
  return s;
}

static enum err resolve(struct gateway_worker *w, struct gateway_snapshot *s, struct fault *f) {
  for (size_t i = 0; i < s->config->provider_count; i++) {
    const struct config_provider *p = &s->config->providers[i];
    struct url url;
    enum err e = url_parse(p->base_url, &url, f);
    if (e == ERR_OK)
      e = http_client_origin(w->client, &url, p->is_confined, &s->origins[i]);
    if (e != ERR_OK)
      return e;
    s->base_paths[i] = url.path;
  }
  return ERR_OK;
}

enum err gateway_worker_use(struct gateway_worker *w, struct config *c, struct fault *f) {
  struct gateway_snapshot *s = snapshot_new(w->gateway, c);
  enum err e = resolve(w, s, f);
  if (e == ERR_OK)
    e = access_open(w, s, f);
  if (e != ERR_OK) {
    gateway_snapshot_unref(s);
    return e;
  }
  if (w->index == 0 && s->routes->unused + s->routes->unknown > 0)
    LOG_WARN("too_many_targets", log_u64("not_used", s->routes->unused),
             log_u64("without_breaker_or_places", s->routes->unknown));
  gateway_snapshot_unref(w->snapshot);
  w->snapshot = s;
  return ERR_OK;
}

void gateway_worker_done(struct gateway_worker *w) {
  gateway_snapshot_unref(w->snapshot);
  w->snapshot = NULL;
}

bool gateway_owns(struct text path) {
  static const struct text mounts[] = {TEXT("/v1/"),     TEXT("/ak/"),      TEXT("/anthropic/"),
                                       TEXT("/openai/"), TEXT("/bedrock/"), TEXT("/openrouter/")};
  for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
    if (text_starts(path, mounts[i]))
      return true;
  }
  return false;
}

void gateway_write_refusal(const struct fault *f, struct text target, struct text request_id, struct buf *out) {
  route_wire(target, NULL)->write_error(out, f, request_id);
}

struct http_header gateway_refusal_header(const struct fault *f, struct text target) {
  const struct wire *wire = route_wire(target, NULL);
  if (!wire->error_type_header)
    return (struct http_header){0};
  return (struct http_header){text_of(wire->error_type_header), text_of(wire->error_type(f)), false};
}
