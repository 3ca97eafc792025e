/* The simplest value that a JSON schema allows: arguments of simulated tool calls and structured answers. Pure. */
#ifndef SIM_EXAMPLE_H
#define SIM_EXAMPLE_H

#include "base/json.h"

/* An object with the schema's properties as JSON text in the arena; "{}" where there is no schema of an object, or the
 * example would be larger than a few kilobytes. Known: type, enum, const, properties, items with minItems, anyOf,
 * oneOf, allOf (the first), $ref within the schema. root: what $ref starts from. */
struct text example_object(struct arena *a, yyjson_val *schema);

#endif
