/* reasoning_details: entries read and written, pieces joined to the thoughts they came from, and plain reasoning text
 * compared with them. It does not stream: openai_chat_stream.c keeps what must be remembered between chunks. Called by
 * all parts of the chat dialect. */
#include "wire/openai_reasoning.h"

static const struct {
  const char *type;
  const char *text; /* the member with what can be read */
  const char *signature;
} kinds[] = {
    [OPENAI_DETAIL_TEXT] = {"reasoning.text", "text", "signature"},
    [OPENAI_DETAIL_SUMMARY] = {"reasoning.summary", "summary", NULL},
    [OPENAI_DETAIL_ENCRYPTED] = {"reasoning.encrypted", NULL, "data"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Reasoning items of the Responses API, whoever runs it: a summary and encrypted data make one thought. */
static bool is_item(struct text format) { return text_ends(format, TEXT("-responses-v1")); }

static bool read_kind(yyjson_val *entry, enum openai_detail_kind *out) {
  struct text type = json_text(json_get(entry, "type"));
  for (size_t i = 0; i < KINDS; i++)
    if (text_equal(type, text_of(kinds[i].type))) {
      *out = (enum openai_detail_kind)i;
      return true;
    }
  return false;
}

/* A string member or nothing; false for another type. */
static bool read_string(yyjson_val *v, struct text *out) {
  *out = json_text(v);
  return yyjson_is_str(v) || yyjson_is_null(v);
}

static bool read_index(yyjson_val *v, char digits[OPENAI_DETAIL_DIGITS], struct text *out) {
  if (yyjson_is_uint(v)) {
    int n = snprintf(digits, OPENAI_DETAIL_DIGITS, "%llu", (unsigned long long)yyjson_get_uint(v));
    *out = (struct text){digits, (size_t)n};
    return true;
  }
  *out = json_number(v);
  return yyjson_is_raw(v) || yyjson_is_null(v);
}

static bool is_member(struct text name, const char *member) { return member && text_equal(name, text_of(member)); }

/* False for a value of the wrong type; *known tells whether the entry's kind has such a member. */
static bool read_member(struct openai_detail *d, struct text name, yyjson_val *v, char digits[OPENAI_DETAIL_DIGITS],
                        bool *known) {
  *known = true;
  if (is_member(name, "type"))
    return true;
  if (is_member(name, kinds[d->kind].text))
    return read_string(v, &d->text);
  if (is_member(name, kinds[d->kind].signature))
    return read_string(v, &d->signature);
  if (is_member(name, "format"))
    return read_string(v, &d->format);
  if (is_member(name, "id"))
    return read_string(v, &d->id);
  if (is_member(name, "index"))
    return read_index(v, digits, &d->index);
  *known = is_member(name, "details");
  d->details = *known && !yyjson_is_null(v) ? v : d->details;
  return true;
}

const char *openai_detail_read(yyjson_val *entry, char digits[OPENAI_DETAIL_DIGITS], struct openai_detail *out,
                               const char **out_member) {
  struct openai_detail d = {0};
  size_t i, count;
  yyjson_val *name, *value;
  *out_member = "type";
  if (!yyjson_is_obj(entry) || !read_kind(entry, &d.kind))
    return "must be \"reasoning.text\", \"reasoning.summary\" or \"reasoning.encrypted\"";
  yyjson_obj_foreach (entry, i, count, name, value) {
    bool known;
    *out_member = yyjson_get_str(name);
    if (!read_member(&d, json_text(name), value, digits, &known))
      return "is of the wrong type";
    if (!known && !yyjson_is_null(value))
      return "is not known here";
  }
  *out = d;
  return NULL;
}

bool openai_detail_is_empty(const struct openai_detail *d) {
  return text_is_empty(d->text) && text_is_empty(d->signature) && text_is_empty(d->id) && !d->details;
}

static bool may_be_same(struct text a, struct text b) {
  return text_is_empty(a) || text_is_empty(b) || text_equal(a, b);
}

static bool same_index(const struct openai_detail *a, const struct openai_detail *b) {
  return !text_is_empty(a->index) && text_equal(a->index, b->index);
}

bool openai_detail_joins(const struct openai_detail *first, bool has_signature, const struct openai_detail *next) {
  bool is_last = has_signature && (!text_is_empty(next->text) || !text_is_empty(next->signature));
  if (is_last || !may_be_same(first->format, next->format) || !may_be_same(first->id, next->id))
    return false;
  if (first->kind == next->kind)
    return first->kind != OPENAI_DETAIL_ENCRYPTED && same_index(first, next);
  return first->kind == OPENAI_DETAIL_SUMMARY && next->kind == OPENAI_DETAIL_ENCRYPTED &&
         is_item(openai_detail_format(first)) && (text_is_empty(next->format) || is_item(next->format));
}

struct text openai_detail_format(const struct openai_detail *d) {
  if (!text_is_empty(d->format))
    return d->format;
  if (d->kind == OPENAI_DETAIL_SUMMARY)
    return TEXT(LLM_FORMAT_RESPONSES);
  return text_is_empty(d->signature) ? TEXT(LLM_FORMAT_NONE) : TEXT(LLM_FORMAT_ANTHROPIC);
}

bool openai_detail_is_redacted(const struct openai_detail *d) {
  return d->kind == OPENAI_DETAIL_ENCRYPTED && !is_item(openai_detail_format(d));
}

/* entries[0..n) are one thought. */
static void make_block(const struct openai_detail *entries, size_t n, struct arena *a, struct llm_block *out) {
  struct text *parts = arena_alloc(a, n * sizeof(*parts));
  size_t count = 0;
  struct openai_detail whole = entries[0];
  for (size_t i = 0; i < n; i++) {
    const struct openai_detail *d = &entries[i];
    if (!text_is_empty(d->text))
      parts[count++] = d->text;
    whole.signature = text_is_empty(d->signature) ? whole.signature : d->signature;
    whole.format = text_is_empty(whole.format) ? d->format : whole.format;
    whole.id = text_is_empty(whole.id) ? d->id : whole.id;
    whole.details = d->details ? d->details : whole.details;
  }
  *out = (struct llm_block){.kind = openai_detail_is_redacted(&whole) ? LLM_REDACTED_THINKING : LLM_THINKING,
                            .text = count == 1 ? parts[0] : arena_join(a, parts, count),
                            .signature = whole.signature,
                            .format = openai_detail_format(&whole),
                            .id = whole.id,
                            .details = whole.details ? json_value_text(whole.details, a) : TEXT_NONE};
}

static void make_blocks(const struct openai_detail *entries, size_t n, struct arena *a, struct llm_block *blocks,
                        size_t *count) {
  for (size_t i = 0, end; i < n; i = end) {
    bool has_signature = !text_is_empty(entries[i].signature);
    for (end = i + 1; end < n && openai_detail_joins(&entries[i], has_signature, &entries[end]); end++)
      has_signature = has_signature || !text_is_empty(entries[end].signature);
    make_block(entries + i, end - i, a, &blocks[(*count)++]);
  }
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* Does plain say what the blocks say one behind the other? White space apart: servers join pieces in their own ways. */
static bool repeats(struct text plain, const struct llm_block *blocks, size_t count) {
  size_t at = 0;
  for (size_t b = 0; b < count; b++)
    for (size_t i = 0; i < blocks[b].text.len; i++) {
      if (is_space(blocks[b].text.at[i]))
        continue;
      while (at < plain.len && is_space(plain.at[at]))
        at++;
      if (at == plain.len || plain.at[at++] != blocks[b].text.at[i])
        return false;
    }
  while (at < plain.len && is_space(plain.at[at]))
    at++;
  return at == plain.len;
}

static void add_plain(struct text plain, struct llm_block *blocks, size_t *count) {
  blocks[(*count)++] = (struct llm_block){.kind = LLM_THINKING, .text = plain, .format = TEXT(LLM_FORMAT_NONE)};
}

size_t openai_reasoning_most(yyjson_val *details) { return yyjson_arr_size(details) + 2; }

const char *openai_reasoning_read(yyjson_val *details, struct text content, struct text reasoning, struct arena *a,
                                  struct llm_block *blocks, size_t *count, size_t *out_entry, const char **out_member) {
  struct openai_detail *entries = arena_alloc(a, yyjson_arr_size(details) * sizeof(*entries));
  size_t i, most, n = 0, before = *count;
  yyjson_val *entry;
  yyjson_arr_foreach (details, i, most, entry) {
    char *digits = arena_alloc(a, OPENAI_DETAIL_DIGITS);
    const char *wrong = openai_detail_read(entry, digits, &entries[n], out_member);
    *out_entry = i;
    if (wrong)
      return wrong;
    n += !openai_detail_is_empty(&entries[n]);
  }
  make_blocks(entries, n, a, blocks, count);
  struct llm_block *made = blocks + before;
  size_t made_count = *count - before;
  if (!text_is_empty(content) && !repeats(content, made, made_count))
    add_plain(content, blocks, count);
  if (!text_is_empty(reasoning) && !text_equal(reasoning, content) && !repeats(reasoning, made, made_count))
    add_plain(reasoning, blocks, count);
  return NULL;
}

static void put_entry(struct json_writer *w, enum openai_detail_kind kind, const struct llm_block *b, uint32_t index,
                      struct text text, struct text signature, bool with_details) {
  json_object(w);
  json_field_str(w, "type", kinds[kind].type);
  if (kinds[kind].text)
    json_field_text(w, kinds[kind].text, text);
  if (kinds[kind].signature && !text_is_empty(signature))
    json_field_text(w, kinds[kind].signature, signature);
  json_field_text(w, "format", text_is_empty(b->format) ? TEXT(LLM_FORMAT_NONE) : b->format);
  if (!text_is_empty(b->id))
    json_field_text(w, "id", b->id);
  json_field_u64(w, "index", index);
  if (with_details && !text_is_empty(b->details)) {
    json_name(w, "details");
    json_put_raw(w, b->details);
  }
  json_object_end(w);
}

void openai_reasoning_put(struct json_writer *w, const struct llm_block *b, uint32_t index, struct text text,
                          struct text signature) {
  if (b->kind == LLM_REDACTED_THINKING) {
    put_entry(w, OPENAI_DETAIL_ENCRYPTED, b, index, TEXT_NONE, signature, true);
  } else if (is_item(b->format)) {
    bool is_signed = !text_is_empty(signature);
    if (!is_signed || !text_is_empty(text))
      put_entry(w, OPENAI_DETAIL_SUMMARY, b, index, text, TEXT_NONE, !is_signed);
    if (is_signed)
      put_entry(w, OPENAI_DETAIL_ENCRYPTED, b, index, TEXT_NONE, signature, true);
  } else {
    put_entry(w, OPENAI_DETAIL_TEXT, b, index, text, signature, true);
  }
}
