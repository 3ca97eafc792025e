/* The parts of the OpenAI adapter that compatible vendors share. Pure. */
#ifndef PROVIDER_OPENAI_H
#define PROVIDER_OPENAI_H

#include "ports/provider.h"

/* Chat, responses, embeddings, the vendor's own paths, and messages: servers that speak both dialects have them beside
 * the others, and which dialects a provider is spoken to in is the configuration's matter. */
bool openai_serves(enum provider_operation op);
/* base path (which holds the vendor's /v1) + operation; a bearer key, or the caller's authorization, or nothing. With
 * an api_version the paths and the key header are those of Azure: the model is a deployment in the path.
 * ERR_UNSUPPORTED, ERR_BAD_REQUEST. */
enum err openai_address(const struct provider_call *c, struct arena *a, struct provider_target *out,
                        struct fault *f) MUST_CHECK;

#endif
