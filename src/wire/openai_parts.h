/* What the content parts of the two OpenAI dialects have in common: addresses that may hold data, cache breakpoints,
 * words for efforts and service tiers. Pure.
 * https://platform.openai.com/docs/api-reference/chat and .../responses */
#ifndef WIRE_OPENAI_PARTS_H
#define WIRE_OPENAI_PARTS_H

#include "base/json.h"
#include "llm/request.h"

#define OPENAI_MEDIA_MAX_BYTES (20u * 1024 * 1024) /* of one image, file or sound, decoded */

/* Base64 (RFC 4648 section 4) of at most OPENAI_MEDIA_MAX_BYTES: else ERR_BAD_REQUEST. */
enum err openai_parts_check_base64(struct text data, const struct llm_place *at, const char *member,
                                   struct fault *f) MUST_CHECK;
/* An address ("https://...", "http://...") or data ("data:image/png;base64,...", RFC 2397) into source, media_type and
 * data of *out; data is checked. ERR_BAD_REQUEST for anything else. */
enum err openai_parts_read_url(struct text url, const struct llm_place *at, const char *member, struct llm_media *out,
                               struct fault *f) MUST_CHECK;
/* png, jpeg, gif and webp; an address needs no type. ERR_BAD_REQUEST. */
enum err openai_parts_check_image(const struct llm_media *m, const struct llm_place *at, const char *member,
                                  struct fault *f) MUST_CHECK;
/* One JSON string: the address, or BASE64 as data of its media type. PLAIN becomes data too: text is encoded. */
void openai_parts_put_url(struct json_writer *w, const struct llm_media *m);

/* prompt_cache_breakpoint {mode:"explicit", ttl:"30m"|"12h"}. ERR_BAD_REQUEST. */
enum err openai_parts_read_cache(yyjson_val *breakpoint, const struct llm_place *at, enum llm_cache *out,
                                 struct fault *f) MUST_CHECK;
/* The member with its name; nothing for NONE. Every life has a shortest one of 30 minutes or 12 hours. */
void openai_parts_write_cache(struct json_writer *w, enum llm_cache cache);

/* A JSON string made of pieces: begin, any number of pieces, end. */
void openai_parts_string(struct json_writer *w);
void openai_parts_piece(struct json_writer *w, struct text piece);
void openai_parts_string_end(struct json_writer *w);

/* Budgets as efforts: below 4096 tokens "low", below 16384 "medium", else "high". */
struct text openai_parts_effort(uint64_t budget);
bool openai_parts_is_effort(struct text t); /* "none" ... "max" */

#endif
