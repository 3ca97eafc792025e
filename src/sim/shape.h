/* What a JSON value may look like, as tables, and the check of a value against them: unknown members, missing ones,
 * wrong types, values outside their ranges. Rules that tie several members together are the dialects' own. Pure. */
#ifndef SIM_SHAPE_H
#define SIM_SHAPE_H

#include "base/json.h"

enum shape_kind {
  SHAPE_ANY,
  SHAPE_TEXT,
  SHAPE_NUMBER,
  SHAPE_WHOLE, /* a number without fraction */
  SHAPE_BOOL,
  SHAPE_BASE64, /* with padding; min and max count bytes behind it */
  SHAPE_CHOICE, /* one of the words in choices, divided by '|' */
  SHAPE_FREE,   /* an object with any members */
  SHAPE_OBJECT, /* with the members named and no others */
  SHAPE_OPEN,   /* with the members named, and any others */
  SHAPE_UNION,  /* the same, and exactly one of them */
  SHAPE_LIST
};

struct shape_member;
struct shape {
  enum shape_kind kind;
  const struct shape_member *members; /* SHAPE_OBJECT, SHAPE_UNION: ends with a name of NULL */
  const struct shape *of;             /* SHAPE_LIST */
  const char *choices;                /* SHAPE_CHOICE */
  double min, max; /* of numbers, and of the sizes of texts, bytes and lists; both 0: any, max 0: no maximum */
};
struct shape_member {
  const char *name;
  const struct shape *shape; /* NULL: SHAPE_ANY */
  bool required;
};

enum shape_wrong { SHAPE_UNKNOWN, SHAPE_MISSING, SHAPE_TYPE, SHAPE_RANGE, SHAPE_NOT_CHOSEN, SHAPE_NOT_ONE };

/* Why a value does not fit. In the arena given. */
struct shape_refusal {
  enum shape_wrong wrong;
  struct text path;     /* of the value or the member, "messages.0.role" or "messages[0].role" */
  struct text name;     /* the member, SHAPE_UNKNOWN and SHAPE_MISSING */
  struct text expected; /* in words */
};

/* False: *out says why. null is the same as absent. path: of the value itself, may be empty; brackets: the style of
 * indexes. */
bool shape_fits(const struct shape *s, yyjson_val *v, struct arena *a, struct text path, bool brackets,
                struct shape_refusal *out);

#endif
