/* The configuration as an immutable snapshot: one YAML file and the environment in, plain structs out. Everything in a
 * snapshot lives and dies with it; who keeps it across a wait holds a reference. The keys themselves stand in one table
 * (keys.c), from which the reference in docs/generated is written. What this version cannot do is refused, never
 * ignored. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/secret.h"

enum config_provider_kind { CONFIG_ANTHROPIC, CONFIG_OPENAI, CONFIG_OPENROUTER, CONFIG_BEDROCK };
enum config_store { CONFIG_STORE_SQLITE, CONFIG_STORE_MEMORY };
enum config_strategy { CONFIG_STRATEGY_ORDERED };
enum config_period { CONFIG_PERIOD_NONE, CONFIG_PERIOD_DAY, CONFIG_PERIOD_WEEK, CONFIG_PERIOD_MONTH };

struct config_timeouts { /* milliseconds */
  int64_t connect_ms, first_byte_ms, between_bytes_ms, total_ms, drain_ms, handover_ms;
  /* client side: request head, idle keep-alive, body, a reader that takes nothing */
  int64_t head_ms, idle_ms, body_ms, write_ms;
};
struct config_limits {
  size_t body_bytes, header_bytes, response_bytes, event_bytes;
  size_t connections, fibers, json_depth;
};
struct config_ledger { /* milliseconds */
  int64_t
      sync_interval_ms; /* how much of the journal a machine that dies may lose; a process that dies loses nothing */
  int64_t store_interval_ms; /* settled attempts reach the store at the latest after this */
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
  struct config_timeouts timeouts; /* the general ones with the provider's own put over them */
  size_t index;                    /* place in config.providers */
};
struct config_target {
  const struct config_provider *provider;
  const struct config_credential *credential; /* NULL: the provider's first, if any */
  struct text provider_name, credential_name;
  struct text model;      /* may hold one "*" that stands for what the model's name matched; "{*}" has become "*" */
  bool billable;          /* default true */
  int64_t weight;         /* default 1 */
  struct text *leave_out; /* members of a request that may be left out where the target cannot express them */
  size_t leave_out_count;
  struct config_timeouts timeouts;
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
};
struct config_price {
  struct text provider, model; /* model is a glob */
  /* nano-USD per 10^6 tokens; a cache class that is not given costs what input costs (no vendor's discount is assumed)
   */
  int64_t input, output, cache_write_5m, cache_write_1h, cache_read;
  uint32_t version; /* a hash of the five numbers: the same on every machine, another when one of them changes */
};
struct config_key {
  struct text name, user;
  struct secret *value;
  struct text access_key_id;        /* for callers that sign as AWS's SDKs do; "" for none */
  struct secret *secret_access_key; /* empty: value */
  struct text *models;
  size_t model_count;            /* 0: all */
  int64_t rpm, tpm, concurrency; /* 0: no limit */
  int64_t budget_nano;           /* 0: none */
  enum config_period budget_period;
  int64_t expires_us; /* 0: never */
  bool blocked;
};
struct config_breaker {
  int64_t failures, window_ms, open_ms; /* so many within the window open the breaker for so long */
};
struct config_cache { /* checked, but the cache itself cannot be enabled in this version */
  size_t l1_bytes;
  int64_t ttl_ms;
};
struct config {
  struct text *listen;
  size_t listen_count;
  struct text data_dir, public_url, timezone;
  enum config_store store;
  unsigned workers; /* 0: one a core */
  struct text tls_cert, tls_key;
  struct text upstream_ca; /* PEM file trusted for upstreams; "" for the system's */
  struct config_limits limits;
  struct config_timeouts timeouts;
  struct config_breaker breaker;
  struct config_cache cache;
  struct config_ledger ledger;
  struct config_provider *providers;
  size_t provider_count;
  struct config_model *models;
  size_t model_count;
  struct config_price *prices;
  size_t price_count;
  struct config_key *keys;
  size_t key_count;
  enum log_level log_level;
  bool metrics;
  uint64_t generation; /* 1, 2, ... in the order of loading in this process */
};

struct config_error {
  int line, column; /* 1-based; 0 when the error has no place */
  char text[320];
};
#define CONFIG_MAX_ERRORS 20
struct config_errors {
  char source[256]; /* file name */
  struct config_error at[CONFIG_MAX_ERRORS];
  size_t count;
};
/* "weir.yaml:4:1: unknown key `provders`, did you mean `providers`?" into out, zero-terminated. No secret is ever in
 * it. */
void config_error_format(const struct config_errors *e, size_t i, char *out, size_t cap);

/* Reads, expands, checks. ERR_CONFIG with at least one entry in *errors (which is emptied first) and *out untouched;
 * else *out has one reference. lookup reads one environment variable (NULL when unset); lookup NULL: the process
 * environment. An empty text gives the defaults. config_load_file does blocking file I/O and takes at most 1 MiB. Any
 * thread. */
enum err config_load_file(const char *path, const char *(*lookup)(const char *name), struct config **out,
                          struct config_errors *errors) MUST_CHECK;
enum err config_load_text(struct text yaml, const char *source, const char *(*lookup)(const char *name),
                          struct config **out, struct config_errors *errors) MUST_CHECK;
struct config *config_ref(const struct config *c); /* any thread */
void config_unref(struct config *c);               /* NULL is fine */

/* First model whose name matches and whose wire (if set) fits; NULL when none. out_star (may be NULL): what the first
 * '*' stood for. */
const struct config_model *config_find_model(const struct config *c, struct text model, struct text wire,
                                             struct text *out_star);
/* First price row for provider and upstream model; NULL when unknown. */
const struct config_price *config_find_price(const struct config *c, struct text provider, struct text model);

/* The keys that differ and take effect only after a restart, comma-separated into out; false when there are none. */
bool config_restart_keys(const struct config *old, const struct config *changed, struct buf *out);

/* Markdown reference of every key, from the table. */
void config_write_reference(struct buf *out);

#endif
