/* Files that the build puts into the program (tools/embed.c). */
#ifndef CONTROL_EMBEDDED_H
#define CONTROL_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
  const char *name;  /* without its folder */
  const char *bytes; /* a zero byte follows, not counted */
  size_t len;
};

/* The page /api/docs and what it loads. */
extern const struct embedded_file embedded_docs[];
extern const size_t embedded_docs_count;

#endif
