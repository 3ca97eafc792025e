/* What rows cannot say about identity providers: addresses that secrets may be sent to, scopes that make it OpenID
 * Connect, roles that there are, names that tell them apart. Called by section.c after the rows. */
#include "config/check.h"

#include "config/config.h"
#include "config/section.h"

static const char roles_there_are[] = "|owner|admin|auditor|member|viewer|";

static bool is_role(struct text t) {
  char word[24];
  int n = snprintf(word, sizeof(word), "|%.*s|", TEXT_ARGS(text_head(t, 16)));
  return t.len > 0 && text_find_char(t, '|') < 0 &&
         text_find(TEXT(roles_there_are), (struct text){word, (size_t)n}) >= 0;
}

static bool has(const struct text *list, size_t count, struct text t) {
  size_t i = 0;
  while (i < count && !text_equal(list[i], t))
    i++;
  return i < count;
}

static void check_lists(struct loader *l, const struct node *n, const struct key_path *path,
                        const struct config_oidc *o) {
  if (o->scope_count > 0 && !has(o->scopes, o->scope_count, TEXT("openid")))
    section_refuse(l, check_child(n, "scopes"), path, "scopes", "must hold `openid`");
  for (size_t i = 0; i < o->scope_count; i++)
    if (o->scopes[i].len == 0 || !text_is_visible_ascii(o->scopes[i]))
      section_refuse(l, check_child(n, "scopes"), path, "scopes", "must be words");
  for (size_t i = 0; i < o->domain_count; i++)
    if (!text_is_visible_ascii(o->domains[i]) || text_find_char(o->domains[i], '.') <= 0 ||
        text_find_char(o->domains[i], '@') >= 0)
      section_refuse(l, check_child(n, "domains"), path, "domains", "must be domains such as `example.org`");
  if (o->domain_count > 0 && !o->require_verified_email)
    section_refuse(l, check_child(n, "domains"), path, "domains",
                   "says nothing of an email that nobody has verified: leave `require_verified_email` true");
}

static void check_roles(struct loader *l, const struct node *n, const struct key_path *path,
                        const struct config_oidc *o) {
  for (size_t i = 0; i < o->role_count; i++)
    if (!is_role(o->roles[i].value))
      section_refuse(l, check_child(n, "roles"), path, "roles",
                     "must name roles: `owner`, `admin`, `auditor`, `member` or `viewer`");
  if (o->role_count > 0 && o->role_claim.len == 0)
    section_refuse(l, check_child(n, "roles"), path, "roles", "needs `role_claim`, whose values these are");
  if (o->role_count == 0 && o->role_claim.len > 0)
    section_refuse(l, check_child(n, "role_claim"), path, "role_claim",
                   "needs `roles`, which say what its values mean");
}

void check_oidc(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_oidc *o = at;
  const struct config_oidc *all = l->config->oidc;
  if (o->ca.len == 0)
    o->ca = l->config->upstream_ca;
  if (o->issuer.len > 0 && !check_is_safe_url(o->issuer))
    section_refuse(l, check_child(n, "issuer"), path, "issuer",
                   "must be https://host with optional port and path, or http:// on this machine");
  if (o->after_logout.len > 0 && !check_is_safe_url(o->after_logout))
    section_refuse(l, check_child(n, "after_logout"), path, "after_logout",
                   "must be https://host with optional port and path, or http:// on this machine");
  if (!text_is_visible_ascii(o->client_id))
    section_refuse(l, check_child(n, "client_id"), path, "client_id", "must be visible ASCII characters");
  check_lists(l, n, path, o);
  check_roles(l, n, path, o);
  for (const struct config_oidc *other = all; other < o; other++)
    if (text_equal(other->name, o->name))
      section_refuse(l, check_child(n, "name"), path, "name", "is that of `oidc[%td]` too", other - all);
}

void check_oidc_url(struct loader *l, const struct node *n, const struct key_path *path) {
  const struct config *c = l->config;
  if (c->oidc_count == 0)
    return;
  if (n == NULL || check_child(n, "public_url") == n)
    section_refuse(l, check_child(n, "oidc"), path, "oidc",
                   "needs `public_url`: the address that identity providers send people back to");
  else if (!check_is_safe_url(c->public_url))
    section_refuse(l, check_child(n, "public_url"), path, "public_url",
                   "must be https, or http on this machine, because `oidc` brings people back to it");
}
