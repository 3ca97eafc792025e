/* Bodies of type application/x-www-form-urlencoded, as OAuth2 sends them. Pure. */
#ifndef CONTROL_FORM_H
#define CONTROL_FORM_H

#include "base/arena.h"

/* Takes the next "name=value" off *rest; both decoded, in the arena. False at the end, and when what comes is not
 * well-formed: then *rest is not empty. */
bool form_next(struct text *rest, struct arena *a, struct text *out_name, struct text *out_value);
/* One value alone. False: an escape that is none, or a zero byte. */
bool form_decode(struct text encoded, struct arena *a, struct text *out);

#endif
