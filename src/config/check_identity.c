/* What rows cannot say about external issuers: names of their own, addresses that are safe to fetch keys from, budgets
 * that are whole. Called by section.c after the rows. */
#include "config/check.h"

#include "config/config.h"
#include "config/section.h"

static bool is_loopback(struct text host) {
  return text_equal(host, TEXT("localhost")) || text_equal(host, TEXT("[::1]")) || text_starts(host, TEXT("127."));
}

/* "https://host:port/path" -> "host" */
static struct text host_of(struct text url) {
  ptrdiff_t scheme = text_find(url, TEXT("://"));
  struct text rest = scheme < 0 ? url : text_skip(url, (size_t)scheme + 3), host = rest, unused;
  (void)text_cut(rest, '/', &host, &unused);
  ptrdiff_t bracket = text_find_char(host, ']');
  if (bracket >= 0)
    return text_head(host, (size_t)bracket + 1);
  (void)text_cut(host, ':', &host, &unused);
  return host;
}

bool check_is_safe_url(struct text url) {
  return check_is_http_url(url) && (text_starts(url, TEXT("https://")) || is_loopback(host_of(url)));
}

static void check_addresses(struct loader *l, const struct node *n, const struct key_path *path,
                            const struct config_issuer *i) {
  static const char rule[] = "must be https://host with optional port and path, or http:// on this machine";
  if (i->jwks_uri.len > 0 && !check_is_safe_url(i->jwks_uri))
    section_refuse(l, check_child(n, "jwks_uri"), path, "jwks_uri", "%s", rule);
  if (i->jwks_uri.len == 0 && i->issuer.len > 0 && !check_is_safe_url(i->issuer))
    section_refuse(l, check_child(n, "issuer"), path, "issuer",
                   "is no address where its keys could be found: it %s; or give `jwks_uri`", rule);
}

void check_issuer(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_issuer *i = at;
  const struct config_issuer *all = l->config->issuers;
  if (i->name.len == 0)
    i->name = text_head(host_of(i->issuer), 64);
  if (i->ca.len == 0)
    i->ca = l->config->upstream_ca;
  check_addresses(l, n, path, i);
  for (const struct config_issuer *other = all; other < i; other++) {
    if (text_equal(other->issuer, i->issuer))
      section_refuse(l, check_child(n, "issuer"), path, "issuer", "stands in `jwt_issuers[%td]` already", other - all);
    else if (text_equal(other->name, i->name))
      section_refuse(l, check_child(n, "name"), path, "name", "is that of `jwt_issuers[%td]` too", other - all);
  }
  if (i->limits.policy.len > 0 && config_find_policy(l->config, i->limits.policy) == NULL)
    check_refuse_name(l, n, path, "policy", "the policy");
}

void check_issuer_budget(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  check_budget(l, n, path, &((struct config_issuer *)at)->limits);
}
