/* A sliding window of times: a ring that doubles when it is full, and a search by halves because the times never
 * fall. It does not know what happened. Called by the circuit breakers, which may be told to bear a million failures
 * and seldom see three. */
#include "traffic/recent.h"

#include <stdlib.h>
#include <string.h>

#define CAP_MIN 8
/* A ring up to this size is kept for the next time. */
#define CAP_KEPT 64

static int64_t at(const struct recent *r, size_t i) { return r->at_us[(r->first + i) & (r->cap - 1)]; }

void recent_done(struct recent *r) {
  free(r->at_us);
  *r = (struct recent){0};
}

void recent_forget(struct recent *r) {
  if (r->cap > CAP_KEPT)
    recent_done(r);
  r->count = 0;
}

/* Doubles the ring. What stood before the first place now follows the last one. */
static void grow(struct recent *r) {
  size_t cap = r->cap == 0 ? CAP_MIN : r->cap * 2;
  int64_t *at_us = realloc(r->at_us, cap * sizeof(*at_us));
  if (!at_us)
    abort();
  if (r->first > 0)
    memcpy(at_us + r->cap, at_us, r->first * sizeof(*at_us));
  r->at_us = at_us;
  r->cap = cap;
}

size_t recent_count(const struct recent *r, int64_t now_us, int64_t window_us) {
  size_t low = 0, high = r->count; /* the first one that is within the window is in low..high */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (now_us - at(r, middle) < window_us)
      high = middle;
    else
      low = middle + 1;
  }
  return r->count - low;
}

size_t recent_add(struct recent *r, int64_t now_us, int64_t window_us) {
  if (r->count > 0 && now_us < at(r, r->count - 1))
    now_us = at(r, r->count - 1);
  size_t kept = recent_count(r, now_us, window_us);
  if (r->cap > 0)
    r->first = (r->first + r->count - kept) & (r->cap - 1);
  r->count = kept;
  if (r->count == r->cap)
    grow(r);
  r->at_us[(r->first + r->count++) & (r->cap - 1)] = now_us;
  return r->count;
}
