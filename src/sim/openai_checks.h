/* What the OpenAI dialects refuse alike: shapes in their words, names, media, metadata and strict schemas. Pure. */
#ifndef SIM_OPENAI_CHECKS_H
#define SIM_OPENAI_CHECKS_H

#include "base/json.h"
#include "sim/answer.h"
#include "sim/shape.h"

/* ERR_BAD_REQUEST in the service's words with the path as the fault's field. */
enum err openai_shape_check(const struct shape *s, yyjson_val *v, struct text path, struct arena *a,
                            struct fault *f) MUST_CHECK;
/* 1 to 64 letters, digits, '_' and '-'. */
bool openai_is_name(struct text name);
/* A data URL in base64 of a picture the service takes, or an https address; noted in ask. path: of the URL. */
enum err openai_check_image(struct sim_ask *ask, struct text url, struct text path, struct fault *f) MUST_CHECK;
/* The data of a file: a data URL in base64; noted in ask. */
enum err openai_check_file(struct sim_ask *ask, struct text data, struct text path, struct fault *f) MUST_CHECK;
/* At most 16 strings of 512 characters under names of 64. */
enum err openai_check_metadata(yyjson_val *metadata, struct fault *f) MUST_CHECK;
/* What strict schemas must have at every object: additionalProperties false, and all properties required. what:
 * "function 'x'" or "response_format 'x'"; path: of the schema. */
enum err openai_check_strict(yyjson_val *schema, struct text what, struct text path, struct fault *f) MUST_CHECK;
/* A member prompt_cache_breakpoint of part notes what the digest holds; its shape has been checked. At most four. */
enum err openai_cache_breakpoint(struct sim_ask *ask, const struct digest *so_far, yyjson_val *part,
                                 struct fault *f) MUST_CHECK;

extern const struct shape openai_breakpoint_shape; /* of prompt_cache_breakpoint */

#endif
