/* What a snapshot knows of its targets before any request comes: each with its credential, its adapter, its breaker,
 * its load and, where the model's name is fixed, its price. Made once a snapshot; immutable, but for what breakers and
 * loads learn. */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "config/config.h"
#include "llm/price.h"
#include "ports/provider.h"
#include "traffic/breakers.h"
#include "traffic/load.h"

/* One way to a model: a target with one credential. */
struct place {
  const struct config_target *target;
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: none */
  const struct provider *adapter;             /* NULL: nobody speaks to this kind */
  struct breaker *breaker;                    /* of this credential; NULL lets everything through */
  struct load *load;  /* one for all names that a star in the target's model stands for: callers make those up */
  struct price price; /* version 0: unknown, or the name comes with the request */
  uint64_t id;        /* says the provider, its address and the credential: who holds a cache */
};
struct model_places {
  struct place *at; /* in the order of the targets */
  size_t count;
};
struct routes {
  struct arena arena;
  struct model_places *models; /* by index in config.models */
  size_t unused;               /* places beyond PLACES_MAX */
  size_t unknown;              /* places for which the tables of the state have no room: see breakers.h and load.h */
};
#define PLACES_MAX 256 /* of one model; further ones are not used */

/* The tables that outlive every snapshot. NULL members: nothing is remembered (tests, and questions about a
 * configuration that no process serves). */
struct routes_state {
  struct breakers *breakers;
  struct loads *loads;
};

struct routes *routes_new(const struct config *c, const struct provider *(*find)(struct text kind),
                          const struct routes_state *state);
void routes_free(struct routes *r); /* NULL is fine */
const struct model_places *routes_of(const struct routes *r, const struct config *c, const struct config_model *m);

/* The configured price of a model at a provider; version 0 when there is none. */
struct price routes_price(const struct config *c, const struct config_provider *p, struct text upstream_model);
/* The rule of all breakers of this configuration. */
struct breaker_rule routes_breaker_rule(const struct config *c);

#endif
