/* The first key of a Weir that was started without a configuration: made once, kept readable by its owner in
 * data_dir/first-key, so that the greeting can print a command that works as it stands. */
#ifndef APP_FIRST_KEY_H
#define APP_FIRST_KEY_H

#include "base/secret.h"
#include "ports/store.h"

#include <stdio.h>

struct first_key_options {
  struct store *store;
  const struct secret *server_secret;
  const char *data_dir; /* NULL: nothing is kept */
  const char *url;      /* of Weir */
  bool demo;
};

/* Makes or reads the key and prints the greeting with a streaming curl to out. Blocks on files and the store. */
enum err first_key_print(const struct first_key_options *o, FILE *out, struct fault *f) MUST_CHECK;

#endif
