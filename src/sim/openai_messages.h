/* Messages of chat completion requests: roles, parts, tool calls and their answers, reasoning that comes back. Pure. */
#ifndef SIM_OPENAI_MESSAGES_H
#define SIM_OPENAI_MESSAGES_H

#include "base/json.h"
#include "sim/answer.h"

#define CHAT_CALLS_MAX 128

/* Services that speak chat completions, each a little differently. */
enum chat_flavour { CHAT_OPENAI, CHAT_AZURE, CHAT_OPENROUTER };

struct chat_walk {
  struct sim_ask *ask;
  struct arena *arena;
  struct fault *fault;
  enum chat_flavour flavour;
  struct text calls[CHAT_CALLS_MAX]; /* ids of the last assistant message's calls that have no answer yet */
  size_t call_count;
  struct digest so_far; /* of the messages until here, for cache breakpoints */
};

/* A list that is not empty. ERR_BAD_REQUEST in the service's words. */
enum err openai_messages(struct chat_walk *w, yyjson_val *messages) MUST_CHECK;

#endif
