/* Puts the events of a stream together into the whole answer, refusing what breaks the grammar of answer.h. For tests,
 * and for whoever needs to know what a stream said. Pure. */
#ifndef LLM_COLLECT_H
#define LLM_COLLECT_H

#include "llm/answer.h"

struct llm_collect;
/* max_bytes bounds all texts together. Lives in the arena. */
struct llm_collect *llm_collect_new(struct arena *a, size_t max_bytes);
/* ERR_PROTOCOL: the event may not stand here (f says which); ERR_LIMIT past max_bytes. An ERROR event is returned as
 * its fault's error. */
enum err llm_collect_take(void *collect, const struct llm_event *e, struct fault *f) MUST_CHECK;
bool llm_collect_is_whole(const struct llm_collect *c); /* END was seen */
/* What has been said so far; valid as long as the arena. */
void llm_collect_answer(struct llm_collect *c, struct llm_answer *out);
/* Plays a whole answer as events in the grammar: the other way round. */
enum err llm_answer_play(const struct llm_answer *answer, struct llm_sink *sink, struct fault *f) MUST_CHECK;

#endif
