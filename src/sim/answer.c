/* Decides what the simulator says: a text that quotes the user, an acknowledgement of attachments, thinking, tool calls
 * with arguments made from their schemas, and a usage that fits. Knows no dialect, no sockets and no clock; called by
 * sim.c between reading a request and playing the answer. */
#include "sim/answer.h"

#include "base/json.h"

#define PIECE_BYTES          14
#define TOOL_INPUT_MAX_BYTES 4096
#define TOOL_MEMBERS_MAX     16
#define SIGNATURE_TOKENS     8

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

static void put_example(struct json_writer *w, yyjson_val *schema) {
  yyjson_val *choices = yyjson_obj_get(schema, "enum");
  struct text type = json_text(yyjson_obj_get(schema, "type"));
  if (yyjson_is_str(yyjson_arr_get_first(choices)))
    json_put_text(w, json_text(yyjson_arr_get_first(choices)));
  else if (text_equal(type, TEXT("integer")) || text_equal(type, TEXT("number")))
    json_put_u64(w, 7);
  else if (text_equal(type, TEXT("boolean")))
    json_put_bool(w, true);
  else if (text_equal(type, TEXT("array")))
    json_put_raw(w, TEXT("[]"));
  else if (text_equal(type, TEXT("object")))
    json_put_raw(w, TEXT("{}"));
  else if (text_equal(type, TEXT("null")))
    json_put_null(w);
  else
    json_put_str(w, "a simulated \"value\" from weir-sim");
}

static struct text tool_input(yyjson_val *schema, struct arena *a) {
  struct buf out;
  buf_init(&out, TOOL_INPUT_MAX_BYTES);
  struct json_writer w;
  json_writer_init(&w, &out);
  json_object(&w);
  yyjson_val *properties = yyjson_obj_get(schema, "properties");
  size_t i, n;
  yyjson_val *name, *value;
  yyjson_obj_foreach (properties, i, n, name, value) {
    if (i >= TOOL_MEMBERS_MAX)
      break;
    json_name(&w, yyjson_get_str(name));
    put_example(&w, value);
  }
  json_object_end(&w);
  struct text input = buf_check(&out) == ERR_OK ? arena_copy(a, buf_text(&out)) : TEXT("{}");
  buf_done(&out);
  return input;
}

static void add_tools(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  size_t calls = ask->one_tool_only ? 1 : 2;
  for (size_t i = 0; i < calls; i++) {
    const struct sim_tool *tool = &ask->tool[i % ask->tool_count];
    struct sim_block *b = add_block(out, SIM_BLOCK_TOOL);
    b->name = arena_copy(a, tool->name);
    b->text = tool_input(tool->schema, a);
    b->id = digest_id(a, "", 22, out->seed + i + 1);
  }
  out->stop = SIM_STOP_TOOLS;
}

static bool wants_tools(const struct sim_ask *ask) {
  if (ask->tool_count == 0 || ask->tools_refused)
    return false;
  return ask->tools_forced || (ask->behaviour.tools && !ask->has_tool_result);
}

static void plan_blocks(const struct sim_ask *ask, struct arena *a, struct sim_answer *out) {
  if (ask->behaviour.empty)
    return;
  if (ask->thinks) {
    struct sim_block *b = add_block(out, SIM_BLOCK_THINKING);
    if (!ask->omit_thinking) {
      b->text = arena_format(a, "weir-sim pretends to think about: %.*s", TEXT_ARGS(quote(a, ask->said)));
    }
    b->signature = digest_signature(a, b->text);
  }
  bool tools = wants_tools(ask);
  struct sim_block *b = add_block(out, SIM_BLOCK_TEXT);
  if (tools)
    b->text = TEXT("This is a simulated answer from weir-sim. It calls tools.");
  else if (ask->behaviour.long_words > 0)
    b->words = ask->behaviour.long_words;
  else
    b->text = main_text(ask, a);
  if (tools)
    add_tools(ask, a, out);
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
    if (b->kind == SIM_BLOCK_THINKING)
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
  };
  plan_blocks(ask, a, out);
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
