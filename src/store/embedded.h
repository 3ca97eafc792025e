/* Files that the build puts into the program (tools/embed.c). */
#ifndef STORE_EMBEDDED_H
#define STORE_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
  const char *name;  /* without its folder */
  const char *bytes; /* a zero byte follows, not counted */
  size_t len;
};

/* NNNN_name.up.sql and .down.sql, in order of version. */
extern const struct embedded_file embedded_migrations[];
extern const size_t embedded_migrations_count;

#endif
