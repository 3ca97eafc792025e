/* Which conversation a request belongs to, as far as its prompt cache is concerned: what stays the same from turn to
 * turn. */
#ifndef GATEWAY_CONVERSATION_H
#define GATEWAY_CONVERSATION_H

#include "base/json.h"
#include "traffic/affinity.h"

/* 128 bits of what the turns of one conversation share: the instructions and the first message in any dialect, a
 * session's name where the client gives one, the model asked for and whose request it is. A few thousand bytes are
 * looked at, however long the request. False when there is nothing to tell it by. Pure. */
bool conversation_of(const struct json *body, int64_t principal_id, struct text model, uint64_t out[2]);

#endif
