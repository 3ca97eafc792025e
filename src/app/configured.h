/* The configuration of the process, from the file and from the store. app_reload is in state.h, what is in force
 * there in force.c. */
#ifndef APP_CONFIGURED_H
#define APP_CONFIGURED_H

#include "config/config.h"

struct app;

/* a->config from the file alone, which also says where the store is. ERR_CONFIG; what is wrong has been printed. */
enum err configured_first(struct app *a, struct fault *f) MUST_CHECK;
/* a->config and a->base with what stands in the store, which is open. A store that does not say what it has is asked
 * again later; ERR_CONFIG: the file is no good any more. Blocks. */
enum err configured_join(struct app *a, struct fault *f) MUST_CHECK;
/* What a reload would make with these entries of the store: struct api's `join`, with the app as its ctx. Blocks; any
 * thread. */
enum err configured_for_api(void *ctx, const struct config_entry *entries, size_t count, struct config **out,
                            struct config_errors *errors) MUST_CHECK;

#endif
