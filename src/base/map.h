/* A hash map from text to pointer, open addressing, growing; the map copies its keys and never owns its values.
 * Bounded: a map refuses to pass max_entries. Not locked. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/text.h"

struct map;

struct map *map_new(size_t max_entries);
void map_free(struct map *m); /* NULL is fine */
/* Sets or replaces. ERR_LIMIT when a new key would pass max_entries. out_old (may be NULL) gets the value replaced or
 * NULL. */
enum err map_set(struct map *m, struct text key, void *value, void **out_old) MUST_CHECK;
void *map_get(const struct map *m, struct text key); /* NULL when absent */
void *map_remove(struct map *m, struct text key);    /* the value removed, or NULL */
size_t map_count(const struct map *m);
/* Iterates in no particular order: start with *cursor = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *cursor, struct text *out_key, void **out_value);

#endif
