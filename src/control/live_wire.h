/* The two ways in which a stream of events leaves: server-sent events, and messages of a WebSocket. What is put is
 * gathered and leaves with the next flush. Private to live.c. */
#ifndef CONTROL_LIVE_WIRE_H
#define CONTROL_LIVE_WIRE_H

#include "control/api.h"
#include "net/websocket.h"

struct live_wire {
  struct http_request *rq;
  struct websocket_reader *in; /* NULL: server-sent events */
  struct buf out;
  bool is_over; /* the client has said so */
};

/* Which of the two is asked for, and whether it may be had: a WebSocket is of version 13, and one that a browser opens
 * comes from a page of this site or of control.cors_origins. ERR_BAD_REQUEST, ERR_FORBIDDEN; f->status may say more. */
enum err live_wire_check(const struct api_call *c, bool *out_is_websocket, struct fault *f) MUST_CHECK;
/* Answers with the head; what it took is in the request's arena, but for `out`. Waits. */
enum err live_wire_start(struct live_wire *w, const struct api_call *c, bool is_websocket) MUST_CHECK;
/* event: a word. id: "" for none. data: JSON. */
void live_wire_put(struct live_wire *w, const char *event, struct text id, struct text data);
void live_wire_beat(struct live_wire *w); /* something that says nothing but that the connection lives */
/* Waits for the client to take it. */
enum err live_wire_flush(struct live_wire *w) MUST_CHECK;
/* What a WebSocket's client has said: pings are answered, messages thrown away, a close sets is_over. *out_more: there
 * is more to read. Waits only to answer. ERR_PROTOCOL: it has been told why. */
enum err live_wire_read(struct live_wire *w, bool *out_more) MUST_CHECK;
/* The last event, and a clean end. Waits. */
void live_wire_end(struct live_wire *w, const char *reason, uint16_t code);
void live_wire_done(struct live_wire *w);

#endif
