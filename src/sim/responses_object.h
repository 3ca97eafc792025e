/* The response object of the Responses dialect and what its output consists of. Pure. */
#ifndef SIM_RESPONSES_OBJECT_H
#define SIM_RESPONSES_OBJECT_H

#include "sim/dialect.h"

/* How far the object is: states of a response, and of the items in it. */
enum responses_state {
  RESPONSES_BEGUN,  /* in_progress, without output */
  RESPONSES_ENDED,  /* completed or incomplete */
  RESPONSES_FAILED, /* with an error */
};

void sim_responses_put_object(struct buf *out, const struct sim_answer *answer, enum responses_state state);
/* An item of the output: as it is added (is_whole false) or done. */
void response_object_item(struct buf *out, const struct sim_answer *answer, size_t block, bool is_whole);
/* The part of a message, or of a reasoning item's summary. */
void response_object_part(struct buf *out, const struct sim_answer *answer, size_t block, bool is_whole);
/* The item's id, quoted. */
void response_object_item_id(struct buf *out, const struct sim_block *b);
/* "completed", "incomplete" */
const char *responses_status(const struct sim_answer *answer);

#endif
