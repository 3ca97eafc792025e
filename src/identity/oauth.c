/* Weir as an issuer, in the words of its port. It decides nothing itself. Called by control/oauth.c and the job `keys`.
 * house: tested-by tests/unit/identity/test_mint.c */
#include "identity/oauth.h"

static enum err write_jwks(struct oauth *self, int64_t now_us, struct buf *out, struct fault *f) {
  return mint_write_jwks(((struct oauth_desk *)self)->mint, now_us, out, f);
}

static enum err rotate(struct oauth *self, int64_t now_us, struct fault *f) {
  return mint_rotate(((struct oauth_desk *)self)->mint, now_us, f);
}

void oauth_desk_init(struct oauth_desk *d, struct mint *mint) { *d = (struct oauth_desk){{write_jwks, rotate}, mint}; }
