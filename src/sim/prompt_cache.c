/* The memory behind the cache classes of a simulated usage. It knows hashes and token counts only; which places of a
 * request are breakpoints is found by anthropic_request.c. A linear search is enough: it happens only for requests with
 * cache_control. */
#include "sim/prompt_cache.h"

static bool has_seen(const struct prompt_cache *c, uint64_t hash) {
  for (size_t i = 0; i < c->count; i++) {
    if (c->seen[i] == hash)
      return true;
  }
  return false;
}

static void remember(struct prompt_cache *c, uint64_t hash) {
  c->seen[c->next] = hash;
  c->next = (c->next + 1) % PROMPT_CACHE_MAX;
  if (c->count < PROMPT_CACHE_MAX)
    c->count++;
}

struct prompt_cache_usage prompt_cache_use(struct prompt_cache *c, const struct prompt_breakpoint *points,
                                           size_t count) {
  struct prompt_cache_usage usage = {0};
  size_t first_new = 0;
  for (size_t i = count; i > 0 && first_new == 0; i--) {
    if (has_seen(c, points[i - 1].hash))
      first_new = i;
  }
  if (first_new > 0)
    usage.read = points[first_new - 1].tokens;
  uint64_t done = usage.read;
  for (size_t i = first_new; i < count; i++) {
    uint64_t fresh = points[i].tokens > done ? points[i].tokens - done : 0;
    if (points[i].one_hour)
      usage.write_1h += fresh;
    else
      usage.write_5m += fresh;
    done += fresh;
    remember(c, points[i].hash);
  }
  return usage;
}
