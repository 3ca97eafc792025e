/* New keys, and answers that only who asked can read, under the server's secret: the adapter behind ports/keysmith.h.
 * What is sealed is encrypted and authenticated (XChaCha20-Poly1305, libsodium) under a key derived from the server's
 * secret and a word that is not stored. Made by app.c. */
#ifndef IDENTITY_KEYSMITH_H
#define IDENTITY_KEYSMITH_H

#include "base/secret.h"
#include "ports/keysmith.h"

struct keysmith_adapter {
  struct keysmith port; /* first */
  const struct secret *server_secret;
};

/* The secret must outlive it. */
void keysmith_init(struct keysmith_adapter *k, const struct secret *server_secret);

#endif
