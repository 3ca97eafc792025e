/* The adapter behind ports/oidc.h: people whom an identity provider of the configuration vouches for. What it says is
 * believed after its signature, for this attempt of this browser alone; who that is here, and what they may do, follows
 * docs/decisions/0027-identity-providers.md. Safe from any thread. */
#ifndef IDENTITY_OIDC_H
#define IDENTITY_OIDC_H

#include "aws/fetch.h"
#include "identity/signin.h"
#include "ports/oidc.h"

#define OIDC_PENDING_US INT64_C(600000000) /* between leaving for a provider and coming back */
#define OIDC_NAME_MAX   64

/* A value of the role claim, and what it means here. */
struct oidc_role {
  struct text value;
  enum builtin_role role;
};

/* A provider of the configuration. Everything is copied. */
struct oidc_declared {
  struct text name, issuer, client_id, client_secret; /* client_secret "": a public client */
  const struct text *scopes, *domains;                /* scopes none: openid email profile; domains none: any */
  size_t scope_count, domain_count;
  struct text role_claim;        /* "": what they may do is given here alone */
  const struct oidc_role *roles; /* of several that fit, the first in the order of enum builtin_role */
  size_t role_count;
  struct text default_role; /* of who has none of them; "" */
  struct text ca_file;      /* PEM; "": the system's */
  struct text after_logout; /* where the provider sends the browser that has signed out there; "": nowhere */
  bool require_verified_email;
  int64_t leeway_s;
};

/* One request to a provider. Blocks. */
typedef enum err oidc_fetch(void *data, const struct fetch_request *rq, struct arena *a, struct fetch_reply *out,
                            struct fault *f);

struct oidc_options {
  struct signin_desk *door; /* where sessions begin */
  int64_t pause_us;         /* between two fetches of a provider's keys, or after one of its addresses that failed */
  oidc_fetch *fetch;        /* NULL: over the network */
  void *fetch_data;
};

struct oidc_desk;

/* Everything in *o must outlive it. Knows no provider yet. */
struct oidc_desk *oidc_new(const struct oidc_options *o);
void oidc_free(struct oidc_desk *d); /* NULL is fine */
struct oidc *oidc_port(struct oidc_desk *d);
/* Replaces all providers at once (start, reload). */
void oidc_declare(struct oidc_desk *d, const struct oidc_declared *providers, size_t count);

#endif
