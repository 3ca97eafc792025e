/* Plays an answer over a connection as a behaviour demands: late, dripping, in odd packets, compressed, broken in the
 * middle, or as an error. Everything here runs in the fiber that serves the request and may wait. */
#ifndef SIM_PLAY_H
#define SIM_PLAY_H

#include "base/buf.h"
#include "net/http_server.h"
#include "sim/dialect.h"
#include "sim/gzip.h"
#include "sim/stats.h"

struct play {
  struct http_request *rq;
  const struct sim_dialect *dialect;
  struct behaviour behaviour;
  struct stats *stats;
  uint64_t record;                 /* of stats_record */
  struct text request_id;          /* the simulated service's own */
  const struct sim_answer *answer; /* NULL until there is one */
  bool wrote;                      /* a byte of the answer has been sent */
  struct gzip *gzip;
};

/* An error in the dialect's shape with its headers. */
void play_fault(struct play *p, const struct fault *f);
/* A whole answer without behaviours: lists, counts. */
void play_json(struct play *p, int status, struct text body);
/* What the behaviour wants before content is made: waiting, hanging, failing, rubbish. False: the request has been
 * answered. */
bool play_before(struct play *p);
/* The answer, whole or as a stream, broken where the behaviour says. */
void play_plain(struct play *p, struct text body);
void play_stream(struct play *p); /* of p->answer */

#endif
