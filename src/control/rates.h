/* How often each caller of the control API may ask: a bucket of tokens a caller, which fills evenly and holds a
 * minute's worth. In the memory of this process; each replica counts by itself. Any thread; never waits. */
#ifndef CONTROL_RATES_H
#define CONTROL_RATES_H

#include "base/text.h"

#include <stdint.h>

#define RATES_CALLERS_MAX 4096

struct rates;

struct rates *rates_new(void);
void rates_free(struct rates *r); /* NULL is fine */
/* Takes one. False: there is none, and *out_wait_s says when the next comes. per_minute 0: no limit. */
bool rates_take(struct rates *r, struct text caller, int64_t per_minute, int64_t now_us, int *out_wait_s);

#define RATES_ADDRESS_BYTES 64
/* What stands for a caller who is known by the address alone, in the room: an IPv4 address whole, of an IPv6 address
 * its network of 64 bits, in which one machine may have as many as it likes. */
struct text rates_address(struct text address, char room[RATES_ADDRESS_BYTES]);

#endif
