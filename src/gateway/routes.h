/* What a snapshot knows of its targets before any request comes: each with its credential, its adapter, its breaker,
 * the wires it can be asked in, its load and its price. Made once a snapshot; where a model's name is a pattern, once
 * for each name that it comes to stand for. Belongs to one thread. */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "config/config.h"
#include "llm/price.h"
#include "ports/provider.h"
#include "traffic/breakers.h"
#include "traffic/load.h"

struct pairing;
struct routes_ranked;

/* One way to a model: a target with one credential. The first members are what every request looks at. */
struct place {
  const struct config_provider *provider;
  const struct provider *adapter; /* NULL: nobody speaks to this kind */
  struct breaker *breaker;        /* of this credential; NULL lets everything through */
  struct load *load;              /* one for all names that a star stands for: callers make those up; NULL: none */
  const struct config_target *target;
  int64_t weight;                 /* the target's, times the credential's */
  uint32_t serves;                /* bit k: requests of pairing_kind k */
  bool is_first;                  /* of its target; the others differ in the credential alone */
  bool is_a_workspace_s;          /* its credential is for the calls of one alone */
  bool lacks_credential;          /* it wants one and there is none: only a caller's own can go there */
  bool is_listed;                 /* the vendor's own list of models may say what the configuration does not */
  const struct pairing *pairings; /* by pairing_kind, for those that it serves */
  struct text upstream_model;     /* with the star filled in */
  struct price price;             /* version 0: unknown */
  const struct config_credential *credential; /* NULL: none */
  uint64_t id;                                /* says the provider, its address and the credential: who holds a cache */
};
struct model_places {
  struct place *at; /* in the order of the targets */
  size_t count;
  bool has_workspaces; /* some credential is a workspace's; it stands before those of its target that are for all */
  bool has_star;       /* some target's model holds a "*": these places do not serve a request as they are */
  struct map *by_star; /* the places of names that were asked for: model_places */
};
#define PLACES_MAX 256 /* of one model; further ones are not used */

/* The tables that outlive every snapshot. NULL members: nothing is remembered (tests, and questions about a
 * configuration that no process serves). */
struct routes_state {
  struct breakers *breakers;
  struct loads *loads;
};

struct routes {
  struct arena arena;
  const struct config *config;
  const struct provider *(*find)(struct text kind);
  struct routes_state state;
  struct model_places *models; /* by index in config.models */
  size_t filled;               /* places in the maps by_star */
  size_t unused;               /* places beyond PLACES_MAX */
  size_t unknown;              /* places for which the tables of the state have no room: see breakers.h and load.h */
  struct routes_ranked *ranked[64];
};

/* c, what find gives, and the tables of state outlive the routes. */
struct routes *routes_new(const struct config *c, const struct provider *(*find)(struct text kind),
                          const struct routes_state *state);
void routes_free(struct routes *r); /* NULL is fine */
/* The places of a model whose name's first "*" stands for star. They are the routes' own, or, once names for
 * ROUTES_FILLED_MAX places have been asked for, the arena's. */
const struct model_places *routes_of(struct routes *r, const struct config_model *m, struct text star, struct arena *a);
#define ROUTES_FILLED_MAX 4096

/* Where a policy wants a provider's targets: 0 is first. ROUTES_EXCLUDED: nowhere. policy NULL: 0 for all. */
#define ROUTES_EXCLUDED UINT16_MAX
uint16_t routes_rank(const struct config_policy *policy, const struct config_provider *p);
/* The same for all providers, by their index, found once for each policy; NULL when there is no policy. */
const uint16_t *routes_ranks(struct routes *r, const struct config_policy *policy);

/* The rule of all breakers of this configuration. */
struct breaker_rule routes_breaker_rule(const struct config *c);

#endif
