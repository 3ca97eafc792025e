/* Requests of the Anthropic Messages API, read into llm/request.h: struct dialect, read_request. Pure.
 * https://docs.anthropic.com/en/api/messages */
#ifndef WIRE_ANTHROPIC_REQUEST_H
#define WIRE_ANTHROPIC_REQUEST_H

#include "wire/dialect.h"

enum err anthropic_request_read(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                struct fault *f) MUST_CHECK;
/* Bodies of Bedrock's InvokeModel: anthropic_version and anthropic_beta stand in the body, model and stream in the
 * path; out->model and out->stream are left alone. */
enum err anthropic_request_read_invoke(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                       struct fault *f) MUST_CHECK;

#endif
