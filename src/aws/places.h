/* The places where AWS credentials are looked for, one function each. All of them block. ERR_OK: found, *out is filled
 * (texts in the arena). ERR_NOT_FOUND: this place is not set up; f says what it lacks. Any other error: it is set up
 * and does not work, so that the search must end here rather than go on with somebody else's credentials. For source.c
 * only. */
#ifndef AWS_PLACES_H
#define AWS_PLACES_H

#include "aws/source.h"

#define PLACES_FILE_MAX_BYTES   (1 << 20)
#define PLACES_ANSWER_MAX_BYTES (64 * 1024)

struct place_search {
  const char *(*lookup)(const char *name);
  struct text profile, region, container_address;
  struct arena *a;
};

typedef enum err place_fn(const struct place_search *s, struct aws_credentials *out, struct fault *f);
place_fn place_bearer, place_environment, place_web_identity, place_profile;
/* metadata.c */
place_fn place_container, place_instance;

/* An environment variable; empty when unset. */
struct text place_variable(const struct place_search *s, const char *name);
/* The token in a file that somebody named, without the white space around it. ERR_SYSTEM when there is no such file,
 * too.
 */
enum err place_read_token(struct text path, struct arena *a, struct text *out, struct fault *f) MUST_CHECK;

#endif
