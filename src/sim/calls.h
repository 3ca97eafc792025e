/* The endpoints of the simulated services: one function each. Pure of listening and connections; a call is answered
 * through play.h. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "sim/play.h"

/* One request on its way through the simulator. */
struct sim_call {
  struct play play;
  struct text body;
  struct text rest;      /* of the path, behind a route's '*' */
  uint64_t counter;      /* of calls since the start or the last reset: makes ids differ */
  bool behaviour_forced; /* play.behaviour comes from the header and beats the model's name */
  struct prompt_cache *prompt_cache;
};

struct sim_route {
  const char *method;
  const char *path;                  /* a trailing '*' stands for one more segment */
  const struct sim_dialect *dialect; /* NULL: told by the header anthropic-version */
  void (*answer)(struct sim_call *c);
};

/* The route of a request, with *out_rest; NULL when there is none. *out_path_known: another method would have one. */
const struct sim_route *sim_route_find(struct text method, struct text path, struct text *out_rest,
                                       bool *out_path_known);

#endif
