/* How a process comes to the server's secret, under which keys are hashed and pairs derived: from the configuration, or
 * from data_dir/server.key; and that all processes on a shared database have the same. */
#ifndef IDENTITY_SERVER_KEY_H
#define IDENTITY_SERVER_KEY_H

#include "base/secret.h"
#include "ports/store.h"

struct server_key_place {
  struct text given;    /* `server_key` of the configuration: base64 or hexadecimal of 32 bytes; "" for none */
  const char *data_dir; /* NULL with a store in memory: a random one for this process, unless one is given */
  struct store *store;
};

/* On a shared store the first process decides which secret it is; from then on one with another is refused, and one
 * that has none does not make one. Blocks. ERR_CONFIG: f says how to give the right one; errors of the store and of
 * apikey_load_secret. */
enum err server_key_open(const struct server_key_place *p, struct secret **out, struct fault *f) MUST_CHECK;

#endif
