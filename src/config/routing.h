/* The part of the snapshot that says where requests may go: providers with their credentials, models with their
 * targets, policies, and what is done when a target fails, is busy or is slow. Structs only; who needs them includes
 * config/config.h, which says how long they live and how they are found. */
#ifndef CONFIG_ROUTING_H
#define CONFIG_ROUTING_H

#include "base/secret.h"

enum config_provider_kind { CONFIG_ANTHROPIC, CONFIG_OPENAI, CONFIG_OPENROUTER, CONFIG_BEDROCK };
/* How a target is chosen among those of a model. */
enum config_strategy {
  CONFIG_STRATEGY_ORDERED,
  CONFIG_STRATEGY_WEIGHTED,
  CONFIG_STRATEGY_LATENCY,
  CONFIG_STRATEGY_COST,
  CONFIG_STRATEGY_LEAST_BUSY
};
/* What happens to an answer whose client has left. */
enum config_on_disconnect { CONFIG_DISCONNECT_CANCEL, CONFIG_DISCONNECT_DRAIN };

struct config_timeouts { /* milliseconds */
  int64_t connect_ms, first_byte_ms, between_bytes_ms, total_ms, drain_ms, handover_ms;
  int64_t abandoned_ms; /* how long an answer is read on after its client has left, where it is drained */
  /* client side: request head, idle keep-alive, body, a reader that takes nothing */
  int64_t head_ms, idle_ms, body_ms, write_ms;
};
/* Where the credentials of a Bedrock provider are found, in the order of enum aws_source_kind but for FIXED. */
enum config_from {
  CONFIG_FROM_FIXED, /* they stand here */
  CONFIG_FROM_ENVIRONMENT,
  CONFIG_FROM_PROFILE,
  CONFIG_FROM_WEB_IDENTITY,
  CONFIG_FROM_CONTAINER,
  CONFIG_FROM_INSTANCE
};
struct config_credential {
  struct text name;
  struct secret *api_key; /* may be empty: a local server without a key; always empty for Bedrock */
  /* Bedrock: either bearer, or an access key, or from; the others are empty. */
  struct secret *bearer, *access_key_id, *secret_access_key, *session_token;
  enum config_from from;
  struct text profile; /* CONFIG_FROM_PROFILE; "" for AWS_PROFILE or default */
  /* Of one that is not of the file (overlay.h); else "" and 0. */
  struct text workspace; /* for whose calls it is; "": for all */
  int64_t weight;        /* its share where all of a provider's are used; 0: 1 */
};
struct config_pair {
  struct text name, value;
};
struct config_provider {
  struct text name, base_url, region; /* region: of Bedrock; "" where nothing has to be signed */
  enum config_provider_kind kind;
  struct text kind_name; /* "anthropic" ... */
  struct text *wires;    /* wire names it speaks, in the order of preference; none: the kind's own */
  size_t wire_count;
  struct text api_version;      /* Azure; "" elsewhere */
  struct text referer, title;   /* OpenRouter's attribution; "": what the client sent */
  struct config_pair *metadata; /* Bedrock: request metadata sent with every Converse call */
  size_t metadata_count;
  struct config_credential *credentials;
  size_t credential_count;         /* 0: no key is sent; of Bedrock: CONFIG_FROM_ENVIRONMENT */
  bool has_stored;                 /* it has some that are not of the file: then nothing is sent without one */
  struct config_timeouts timeouts; /* the general ones with the provider's own put over them */
  enum config_on_disconnect on_disconnect;
  bool is_confined;       /* not of the file: its name must not lead to the link or to a cloud's metadata */
  bool charges_cancelled; /* it bills what it was still making when a call was cancelled */
  size_t index;           /* place in config.providers */
};
struct config_target {
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: the one that is named is not there; or none is named: the
                                                 provider's first, if any; or each, see below */
  bool every_credential;                      /* "*": each of the provider's credentials is a target of its own */
  struct text provider_name, credential_name;
  struct text model;      /* may hold one "*" that stands for what the model's name matched; "{*}" has become "*" */
  bool billable;          /* default true */
  int64_t weight;         /* default 1 */
  int64_t concurrency;    /* calls at one time over all workers; 0: no limit */
  struct text *leave_out; /* members of a request that may be left out where the target cannot express them */
  size_t leave_out_count;
  struct config_timeouts timeouts;
};
struct config_hedge {
  bool enabled;
  int64_t delay_ms; /* 0: the 95th percentile of the target's times to the first token */
  int64_t min_ms, max_ms;
};
struct config_model {
  struct text name; /* glob */
  struct text wire; /* "" for any; "anthropic"; "openai" for every OpenAI wire, or one of them: "openai_chat",
                       "openai_responses", "openai_embeddings"; "bedrock" likewise: "bedrock_invoke",
                       "bedrock_converse" */
  enum config_strategy strategy;
  struct config_target *targets;
  size_t target_count;
  struct text display_name;
  uint64_t context_tokens, max_output_tokens; /* 0: unknown */
  struct config_hedge hedge;
};
/* Where the requests of a key, user or workspace may go. Entries of only and first are names or kinds of providers. */
struct config_policy {
  struct text name;
  bool has_strategy; /* else the model's own */
  enum config_strategy strategy;
  struct text *only; /* none: every provider */
  size_t only_count;
  struct text *first; /* tried before the others, in this order */
  size_t first_count;
  bool own_credentials_first; /* plan_first: the caller's own credentials of Anthropic before everything */
};
struct config_assignment {
  struct text key, user, workspace; /* exactly one is set */
  struct text policy_name;
  const struct config_policy *policy;
};
struct config_breaker {
  int64_t failures, window_ms, open_ms; /* so many within the window open the breaker for so long */
  int64_t probe_ms;                     /* a probe without an outcome for so long is given up */
};
struct config_retry {
  int64_t attempts; /* further rounds over the targets after all have failed */
  int64_t base_ms, max_ms;
  int64_t budget_percent, budget_floor; /* further calls in a minute: so many in a hundred, and the floor always */
};
struct config_affinity {
  bool enabled;
  int64_t ttl_ms;
  size_t entries;
};
struct config_queue {
  size_t size; /* of one target */
  int64_t wait_ms;
};

#endif
