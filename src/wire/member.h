/* Single members of requests and answers, read in the way every dialect of this room needs. Pure; nothing waits. */
#ifndef WIRE_MEMBER_H
#define WIRE_MEMBER_H

#include "wire/wire.h"

#define MEMBER_MODEL_MAX_BYTES 256

/* The members every request has: root object, model (copied into the arena), its place, insert_at and the input bound.
 * ERR_BAD_REQUEST. */
enum err member_head(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) MUST_CHECK;
/* A boolean; absent (with null_is_absent also null) leaves *out alone. ERR_BAD_REQUEST names the member. */
enum err member_bool(const struct json *doc, const char *name, bool null_is_absent, bool *out,
                     struct fault *f) MUST_CHECK;
/* A whole number above 0, cut to USAGE_MAX_TOKENS; absent (with null_is_absent also null) leaves *out alone. */
enum err member_positive(const struct json *doc, const char *name, bool null_is_absent, uint64_t *out,
                         struct fault *f) MUST_CHECK;
/* Replaces the model in the request unless upstream_model is empty or the same. */
enum err member_edit_model(const struct wire_request *rq, struct text body, struct text upstream_model, struct arena *a,
                           struct json_edits *edits) MUST_CHECK;

/* A token count in an answer: fractions are cut off, more than USAGE_MAX_TOKENS is cut to it. False and *out untouched
 * when the member is absent, negative or no number. */
bool member_count(yyjson_val *object, const char *name, uint64_t *out);
/* Copies a string member, cut to size - 1 bytes at a character boundary; leaves out alone without such a
 * string. */
void member_copy(yyjson_val *object, const char *name, char *out, size_t size);
/* Bytes of all strings and names inside v: a measure for answers without usage. */
uint64_t member_bytes(yyjson_val *v);

/* Finds `quoted_name` ("\"usage\"", quotes included) followed by a colon anywhere in unparsed JSON and returns the
 * first byte of its value that is not `n` (null), or 0. Only a hint that parsing is worth while: the depth is not
 * known. Quotes inside strings are escaped, so text cannot fake it. */
char member_hint(struct text json, struct text quoted_name);

/* Parses one JSON object of an answer. ERR_UPSTREAM_PROTOCOL, with the reason in f. Free with json_done. */
enum err member_read_answer(struct text body, struct json *out, struct fault *f) MUST_CHECK;
/* The message in an error body of any dialect, or empty. Copied into the arena. */
struct text member_error_message(struct text body, struct arena *a);

#endif
