/* How many tokens a request likely is, where the provider cannot be asked. Counted are system content, messages, tools
 * with their descriptions and schemas, results, reasoning, images by their size in pixels and documents by their
 * length. Meant to be no more than 10 % below what any current tokenizer says and as little above as one count for all
 * can be. Pure.
 *
 * The weights were fitted to o200k_base and to the published tokenizer of older Claude models with 35 % added, which is
 * what Anthropic names as the most by which its newer tokenizers count more. */
#ifndef LLM_TOKENS_H
#define LLM_TOKENS_H

#include "llm/request.h"

uint64_t llm_tokens_estimate(const struct llm_request *rq);
/* Of one text alone. */
uint64_t llm_tokens_of_text(struct text t);
/* Of an image in base64, by the pixels its header tells (PNG, JPEG, GIF, WebP), scaled to what models look at:
 * Anthropic's width * height / 750 or OpenAI's tiles, whichever is more; LLM_TOKENS_IMAGE when the header tells
 * nothing. */
uint64_t llm_tokens_of_image(struct text base64);
#define LLM_TOKENS_IMAGE 1600

#endif
