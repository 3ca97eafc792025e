/* When a failed call may be tried again: how long to wait before, and whether the process can afford it. Time comes in
 * as an argument, from a clock that does not go back; randomness too. */
#ifndef TRAFFIC_RETRY_H
#define TRAFFIC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Values below 0 read as 0. */
struct retry_rule {
  int64_t attempts; /* further rounds over the targets; for the caller, who counts them */
  int64_t base_us, max_us;
  int64_t budget_percent, budget_floor;
};

/* Full jitter: uniform in [0, min(max, base * 2^round)]; never less than retry_after_us when that is > 0. round from 0;
 * random: evenly distributed. Pure. */
int64_t retry_delay_us(const struct retry_rule *r, unsigned round, uint64_t random, int64_t retry_after_us);

/* Extra upstream calls of the whole process over the last minute, which is the second of now_us and the 59 before it.
 * Any thread; one small lock. A time before the newest one seen reads as that. */
struct retry_budget;

struct retry_budget *retry_budget_new(void);
void retry_budget_free(struct retry_budget *b); /* NULL is fine */
/* A first call goes out. */
void retry_budget_note_call(struct retry_budget *b, int64_t now_us);
/* One extra call: true when it may go out, and then it is counted. False when the extras of the last minute would pass
 * budget_percent of its first calls; but budget_floor extras a minute are always allowed. */
bool retry_budget_take(struct retry_budget *b, const struct retry_rule *r, int64_t now_us);

/* First and extra calls of the last minute, for operators. */
struct retry_minute {
  uint64_t calls, extras;
};
struct retry_minute retry_budget_minute(struct retry_budget *b, int64_t now_us);

#endif
