/* Where the rows of a key, a person, a workspace, a provider or a model lie in the order of settlement, so that a page
 * of the request log reads these stretches and not all that lies between. They are made with the roll-ups and say no
 * less than there is: every row of a subject lies in one of its stretches, in a minute that is marked, or in a quarter
 * that is open because a program that knows no stretches added it up. All inside the caller's transaction; blocks;
 * errors as in store/driver.h. */
#ifndef STORE_LOG_STRETCHES_H
#define STORE_LOG_STRETCHES_H

#include "ports/store_usage.h"
#include "store/driver.h"

/* Both inclusive. */
struct log_stretch {
  int64_t first_us, last_us;
};

#define LOG_STRETCHES_AHEAD 64

/* Some of one kind that lie ahead of a walk, the newest first. */
struct log_stretch_list {
  struct log_stretch items[LOG_STRETCHES_AHEAD];
  size_t at, count;
  int64_t width_us;  /* of each; 0: they say it themselves */
  int64_t before_us; /* where the next ones are looked for, */
  bool ended;        /* if there are any */
};

/* From the newest stretch back. Embedded; owns nothing. */
struct log_walk {
  struct driver_link *link;
  int64_t kind, before_us, since_us; /* what is left of the time: from since_us to before(!) before_us */
  struct text subject;
  char number[24]; /* of a key as text */
  struct log_stretch_list of_subject, marked, open;
};

/* Makes anew what stretches there are from a whole minute to another, from the rows. Under usage_lock_on. */
enum err log_stretches_make_on(struct driver_link *l, int64_t from_us, int64_t to_us, struct fault *f) MUST_CHECK;
/* Removes those that begin before. Likewise. */
enum err log_stretches_drop_on(struct driver_link *l, int64_t before_us, struct fault *f) MUST_CHECK;

/* Begins at below_us, itself included. False: the question names no subject, all rows have to be walked through. `w`
 * stays where it is, and `ask` and the link live as long. */
bool log_walk_init(struct log_walk *w, struct driver_link *l, const struct usage_log_ask *ask, int64_t below_us);
/* The next one that no earlier one holds a part of; *out_any false behind the last. In one snapshot with the rows. */
enum err log_walk_next(struct log_walk *w, struct log_stretch *out, bool *out_any, struct fault *f) MUST_CHECK;

#endif
