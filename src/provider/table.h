/* The table of provider kinds. A new kind is one adapter file and one row. */
#ifndef PROVIDER_TABLE_H
#define PROVIDER_TABLE_H

#include "ports/provider.h"

extern const struct provider provider_anthropic, provider_openai, provider_openrouter, provider_bedrock;
/* NULL when there is no such kind. */
const struct provider *provider_find(struct text kind);

#endif
