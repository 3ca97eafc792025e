/* Settings that chat completions and Responses spell alike. Rows for rules.h. Pure. */
#ifndef WIRE_OPENAI_SETTINGS_H
#define WIRE_OPENAI_SETTINGS_H

#include "wire/rules.h"

/* metadata: an object of texts, into rq->metadata; to is not used. */
enum err openai_rule_metadata(struct rules *r, const struct rule_member *m, void *to);
/* service_tier, into a struct text: "auto" is as if not given, "fast" another word for "priority". */
enum err openai_rule_service_tier(struct rules *r, const struct rule_member *m, void *to);
/* prompt_cache_retention, into a struct text: "in_memory" is as if not given. */
enum err openai_rule_cache_retention(struct rules *r, const struct rule_member *m, void *to);
/* prompt_cache_options.ttl, into a struct text: "30m" is what the service takes when nothing is said; or "12h". */
enum err openai_rule_cache_ttl(struct rules *r, const struct rule_member *m, void *to);

#endif
