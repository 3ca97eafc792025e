/* Input items of requests for responses: messages, calls and their outputs, reasoning that comes back. Pure. */
#ifndef SIM_RESPONSES_INPUT_H
#define SIM_RESPONSES_INPUT_H

#include "base/json.h"
#include "sim/answer.h"
#include "sim/responses_store.h"

#define RESPONSES_CALLS_MAX 128

/* A walk over a request's items. */
struct responses_walk {
  struct sim_ask *ask;
  struct arena *arena;
  struct fault *fault;
  const struct responses_store *store;    /* NULL: nothing was kept */
  struct text calls[RESPONSES_CALLS_MAX]; /* call_ids that have no output yet */
  size_t call_count;
  struct text alone; /* id of a reasoning item that nothing follows yet */
  bool has_alone;
};

/* Takes what an earlier response leaves: its prompt, and its calls that wait for their outputs. */
void responses_continue(struct responses_walk *w, const struct responses_kept *before);
/* input: text or a list of items; NULL when there is none. ERR_BAD_REQUEST or ERR_NOT_FOUND in the service's words. */
enum err responses_input(struct responses_walk *w, yyjson_val *input) MUST_CHECK;

#endif
