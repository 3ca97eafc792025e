/* The OpenAI Responses dialect: what its files share. https://platform.openai.com/docs/api-reference/responses
 * Pure. Functions that read texts give slices of what was parsed, or of the arena. */
#ifndef WIRE_OPENAI_RESPONSES_H
#define WIRE_OPENAI_RESPONSES_H

#include "wire/dialect.h"
#include "wire/rules.h"

/* The parts of struct dialect. */
enum err responses_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                struct fault *f) MUST_CHECK;
enum err responses_write_request(struct llm_request *rq, struct buf *out, struct fault *f) MUST_CHECK;
enum err responses_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out,
                               struct fault *f) MUST_CHECK;
void responses_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out);

/* Reading requests. input is a string or a list of items; its messages come behind those that are there already. */
enum err responses_read_input(struct rules *r, yyjson_val *input) MUST_CHECK;
/* A list of content parts as blocks. form is the parts' place, with '#' for item and part. */
enum responses_side { RESPONSES_SIDE_INPUT, RESPONSES_SIDE_ASSISTANT, RESPONSES_SIDE_RESULT };
enum err responses_read_parts(struct rules *r, const char *form, uint32_t item, yyjson_val *parts,
                              enum responses_side side, struct llm_block **out, size_t *out_count) MUST_CHECK;
/* Rows of a request's table: members that are accepted where they say what is the case anyway. */
enum err responses_read_tools(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err responses_read_choice(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err responses_pass_over(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK; /* was read before */
enum err responses_only_false(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err responses_only_auto(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;
enum err responses_only_empty(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK;  /* list or text */
enum err responses_only_direct(struct rules *r, const struct rule_member *m, void *to) MUST_CHECK; /* who calls tools */
/* What answers repeat of the request, in the arena: see struct llm_echo. */
struct text responses_echo_members(yyjson_val *root, struct arena *a);

/* A reasoning item (of a request or an answer) as a block. ERR_BAD_REQUEST names what is wrong under at. */
enum err responses_read_reasoning(yyjson_val *item, const struct llm_place *at, struct arena *a, struct llm_block *out,
                                  struct fault *f) MUST_CHECK;
/* A tool's arguments: "" is {}. False when they are not a JSON object. */
bool responses_read_arguments(struct text arguments, struct text *out);

/* Writing requests. */
enum err responses_write_input(struct llm_request *rq, struct json_writer *w, struct fault *f) MUST_CHECK;
/* How many messages become `instructions`: 0 or 1. */
size_t responses_instructions(const struct llm_request *rq);
/* A block of a user's, system's or tool's content as a part, with this cache mark. */
enum err responses_write_part(struct llm_request *rq, const struct llm_block *b, enum llm_cache cache,
                              struct json_writer *w, struct fault *f) MUST_CHECK;

#endif
