/* The access line of the control API. People and scripts change things rarely: it is written at once, as the lines of
 * sign-ins are, and not gathered like those of calls to the gateway. Called by api.c and front.c. */
#include "control/access_line.h"

#include "base/log.h"
#include "fiber/loop.h"

void access_line_write(const struct http_request *rq, const struct access_line *line) {
  const struct caller *c = line->caller;
  LOG_INFO("control_call", log_text("request_id", rq->id), log_text("method", text_head(rq->head.method, 20)),
           log_str("route", line->route ? line->route : ""),
           log_text("actor", c ? text_head(c->actor, 256) : TEXT_NONE), log_i64("organisation", c ? c->org_id : 0),
           log_text("peer", text_head(line->address, 64)), log_i64("status", line->status),
           log_i64("duration_us", loop_now_us(loop_current()) - line->began_us));
}
