/* The members of Converse requests, as the service defines them. Pure tables.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
#ifndef SIM_CONVERSE_SHAPE_H
#define SIM_CONVERSE_SHAPE_H

#include "sim/shape.h"

extern const struct shape converse_shape;       /* the body of converse and converse-stream */
extern const struct shape converse_count_shape; /* what count-tokens takes of it */
/* ERR_BAD_REQUEST in the service's words. */
enum err converse_shape_check(const struct shape *s, yyjson_val *v, struct text path, struct arena *a,
                              struct fault *f) MUST_CHECK;

#endif
