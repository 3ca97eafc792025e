/* The port of Weir as an issuer of tokens, towards those who check and renew its keys: the public keys for everybody
 * (control/oauth.c), their rotation for the job `keys`. Every function blocks. */
#ifndef PORTS_OAUTH_H
#define PORTS_OAUTH_H

#include "base/buf.h"

struct oauth {
  /* The public keys as a JWK set (RFC 7517). Errors of the store. */
  enum err (*write_jwks)(struct oauth *self, int64_t now_us, struct buf *out, struct fault *f);
  /* Makes the next key when it is time, removes those that are done with. Errors of the store and the vault. */
  enum err (*rotate)(struct oauth *self, int64_t now_us, struct fault *f);
};

#endif
