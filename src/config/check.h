/* What one row of the key table cannot say: keys that need or exclude each other, names that must exist, addresses.
 * Each runs after the rows of its section, gets the section's struct in `at`, and adds to l->errors. n is NULL when the
 * section was not given. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/keys.h"

/* Addresses, the time zone, and declared keys that share a name or a value. */
void check_root(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Certificate and key, or neither. */
void check_tls(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Default address by kind, its shape, unique names, timeouts over the general ones. */
void check_provider(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Resolves provider and credential by name, normalises the star, lays timeouts over the provider's. */
void check_target(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* A star in a target needs one in the name. */
void check_model(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Cache classes that were not given, the version, and that the provider exists. */
void check_price(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Amount and period, or neither. */
void check_budget(struct loader *l, const struct node *n, const struct key_path *path, void *at);

/* http://host or https://host, with optional port and path; no user, query or fragment. */
bool check_is_http_url(struct text t);

#endif
