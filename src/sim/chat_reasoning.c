/* Writes reasoning into chat completions. OpenAI shows none itself; what it is told apart by is that tokens are
 * counted. Signatures and encrypted blocks exist only on OpenRouter, whose details openrouter_reasoning.c checks when
 * they come back. Called by chat.c. */
#include "sim/chat_reasoning.h"

#define FORMAT "\"format\":\"anthropic-claude-v1\""

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static void put_encrypted(struct buf *out, const struct sim_block *b, size_t index) {
  buf_add(out, TEXT("{\"type\":\"reasoning.encrypted\",\"data\":"));
  put_quoted(out, b->text);
  buf_add_format(out, "," FORMAT ",\"index\":%zu}", index);
}

static void put_text_detail(struct buf *out, struct text piece, struct text signature, size_t index) {
  buf_add(out, TEXT("{\"type\":\"reasoning.text\""));
  if (piece.len > 0 || signature.len == 0) {
    buf_add(out, TEXT(",\"text\":"));
    put_quoted(out, piece);
  }
  if (signature.len > 0) {
    buf_add(out, TEXT(",\"signature\":"));
    put_quoted(out, signature);
  }
  buf_add_format(out, "," FORMAT ",\"index\":%zu}", index);
}

static void put_details(struct buf *out, const struct sim_answer *answer) {
  bool any = false;
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct sim_block *b = &answer->block[i];
    if (b->kind != SIM_BLOCK_THINKING && b->kind != SIM_BLOCK_REDACTED)
      continue;
    buf_add(out, any ? TEXT(",") : TEXT(",\"reasoning_details\":["));
    any = true;
    if (b->kind == SIM_BLOCK_REDACTED)
      put_encrypted(out, b, i);
    else
      put_text_detail(out, b->text, b->signature, i);
  }
  if (any)
    buf_add_char(out, ']');
}

void chat_put_reasoning(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  bool is_router = flavour == CHAT_OPENROUTER, any = false;
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct sim_block *b = &answer->block[i];
    if (b->kind != SIM_BLOCK_THINKING || b->text.len == 0)
      continue;
    buf_add(out, is_router ? TEXT(",\"reasoning\":") : TEXT(",\"reasoning_content\":"));
    put_quoted(out, b->text);
    any = true;
  }
  if (is_router && !any)
    buf_add(out, TEXT(",\"reasoning\":null"));
  if (is_router)
    put_details(out, answer);
}

static void put_piece(struct buf *out, struct text piece, size_t index, enum chat_flavour flavour) {
  if (flavour != CHAT_OPENROUTER) {
    buf_add(out, TEXT("\"reasoning_content\":"));
    put_quoted(out, piece);
    return;
  }
  buf_add(out, TEXT("\"role\":\"assistant\",\"content\":\"\",\"reasoning\":"));
  put_quoted(out, piece);
  buf_add(out, TEXT(",\"reasoning_details\":["));
  put_text_detail(out, piece, TEXT_NONE, index);
  buf_add_char(out, ']');
}

/* What ends a block on OpenRouter: its signature, or all of it where it is encrypted. */
static void put_end(struct buf *out, const struct sim_block *b, size_t index) {
  buf_add(out, TEXT("\"role\":\"assistant\",\"content\":\"\",\"reasoning\":null,\"reasoning_details\":["));
  if (b->kind == SIM_BLOCK_REDACTED)
    put_encrypted(out, b, index);
  else
    put_text_detail(out, TEXT_NONE, b->signature, index);
  buf_add_char(out, ']');
}

bool chat_put_reasoning_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                              enum chat_flavour flavour) {
  char scratch[32];
  const struct sim_block *b = &answer->block[c->block];
  if (b->kind == SIM_BLOCK_THINKING) {
    struct text piece = answer_piece(answer, c, scratch);
    if (piece.len > 0) {
      put_piece(out, piece, c->block, flavour);
      return true;
    }
  }
  if (flavour != CHAT_OPENROUTER || c->has_any)
    return false;
  c->has_any = true;
  put_end(out, b, c->block);
  return true;
}
