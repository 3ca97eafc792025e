/* When something happened, for as long as it is recent: a sliding window, exact to the microsecond. Grows with what
 * happened, not with what might. Not locked; time comes in as an argument. */
#ifndef TRAFFIC_RECENT_H
#define TRAFFIC_RECENT_H

#include "base/text.h"

/* Zero-initialised is empty. */
struct recent {
  int64_t *at_us; /* a ring, oldest first */
  size_t first, count, cap;
};

void recent_done(struct recent *r);
/* Forgets everything, and gives back what it takes beyond a small ring. */
void recent_forget(struct recent *r);
/* It happened now. What is then no longer within the window is forgotten for good. The number within the window, this
 * one included. A clock that went back counts as standing still. */
size_t recent_add(struct recent *r, int64_t now_us, int64_t window_us);
/* How many are within the window, that is less than window_us old. Forgets nothing. */
size_t recent_count(const struct recent *r, int64_t now_us, int64_t window_us);

#endif
