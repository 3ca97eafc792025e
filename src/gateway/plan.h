/* Which targets would be tried for a request, in which order, and why others would not: the one decision behind
 * choosing, the route simulator and the log. Sends, counts and takes nothing; reads no clock and no random numbers of
 * its own. */
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H

#include "gateway/pairing.h"
#include "gateway/routes.h"
#include "llm/catalogue.h"

enum plan_verdict {
  PLAN_TRIED,
  PLAN_NO_ADAPTER,      /* nobody speaks to this kind of provider */
  PLAN_OTHER_WIRE,      /* it cannot be spoken to in this request's operation */
  PLAN_POLICY,          /* the policy of the key, user or workspace excludes it */
  PLAN_BREAKER_OPEN,    /* it has failed and rests until retry_at_us */
  PLAN_BREAKER_FORCED,  /* the operator keeps it from getting requests */
  PLAN_PROBED,          /* it has rested; one probe is under way and nobody else is let through */
  PLAN_OWN_CREDENTIALS, /* the caller's own credentials take the place of all of this provider's */
  PLAN_NO_CREDENTIAL,   /* it wants a credential and there is none for this call */
  PLAN_OTHER_WORKSPACE, /* its credential is for calls of another workspace */
  PLAN_BEYOND           /* more targets than one request may try */
};
const char *plan_verdict_name(enum plan_verdict v); /* "breaker_open" */

/* One way to serve the request, with everything looked up. */
struct candidate {
  const struct config_target *target; /* NULL on raw paths */
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: none, or the caller's own is used */
  bool own;                                   /* the caller's own credentials go with it: it pays itself */
  const struct provider *adapter;
  struct text upstream_model;
  struct price price;         /* version 0: unknown */
  uint64_t max_output_tokens; /* of one answer; 0: unknown */
  struct pairing pairing;     /* raw paths: wire NULL, passed */
  struct breaker *breaker;    /* NULL: none, as on raw paths */
  struct load *load;          /* likewise */
  uint64_t place_id;          /* who would hold the conversation's prompt cache; 0: nobody that we choose */
};

/* A target as it is explained. */
struct plan_entry {
  const struct place *place;
  enum plan_verdict verdict;
  struct candidate candidate; /* pairing: of those that are tried or PLAN_BEYOND */
  bool own;                   /* the caller's own credentials are used */
  bool holds_cache;           /* first because the conversation's prompt cache is there */
  int64_t retry_at_us;        /* PLAN_BREAKER_OPEN: when it is let through again */
  int64_t latency_us;         /* to the first token; -1 unknown */
  int64_t cost_nano;          /* at worst; -1 unknown */
  uint32_t in_flight;
};

struct plan_ask {
  const struct config *config;
  struct routes *routes;
  const struct routes_state *state;
  const struct config_model *model;
  struct text star;          /* what the model name's first "*" stood for */
  const struct wire *client; /* the dialect of the request */
  bool is_stream;
  bool has_anthropic_version, is_count; /* see pairing.h and count.c */
  bool has_own_credentials;             /* the caller brings Anthropic credentials of its own */
  int64_t principal_id;
  struct text workspace;                /* whose call it is; "" for none */
  const struct config_policy *policy;   /* NULL: none */
  uint64_t input_tokens, output_tokens; /* bounds; output 0: not given */
  bool no_output;                       /* embeddings */
  bool remembers;                       /* `place` says who holds the conversation's cache */
  uint64_t place;
  uint64_t random;
  int64_t now_us;
  bool explains; /* the plan shall have its entries, which nobody needs who only sends */
  /* The vendor's published list of models, for prices that nobody configured; NULL: none. */
  struct llm_catalogue *(*catalogue)(void *ctx, const struct config_provider *p);
  void *ctx;
};

struct plan {
  struct candidate *candidates; /* those that are tried, in their order */
  size_t tried;
  struct plan_entry *at; /* ask.explains: as the candidates, then the others in the order of the file; else NULL */
  size_t count;          /* targets in all */
  uint32_t verdicts;     /* bit v: some target has verdict v */
  const struct place *lacking; /* the first with PLAN_NO_CREDENTIAL; NULL: none */
  enum config_strategy strategy;
  int64_t retry_at_us; /* the soonest of those that rest; 0: none rests */
};
#define PLAN_TRIED_MAX 16

/* Memory of the arena. Never fails: a plan may be empty. Waits for nothing but ask.catalogue. */
void plan_make(const struct plan_ask *ask, struct arena *a, struct plan *out);
bool plan_has(const struct plan *p, enum plan_verdict v);

/* Whether a policy (NULL: none) lets requests go to this provider. */
bool plan_policy_allows(const struct config_policy *policy, const struct config_provider *p);

#endif
