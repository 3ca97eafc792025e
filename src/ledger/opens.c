/* A hash table with linear probing and removal without tombstones; it holds places, not records.
 * Used by the ledger's writer and by the replay. */
#include "ledger/opens.h"

void opens_init(struct opens *o) { *o = (struct opens){0}; }

void opens_done(struct opens *o) {
  free(o->at);
  *o = (struct opens){0};
}

static size_t home(const struct opens *o, int64_t id) {
  uint64_t h = (uint64_t)id * 0x9e3779b97f4a7c15ULL;
  return (size_t)(h >> 32) & (o->cap - 1);
}

static size_t place_of(const struct opens *o, int64_t id) {
  size_t i = home(o, id);
  while (o->at[i].id && o->at[i].id != id)
    i = (i + 1) & (o->cap - 1);
  return i;
}

static void grow(struct opens *o) {
  struct opens bigger = {.cap = o->cap ? o->cap * 2 : 64, .count = o->count};
  bigger.at = calloc(bigger.cap, sizeof *bigger.at);
  if (!bigger.at)
    abort();
  for (size_t i = 0; i < o->cap; i++)
    if (o->at[i].id)
      bigger.at[place_of(&bigger, o->at[i].id)] = o->at[i];
  free(o->at);
  *o = bigger;
}

struct open_entry *opens_add(struct opens *o, int64_t id) {
  if (2 * (o->count + 1) > o->cap)
    grow(o);
  struct open_entry *e = &o->at[place_of(o, id)];
  if (!e->id) {
    e->id = id;
    o->count++;
  }
  return e;
}

struct open_entry *opens_find(const struct opens *o, int64_t id) {
  if (!o->cap)
    return NULL;
  struct open_entry *e = &o->at[place_of(o, id)];
  return e->id ? e : NULL;
}

bool opens_remove(struct opens *o, int64_t id, struct open_entry *out) {
  struct open_entry *e = opens_find(o, id);
  if (!e)
    return false;
  *out = *e;
  size_t hole = (size_t)(e - o->at), mask = o->cap - 1;
  /* Entries behind the hole move into it when their way from home passes it. */
  for (size_t i = (hole + 1) & mask; o->at[i].id; i = (i + 1) & mask) {
    size_t from_home = (i - home(o, o->at[i].id)) & mask;
    if (from_home >= ((i - hole) & mask)) {
      o->at[hole] = o->at[i];
      hole = i;
    }
  }
  o->at[hole] = (struct open_entry){0};
  o->count--;
  return true;
}
