/* An open-addressing set of texts that is never larger than a request is, so that finding a tool's call and keeping
 * names of documents apart cost the same however many there are. Used by the Converse dialect alone. */
#include "wire/converse_names.h"

void converse_names_init(struct converse_names *names, size_t most, struct arena *a) {
  names->slot_count = 8;
  while (names->slot_count <= most * 2)
    names->slot_count *= 2;
  names->slots = arena_zalloc(a, names->slot_count * sizeof(*names->slots));
}

static struct text *slot_of(const struct converse_names *names, struct text name) {
  size_t at = (size_t)text_hash(name) & (names->slot_count - 1);
  while (names->slots[at].at && !text_equal(names->slots[at], name))
    at = (at + 1) & (names->slot_count - 1);
  return &names->slots[at];
}

bool converse_names_add(struct converse_names *names, struct text name) {
  struct text *slot = slot_of(names, name);
  if (slot->at)
    return false;
  *slot = name;
  return true;
}

bool converse_names_has(const struct converse_names *names, struct text name) {
  return slot_of(names, name)->at != NULL;
}
