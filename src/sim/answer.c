/* Decides what the simulator says: a text that quotes the user, an acknowledgement of attachments, thinking, tool calls
 * with arguments made from their schemas, and a usage that fits. Knows no dialect, no sockets and no clock; called by
 * sim.c between reading a request and playing the answer. */
#include "sim/answer.h"

#include "sim/example.h"

#define PIECE_BYTES      14
#define SIGNATURE_TOKENS 8

/* The first max bytes of t, cut between characters. */
static struct text cut_at_character(struct text t, size_t max) {
  if (t.len <= max)
    return t;
  while (max > 0 && ((unsigned char)t.at[max] & 0xC0) == 0x80)
    max--;
  return text_head(t, max);
}

static struct text quote(struct arena *a, struct text t) {
  struct text head = cut_at_character(t, SIM_QUOTE_BYTES);
  if (head.len == t.len)
    return t;
  return arena_format(a, "%.*s... (%zu bytes in all)", TEXT_ARGS(head), t.len);
}

static struct text attachments_text(const struct sim_ask *ask, struct arena *a) {
  struct text all = TEXT_NONE;
  for (size_t i = 0; i < ask->attachment_count && i < SIM_ATTACHMENTS_MAX; i++) {
    const struct sim_attachment *at = &ask->attachment[i];
    all = arena_format(a, "%.*s Attachment %zu: %s, %.*s, %zu bytes.", TEXT_ARGS(all), i + 1, at->kind,
                       TEXT_ARGS(at->media_type), at->bytes);
  }
  return all;
}

static struct text main_text(const struct sim_ask *ask, struct arena *a) {
  if (ask->has_tool_result) {
    return arena_format(a, "This is a simulated answer from weir-sim. The tool said: %.*s",
                        TEXT_ARGS(quote(a, ask->tool_result)));
  }
  struct text attachments = attachments_text(ask, a);
  return arena_format(a, "This is a simulated answer from weir-sim. You said: %.*s%.*s", TEXT_ARGS(quote(a, ask->said)),
                      TEXT_ARGS(attachments));
}

static struct sim_block *add_block(struct sim_answer *out, enum sim_block_kind kind) {
  struct sim_block *b = &out->block[out->block_count++];
  b->kind = kind;
  return b;
}

static void add_tools(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  bool once = ask->one_tool_only || (ask->tools_forced && ask->tool_count == 1);
  size_t calls = once ? 1 : 2;
  for (size_t i = 0; i < calls; i++) {
    const struct sim_tool *tool = &ask->tool[i % ask->tool_count];
    struct sim_block *b = add_block(out, SIM_BLOCK_TOOL);
    b->name = arena_copy(a, tool->name);
    b->is_custom = tool->is_custom;
    b->text = tool->is_custom ? TEXT("a simulated \"input\" from weir-sim") : example_object(a, tool->schema);
    b->id = digest_id(a, "", 22, out->seed + i + 1);
  }
  out->stop = SIM_STOP_TOOLS;
}

static bool wants_tools(const struct sim_ask *ask) {
  if (ask->tool_count == 0 || ask->tools_refused)
    return false;
  return ask->tools_forced || (ask->behaviour.tools && !ask->has_tool_result);
}

static void add_thinking(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  if (ask->thinks) {
    struct sim_block *b = add_block(out, SIM_BLOCK_THINKING);
    if (!ask->omit_thinking) {
      b->text = arena_format(a, "weir-sim pretends to think about: %.*s", TEXT_ARGS(quote(a, ask->said)));
    }
    b->signature = digest_signature(a, b->text);
  }
  if (ask->behaviour.redacted) {
    struct sim_block *b = add_block(out, SIM_BLOCK_REDACTED);
    b->text = digest_seal(a, TEXT("weir-sim thought something that it does not show"));
  }
}

static void plan_text(const struct sim_ask *ask, struct arena *a, struct sim_answer *out, struct sim_block *b) {
  if (ask->behaviour.refuse) {
    b->text = TEXT("This is a simulated refusal from weir-sim.");
    out->stop = SIM_STOP_REFUSAL;
  } else if (ask->wants_json || ask->behaviour.json) {
    b->text = example_object(a, ask->json_schema);
  } else if (ask->behaviour.long_words > 0) {
    b->words = ask->behaviour.long_words;
  } else {
    b->text = main_text(ask, a);
  }
  if (ask->behaviour.filter)
    out->stop = SIM_STOP_FILTER;
}

static void plan_blocks(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  if (ask->behaviour.empty)
    return;
  add_thinking(ask, a, out);
  if (!wants_tools(ask)) {
    plan_text(ask, a, out, add_block(out, SIM_BLOCK_TEXT));
    return;
  }
  /* A model that must call a tool says nothing before. */
  if (!ask->tools_forced)
    add_block(out, SIM_BLOCK_TEXT)->text = TEXT("This is a simulated answer from weir-sim. It calls tools.");
  add_tools(ask, a, out);
}

/* Ends the text before the first of the sequences that it holds, as a real model would. */
static void stop_at_sequences(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  struct sim_block *b = out->block_count > 0 ? &out->block[out->block_count - 1] : NULL;
  if (!b || b->kind != SIM_BLOCK_TEXT || out->stop != SIM_STOP_END || b->words > 0)
    return;
  for (size_t i = 0; i < ask->stop_count; i++) {
    ptrdiff_t at = ask->stop[i].len > 0 ? text_find(b->text, ask->stop[i]) : -1;
    if (at < 0)
      continue;
    b->text = text_head(b->text, (size_t)at);
    out->stop = SIM_STOP_SEQUENCE;
    out->stop_sequence = arena_copy(a, ask->stop[i]);
  }
}

/* Tools have their ids already. */
static void name_blocks(struct arena *a, struct sim_answer *out) {
  for (size_t i = 0; i < out->block_count; i++) {
    if (out->block[i].id.len == 0)
      out->block[i].id = digest_id(a, "", 22, out->seed + 100 + i);
  }
}

static uint64_t block_tokens(const struct sim_block *b) {
  if (b->words > 0)
    return b->words;
  return digest_tokens(b->text.len) + (b->signature.len > 0 ? SIGNATURE_TOKENS : 0);
}

/* Cuts the text when it would pass max_tokens, as a real model would stop there. */
static void keep_within_max_tokens(const struct sim_ask *ask, struct sim_answer *out) {
  uint64_t used = 0;
  for (size_t i = 0; i < out->block_count; i++) {
    struct sim_block *b = &out->block[i];
    uint64_t tokens = block_tokens(b);
    if (b->kind == SIM_BLOCK_TEXT && ask->max_tokens > 0 && out->stop == SIM_STOP_END &&
        used + tokens > ask->max_tokens) {
      uint64_t left = used < ask->max_tokens ? ask->max_tokens - used : 1;
      if (b->words > 0)
        b->words = (uint32_t)left;
      else
        b->text = cut_at_character(b->text, left * 4);
      out->stop = SIM_STOP_LENGTH;
      tokens = block_tokens(b);
    }
    used += tokens;
    if (b->kind == SIM_BLOCK_THINKING || b->kind == SIM_BLOCK_REDACTED)
      out->usage.reasoning += tokens;
  }
  out->usage.output = used;
}

static void plan_input_usage(const struct sim_ask *ask, struct prompt_cache *cache, struct sim_usage *usage) {
  usage->input = digest_tokens(ask->digest.bytes);
  if (ask->behaviour.cache) {
    usage->cache_read = 2000;
    usage->write_5m = 300;
    usage->write_1h = 40;
  } else if (cache && ask->breakpoint_count > 0) {
    struct prompt_cache_usage cached = prompt_cache_use(cache, ask->breakpoint, ask->breakpoint_count);
    uint64_t all = cached.read + cached.write_5m + cached.write_1h;
    usage->cache_read = cached.read;
    usage->write_5m = cached.write_5m;
    usage->write_1h = cached.write_1h;
    usage->input = usage->input > all ? usage->input - all : 1;
  }
}

void answer_plan(const struct sim_ask *ask, uint64_t counter, struct prompt_cache *cache, struct arena *a,
                 struct sim_answer *out) {
  struct digest seed = ask->digest;
  digest_u64(&seed, counter);
  *out = (struct sim_answer){
      .model = arena_copy(a, ask->model),
      .seed = seed.hash,
      .id = digest_id(a, "", 22, seed.hash),
      .no_usage = ask->behaviour.no_usage,
      .include_usage = ask->include_usage,
      .is_modern = ask->is_modern,
      .wants_sealed = ask->wants_sealed,
      .is_kept = ask->is_kept,
      .is_plain_stream = ask->is_plain_stream,
      .echo = ask->echo,
      .prompt = ask->digest,
  };
  plan_blocks(ask, a, out);
  stop_at_sequences(ask, a, out);
  name_blocks(a, out);
  keep_within_max_tokens(ask, out);
  plan_input_usage(ask, cache, &out->usage);
}

struct text answer_piece(const struct sim_answer *answer, struct sim_cursor *cursor, char *scratch) {
  const struct sim_block *b = &answer->block[cursor->block];
  if (b->words > 0) {
    if (cursor->offset >= b->words)
      return TEXT_NONE;
    int n = snprintf(scratch, 32, "word %zu ", ++cursor->offset);
    return (struct text){scratch, (size_t)n};
  }
  struct text left = text_skip(b->text, cursor->offset);
  struct text piece = cut_at_character(left, PIECE_BYTES);
  if (piece.len == 0 && left.len > 0)
    piece = text_head(left, PIECE_BYTES);
  cursor->offset += piece.len;
  return piece;
}

void answer_write_escaped(struct buf *out, const struct sim_block *block) {
  if (block->words == 0) {
    json_escape(out, block->text);
    return;
  }
  for (uint32_t i = 1; i <= block->words; i++) {
    buf_add(out, TEXT("word "));
    buf_add_u64(out, i);
    buf_add_char(out, ' ');
  }
}
