/* AWS credentials: what they are, how the files and answers that hold them are read. Pure; where they come from is
 * source.h. */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/arena.h"

/* Either a bearer key or an access key. Texts belong to whoever filled this in. */
struct aws_credentials {
  struct text bearer; /* when not empty nothing else is used */
  struct text access_key_id, secret_access_key, session_token;
  int64_t expires_s; /* unix time; 0: never */
};

#endif
