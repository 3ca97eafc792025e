/* The configuration as an immutable snapshot: one YAML file and the environment in, plain structs out. Everything in a
 * snapshot lives and dies with it; who keeps it across a wait holds a reference. The keys themselves stand in one table
 * (keys.c), from which the reference in docs/generated is written. What this version cannot do is refused, never
 * ignored. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "config/jobs.h"
#include "config/rate_limit.h"
#include "config/routing.h"
#include "config/signin.h"
#include "config/stored.h"

enum config_store { CONFIG_STORE_SQLITE, CONFIG_STORE_MEMORY, CONFIG_STORE_POSTGRES };
enum config_period { CONFIG_PERIOD_NONE, CONFIG_PERIOD_DAY, CONFIG_PERIOD_WEEK, CONFIG_PERIOD_MONTH };

struct config_limits {
  size_t body_bytes, header_bytes, response_bytes, event_bytes;
  size_t connections, fibers, json_depth;
  size_t requests, streams, memory_bytes; /* at one time, over all workers; memory: bodies and whole answers */
  size_t http2_streams;                   /* at one time, on one connection */
};
struct config_postgres { /* milliseconds */
  size_t pool, overflow;
  int64_t wait_ms, recycle_ms, statement_timeout_ms, lock_timeout_ms, connect_timeout_ms;
};
struct config_ledger { /* milliseconds */
  int64_t
      sync_interval_ms; /* how much of the journal a machine that dies may lose; a process that dies loses nothing */
  int64_t store_interval_ms; /* settled attempts reach the store at the latest after this */
};
struct config_backup {
  struct text schedule;             /* base/recurrence.h; "" for never */
  struct text dir, passphrase_file; /* "": data_dir/backups; none */
  size_t keep;
  int64_t max_age_ms; /* 0: any */
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
  struct text *routes, *allow_ips, *cors_origins;                     /* where it may be used; none: everywhere */
  size_t model_count, route_count, allow_ip_count, cors_origin_count; /* no models: all */
  int64_t rpm, tpm, concurrency;                                      /* 0: no limit */
  int64_t budget_nano;                                                /* 0: none */
  enum config_period budget_period;
  int64_t expires_us; /* 0: never */
  bool blocked;
  struct text workspace, policy; /* "" for none */
};
struct config_issuer {                /* whose tokens are taken in place of keys */
  struct text name, issuer, jwks_uri; /* jwks_uri "": by discovery */
  struct text ca;                     /* PEM file for fetching its keys; "": upstream_ca */
  struct text *audiences, *algorithms, *scopes;
  size_t audience_count, algorithm_count, scope_count; /* no algorithms: all */
  struct text user_claim;
  struct text role; /* in the control API; "" for none */
  int64_t leeway_ms, refresh_ms, pause_ms;
  bool nbf_optional;
  struct config_key limits; /* models, rpm, tpm, concurrency, budget, workspace and policy of each of its subjects */
};
struct config_control { /* the control API over the network */
  int64_t rpm;          /* requests a minute of each caller; 0: no limit */
  struct text *allow_ips, *cors_origins;
  size_t allow_ip_count, cors_origin_count; /* allow_ips none: from everywhere; cors_origins none: no other site */
};
struct config_vault {
  struct secret *master_key;       /* base64 or hexadecimal; empty: data_dir/master.key, or one of: */
  struct text aws_kms, aws_secret; /* a key's id; a secret's; "" for none */
  struct text region, endpoint;    /* of AWS; "": found */
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
  struct secret *store_address;   /* NULL unless store is an address */
  struct secret **store_replicas; /* addresses to read from; none unless store is an address */
  size_t store_replica_count;
  struct secret *store_key; /* what the file of `store: sqlite` is encrypted with; empty: it is not */
  struct config_postgres postgres;
  struct secret *server_key; /* base64 or hexadecimal; empty: data_dir/server.key */
  struct config_vault vault;
  struct secret *redis; /* the URL, which may hold a password; empty: none */
  struct text redis_ca; /* PEM file trusted for it; "": upstream_ca */
  unsigned workers;     /* 0: one a core */
  struct text tls_cert, tls_key;
  struct text upstream_ca; /* PEM file trusted for upstreams; "" for the system's */
  struct config_limits limits;
  struct config_timeouts timeouts;
  struct config_breaker breaker;
  struct config_retry retry;
  struct config_affinity affinity;
  struct config_queue queue;
  struct config_cache cache;
  struct config_ledger ledger;
  struct config_backup backup;
  struct config_retention retention;
  struct config_control control;
  struct text *trusted_proxies; /* networks, or "unix" */
  size_t trusted_proxy_count;
  struct config_signin signin;
  struct config_smtp smtp;
  struct config_user *users;
  size_t user_count;
  struct config_oidc *oidc;
  size_t oidc_count;
  struct config_job *jobs;
  size_t job_count;
  struct config_provider *providers;
  size_t provider_count;
  struct config_model *models;
  size_t model_count;
  struct config_price *prices;
  size_t price_count;
  struct config_key *keys;
  size_t key_count;
  struct config_issuer *issuers;
  size_t issuer_count;
  struct config_policy *policies; /* of the file; the built-in ones are found by name only */
  size_t policy_count;
  struct config_assignment *assignments;
  size_t assignment_count;
  const struct config_assignment **assigned; /* the same, sorted for config_policy_for */
  struct config_rate_limits rates;
  struct config_joined joined;
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

/* The policy of that name, of the file or built in (plan_first, anthropic_only, bedrock_only, openrouter_only,
 * openai_only); NULL when there is none. It lives as long as the snapshot. */
const struct config_policy *config_find_policy(const struct config *c, struct text name);
/* Which policy a request is under: the key's own, else the one assigned to the key, to its user, to its workspace, in
 * this order; NULL for none. Empty texts match nothing. A key's own policy that exists no longer (a key of the store,
 * after a reload) gives one that lets the request go nowhere: what it forbade is not allowed by forgetting it. */
const struct config_policy *config_policy_for(const struct config *c, struct text key_policy, struct text key_name,
                                              struct text user, struct text workspace);
/* Whether an entry of `only` or `first` means the provider, by its name or its kind. */
bool config_entry_means(struct text entry, const struct config_provider *p);

/* The keys that differ and take effect only after a restart, comma-separated into out; false when there are none. */
bool config_restart_keys(const struct config *old, const struct config *changed, struct buf *out);

/* Markdown reference of every key, from the table. */
void config_write_reference(struct buf *out);

#endif
