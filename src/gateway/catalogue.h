/* The lists of models that vendors publish, fetched over the worker's own connections when they are due. */
#ifndef GATEWAY_CATALOGUE_H
#define GATEWAY_CATALOGUE_H

#include "gateway/gateway.h"
#include "llm/catalogue.h"

/* The provider's list, held for the caller (llm_catalogue_drop); NULL when it publishes none or none could be had. The
 * very first list is waited for (a few seconds at most); later ones are fetched by a fiber of their own while the old
 * one serves. */
struct llm_catalogue *gateway_catalogue(struct gateway_worker *w, struct gateway_snapshot *s,
                                        const struct config_provider *p);

#endif
