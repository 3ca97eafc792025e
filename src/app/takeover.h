/* The new side of an upgrade: a process started by the one it replaces takes over its sockets, its lock and what it
 * knows of its keys, proves that it is ready, and serves when it is told to. Without that process around all of these
 * do nothing. */
#ifndef APP_TAKEOVER_H
#define APP_TAKEOVER_H

#include "base/err.h"

struct app;

/* Before the configuration is read: whether there is a process to be replaced, and then its sockets into a->sockets and
 * a->local, its lock, its generation. ERR_PROTOCOL, ERR_TIMEOUT, ERR_CANCELLED with f. */
enum err takeover_begin(struct app *a, struct fault *f) MUST_CHECK;
/* All is ready but that nothing is accepted: says so, and waits for the word to go, with what the old process knows. */
enum err takeover_wait(struct app *a, struct fault *f) MUST_CHECK;
/* This process serves: says so, and follows the old one from now on. */
void takeover_done(struct app *a);
/* It will not: the old process is told why. */
void takeover_fail(struct app *a, const struct fault *f);

#endif
