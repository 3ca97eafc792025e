/* How the Converse dialect looks at every member of a request: objects are taken apart by a list of names, and what is
 * not on the list is refused by its place. Null counts as absent, as in all JSON of AWS. Pure. */
#ifndef WIRE_CONVERSE_MEMBER_H
#define WIRE_CONVERSE_MEMBER_H

#include "wire/dialect.h"

struct reading {
  struct llm_request *rq;
  struct arena *arena;
  struct fault *fault;
};

/* A value of the request: the place of what holds it, and the names down to it, innermost last. Lives on the stack. */
struct spot {
  const struct llm_place *place;
  const struct spot *up; /* NULL: directly under place */
  const char *name;      /* NULL: the place itself */
};

enum err converse_bad(struct reading *r, const struct spot *s, const char *why) MUST_CHECK;
/* llm_refuse: ERR_OK means that it may be left out. */
enum err converse_refuse(struct reading *r, const struct spot *s, const char *why) MUST_CHECK;
/* Both for the member `name` of what stands at s. */
enum err converse_bad_member(struct reading *r, const struct spot *s, const char *name, const char *why) MUST_CHECK;
enum err converse_refuse_member(struct reading *r, const struct spot *s, const char *name, const char *why) MUST_CHECK;

/* The members of an object in the order of names; NULL where absent. ERR_BAD_REQUEST when it is no object; unknown
 * members are refused. */
enum err converse_members(struct reading *r, yyjson_val *object, const struct spot *s, const char *const *names,
                          size_t count, yyjson_val **out) MUST_CHECK;
/* An object with exactly one member, as AWS writes its unions. *out_which is count when the member is not known and
 * may be left out. */
enum err converse_union(struct reading *r, yyjson_val *object, const struct spot *s, const char *const *names,
                        size_t count, size_t *out_which, yyjson_val **out) MUST_CHECK;
/* A list; *out_count is 0 for NULL, which only required refuses. */
enum err converse_list(struct reading *r, yyjson_val *list, const struct spot *s, const char *name, bool required,
                       size_t *out_count) MUST_CHECK;
/* A string member; NULL leaves *out alone unless required, and a required one may not be empty. */
enum err converse_string(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, bool required,
                         struct text *out) MUST_CHECK;
enum err converse_flag(struct reading *r, yyjson_val *v, const struct spot *s, const char *name, bool *out) MUST_CHECK;
/* A number with its own digits; NULL leaves *out alone. */
enum err converse_number(struct reading *r, yyjson_val *v, const struct spot *s, const char *name,
                         struct text *out) MUST_CHECK;
/* Base64 that decodes to at most CONVERSE_MEDIA_MAX_BYTES. */
enum err converse_base64(struct reading *r, yyjson_val *v, const struct spot *s, const char *name,
                         struct text *out) MUST_CHECK;
#define CONVERSE_MEDIA_MAX_BYTES ((size_t)20 * 1024 * 1024)

#endif
