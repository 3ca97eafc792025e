/* The likely count of a request's tokens: every text by the parts that tokenizers cut it into (tokens_text.c), every
 * image by its pixels (tokens_image.c), and what the frame around messages and tools costs. It looks at what the model
 * is shown and at nothing else. Called where a provider cannot count. */
#include "llm/tokens.h"

#include "llm/tokens_text.h"

#define REQUEST_TOKENS   8
#define MESSAGE_TOKENS   4
#define CALL_TOKENS      12  /* the frame around a call or a result */
#define TOOLS_TOKENS     340 /* what Anthropic tells a model about tools as such */
#define TOOL_TOKENS      10
#define PAGE_BYTES       32768 /* of a PDF */
#define PAGE_TOKENS      3000  /* a page is read as text and as an image */
#define PAGES_MAX        100
#define FILE_BYTES       4    /* a token, of an office document */
#define SEALED_BYTES     4    /* a token, of reasoning that cannot be read */
#define WAVE_BYTES       3200 /* a token: a tenth of a second at 16 kHz */
#define COMPRESSED_BYTES 1600
#define HUNDREDTHS       100

/* Hundredths of a token, fitted by linear programming over texts of many kinds: the least sum over them that falls
 * short nowhere by more than 7 %. */
static const uint16_t weights[PART_COUNT] = {
    [PART_WORD] = 153,         [PART_LONG_LETTER] = 11, [PART_COMPOUND] = 105,  [PART_FOREIGN] = 38,
    [PART_CAPITALS] = 164,     [PART_CAPITAL] = 25,     [PART_CONSONANT] = 155, [PART_NUMBER] = 136,
    [PART_THREE_DIGITS] = 187, [PART_LINE] = 125,       [PART_INDENT] = 50,     [PART_LONG_SPACE] = 48,
    [PART_SIGNS] = 97,         [PART_SIGN] = 50,        [PART_SAME_SIGN] = 84,  [PART_LATIN] = 220,
    [PART_VIETNAMESE] = 150,   [PART_GREEK] = 164,      [PART_CYRILLIC] = 75,   [PART_HEBREW] = 136,
    [PART_ARABIC] = 146,       [PART_INDIC] = 267,      [PART_THAI] = 223,      [PART_HANGUL] = 195,
    [PART_KANA] = 133,         [PART_HAN] = 153,        [PART_HAN_RARE] = 300,  [PART_WIDE_SIGN] = 120,
    [PART_SYMBOL] = 213,       [PART_PICTURE] = 312,    [PART_OTHER] = 250,
};

struct tally {
  struct token_parts parts;
  uint64_t tokens; /* of everything that is no text */
};

static uint64_t sum(const struct token_parts *p) {
  uint64_t total = 0;
  for (size_t i = 0; i < PART_COUNT; i++)
    total += p->n[i] * weights[i];
  return (total + HUNDREDTHS - 1) / HUNDREDTHS;
}

uint64_t llm_tokens_of_text(struct text t) {
  struct token_parts p = {0};
  token_parts_add(&p, t);
  return sum(&p);
}

static void add_text(struct tally *t, struct text text) { token_parts_add(&t->parts, text); }

static uint64_t bytes_of(struct text base64) { return base64.len / 4 * 3; }

static uint64_t tokens_of_pdf(uint64_t bytes) {
  uint64_t pages = 1 + bytes / PAGE_BYTES;
  return (pages < PAGES_MAX ? pages : PAGES_MAX) * PAGE_TOKENS;
}

static void add_document(struct tally *t, const struct llm_media *m) {
  add_text(t, m->title);
  add_text(t, m->context);
  if (m->source == LLM_PLAIN)
    add_text(t, m->data);
  else if (m->source != LLM_BASE64)
    t->tokens += PAGE_TOKENS;
  else if (text_equal(m->media_type, TEXT("application/pdf")))
    t->tokens += tokens_of_pdf(bytes_of(m->data));
  else
    t->tokens += 1 + bytes_of(m->data) / (text_starts(m->media_type, TEXT("text/")) ? 2 : FILE_BYTES);
}

static void add_sound(struct tally *t, const struct llm_media *m) {
  bool is_wave = text_equal(m->media_type, TEXT("audio/wav"));
  t->tokens += 1 + bytes_of(m->data) / (is_wave ? WAVE_BYTES : COMPRESSED_BYTES);
}

static void add_block(struct tally *t, const struct llm_block *b) {
  add_text(t, b->text);
  switch (b->kind) {
  case LLM_IMAGE:
    t->tokens += b->media.source == LLM_BASE64 ? llm_tokens_of_image(b->media.data) : LLM_TOKENS_IMAGE;
    break;
  case LLM_DOCUMENT: add_document(t, &b->media); break;
  case LLM_AUDIO: add_sound(t, &b->media); break;
  case LLM_SEARCH_RESULT: add_text(t, b->media.title); break;
  case LLM_TOOL_USE:
    add_text(t, b->name);
    add_text(t, b->input);
    add_text(t, b->id);
    t->tokens += CALL_TOKENS;
    break;
  case LLM_TOOL_RESULT:
    add_text(t, b->id);
    t->tokens += CALL_TOKENS;
    break;
  case LLM_THINKING:
  case LLM_REDACTED_THINKING:
    if (text_is_empty(b->text))
      t->tokens += b->signature.len / SEALED_BYTES;
    break;
  case LLM_TEXT:
  case LLM_REFUSAL: break;
  }
}

static void add_tools(struct tally *t, const struct llm_request *rq) {
  if (rq->tool_count > 0)
    t->tokens += TOOLS_TOKENS;
  for (size_t i = 0; i < rq->tool_count; i++) {
    add_text(t, rq->tools[i].name);
    add_text(t, rq->tools[i].description);
    add_text(t, rq->tools[i].schema);
    add_text(t, rq->tools[i].format);
    t->tokens += TOOL_TOKENS;
  }
}

static void add_message(struct tally *t, const struct llm_message *m) {
  t->tokens += MESSAGE_TOKENS;
  add_text(t, m->name);
  for (size_t i = 0; i < m->count; i++) {
    const struct llm_block *b = &m->blocks[i];
    add_block(t, b);
    for (size_t k = 0; k < b->content_count; k++) {
      add_block(t, &b->content[k]);
      for (size_t n = 0; n < b->content[k].content_count; n++)
        add_block(t, &b->content[k].content[n]);
    }
  }
}

uint64_t llm_tokens_estimate(const struct llm_request *rq) {
  struct tally t = {.tokens = REQUEST_TOKENS};
  for (size_t i = 0; i < rq->message_count; i++)
    add_message(&t, &rq->messages[i]);
  add_tools(&t, rq);
  if (rq->output == LLM_OUTPUT_SCHEMA)
    add_text(&t, rq->output_schema);
  return t.tokens + sum(&t.parts);
}
