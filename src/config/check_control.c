/* What rows cannot say about the control API over the network, proxies in front and where declared keys may be used:
 * that networks are some, and origins are. Called by section.c after the rows, and by check.c. */
#include "config/check.h"

#include "base/cidr.h"
#include "config/config.h"
#include "config/origin.h"
#include "config/section.h"

static void check_network(struct loader *l, const struct node *n, const struct key_path *path, const char *key,
                          struct text t) {
  struct cidr c;
  if (!cidr_read(t, &c))
    section_refuse(l, check_child(n, key), path, key,
                   "must hold networks such as 10.0.0.0/8, with no bit set behind the prefix, or addresses");
}

void check_control(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_control *c = at;
  for (size_t i = 0; i < c->allow_ip_count; i++)
    check_network(l, n, path, "allow_ips", c->allow_ips[i]);
  for (size_t i = 0; i < c->cors_origin_count; i++) {
    if (!origin_is_one(c->cors_origins[i]))
      section_refuse(l, check_child(n, "cors_origins"), path, "cors_origins",
                     "must hold origins such as https://admin.example.org, each without a path and in lower case");
  }
}

void check_confinement(struct loader *l, const struct node *n, const struct key_path *path,
                       const struct config_key *k) {
  for (size_t i = 0; i < k->allow_ip_count; i++)
    check_network(l, n, path, "allow_ips", k->allow_ips[i]);
  for (size_t i = 0; i < k->cors_origin_count; i++) {
    if (!origin_is_one(k->cors_origins[i]) && !text_equal(k->cors_origins[i], TEXT("*")))
      section_refuse(l, check_child(n, "cors_origins"), path, "cors_origins",
                     "must hold origins such as https://app.example.org, or *");
  }
}

void check_proxies(struct loader *l, const struct node *n) {
  const struct config *c = l->config;
  for (size_t i = 0; i < c->trusted_proxy_count; i++) {
    if (!text_equal(c->trusted_proxies[i], TEXT("unix")))
      check_network(l, n, NULL, "trusted_proxies", c->trusted_proxies[i]);
  }
}
