/* The port to what is done under the server's secret for the control API: new keys, and answers that are kept for a
 * while without anybody being able to read them but who asked. The adapter is identity/keysmith.c. Nothing here waits;
 * any thread. */
#ifndef PORTS_KEYSMITH_H
#define PORTS_KEYSMITH_H

#include "base/buf.h"

#include <stdint.h>

#define KEYSMITH_SUM_BYTES 32

/* A key that nobody has seen yet. Texts without zeros. */
struct keysmith_key {
  char key[48];     /* what its owner is shown, once */
  char pair_id[20]; /* and the pair for signing as AWS's SDKs do */
  char pair_secret[43];
  uint8_t hash[KEYSMITH_SUM_BYTES]; /* what the store keeps */
};
#define KEYSMITH_PREFIX_BYTES 12 /* of key: what is shown of it later */

/* The same of a secret with which a service account asks for tokens. */
struct keysmith_client {
  char secret[50];
  uint8_t hash[KEYSMITH_SUM_BYTES];
};
#define KEYSMITH_CLIENT_PREFIX_BYTES 11

struct keysmith {
  void (*make)(struct keysmith *self, struct keysmith_key *out);
  void (*make_client)(struct keysmith *self, struct keysmith_client *out);
  /* A sum of the text that nobody without the server's secret can make. */
  void (*sum)(struct keysmith *self, struct text of, uint8_t out[KEYSMITH_SUM_BYTES]);
  /* Appends plain to out, sealed so that only who knows both the server's secret and `under` can open it. */
  void (*seal)(struct keysmith *self, struct text under, struct text plain, struct buf *out);
  /* Appends to out. ERR_STORE_CORRUPT: it was not sealed under this. */
  enum err (*open)(struct keysmith *self, struct text under, struct text sealed, struct buf *out, struct fault *f);
};

#endif
