/* Where the configuration of a command comes from: a file, or defaults made from the environment. The same for every
 * command, so that `weir key create` finds the store that `weir serve` uses. */
#ifndef APP_SOURCE_H
#define APP_SOURCE_H

#include "base/buf.h"
#include "config/config.h"

struct source {
  const char *path;     /* NULL: ./weir.yaml when it exists */
  struct text addition; /* YAML put behind the file's text (the demo's providers); may be empty */
};

/* The path really used; NULL when no file is. */
const char *source_path(const char *given);
/* Loads; on failure every error has been printed to standard error, one a line, with its place. */
enum err source_load(const struct source *s, struct config **out) MUST_CHECK;
/* Providers, models and prices of the simulator at base ("http://127.0.0.1:PORT"), as YAML. */
void source_write_demo(struct buf *out, const char *base);
/* data_dir/weir.db, zero-terminated, in the config's life. ERR_LIMIT when too long. */
enum err source_store_path(const struct config *c, char *out, size_t cap) MUST_CHECK;

#endif
