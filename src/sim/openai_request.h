/* Reads and validates the bodies of POST /v1/chat/completions and /v1/embeddings as the service does. Unknown members
 * pass. Pure. */
#ifndef SIM_OPENAI_REQUEST_H
#define SIM_OPENAI_REQUEST_H

#include "base/json.h"
#include "sim/answer.h"

/* ERR_BAD_REQUEST with the service's words; the fault's field is the parameter ("messages[0].role"). */
enum err sim_openai_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) MUST_CHECK;

struct sim_embed_ask {
  struct text model;
  yyjson_val *input; /* a string, an array of strings, of numbers, or of arrays of numbers */
  bool base64;
  uint32_t dimensions;
  struct behaviour behaviour;
  struct digest digest;
};
enum err sim_openai_read_embed(const struct json *doc, struct sim_embed_ask *out, struct fault *f) MUST_CHECK;

#endif
