/* Where the configuration of a command comes from: a file, or defaults made from the environment; and the check of what
 * only the rooms below can judge, addresses and certificates. The same for every command, so that `weir key create`
 * finds the store that `weir serve` uses. */
#ifndef APP_SOURCE_H
#define APP_SOURCE_H

#include "base/buf.h"
#include "config/config.h"
#include "net/tls.h"
#include "store/store.h"

struct source {
  const char *path;                   /* NULL: ./weir.yaml when it exists */
  struct text addition;               /* YAML put behind the file's text (the demo's providers); may be empty */
  const struct config_entry *entries; /* of the store; those that are no good are left out, see config/stored.h */
  size_t entry_count;
};

/* The path really used; NULL when no file is. */
const char *source_path(const char *given);
/* Loads, and reads the addresses as a worker will, so that a reload cannot fail half way. ERR_CONFIG with at least one
 * entry in *errors. */
enum err source_load(const struct source *s, struct config **out, struct config_errors *errors) MUST_CHECK;
/* To standard error, one a line, with its place. For a command; a running server has its log there. */
void source_print_errors(const struct config_errors *errors);
/* Loads the certificates that c names. *out_server stays NULL when c says nothing of TLS. ERR_CONFIG with key and file
 * in f; what was made before the failure is the caller's all the same. */
enum err source_open_tls(const struct config *c, struct tls_context **out_client, struct tls_context **out_server,
                         struct fault *f) MUST_CHECK;
/* The authorities of a `redis` over TLS; *out stays NULL for any other. ERR_CONFIG as above. */
enum err source_open_redis_tls(const struct config *c, struct tls_context **out, struct fault *f) MUST_CHECK;
/* Providers, models and prices of the simulator at base ("http://127.0.0.1:PORT"), as YAML. */
void source_write_demo(struct buf *out, const char *base);
/* Where the store of c is, for store_open, in the life of c and of path, which holds the name of the file when it is
 * one. ERR_LIMIT when that is too long. */
enum err source_store_place(const struct config *c, char *path, size_t cap, struct store_place *out) MUST_CHECK;

#endif
