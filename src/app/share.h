/* What this process shares with other replicas through Redis, where one is configured: circuit breakers, and the bell
 * by which they wake each other. Called by app.c, at the start and at the end; by life.c when the process stops taking
 * calls; by health.c. Without Redis every function does nothing. */
#ifndef APP_SHARE_H
#define APP_SHARE_H

#include "base/buf.h"
#include "cluster/redis.h"
#include "ports/breaker_share.h"

struct app;

/* Needs the configuration and the resolver. ERR_CONFIG with the key in f. */
enum err share_open(struct app *a, struct fault *f) MUST_CHECK;
/* For breakers_new; NULL without Redis. */
struct breaker_share *share_of_breakers(struct app *a);
/* Rings for what a->events brings, and the other way round. When they are there and before they, and this, start. */
void share_events(struct app *a);
/* Once the breakers are there. ERR_SYSTEM. */
enum err share_start(struct app *a, struct fault *f) MUST_CHECK;
/* No new calls come: what others may have in our place is given back. */
void share_resign(struct app *a);
void share_stop(struct app *a);  /* after the last call, before a->events go; delivers what was said before */
void share_close(struct app *a); /* after the breakers and a->events */

/* For /health: ERR_OK, or why not all is shared. */
enum err share_check(struct app *a, struct fault *f) MUST_CHECK;
/* Where there is a Redis, in words: "cluster, 3 of 3 servers reached". */
void share_describe(struct app *a, char *out, size_t cap);
void share_write_metrics(struct app *a, struct buf *out);

#endif
