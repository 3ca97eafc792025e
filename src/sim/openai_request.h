/* Reads and validates the bodies of POST /v1/chat/completions and /v1/embeddings as the service does, but members of
 * the root that nobody knows pass. Pure. */
#ifndef SIM_OPENAI_REQUEST_H
#define SIM_OPENAI_REQUEST_H

#include "sim/dialect.h"
#include "sim/openai_messages.h"

/* A chat completion of one of the services. ERR_BAD_REQUEST with the service's words; the fault's field is the
 * parameter
 * ("messages[0].role"). in->model, where not empty, stands in for the body's. */
enum err sim_chat_read(const struct sim_input *in, enum chat_flavour flavour, struct sim_ask *out,
                       struct fault *f) MUST_CHECK;
/* The same for OpenAI's own. */
enum err sim_openai_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) MUST_CHECK;

struct sim_embed_ask {
  struct text model;
  yyjson_val *input; /* a string, an array of strings, of numbers, or of arrays of numbers */
  bool base64;
  bool has_cost; /* OpenRouter tells what it cost */
  uint32_t dimensions;
  struct behaviour behaviour;
  struct digest digest;
};
/* model: where the path names it; else empty. */
enum err sim_openai_read_embed(const struct json *doc, struct text model, struct sim_embed_ask *out,
                               struct fault *f) MUST_CHECK;

#endif
