/* What a provider reports about a call beside what every call has: its service tier, who really served it, how long it
 * says it took. Kept as one JSON object of at most LLM_FACTS_MAX_BYTES for the ledger's column provider_metadata. A
 * member that does not fit, or that is no plain value, is left out whole; the object is never torn. Pure: memory is
 * taken from the arena with the first fact, so that an answer that reports nothing costs nothing. */
#ifndef LLM_FACTS_H
#define LLM_FACTS_H

#include "base/arena.h"

#define LLM_FACTS_MAX_BYTES 512

/* In the object under the names in facts.c. */
enum llm_fact {
  LLM_FACT_SERVICE_TIER,
  LLM_FACT_SYSTEM_FINGERPRINT,
  LLM_FACT_PROVIDER,      /* who really served it, where the provider is a broker */
  LLM_FACT_GENERATION_ID, /* under which a broker knows it */
  LLM_FACT_NATIVE_FINISH_REASON,
  LLM_FACT_SERVER_TOOL_USE, /* an object of counts */
  LLM_FACT_INFERENCE_GEO,
  LLM_FACT_SPEED,
  LLM_FACT_LATENCY_MS, /* as the provider has measured it */
  LLM_FACT_FIRST_BYTE_MS,
  LLM_FACT_PERFORMANCE, /* of performanceConfig */
  LLM_FACT_COUNT
};

struct llm_facts_room;
struct llm_facts {
  struct arena *arena; /* NULL: nothing is kept */
  struct llm_facts_room *room;
};

/* The last report of a fact counts. A text must be 1 to 128 bytes of UTF-8 that JSON shows without escapes. */
void llm_facts_text(struct llm_facts *f, enum llm_fact which, struct text value);
void llm_facts_number(struct llm_facts *f, enum llm_fact which, uint64_t value);
/* value is a whole, valid value of JSON. */
void llm_facts_json(struct llm_facts *f, enum llm_fact which, struct text value);
/* Whether the text may be a text here, or a name. */
bool llm_facts_is_plain(struct text t);
/* The object, or "" when nothing was reported. Lives in the arena; good until the next report. */
struct text llm_facts_object(const struct llm_facts *f);

#endif
