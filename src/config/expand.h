/* Environment variables in scalar values: ${NAME} and ${NAME:-default} (used when NAME is unset or empty); $${ writes
 * ${. NAME is a letter or underscore, then letters, digits and underscores; a default ends at the first '}' and is
 * taken as it stands. */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "base/arena.h"

/* True when there is anything to expand. */
bool expand_is_needed(struct text in);
/* The expanded text, in the arena. ERR_CONFIG when a variable without default is unset or a ${ is malformed; f names
 * the variable, never a value. */
enum err expand_env(struct text in, const char *(*lookup)(const char *name), struct arena *a, struct text *out,
                    struct fault *f) MUST_CHECK;

#endif
