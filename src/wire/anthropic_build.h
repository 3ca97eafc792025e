/* Requests for the Anthropic Messages API, written from llm/request.h: struct dialect, write_request. What this vendor
 * cannot be told is refused through llm_refuse. Pure. https://docs.anthropic.com/en/api/messages */
#ifndef WIRE_ANTHROPIC_BUILD_H
#define WIRE_ANTHROPIC_BUILD_H

#include "wire/dialect.h"

enum err anthropic_build(struct llm_request *rq, struct buf *out, struct fault *f) MUST_CHECK;
/* For Bedrock's InvokeModel: with anthropic_version, without model and stream. */
enum err anthropic_build_invoke(struct llm_request *rq, struct buf *out, struct fault *f) MUST_CHECK;

#endif
