/* The route simulator: what would happen to a request, without sending one. The answer comes from the same plan that
 * serves requests (plan.h), so it cannot differ from it. */
#ifndef GATEWAY_EXPLAIN_H
#define GATEWAY_EXPLAIN_H

#include "gateway/plan.h"

/* The head of a request that might come. Empty texts: not said. */
struct explain_ask {
  struct text model, wire; /* wire "": "anthropic" */
  struct text key_name, user, workspace, policy;
  int64_t principal_id, org_id; /* org_id 0: the first */
  bool stream, own_credentials;
  uint64_t input_tokens, output_tokens;
};

/* Reads {"model": ..., "wire": ..., "key": ..., "user": ..., "workspace": ..., "policy": ..., "principal_id": ...,
 * "organisation": ..., "stream": ..., "own_credentials": ..., "input_tokens": ..., "output_tokens": ...}; texts live as
 * long as the document or in the arena. ERR_BAD_REQUEST names the member. */
enum err explain_read(struct text body, struct arena *a, struct explain_ask *out, struct fault *f) MUST_CHECK;
/* The body that explain_read reads. */
void explain_write_ask(const struct explain_ask *ask, struct buf *out);

/* The plan as JSON: the model's entry, strategy, policy, the shared limits that are decided before any target is asked,
 * and every target with its place in the order or the reason why
 * it is passed over. live: state is that of a running process. ERR_NOT_FOUND when no entry serves the model in that
 * wire, ERR_BAD_REQUEST for an unknown wire or policy. Takes and changes nothing. */
enum err explain(const struct config *c, struct routes *routes, const struct routes_state *state, bool live,
                 const struct explain_ask *ask, uint64_t random, int64_t now_us, struct buf *out,
                 struct fault *f) MUST_CHECK;

#endif
