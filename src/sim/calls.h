/* The endpoints of the simulated services: one function each. Pure of listening and connections; a call is answered
 * through play.h. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "sim/play.h"

/* One request on its way through the simulator. */
struct sim_route;
struct sim_call {
  const struct sim_route *route;
  struct play play;
  struct text body;
  struct text rest;      /* of the path: what a route's '*' stands for, as it travelled */
  uint64_t counter;      /* of calls since the start or the last reset: makes ids differ */
  bool behaviour_forced; /* play.behaviour comes from the header and beats the model's name */
  struct prompt_cache *prompt_cache;
  struct responses_store *responses;
};

struct sim_route {
  const char *method;
  const char *path;                  /* a '*' stands for one segment, at the end for all that is left */
  const struct sim_dialect *dialect; /* NULL: told by the header anthropic-version */
  void (*answer)(struct sim_call *c);
  bool stream;    /* the path asks for a stream */
  bool is_public; /* nobody is asked who they are */
};

struct sim_route_table {
  const struct sim_route *routes;
  size_t count;
};
extern const struct sim_route_table sim_bedrock_routes, sim_responses_routes, sim_openrouter_routes, sim_azure_routes;

/* The route of a request, with *out_rest; NULL when there is none. *out_path_known: another method would have one. */
const struct sim_route *sim_route_find(struct text method, struct text path, struct text *out_rest,
                                       bool *out_path_known);

/* What endpoints share. The body as JSON; false: refused, the call is answered. */
bool sim_call_json(struct sim_call *c, struct json *doc);
/* c->rest without percent-encoding, in the request's arena. */
struct text sim_call_name(struct sim_call *c);
/* Reads with the dialect, decides and plays: the endpoint of every dialect's answers. */
void sim_call_answer(struct sim_call *c);
/* The endpoint of vectors: c->rest is the model where the path names it. */
void sim_call_embeddings(struct sim_call *c);
/* Plays *out as the whole answer of a call that has behaviours but no blocks, and frees it: counts, vectors. */
void sim_call_finish(struct sim_call *c, const struct behaviour *b, struct buf *out);

#endif
