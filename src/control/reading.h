/* Reading what a call carries: path values, query, page, body, and the headers that say under which conditions it is to
 * be done. Private to control/. Whatever is wrong with query and body is in the call's errors. */
#ifndef CONTROL_READING_H
#define CONTROL_READING_H

#include "control/api.h"

/* Every list's own parameters, for the document. */
extern const struct shape reading_page;

#define READING_CURSOR_BYTES 640

/* Waits for the body. ERR_NOT_FOUND: a value of the path that cannot be; ERR_BAD_REQUEST. */
enum err reading_all(struct api_call *c, struct fault *f) MUST_CHECK;
/* A place, wrapped so that nobody takes it for something to compute with. list: as the call has it; the cursor is good
 * for no other. */
size_t reading_write_cursor(struct api_place p, uint32_t list, char out[READING_CURSOR_BYTES]);
/* Whether If-None-Match names this entity tag (RFC 9110 section 8.8.3), weak or not, or is "*". */
bool reading_knows(const struct api_call *c, struct text etag);
/* ERR_BAD_REQUEST: a header of which there can be one is there more than once, and nobody knows which counts. */
enum err reading_check_lines(const struct api_call *c, struct fault *f) MUST_CHECK;

#endif
