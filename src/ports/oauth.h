/* The port of Weir as an issuer of tokens, towards those who ask for one, check one, or renew its keys: OAuth2 for
 * service accounts and the public keys for everybody (control/oauth.c), their rotation for the job `keys`. Every
 * function blocks. */
#ifndef PORTS_OAUTH_H
#define PORTS_OAUTH_H

#include "base/arena.h"
#include "base/buf.h"

/* What a client of the grant client_credentials (RFC 6749 section 4.4) shows and asks for. */
struct oauth_ask {
  struct text client_id, client_secret;
  struct text scope; /* permissions by name, separated by spaces; "" for all that the client has */
};

struct oauth {
  struct text issuer; /* its name, which is the address it is reached under */
  /* Appends a token. ERR_UNAUTHENTICATED: no such client, a wrong, ended or removed secret, or a disabled account; in
   * the same words and after the same work whichever it is. ERR_FORBIDDEN: a scope that is no permission, or not the
   * client's. Errors of the store and the vault. */
  enum err (*token)(struct oauth *self, const struct oauth_ask *ask, int64_t now_us, struct buf *out,
                    int64_t *out_expires_in_s, struct fault *f);
  /* The public keys as a JWK set (RFC 7517). Errors of the store. */
  enum err (*write_jwks)(struct oauth *self, int64_t now_us, struct buf *out, struct fault *f);
  /* Makes the next key when it is time, removes those that are done with. Errors of the store and the vault. */
  enum err (*rotate)(struct oauth *self, int64_t now_us, struct fault *f);
};

#endif
