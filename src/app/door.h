/* How people come in: the desk of signing in and what knows callers again (identity/), joined to the pages and the
 * control API. */
#ifndef APP_DOOR_H
#define APP_DOOR_H

#include "base/err.h"

struct app;
struct config;

/* Makes them, and the users of the configuration; store, vault, mint and rights are there, and so is a->api. Blocks. */
enum err door_open(struct app *a, struct fault *f) MUST_CHECK;
/* Another configuration. */
void door_adjust(struct app *a, const struct config *c);
/* While there is no user: the link for setting up, on standard output. Blocks. */
void door_print(struct app *a);
/* What was opened, if anything was. No worker may be running. */
void door_close(struct app *a);

#endif
