/* Chat completions as the services write them: OpenAI's own, Azure's and OpenRouter's. Pure. */
#ifndef SIM_CHAT_H
#define SIM_CHAT_H

#include "sim/dialect.h"
#include "sim/openai_messages.h"

void chat_write_plain(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour);
/* The next event; false when there was none left. */
bool chat_write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                      enum chat_flavour flavour);
/* Until the choices: {"id":...,"model":... */
void chat_put_head(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour, struct text object);

#endif
