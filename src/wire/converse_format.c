/* One table of media formats, read in both directions, and the lives of cache breakpoints. What a source or a document
 * is otherwise stands in converse_content.c and converse_blocks.c, the callers. */
#include "wire/converse_format.h"

static const struct {
  enum llm_kind kind;
  struct text format, media_type;
} formats[] = {
    {LLM_IMAGE, TEXT("png"), TEXT("image/png")},
    {LLM_IMAGE, TEXT("jpeg"), TEXT("image/jpeg")},
    {LLM_IMAGE, TEXT("gif"), TEXT("image/gif")},
    {LLM_IMAGE, TEXT("webp"), TEXT("image/webp")},
    {LLM_IMAGE, TEXT("jpeg"), TEXT("image/jpg")},
    {LLM_DOCUMENT, TEXT("pdf"), TEXT("application/pdf")},
    {LLM_DOCUMENT, TEXT("txt"), TEXT("text/plain")},
    {LLM_DOCUMENT, TEXT("md"), TEXT("text/markdown")},
    {LLM_DOCUMENT, TEXT("html"), TEXT("text/html")},
    {LLM_DOCUMENT, TEXT("csv"), TEXT("text/csv")},
    {LLM_DOCUMENT, TEXT("doc"), TEXT("application/msword")},
    {LLM_DOCUMENT, TEXT("docx"), TEXT("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
    {LLM_DOCUMENT, TEXT("xls"), TEXT("application/vnd.ms-excel")},
    {LLM_DOCUMENT, TEXT("xlsx"), TEXT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
    {LLM_AUDIO, TEXT("wav"), TEXT("audio/wav")},
    {LLM_AUDIO, TEXT("mp3"), TEXT("audio/mpeg")},
    {LLM_AUDIO, TEXT("mp3"), TEXT("audio/mp3")},
    {LLM_AUDIO, TEXT("mpeg"), TEXT("audio/x-mpeg")},
    {LLM_AUDIO, TEXT("mpga"), TEXT("audio/mpga")},
    {LLM_AUDIO, TEXT("ogg"), TEXT("audio/ogg")},
    {LLM_AUDIO, TEXT("opus"), TEXT("audio/opus")},
    {LLM_AUDIO, TEXT("flac"), TEXT("audio/flac")},
    {LLM_AUDIO, TEXT("aac"), TEXT("audio/aac")},
    {LLM_AUDIO, TEXT("x-aac"), TEXT("audio/x-aac")},
    {LLM_AUDIO, TEXT("mp4"), TEXT("audio/mp4")},
    {LLM_AUDIO, TEXT("m4a"), TEXT("audio/x-m4a")},
    {LLM_AUDIO, TEXT("mka"), TEXT("audio/x-matroska")},
    {LLM_AUDIO, TEXT("mkv"), TEXT("audio/mkv")},
    {LLM_AUDIO, TEXT("webm"), TEXT("audio/webm")},
    {LLM_AUDIO, TEXT("pcm"), TEXT("audio/pcm")},
};
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

struct text converse_media_type(enum llm_kind kind, struct text format) {
  for (size_t i = 0; i < FORMAT_COUNT; i++)
    if (formats[i].kind == kind && text_equal(formats[i].format, format))
      return formats[i].media_type;
  return TEXT_NONE;
}

struct text converse_format(enum llm_kind kind, struct text media_type) {
  struct text type = media_type, parameters;
  (void)text_cut(media_type, ';', &type, &parameters);
  type = text_trim(type);
  for (size_t i = 0; i < FORMAT_COUNT; i++)
    if (formats[i].kind == kind && text_equal_nocase(formats[i].media_type, type))
      return formats[i].format;
  return TEXT_NONE;
}

bool converse_ttl(enum llm_cache cache, struct text *out_ttl) {
  switch (cache) {
  case LLM_CACHE_NONE:
  case LLM_CACHE_DEFAULT: *out_ttl = TEXT_NONE; return true;
  case LLM_CACHE_5M: *out_ttl = TEXT("5m"); return true;
  case LLM_CACHE_30M:
  case LLM_CACHE_1H: *out_ttl = TEXT("1h"); return true;
  case LLM_CACHE_12H: break;
  }
  return false;
}
