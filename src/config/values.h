/* One scalar of the file into the member its row names. */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "config/keys.h"

/* Reads n's text as row says into the struct at `at`. ERR_CONFIG with a sentence that continues "`the.key` " in f; what
 * came from the environment and secrets are never quoted. Not for rows with sections or lists. */
enum err value_read(const struct key *row, const struct node *n, struct arena *a, void *at, struct fault *f) MUST_CHECK;
/* RFC 3339 section 5.6 date-time to microseconds since 1970; fractions beyond microseconds are cut off. */
bool value_time(struct text t, int64_t *out_us);

/* The wires and mount points that a key may be confined to. */
#define VALUE_KEY_ROUTES                                                                                               \
  "anthropic|openai_chat|openai_responses|openai_embeddings|bedrock_invoke|bedrock_converse|/anthropic|/openai|/"      \
  "openrouter|/bedrock"

#endif
