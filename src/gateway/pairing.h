/* Which of a provider's wires serves a request, and how its bytes get from one to the other. Pure. */
#ifndef GATEWAY_PAIRING_H
#define GATEWAY_PAIRING_H

#include "config/config.h"
#include "ports/provider.h"
#include "wire/wire.h"

enum pairing_mode {
  PAIRING_PASS,     /* the same wire: bytes with edits */
  PAIRING_REFRAME,  /* the same dialect in another envelope: Anthropic's and Bedrock's InvokeModel */
  PAIRING_TRANSLATE /* through llm/ */
};
struct pairing {
  const struct wire *wire; /* of the provider */
  enum pairing_mode mode;
  enum provider_operation operation;
};

/* The nearest of the provider's wires for a request in the client's: its own, then the same dialect in another
 * envelope, then the first in the provider's order that can be translated. ERR_UNSUPPORTED when there is none. */
enum err pairing_find(const struct wire *client, const struct config_provider *provider, struct text upstream_model,
                      const struct provider *adapter, struct pairing *out) MUST_CHECK;
/* Does Bedrock serve this model with Anthropic's bodies? By its id: "anthropic." or "claude" in it. */
bool pairing_is_claude(struct text bedrock_model);

/* The wire whose partners pairing_find should be asked for: client, but WIRE_ANTHROPIC for an InvokeModel body that
 * names its anthropic_version and goes to a model of Bedrock's that takes no such bodies, so that it is translated and
 * not handed over to be refused. An ARN does not say whose model it stands for: it stays with client. */
const struct wire *pairing_body_wire(const struct wire *client, bool has_anthropic_version,
                                     const struct config_provider *provider, struct text upstream_model);

/* All that the choice of the wire depends on in a request, as one number below PAIRING_KINDS: for one target requests
 * of one kind are paired alike, whatever else is in them. has_anthropic_version: see above. is_count: a question for a
 * number of tokens. */
#define PAIRING_KINDS (2 * WIRE_COUNT + 1)
size_t pairing_kind(const struct wire *client, bool has_anthropic_version, bool is_count);
/* The pairing of a target with requests of that kind. Token counts are asked only of a provider that counts in the
 * caller's own dialect. ERR_UNSUPPORTED when the target cannot serve them. */
enum err pairing_for_kind(size_t kind, const struct config_provider *provider, struct text upstream_model,
                          const struct provider *adapter, struct pairing *out) MUST_CHECK;

#endif
