/* The part of the configuration about people: how they sign in, the mail server that brings them links, who is
 * there from the start, and identity providers. Part of config.h. */
#ifndef CONFIG_SIGNIN_H
#define CONFIG_SIGNIN_H

#include "base/secret.h"
#include "config/routing.h"

struct config_signin {
  int64_t memory_kib, passes, at_once; /* of hashes of passwords */
  int64_t access_ms, idle_ms, session_ms;
};
struct config_smtp { /* the mail server; url "": no mail is sent */
  struct text url, user, from, from_name, ca;
  struct secret *password;
};
struct config_user { /* who is there from the start */
  struct text email, name, role;
  struct secret *password;
};
struct config_oidc { /* an identity provider that people sign in through (OpenID Connect) */
  struct text name, issuer, client_id;
  struct secret *client_secret; /* empty: a public client */
  struct text *scopes, *domains;
  size_t scope_count, domain_count; /* scopes none: openid email profile; domains none: any */
  struct text role_claim;           /* "": roles are given here alone */
  struct config_pair *roles;        /* a value of the claim -> a built-in role */
  size_t role_count;
  struct text default_role; /* "": who has none comes in only with what was given here */
  struct text ca;           /* PEM file; "": upstream_ca */
  struct text after_logout; /* ""; registered at the provider */
  bool require_verified_email;
  int64_t leeway_ms;
};

#endif
