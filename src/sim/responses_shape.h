/* The members of requests for responses, as the service defines them. Pure tables.
 * https://platform.openai.com/docs/api-reference/responses/create */
#ifndef SIM_RESPONSES_SHAPE_H
#define SIM_RESPONSES_SHAPE_H

#include "sim/shape.h"

extern const struct shape responses_root_shape;  /* all but what input and tools hold */
extern const struct shape responses_count_shape; /* the body of input_tokens */
/* The shape of an input item, of a part of content, or of a tool of that type; NULL when the type is not known. A type
 * known but not looked into has SHAPE_FREE. */
const struct shape *responses_item_shape(struct text type);
const struct shape *responses_part_shape(struct text type);
const struct shape *responses_tool_shape(struct text type);

#endif
