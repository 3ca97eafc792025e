/* The operator's own socket, data_dir/weir.sock: HTTP for whoever may open the file, which is the owner of the data
 * alone. What is served there is a table in local.c; to add something, add a row and its function. */
#ifndef APP_LOCAL_H
#define APP_LOCAL_H

#include "gateway/gateway.h"
#include "net/addr.h"

struct app;

struct local {
  struct app *app;
  int fd; /* -1: there is none */
  struct addr address;
};

/* A request there, in a fiber of the worker that serves the socket. */
struct local_call {
  struct app *app;
  struct gateway_worker *worker; /* of this fiber's loop */
  struct http_request *rq;
};
/* Answers with a whole JSON text, or with {"error": ...} as f says. */
void local_answer(const struct local_call *c, int status, struct text json);
void local_refuse(const struct local_call *c, const struct fault *f);

/* local_routing.c: rows about where requests go (gateway/explain.h, gateway/inspect.h). */
void local_explain(struct local_call *c);
void local_breakers(struct local_call *c);
void local_set_breaker(struct local_call *c);
void local_targets(struct local_call *c);

/* Binds the socket, unless local.fd came from the process this one replaces. A data_dir whose path is too long for a
 * socket, or no data_dir: none, which the log says. */
enum err local_open(struct app *a, struct fault *f) MUST_CHECK;
/* remove: the file goes. */
void local_close(struct local *l, bool remove);
/* Serves one request; waits. */
void local_serve(struct local *l, struct gateway_worker *w, struct http_request *rq);

#endif
