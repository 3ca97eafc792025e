/* Counts memory against a limit that all threads share. It allocates nothing and knows no request. Called for the
 * bodies of requests by http_request.c and http2_body.c, and by handlers for what else they hold. */
#include "net/http_memory.h"

static bool fits(const struct http_memory *m, size_t used, size_t bytes) {
  size_t max = atomic_load_explicit(&m->max, memory_order_relaxed);
  return max == 0 || (used <= max && bytes <= max - used);
}

/* Never more than fits, not for a moment: others would be refused for it. */
enum err http_memory_take(struct http_memory *m, size_t bytes) {
  if (!m || bytes == 0)
    return ERR_OK;
  size_t used = atomic_load_explicit(&m->used, memory_order_relaxed);
  do {
    if (!fits(m, used, bytes))
      return ERR_OVERLOADED;
  } while (!atomic_compare_exchange_weak_explicit(&m->used, &used, used + bytes, memory_order_relaxed,
                                                  memory_order_relaxed));
  return ERR_OK;
}

void http_memory_give(struct http_memory *m, size_t bytes) {
  if (m)
    atomic_fetch_sub_explicit(&m->used, bytes, memory_order_relaxed);
}

bool http_memory_has_room(const struct http_memory *m, size_t bytes) {
  return !m || fits(m, atomic_load_explicit(&m->used, memory_order_relaxed), bytes);
}

enum err http_memory_fault(struct fault *f) {
  enum err e = fault_set(f, ERR_OVERLOADED, NULL, "there is no memory left for this request, try again later");
  if (f)
    f->retry_after_s = 1;
  return e;
}
