/* Which place (a target, a credential, a region: whatever the caller numbers) holds a conversation's prompt cache.
 * Bounded; any thread; behind locks that are held for a look-up. Time comes in as an argument, from a clock that does
 * not go back. */
#ifndef TRAFFIC_AFFINITY_H
#define TRAFFIC_AFFINITY_H

#include "base/text.h"

struct affinity;

/* At most max_entries conversations, 48 bytes each, of which a sixteenth is taken with the first of its share; 0
 * remembers nothing. */
struct affinity *affinity_new(size_t max_entries);
void affinity_free(struct affinity *a); /* NULL is fine */

/* conversation: 128 bits of a digest (see below), taken as they are. False, and *out_place untouched: unknown, or
 * now_us is at or past the end of its time. */
bool affinity_find(struct affinity *a, const uint64_t conversation[2], int64_t now_us, uint64_t *out_place);
/* Remembers the place until now_us + ttl_us, instead of what was known and whether or not that was another one. When
 * there is no room, the conversation put the longest ago goes: of all up to 4,096 entries, else of the sixteenth to
 * which the new one belongs (which may be full a little before all are). */
void affinity_put(struct affinity *a, const uint64_t conversation[2], uint64_t place, int64_t now_us, int64_t ttl_us);

/* A digest of parts and their lengths, so that ("ab", "c") and ("a", "bc") differ: zero-initialise, then add part after
 * part; `hash` may be read after each. Keyed with the seed of text_hash: not to be guessed by strangers, the same for
 * all threads, another one in another process. Pure, given that seed. */
struct affinity_digest {
  uint64_t hash[2];
};
void affinity_digest(struct affinity_digest *d, struct text part);

#endif
