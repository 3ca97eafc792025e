/* An account of the memory that clients make a process hold: bodies of requests, which the HTTP server charges, and
 * what a handler charges besides, such as whole answers. One for all servers and threads; every function may be called
 * from any of them. It only counts: the bytes are the caller's. */
#ifndef NET_HTTP_MEMORY_H
#define NET_HTTP_MEMORY_H

#include "base/err.h"

#include <stdatomic.h>

struct http_memory {
  atomic_size_t used;
  atomic_size_t max; /* may change at any time, also to less than is used; 0: no limit */
};

/* ERR_OVERLOADED when so many more would pass max; then none are taken. m NULL: there is always room. */
enum err http_memory_take(struct http_memory *m, size_t bytes) MUST_CHECK;
/* Of what was taken before. */
void http_memory_give(struct http_memory *m, size_t bytes);
/* Would http_memory_take succeed now? A promise to nobody. */
bool http_memory_has_room(const struct http_memory *m, size_t bytes);
/* What the client is told when there is none: ERR_OVERLOADED, to come again after a second. f may be NULL. */
enum err http_memory_fault(struct fault *f) MUST_CHECK;

#endif
