/* What a public key of a set is to those who make it (jwks.c) and use it (jws.c). Not for others. */
#ifndef IDENTITY_JWS_KEY_H
#define IDENTITY_JWS_KEY_H

#include "identity/jws.h"

#include <openssl/types.h>

struct jws_key {
  EVP_PKEY *key;
  struct text id;      /* "" when the set gives it none */
  unsigned algorithms; /* a bit for each that it may be used with */
};

#endif
