/* The checks between keys, and the values that follow from others: a provider's address from its kind, a target's
 * timeouts from its provider's, a price's cache classes from its input. Called by section.c after the rows of a
 * section. */
#include "config/check.h"

#include "base/map.h"
#include "base/recurrence.h"
#include "config/rate_limit_check.h"
#include "config/section.h"

#include <unistd.h>

#define LEAVE_OUT_MOST 64

const struct node *check_child(const struct node *n, const char *name) {
  const struct node *child = n == NULL ? NULL : node_child(n, name);
  return child != NULL ? child : n;
}

static bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_host(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!is_host_char(t.at[i]))
      return false;
  return t.len > 0 && t.len <= 253;
}

static bool is_port(struct text t) {
  uint64_t port;
  return text_to_u64(t, &port) && port >= 1 && port <= 65535;
}

static bool is_authority(struct text t) {
  if (text_starts(t, TEXT("["))) {
    struct text address, rest;
    if (!text_cut(text_skip(t, 1), ']', &address, &rest) || text_find_char(address, ':') < 0)
      return false;
    return rest.len == 0 || (rest.at[0] == ':' && is_port(text_skip(rest, 1)));
  }
  struct text host = t, port;
  return text_cut(t, ':', &host, &port) ? is_host(host) && is_port(port) : is_host(host);
}

bool check_is_http_url(struct text t) {
  struct text scheme = text_starts(t, TEXT("https://")) ? TEXT("https://") : TEXT("http://");
  if (!text_starts(t, scheme) || !text_is_visible_ascii(t) || text_find_char(t, '?') >= 0 ||
      text_find_char(t, '#') >= 0)
    return false;
  struct text authority = text_skip(t, scheme.len), path;
  (void)text_cut(authority, '/', &authority, &path);
  return is_authority(authority);
}

void check_backup(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_backup *b = at;
  struct recurrence r;
  struct fault f = {0};
  if (b->schedule.len > 0 && recurrence_parse(b->schedule, &r, &f) != ERR_OK)
    section_refuse(l, check_child(n, "schedule"), path, "schedule", "is not a schedule: %s", fault_text(&f));
}

void check_tls(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config *c = at;
  if ((c->tls_cert.len > 0) != (c->tls_key.len > 0))
    section_refuse(l, n, path, NULL, "needs both `cert` and `key`, or neither");
}

static void check_base_url(struct loader *l, const struct node *n, const struct key_path *path,
                           struct config_provider *p) {
  static const char *const addresses[] = {
      [CONFIG_ANTHROPIC] = "https://api.anthropic.com",
      [CONFIG_OPENAI] = "https://api.openai.com/v1",
      [CONFIG_OPENROUTER] = "https://openrouter.ai/api/v1",
      [CONFIG_BEDROCK] = "", /* by region: check_vendor.c */
  };
  if (p->base_url.len == 0)
    p->base_url = text_of(addresses[p->kind]);
  if (p->base_url.len == 0)
    return;
  if (!check_is_http_url(p->base_url))
    section_refuse(l, check_child(n, "base_url"), path, "base_url",
                   "must be http://host or https://host, with optional port and path");
  while (text_ends(p->base_url, TEXT("/")))
    p->base_url.len--;
}

static void check_credentials(struct loader *l, const struct node *n, const struct key_path *path,
                              const struct config_provider *p) {
  for (size_t i = 0; i < p->credential_count; i++)
    for (size_t k = 0; k < i; k++)
      if (text_equal(p->credentials[i].name, p->credentials[k].name) && p->credentials[i].name.len > 0)
        section_refuse(l, check_child(n, "credentials"), path, "credentials", "has one name for entries %zu and %zu", k,
                       i);
}

static void overlay_timeouts(struct loader *l, const struct node *n, const struct key_path *path,
                             struct config_timeouts *at) {
  const struct key_path inner = {.up = path, .name = "timeouts", .index = -1};
  const struct node *given = node_child(n, "timeouts");
  if (given != NULL && given->kind == NODE_MAP)
    section_overlay(l, &keys_overlay, given, &inner, at);
}

static const struct config_provider *find_provider(const struct config *c, struct text name, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (text_equal(c->providers[i].name, name))
      return &c->providers[i];
  return NULL;
}

void check_provider(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  static const char *const kinds[] = {"anthropic", "openai", "openrouter", "bedrock"};
  struct config_provider *p = at;
  p->index = (size_t)(p - l->config->providers);
  p->kind_name = text_of(kinds[p->kind]);
  p->is_confined = n->entry != 0;
  p->timeouts = l->config->timeouts;
  overlay_timeouts(l, n, path, &p->timeouts);
  check_base_url(l, n, path, p);
  check_credentials(l, n, path, p);
  check_vendor(l, n, path, p);
  if (p->name.len > 0 && find_provider(l->config, p->name, p->index) != NULL)
    section_refuse(l, check_child(n, "name"), path, "name", "is taken by another provider");
}

static const struct config_credential *find_credential(const struct config_provider *p, struct text name) {
  for (size_t i = 0; i < p->credential_count; i++)
    if (text_equal(p->credentials[i].name, name))
      return &p->credentials[i];
  return NULL;
}

static bool printable(const struct node *n) { return n != NULL && !n->expanded && n->kind == NODE_SCALAR; }

void check_refuse_name(struct loader *l, const struct node *n, const struct key_path *path, const char *key,
                       const char *what) {
  const struct node *at = check_child(n, key);
  if (printable(at))
    section_refuse(l, at, path, key, "names %s `%.*s`, which is not declared", what,
                   TEXT_ARGS(text_head(at->text, 64)));
  else
    section_refuse(l, at, path, key, "names %s that is not declared", what);
}

/* "{*}" becomes "*"; false when more than one star is left. */
static bool normalise_star(struct arena *a, struct text *model) {
  ptrdiff_t at = text_find(*model, TEXT("{*}"));
  if (at >= 0)
    *model = arena_format(a, "%.*s*%.*s", TEXT_ARGS(text_head(*model, (size_t)at)),
                          TEXT_ARGS(text_skip(*model, (size_t)at + 3)));
  at = text_find_char(*model, '*');
  return at < 0 || text_find_char(text_skip(*model, (size_t)at + 1), '*') < 0;
}

void check_target(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_target *t = at;
  if (!normalise_star(l->arena, &t->model))
    section_refuse(l, check_child(n, "model"), path, "model", "may hold one `*` at most");
  for (size_t i = 0; i < t->leave_out_count; i++)
    if (t->leave_out[i].len > LEAVE_OUT_MOST)
      section_refuse(l, check_child(n, "leave_out"), path, "leave_out", "has an entry of more than %d bytes",
                     LEAVE_OUT_MOST);
  t->timeouts = l->config->timeouts;
  if (t->provider_name.len == 0)
    return;
  t->provider = find_provider(l->config, t->provider_name, l->config->provider_count);
  if (t->provider == NULL) {
    check_refuse_name(l, n, path, "provider", "the provider");
    return;
  }
  t->timeouts = t->provider->timeouts;
  overlay_timeouts(l, n, path, &t->timeouts);
  t->every_credential = text_equal(t->credential_name, TEXT("*"));
  if (t->credential_name.len > 0 && !t->every_credential) /* one that is not here may be in the store */
    t->credential = find_credential(t->provider, t->credential_name);
}

void check_model(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_model *m = at;
  if (text_find_char(m->name, '*') >= 0)
    return;
  for (size_t i = 0; i < m->target_count; i++)
    if (text_find_char(m->targets[i].model, '*') >= 0)
      section_refuse(l, check_child(n, "targets"), path, "targets",
                     "has a `*` in the model of entry %zu, but the name of this model has none for it to stand for", i);
}

/* FNV-1a over the numbers in a fixed byte order. */
static uint32_t price_version(const struct config_price *p) {
  const int64_t numbers[] = {p->input, p->output, p->cache_write_5m, p->cache_write_1h, p->cache_read};
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    for (int shift = 0; shift < 64; shift += 8)
      hash = (hash ^ (uint32_t)(((uint64_t)numbers[i] >> shift) & 0xFF)) * 16777619u;
  return hash;
}

void check_price(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_price *p = at;
  if (node_child(n, "cache_write") == NULL)
    p->cache_write_5m = p->input;
  if (node_child(n, "cache_write_1h") == NULL)
    p->cache_write_1h = p->cache_write_5m;
  if (node_child(n, "cache_read") == NULL)
    p->cache_read = p->input;
  p->version = price_version(p);
  if (p->provider.len > 0 && find_provider(l->config, p->provider, l->config->provider_count) == NULL)
    check_refuse_name(l, n, path, "provider", "the provider");
}

void check_key(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_key *k = at;
  if (!text_is_visible_ascii(k->access_key_id) || text_find_char(k->access_key_id, ',') >= 0)
    section_refuse(l, check_child(n, "access_key_id"), path, "access_key_id",
                   "must be visible ASCII characters without a comma");
  if (k->access_key_id.len == 0 && !secret_is_empty(k->secret_access_key))
    section_refuse(l, check_child(n, "secret_access_key"), path, "secret_access_key",
                   "is of no use without `access_key_id`");
  if (k->policy.len > 0 && config_find_policy(l->config, k->policy) == NULL)
    check_refuse_name(l, n, path, "policy", "the policy");
  check_confinement(l, n, path, k);
}

void check_budget(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_key *k = at;
  if ((k->budget_nano > 0) != (k->budget_period != CONFIG_PERIOD_NONE))
    section_refuse(l, n, path, NULL, "needs both `usd` (above 0) and `period`, or neither");
}

static void check_twice(struct loader *l, struct map *seen, struct text what, struct config_key *k,
                        const struct node *n, const char *member) {
  void *old = NULL;
  if (map_set(seen, what, k, &old) != ERR_OK || old == NULL)
    return;
  const struct config_key *first = old;
  errors_add(l->errors, n->line, n->column, "`keys[%td]` has the same %s as `keys[%td]`", k - l->config->keys, member,
             first - l->config->keys);
}

/* Values are compared by a seeded hash, so that no second copy of a secret is made. */
static void check_keys(struct loader *l, const struct node *n) {
  const struct config *c = l->config;
  struct map *names = map_new(c->key_count + 1), *values = map_new(c->key_count + 1);
  struct map *ids = map_new(c->key_count + 1);
  const struct node *list = n == NULL ? NULL : node_child(n, "keys");
  const struct node *at = list == NULL ? NULL : list->first;
  for (size_t i = 0; i < c->key_count && at != NULL; i++, at = at->next) {
    struct config_key *k = &c->keys[i];
    uint64_t hash = text_hash(secret_reveal(k->value));
    if (k->name.len > 0)
      check_twice(l, names, k->name, k, at, "name");
    if (!secret_is_empty(k->value))
      check_twice(l, values, (struct text){(const char *)&hash, sizeof hash}, k, at, "value");
    if (k->access_key_id.len > 0)
      check_twice(l, ids, k->access_key_id, k, at, "access_key_id");
  }
  map_free(ids);
  map_free(names);
  map_free(values);
}

bool check_is_timezone(struct text t) {
  char path[128];
  for (size_t i = 0; i < t.len; i++)
    if (!is_host_char(t.at[i]) && t.at[i] != '/' && t.at[i] != '+')
      return false;
  if (text_equal(t, TEXT("UTC")))
    return true;
  if (t.len == 0 || t.at[0] == '/' || text_find(t, TEXT("..")) >= 0)
    return false;
  int n = snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", TEXT_ARGS(t));
  return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

static void check_server_key(struct loader *l, const struct node *n, const struct key_path *path,
                             const struct config *c) {
  uint8_t raw[SECRET_HMAC_BYTES];
  if (!secret_is_empty(c->server_key) && !secret_read_key(secret_reveal(c->server_key), raw))
    section_refuse(l, check_child(n, "server_key"), path, "server_key", "must be 32 bytes in base64 or hexadecimal");
  secret_wipe(raw, sizeof raw);
}

void check_vault(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_vault *v = at;
  uint8_t raw[SECRET_HMAC_BYTES];
  if (!secret_is_empty(v->master_key) && !secret_read_key(secret_reveal(v->master_key), raw))
    section_refuse(l, check_child(n, "master_key"), path, "master_key", "must be 32 bytes in base64 or hexadecimal");
  secret_wipe(raw, sizeof raw);
  if (!secret_is_empty(v->master_key) + (v->aws_kms.len > 0) + (v->aws_secret.len > 0) > 1)
    section_refuse(l, n, path, NULL, "may name one place of the master key: master_key, aws_kms or aws_secret");
  if (v->endpoint.len > 0 && !check_is_http_url(v->endpoint))
    section_refuse(l, check_child(n, "endpoint"), path, "endpoint", "must be https://host or http://host");
}

/* Nothing of the URL is quoted: it may hold a password. The rest of it is for who knows addresses. */
static void check_redis(struct loader *l, const struct node *n, const struct key_path *path, const struct config *c) {
  struct text url = secret_reveal(c->redis);
  if (url.len == 0 || text_starts(url, TEXT("redis://")) || text_starts(url, TEXT("rediss://")) ||
      text_starts(url, TEXT("redis+cluster://")) || text_starts(url, TEXT("rediss+cluster://")))
    return;
  bool is_sentinel = text_starts(url, TEXT("redis+sentinel://")) || text_starts(url, TEXT("rediss+sentinel://"));
  section_refuse(l, check_child(n, "redis"), path, "redis", "%s",
                 is_sentinel ? "sentinels are not asked: give redis+cluster:// or one name that leads to the primary"
                             : "must start with redis://, rediss://, redis+cluster:// or rediss+cluster://");
}

void check_root(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config *c = at;
  if (!secret_is_empty(c->store_key) && secret_reveal(c->store_key).len < 8)
    section_refuse(l, check_child(n, "store_key"), path, "store_key", "must have 8 bytes or more");
  check_server_key(l, n, path, c);
  check_redis(l, n, path, c);
  if (c->public_url.len > 0 && !check_is_http_url(c->public_url))
    section_refuse(l, check_child(n, "public_url"), path, "public_url",
                   "must be http://host or https://host, with optional port and path");
  check_oidc_url(l, n, path);
  if (c->timezone.len > 0 && !check_is_timezone(c->timezone))
    section_refuse(l, check_child(n, "timezone"), path, "timezone",
                   "is not a time zone this machine knows, such as `UTC` or `Asia/Seoul`");
  if (c->store_replica_count > 0 && c->store != CONFIG_STORE_POSTGRES)
    section_refuse(l, check_child(n, "store_replicas"), path, "store_replicas",
                   "are for a `store` that is the address of a database");
  check_proxies(l, n);
  check_keys(l, n);
  check_assignments(l, n);
  check_rate_limits(l, n);
}
