/* The port of identity: whose call is this, and what may it do. A principal is immutable, shared between workers and
 * refcounted. */
#ifndef PORTS_IDENTITY_H
#define PORTS_IDENTITY_H

#include "base/arena.h"

enum principal_period { PRINCIPAL_NO_BUDGET, PRINCIPAL_DAY, PRINCIPAL_WEEK, PRINCIPAL_MONTH };

struct principal {
  int64_t id;     /* of the stored key; negative for a key declared in the configuration */
  int64_t org_id; /* the organisation it is of; 1 for what the configuration vouches for */
  struct text name, user, workspace;
  struct text policy;        /* the name of the key's own; "" for none */
  const struct text *models; /* globs; none: every model */
  size_t model_count;
  int64_t rpm, tpm, concurrency; /* 0: no limit */
  int64_t budget_nano;           /* 0: no limit */
  enum principal_period budget_period;
  int64_t expires_us; /* wall clock; 0: never */
  int64_t ended_us;   /* of a key that a rotation replaced: its end; 0: it is the current one */
  bool blocked;
  bool is_owner_away; /* whose key it is is disabled, or not there any more */
  /* Where it may be used: entries separated by '\n', "" for no restriction. Names of wires and mounts; networks;
   * origins of web pages, or "*" (of none: no page of another site may read an answer). */
  struct text routes, allow_ips, cors_origins;
};

struct sigv4_request;

struct identity {
  /* The principal behind a key a client showed. ERR_OK with a reference in *out (give it back with unref; an expired or
   * blocked one is ERR_UNAUTHENTICATED or ERR_FORBIDDEN, f says which), ERR_UNAUTHENTICATED for a malformed or unknown
   * key, ERR_STORE when nobody can tell. now_us is the wall clock. Waits only when the key is not known in this process
   * yet. */
  enum err (*find)(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                   struct fault *f);
  /* Does this text name a Weir key (valid or not any more)? For telling a caller's own provider credential from ours.
   * May wait. */
  bool (*is_ours)(struct identity *self, struct text key);
  void (*unref)(const struct principal *p); /* NULL is fine; any thread */
  /* The principal whose key pair signed the request (AWS Signature Version 4 for the service bedrock, any region). rq
   * is the request as it arrived, with every header, host among them, and the whole body; authorization its header of
   * that name, of which sigv4_is_claim. The pair is one of: the access_key_id and secret of a declared key; the pair
   * that `weir key create` prints; a Weir key as the id with itself as the secret. As find; ERR_UNAUTHENTICATED for
   * anything wrong with the signature, and in the same words whether the id is unknown or the secret is not its own. */
  enum err (*find_signed)(struct identity *self, const struct sigv4_request *rq, struct text authorization,
                          int64_t now_us, const struct principal **out, struct fault *f);
};

/* May this principal use the model? */
bool principal_allows_model(const struct principal *p, struct text model);

#endif
