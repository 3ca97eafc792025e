/* OpenRouter: OpenAI's paths under /api/v1 and the same bearer key. Its errors carry the vendor's status in error.code
 * and its key limits come as 402 or 403, which the shared rules know. Reached through the provider table by send. */
#include "provider/classify.h"
#include "provider/openai.h"
#include "provider/table.h"

const struct provider provider_openrouter = {
    .kind = "openrouter", .serves = openai_serves, .address = openai_address, .classify = classify_common};
