/* A snapshot made of another one, for the rest of this room. */
#ifndef CONFIG_DERIVE_H
#define CONFIG_DERIVE_H

#include "config/config.h"

/* Has one reference and everything of base, which it keeps alive. Members may be replaced by what is in *out_arena,
 * which lives as long, until somebody else sees it. */
struct config *config_derive(const struct config *base, struct arena **out_arena);

#endif
