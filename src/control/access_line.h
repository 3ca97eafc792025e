/* One line in the log for every call of the control API: who asked for what, and how it ended. Never a body, a query or
 * a value of a path, in which something secret may stand. Called by api.c and front.c. */
#ifndef CONTROL_ACCESS_LINE_H
#define CONTROL_ACCESS_LINE_H

#include "net/http_server.h"
#include "ports/caller.h"

struct access_line {
  const char *route;           /* the operation's id in the document; NULL: there is none at this address */
  const struct caller *caller; /* NULL: nobody that is known */
  struct text address;         /* where it came from */
  int status;
  int64_t began_us; /* by loop_now_us */
};

/* Writes the line of a call that has been answered. */
void access_line_write(const struct http_request *rq, const struct access_line *line);

#endif
