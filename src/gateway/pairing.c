/* The choice of the provider's wire: a small table of what each kind speaks and in which order it likes to be spoken
 * to, unless its configuration says so itself. Called by choose for every target. */
#include "gateway/pairing.h"

static const struct {
  enum config_provider_kind kind;
  enum wire_id wires[4];
  size_t count;
} kinds[] = {
    {CONFIG_ANTHROPIC, {WIRE_ANTHROPIC}, 1},
    {CONFIG_OPENAI, {WIRE_OPENAI_CHAT, WIRE_OPENAI_RESPONSES, WIRE_OPENAI_EMBEDDINGS}, 3},
    {CONFIG_OPENROUTER, {WIRE_OPENAI_CHAT, WIRE_OPENAI_EMBEDDINGS}, 2},
    {CONFIG_BEDROCK, {WIRE_BEDROCK_INVOKE, WIRE_BEDROCK_CONVERSE}, 2},
};

static enum provider_operation operation_of(enum wire_id id) {
  switch (id) {
  case WIRE_ANTHROPIC: return PROVIDER_MESSAGES;
  case WIRE_OPENAI_CHAT: return PROVIDER_CHAT;
  case WIRE_OPENAI_EMBEDDINGS: return PROVIDER_EMBEDDINGS;
  case WIRE_OPENAI_RESPONSES: return PROVIDER_RESPONSES;
  case WIRE_BEDROCK_INVOKE: return PROVIDER_INVOKE;
  case WIRE_BEDROCK_CONVERSE: return PROVIDER_CONVERSE;
  case WIRE_COUNT: break;
  }
  return PROVIDER_OPERATION_COUNT;
}

bool pairing_is_claude(struct text bedrock_model) {
  return text_find(bedrock_model, TEXT("anthropic.")) >= 0 || text_find(bedrock_model, TEXT("claude")) >= 0;
}

static bool has_anthropic_body(const struct wire *w) { return w->id == WIRE_ANTHROPIC || w->id == WIRE_BEDROCK_INVOKE; }

/* How near the provider's wire is to the client's: 0 not at all. An InvokeModel body is Anthropic's only for
 * Anthropic's models; those of others are carried as they are and understood by nobody here. */
static int nearness(const struct wire *client, const struct wire *theirs, struct text upstream_model,
                    enum pairing_mode *out) {
  bool opaque = theirs->id == WIRE_BEDROCK_INVOKE && !pairing_is_claude(upstream_model);
  *out = PAIRING_PASS;
  if (client == theirs)
    return 3;
  *out = PAIRING_REFRAME;
  if (has_anthropic_body(client) && has_anthropic_body(theirs) && !opaque)
    return 2;
  *out = PAIRING_TRANSLATE;
  return client->dialect && theirs->dialect && !opaque ? 1 : 0;
}

static void consider(const struct wire *client, const struct wire *theirs, struct text upstream_model,
                     const struct provider *adapter, int *best, struct pairing *out) {
  enum pairing_mode mode;
  if (!theirs || !adapter->serves(operation_of(theirs->id)))
    return;
  int near = nearness(client, theirs, upstream_model, &mode);
  if (near <= *best)
    return;
  *best = near;
  *out = (struct pairing){theirs, mode, operation_of(theirs->id)};
}

enum err pairing_find(const struct wire *client, const struct config_provider *provider, struct text upstream_model,
                      const struct provider *adapter, struct pairing *out) {
  int best = 0;
  for (size_t i = 0; i < provider->wire_count; i++)
    consider(client, wire_find(provider->wires[i]), upstream_model, adapter, &best, out);
  for (size_t k = 0; provider->wire_count == 0 && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
    for (size_t i = 0; kinds[k].kind == provider->kind && i < kinds[k].count; i++)
      consider(client, wire_get(kinds[k].wires[i]), upstream_model, adapter, &best, out);
  }
  return best > 0 ? ERR_OK : ERR_UNSUPPORTED;
}

const struct wire *pairing_body_wire(const struct wire *client, bool has_anthropic_version,
                                     const struct config_provider *provider, struct text upstream_model) {
  bool is_foreign = client->id == WIRE_BEDROCK_INVOKE && has_anthropic_version && provider->kind == CONFIG_BEDROCK &&
                    !pairing_is_claude(upstream_model) && !text_starts(upstream_model, TEXT("arn:"));
  return is_foreign ? wire_get(WIRE_ANTHROPIC) : client;
}

#define KIND_COUNTS    ((size_t)WIRE_COUNT)
#define KIND_VERSIONED ((size_t)(2 * WIRE_COUNT))
_Static_assert(KIND_VERSIONED + 1 == PAIRING_KINDS, "a kind for each wire, for each wire's counts, and for one more");

size_t pairing_kind(const struct wire *client, bool has_anthropic_version, bool is_count) {
  if (is_count)
    return KIND_COUNTS + client->id;
  return client->id == WIRE_BEDROCK_INVOKE && has_anthropic_version ? KIND_VERSIONED : client->id;
}

static enum err find_for_count(const struct wire *client, const struct config_provider *p, struct text upstream_model,
                               const struct provider *adapter, struct pairing *out) {
  bool is_claude = p->kind == CONFIG_BEDROCK && pairing_is_claude(upstream_model);
  if (client->id == WIRE_ANTHROPIC && is_claude && adapter->serves(PROVIDER_COUNT_BEDROCK)) {
    *out = (struct pairing){wire_get(WIRE_BEDROCK_INVOKE), PAIRING_REFRAME, PROVIDER_COUNT_BEDROCK};
    return ERR_OK;
  }
  enum provider_operation op = client->id == WIRE_ANTHROPIC ? PROVIDER_COUNT_TOKENS : PROVIDER_COUNT_BEDROCK;
  if (!adapter->serves(op))
    return ERR_UNSUPPORTED;
  *out = (struct pairing){client, PAIRING_PASS, op};
  return ERR_OK;
}

enum err pairing_for_kind(size_t kind, const struct config_provider *p, struct text upstream_model,
                          const struct provider *adapter, struct pairing *out) {
  if (kind < KIND_COUNTS)
    return pairing_find(wire_get((enum wire_id)kind), p, upstream_model, adapter, out);
  if (kind < KIND_VERSIONED)
    return find_for_count(wire_get((enum wire_id)(kind - KIND_COUNTS)), p, upstream_model, adapter, out);
  const struct wire *client = wire_get(WIRE_BEDROCK_INVOKE);
  const struct wire *body = pairing_body_wire(client, true, p, upstream_model);
  enum err e = pairing_find(body, p, upstream_model, adapter, out);
  return e == ERR_OK || body == client ? e : pairing_find(client, p, upstream_model, adapter, out);
}
