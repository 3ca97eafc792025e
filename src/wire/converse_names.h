/* A set of names in the arena: ids of tool calls, names of documents. Pure. */
#ifndef WIRE_CONVERSE_NAMES_H
#define WIRE_CONVERSE_NAMES_H

#include "base/arena.h"

struct converse_names {
  struct text *slots;
  size_t slot_count; /* a power of two, more than twice the names */
};

/* Room for `most` names; more may not be added. */
void converse_names_init(struct converse_names *names, size_t most, struct arena *a);
/* The text is not copied and must not be empty. False when it was there already. */
bool converse_names_add(struct converse_names *names, struct text name);
bool converse_names_has(const struct converse_names *names, struct text name);

#endif
