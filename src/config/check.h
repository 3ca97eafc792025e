/* What one row of the key table cannot say: keys that need or exclude each other, names that must exist, addresses.
 * Each runs after the rows of its section, gets the section's struct in `at`, and adds to l->errors. n is NULL when the
 * section was not given. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/keys.h"

/* Addresses, replicas without a database, the time zone, and declared keys that share a name or a value. */
void check_root(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* A zone of the time zone database of this machine. */
bool check_is_timezone(struct text t);
/* Certificate and key, or neither. */
void check_vault(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_backup(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_tls(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* One way to credentials, and whole. */
void check_credential(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* What only some kinds of providers may have, and what a kind needs: called by check_provider, after its address. */
void check_vendor(struct loader *l, const struct node *n, const struct key_path *path, struct config_provider *p);
/* Default address by kind, its shape, unique names, timeouts over the general ones. */
void check_provider(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Resolves provider and credential by name, normalises the star, lays timeouts over the provider's. */
void check_target(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* A star in a target needs one in the name. */
void check_model(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Policies (unique names, providers that exist, a strategy or none) and assignments (exactly one subject, a policy that
 * exists): check_routing.c, as are the waits of retry and hedge, which must not be longest before they are shortest. */
void check_policy(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_assignment(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_retry(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_hedge(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* After all rows: sorts c->assigned for config_policy_for and refuses who is assigned twice. */
void check_assignments(struct loader *l, const struct node *n);
/* Cache classes that were not given, the version, and that the provider exists. */
void check_price(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* The pair for signing callers is whole; its policy exists. */
void check_key(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Amount and period, or neither. */
void check_budget(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* An issuer's name and addresses, its policy, and its budget (check_identity.c). */
void check_issuer(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_issuer_budget(struct loader *l, const struct node *n, const struct key_path *path, void *at);

/* A server, a sender, and a user with a password or neither (check_signin.c, as is check_user). */
void check_smtp(struct loader *l, const struct node *n, const struct key_path *path, void *at);

/* A schedule that is one, and each kind once; rows of the ledger that stay as long as the minutes made from them
 * (check_jobs.c). */
void check_retention(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Networks that are some, origins that are some (check_control.c). */
void check_control(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_proxies(struct loader *l, const struct node *n);
/* The same of a declared key, whose pages may be of any site. */
void check_confinement(struct loader *l, const struct node *n, const struct key_path *path, const struct config_key *k);
/* An address of mail, and each once (check_signin.c). */
void check_user(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* A provider of identities: an address that is safe, roles that there are, each name once; and an address of our own
 * that it can send people back to (check_oidc.c). */
void check_oidc(struct loader *l, const struct node *n, const struct key_path *path, void *at);
void check_oidc_url(struct loader *l, const struct node *n, const struct key_path *path);
/* https, or http on this machine. */
bool check_is_safe_url(struct text url);
void check_job(struct loader *l, const struct node *n, const struct key_path *path, void *at);

/* The member of that name when it was given, for an error's place; else n itself. n may be NULL. */
const struct node *check_child(const struct node *n, const char *name);
/* "names WHAT `x`, which is not declared", at the member `key` of n. The name may have come from the environment, where
 * anything may have been pasted; then it is not shown. */
void check_refuse_name(struct loader *l, const struct node *n, const struct key_path *path, const char *key,
                       const char *what);
/* http://host or https://host, with optional port and path; no user, query or fragment. */
bool check_is_http_url(struct text t);

#endif
