/* Errors of the control API as problem details (RFC 9457): application/problem+json with `type`, `title`, `status`,
 * `detail`, `instance` (the request's id) and, for a request that is not valid, `errors`: every member at fault with
 * its place. */
#ifndef CONTROL_PROBLEM_H
#define CONTROL_PROBLEM_H

#include "control/shape.h"
#include "net/http_server.h"

#define PROBLEM_HEADERS 8
#define PROBLEM_TYPE    "application/problem+json"

/* Answers with the status and words of f; errors may be NULL. headers beside ours may be none, at most PROBLEM_HEADERS.
 * Retry-After is told where f says so. Waits. The status that was answered. */
int problem_answer(struct http_request *rq, const struct fault *f, const struct shape_errors *errors,
                   const struct http_header *headers, size_t count);
/* The document alone, for who answers by themselves; the status that goes with it. Does not wait. */
int problem_write(const struct fault *f, const struct shape_errors *errors, struct text request_id, struct buf *out);
/* What to say of a request with errors: 422. Returns f's error. */
enum err problem_invalid(const struct shape_errors *errors, struct fault *f);

#endif
