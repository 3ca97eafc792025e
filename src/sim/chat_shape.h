/* The members of chat completion requests, as the service defines them. Pure tables.
 * https://platform.openai.com/docs/api-reference/chat/create */
#ifndef SIM_CHAT_SHAPE_H
#define SIM_CHAT_SHAPE_H

#include "sim/shape.h"

/* The root is open: members that are not known pass, which is what a gateway that passes bytes on is tried with. */
extern const struct shape chat_root_shape;
extern const struct shape chat_calls_shape; /* tool_calls of an assistant message */
/* The shape of a message of that role, of a part of content, of a tool; NULL when it is not known. */
const struct shape *chat_message_shape(struct text role);
const struct shape *chat_part_shape(struct text type);
const struct shape *chat_tool_shape(struct text type);
/* May a message of that role hold such a part? */
bool chat_role_takes(struct text role, struct text part_type);

#endif
