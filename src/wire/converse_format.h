/* The names Converse gives to formats of media, and the media types the other dialects use. Pure. */
#ifndef WIRE_CONVERSE_FORMAT_H
#define WIRE_CONVERSE_FORMAT_H

#include "llm/request.h"

/* "png" -> "image/png", "docx" -> its long media type. Empty when the format is not one of kind (LLM_IMAGE,
 * LLM_DOCUMENT, LLM_AUDIO). */
struct text converse_media_type(enum llm_kind kind, struct text format);
/* The other way round, without regard to case and to parameters ("; charset=..."). Empty when Converse has no such
 * format. */
struct text converse_format(enum llm_kind kind, struct text media_type);

/* The most a cache breakpoint can ask for here: true and *out_ttl ("" for the vendor's own life, "5m", "1h") when
 * there is a life that is not shorter. */
bool converse_ttl(enum llm_cache cache, struct text *out_ttl);

#endif
