/* Reads and validates the bodies of POST /v1/responses as the service does. Pure. */
#ifndef SIM_RESPONSES_REQUEST_H
#define SIM_RESPONSES_REQUEST_H

#include "sim/dialect.h"

/* ERR_BAD_REQUEST or ERR_NOT_FOUND with the service's words; the fault's field is the parameter. */
enum err sim_responses_read(const struct sim_input *in, struct sim_ask *out, struct fault *f) MUST_CHECK;
/* The body of POST /v1/responses/input_tokens. */
enum err sim_responses_read_count(const struct sim_input *in, struct sim_ask *out, struct fault *f) MUST_CHECK;

#endif
