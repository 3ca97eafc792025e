/* The places of facts in the answers of each dialect. Called by the taps, for answers that pass as they are, and by the
 * readers of the dialects, for those that are translated. */
#include "wire/facts.h"

#include "wire/member.h"

static void take_text(yyjson_val *object, const char *name, enum llm_fact which, struct llm_facts *f) {
  struct text value = json_text(json_get(object, name));
  if (value.len > 0)
    llm_facts_text(f, which, value);
}

static void take_number(yyjson_val *object, const char *name, enum llm_fact which, struct llm_facts *f) {
  uint64_t value;
  if (member_count(object, name, &value))
    llm_facts_number(f, which, value);
}

/* The counts above zero. */
static void take_counts(yyjson_val *object, enum llm_fact which, struct llm_facts *f) {
  char json[LLM_FACTS_MAX_BYTES] = "{";
  size_t len = 1, i, count;
  yyjson_val *name, *ignored;
  yyjson_obj_foreach (object, i, count, name, ignored) {
    struct text n = json_text(name);
    uint64_t number = 0;
    if (!member_count(object, n.at, &number) || number == 0 || !llm_facts_is_plain(n) || len + n.len + 26 > sizeof json)
      continue;
    len += (size_t)snprintf(json + len, sizeof json - len, "%s\"%.*s\":%llu", len > 1 ? "," : "", TEXT_ARGS(n),
                            (unsigned long long)number);
  }
  if (len == 1)
    return;
  json[len++] = '}';
  llm_facts_json(f, which, (struct text){json, len});
}

void facts_of_anthropic(yyjson_val *usage, struct llm_facts *f) {
  if (!yyjson_is_obj(usage))
    return;
  take_text(usage, "service_tier", LLM_FACT_SERVICE_TIER, f);
  take_text(usage, "inference_geo", LLM_FACT_INFERENCE_GEO, f);
  take_text(usage, "speed", LLM_FACT_SPEED, f);
  take_counts(json_get(usage, "server_tool_use"), LLM_FACT_SERVER_TOOL_USE, f);
}

void facts_of_anthropic_message(yyjson_val *root, struct llm_facts *f) {
  facts_of_anthropic(json_get(root, "usage"), f);
}

void facts_of_openai(yyjson_val *root, struct llm_facts *f) {
  yyjson_val *provider = json_get(root, "provider");
  take_text(root, "service_tier", LLM_FACT_SERVICE_TIER, f);
  take_text(root, "system_fingerprint", LLM_FACT_SYSTEM_FINGERPRINT, f);
  if (!yyjson_is_str(provider)) /* a broker says who it was */
    return;
  take_text(root, "provider", LLM_FACT_PROVIDER, f);
  take_text(root, "id", LLM_FACT_GENERATION_ID, f);
  take_text(yyjson_arr_get_first(json_get(root, "choices")), "native_finish_reason", LLM_FACT_NATIVE_FINISH_REASON, f);
}

void facts_of_converse(yyjson_val *root, struct llm_facts *f) {
  take_text(json_get(root, "serviceTier"), "type", LLM_FACT_SERVICE_TIER, f);
  take_text(json_get(root, "performanceConfig"), "latency", LLM_FACT_PERFORMANCE, f);
  take_number(json_get(root, "metrics"), "latencyMs", LLM_FACT_LATENCY_MS, f);
}

void facts_of_invocation(yyjson_val *root, struct llm_facts *f) {
  yyjson_val *metrics = json_get(root, FACTS_INVOCATION_METRICS);
  take_number(metrics, "invocationLatency", LLM_FACT_LATENCY_MS, f);
  take_number(metrics, "firstByteLatency", LLM_FACT_FIRST_BYTE_MS, f);
}
