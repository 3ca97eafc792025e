/* OpenRouter's list of models, GET /api/v1/models: prices are decimal texts in USD a token. Pure. */
#ifndef PROVIDER_OPENROUTER_CATALOGUE_H
#define PROVIDER_OPENROUTER_CATALOGUE_H

#include "llm/catalogue.h"

/* *out is sealed and held once; the caller drops it. Exact: no price passes through a float; what is finer than a
 * nano-USD a million tokens is rounded half up. A model whose price is missing, negative (OpenRouter's "it depends") or
 * not a decimal has an unknown price. Without prices of their own, cache reads cost what input costs, cache writes too,
 * and writes of an hour what other writes cost. Fees a request or an image are not in here: usage.cost has them.
 * Entries without an id, or with one over 256 bytes, are left out.
 * ERR_UPSTREAM_PROTOCOL: not JSON, or no "data" with a list in it, or a list of which nothing could be read. */
enum err openrouter_catalogue_read(struct text body, struct llm_catalogue **out, struct fault *f) MUST_CHECK;

#endif
