/* The parts of the OpenAI adapter that compatible vendors share. Pure. See struct provider in ports/provider.h. */
#ifndef PROVIDER_OPENAI_H
#define PROVIDER_OPENAI_H

#include "ports/provider.h"

bool openai_serves(enum provider_operation op);
enum err openai_address(const struct provider_call *c, struct arena *a, struct provider_target *out, struct fault *f) MUST_CHECK;

#endif
