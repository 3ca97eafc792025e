/* Where in a Redis Cluster a key lives (Redis Cluster specification, "Key distribution model"): CRC-16 of the key, or
 * of what stands between its first '{' and the next '}' when that is something, modulo the number of slots. Pure. */
#ifndef NET_RESP_SLOT_H
#define NET_RESP_SLOT_H

#include "base/text.h"

#define RESP_SLOTS 16384

/* Below RESP_SLOTS. */
unsigned resp_slot(struct text key);

#endif
