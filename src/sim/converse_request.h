/* Reads and validates the bodies of Converse requests as the service does. Pure. */
#ifndef SIM_CONVERSE_REQUEST_H
#define SIM_CONVERSE_REQUEST_H

#include "sim/dialect.h"

/* The body of converse and converse-stream: in->model and in->stream come from the path. ERR_BAD_REQUEST in the
 * service's words. */
enum err sim_converse_read(const struct sim_input *in, struct sim_ask *out, struct fault *f) MUST_CHECK;
/* The member converse of a count-tokens input. */
enum err sim_converse_read_count(yyjson_val *converse, struct text model, struct arena *a, struct sim_ask *out,
                                 struct fault *f) MUST_CHECK;
/* Metadata of a request, by body or header: at most 16 pairs of at most 256 characters of a narrow alphabet. */
enum err sim_converse_metadata(yyjson_val *pairs, struct fault *f) MUST_CHECK;

#endif
