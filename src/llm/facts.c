/* The object of facts, built member by member in one piece of the arena. It decides what fits and what a plain text is;
 * which members of an answer are facts is decided in wire/facts.c. Called from there and, for the row, by the gateway.
 */
#include "llm/facts.h"

#define TEXT_MAX_BYTES 128

static const char *const names[LLM_FACT_COUNT] = {
    [LLM_FACT_SERVICE_TIER] = "service_tier",
    [LLM_FACT_SYSTEM_FINGERPRINT] = "system_fingerprint",
    [LLM_FACT_PROVIDER] = "provider",
    [LLM_FACT_GENERATION_ID] = "generation_id",
    [LLM_FACT_NATIVE_FINISH_REASON] = "native_finish_reason",
    [LLM_FACT_SERVER_TOOL_USE] = "server_tool_use",
    [LLM_FACT_INFERENCE_GEO] = "inference_geo",
    [LLM_FACT_SPEED] = "speed",
    [LLM_FACT_LATENCY_MS] = "latency_ms",
    [LLM_FACT_FIRST_BYTE_MS] = "first_byte_ms",
    [LLM_FACT_PERFORMANCE] = "performance",
};

/* json: '{', then members, each with a comma behind it, the last of which is made the closing brace when it is read. */
struct llm_facts_room {
  uint16_t len;
  struct {
    uint16_t from, len;
  } at[LLM_FACT_COUNT];
  char json[LLM_FACTS_MAX_BYTES];
};

bool llm_facts_is_plain(struct text t) {
  if (t.len == 0 || t.len > TEXT_MAX_BYTES || !text_is_utf8(t))
    return false;
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.at[i] < 0x20 || t.at[i] == '"' || t.at[i] == '\\' || t.at[i] == 0x7f)
      return false;
  return true;
}

static void cut_out(struct llm_facts_room *r, enum llm_fact which) {
  uint16_t from = r->at[which].from, len = r->at[which].len;
  if (len == 0)
    return;
  memmove(r->json + from, r->json + from + len, (size_t)(r->len - from - len));
  r->len = (uint16_t)(r->len - len);
  r->at[which].len = 0;
  for (size_t i = 0; i < LLM_FACT_COUNT; i++)
    if (r->at[i].len && r->at[i].from > from)
      r->at[i].from = (uint16_t)(r->at[i].from - len);
}

void llm_facts_json(struct llm_facts *f, enum llm_fact which, struct text value) {
  struct text name = text_of(names[which]);
  size_t len = name.len + value.len + 4; /* two quotes, a colon, a comma */
  if (!f->arena)
    return;
  if (!f->room) {
    f->room = ARENA_NEW(f->arena, struct llm_facts_room);
    f->room->json[0] = '{';
    f->room->len = 1;
  }
  struct llm_facts_room *r = f->room;
  if (r->len > 1)
    r->json[r->len - 1] = ',';
  cut_out(r, which);
  if (r->len + len > LLM_FACTS_MAX_BYTES)
    return;
  char *at = r->json + r->len;
  *at++ = '"';
  memcpy(at, name.at, name.len);
  at += name.len;
  *at++ = '"';
  *at++ = ':';
  memcpy(at, value.at, value.len);
  at[value.len] = ',';
  r->at[which].from = r->len;
  r->at[which].len = (uint16_t)len;
  r->len = (uint16_t)(r->len + len);
}

void llm_facts_text(struct llm_facts *f, enum llm_fact which, struct text value) {
  char quoted[TEXT_MAX_BYTES + 2];
  if (!f->arena || !llm_facts_is_plain(value))
    return;
  quoted[0] = '"';
  memcpy(quoted + 1, value.at, value.len);
  quoted[value.len + 1] = '"';
  llm_facts_json(f, which, (struct text){quoted, value.len + 2});
}

void llm_facts_number(struct llm_facts *f, enum llm_fact which, uint64_t value) {
  char digits[24];
  int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
  if (n > 0)
    llm_facts_json(f, which, (struct text){digits, (size_t)n});
}

struct text llm_facts_object(const struct llm_facts *f) {
  struct llm_facts_room *r = f->room;
  if (!r || r->len <= 1)
    return TEXT_NONE;
  r->json[r->len - 1] = '}';
  return (struct text){r->json, r->len};
}
