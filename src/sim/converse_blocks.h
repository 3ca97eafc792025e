/* Messages of Converse requests: turns, tool calls and their results, attachments, reasoning that comes back. Pure. */
#ifndef SIM_CONVERSE_BLOCKS_H
#define SIM_CONVERSE_BLOCKS_H

#include "base/json.h"
#include "sim/answer.h"

#define CONVERSE_TOOL_USES_MAX 128

/* A walk over a request whose shape is good. */
struct converse_walk {
  struct sim_ask *ask;
  struct arena *arena;
  struct fault *fault;
  struct text uses[CONVERSE_TOOL_USES_MAX]; /* ids of the previous assistant message that have no result yet */
  size_t use_count, breakpoints, images, documents;
  bool has_tools_blocks; /* toolUse or toolResult anywhere */
  bool is_user;          /* of the message at hand */
  size_t message;        /* its index */
};

/* ERR_BAD_REQUEST in the service's words. */
enum err converse_messages(struct converse_walk *w, yyjson_val *messages) MUST_CHECK;
/* A block of a list that may hold cachePoint; its bytes go into the digest. */
enum err converse_cache_point(struct converse_walk *w, yyjson_val *block) MUST_CHECK;

#endif
