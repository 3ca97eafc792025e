/* Finding and replacing a person's name in texts and in JSON of the audit log. Pure. */
#ifndef STORE_PERSON_TEXT_H
#define STORE_PERSON_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

struct person_name {
  struct text name, pseudonym;
};

/* Whether the text is the name, alone or behind a word and a colon ("local:ann"). Never for an empty name. */
bool person_text_is(struct text t, struct text name);
/* The text with the pseudonym in the name's place, in the arena; as it is when it is not the name. */
struct text person_text_replace(struct text t, const struct person_name *p, struct arena *a);

/* Whether a member "user" or "actor" of the JSON, at any depth, is the name. */
bool person_json_has(struct text json, struct text name);
/* The JSON with the pseudonym in the place of those, of the members "name", "key_name" and "prefix" beside such a
 * user, and of a member "key" in an object beside one, appended to out. False, and nothing appended, when it has none.
 */
bool person_json_replace(struct text json, const struct person_name *p, struct buf *out);

#endif
