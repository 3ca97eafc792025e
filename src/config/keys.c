/* THE TABLE of configuration keys. One row a key; sections are rows of rows. What a row cannot say (one key depending
 * on another) is in check.c; the sections about where requests go are in keys_routing.c. Read by section.c and
 * reference.c. */
#include "config/keys.h"

#include "config/check.h"
#include "config/rows.h"
#include "config/values.h"

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "KEY_SIZE rows fill both");

static const struct key tls_keys[] = {
    {"cert", KEY_TEXT, AT(config, tls_cert), .initial = "", .max = 4096,
     .help = "PEM file with the certificate chain of the listeners; with `key`, turns TLS on"},
    {"key", KEY_TEXT, AT(config, tls_key), .initial = "", .max = 4096, .help = "PEM file with its private key"},
};
static const struct key_section tls = {"tls", "TLS of the listeners.", 0, ROWS(tls_keys), check_tls};

static const struct key limits_keys[] = {
    {"body_bytes", KEY_SIZE, true, AT(config_limits, body_bytes), .initial = "33554432", .min = 1024, .max = GIB,
     .help = "largest request body"},
    {"header_bytes", KEY_SIZE, AT(config_limits, header_bytes), .initial = "65536", .min = 1024, .max = 1048576,
     .help = "largest request head"},
    {"response_bytes", KEY_SIZE, true, AT(config_limits, response_bytes), .initial = "33554432", .min = 1024,
     .max = GIB, .help = "largest plain answer of an upstream"},
    {"event_bytes", KEY_SIZE, true, AT(config_limits, event_bytes), .initial = "16777216", .min = 1024, .max = GIB,
     .help = "largest single event of a stream"},
    {"json_depth", KEY_SIZE, true, AT(config_limits, json_depth), .initial = "128", .min = 8, .max = 256,
     .help = "deepest nesting of a request body"},
    {"connections", KEY_SIZE, AT(config_limits, connections), .initial = "10000", .min = 1, .max = 1000000,
     .help = "open client connections, over all workers"},
    {"fibers", KEY_SIZE, AT(config_limits, fibers), .initial = "20000", .min = 16, .max = 1000000,
     .help = "requests and other activities at one time, over all workers"},
    {"requests", KEY_SIZE, true, AT(config_limits, requests), .initial = "20000", .min = 1, .max = 1000000,
     .help = "requests being served at one time, over all workers"},
    {"streams", KEY_SIZE, true, AT(config_limits, streams), .initial = "20000", .min = 1, .max = 1000000,
     .help = "streamed answers at one time, over all workers"},
    {"memory_bytes", KEY_SIZE, true, AT(config_limits, memory_bytes), .initial = "1073741824", .min = 1048576,
     .max = GIB * 1024, .help = "request bodies and whole answers held at one time, over all workers"},
    {"http2_streams", KEY_SIZE, AT(config_limits, http2_streams), .initial = "128", .min = 1, .max = 10000,
     .help = "requests at one time on one HTTP/2 connection"},
};
static const struct key_section limits = {
    "limits", "What one client, or all of them together, may take up. Passing a limit is an ordinary error.",
    sizeof(struct config_limits), ROWS(limits_keys), NULL};

#define UPSTREAM_TIMEOUTS                                                                                              \
  {                                                                                                                    \
      "connect",                                                                                                       \
      KEY_DURATION,                                                                                                    \
      true,                                                                                                            \
      AT(config_timeouts, connect_ms),                                                                                 \
      .initial = "5s",                                                                                                 \
      .min = 1,                                                                                                        \
      .max = DAY_MS,                                                                                                   \
      .help = "name lookup, connection and TLS handshake with an upstream"},                                           \
      {"first_byte",      KEY_DURATION, true,          AT(config_timeouts, first_byte_ms),                             \
       .initial = "300s", .min = 1,     .max = DAY_MS, .help = "from the request's last byte to the answer's head"},   \
      {"between_bytes",   KEY_DURATION, true,          AT(config_timeouts, between_bytes_ms),                          \
       .initial = "120s", .min = 1,     .max = DAY_MS, .help = "silence within an answer"},                            \
      {"total",         KEY_DURATION, true,          AT(config_timeouts, total_ms),                                    \
       .initial = "1h", .min = 1,     .max = DAY_MS, .help = "one request from its first byte to its last"},           \
  {                                                                                                                    \
    "abandoned", KEY_DURATION, true, AT(config_timeouts, abandoned_ms),                                                \
        .initial = "60s", .min = 1, .max = DAY_MS,                                                                     \
        .help = "how long an answer is read on after its client has left, for providers with `on_disconnect: drain`"   \
  }

static const struct key timeouts_keys[] = {
    UPSTREAM_TIMEOUTS,
    {"drain", KEY_DURATION, true, AT(config_timeouts, drain_ms), .initial = "60s", .min = 1, .max = DAY_MS,
     .help = "how long open requests may go on when the program ends"},
    {"handover", KEY_DURATION, true, AT(config_timeouts, handover_ms), .initial = "1h", .min = 1, .max = DAY_MS,
     .help = "how long open requests may go on in a process that `weir upgrade` has replaced"},
    {"head", KEY_DURATION, AT(config_timeouts, head_ms), .initial = "10s", .min = 1, .max = DAY_MS,
     .help = "a client sending its request head"},
    {"idle", KEY_DURATION, AT(config_timeouts, idle_ms), .initial = "75s", .min = 1, .max = DAY_MS,
     .help = "a kept-alive connection without a request"},
    {"body", KEY_DURATION, AT(config_timeouts, body_ms), .initial = "30s", .min = 1, .max = DAY_MS,
     .help = "silence while a client sends its body"},
    {"write", KEY_DURATION, AT(config_timeouts, write_ms), .initial = "60s", .min = 1, .max = DAY_MS,
     .help = "a client that takes nothing of its answer"},
};
const struct key_section keys_timeouts = {
    "timeouts", "How long to wait. A number with `ms`, `s`, `m`, `h` or `d`; plain numbers are seconds.",
    sizeof(struct config_timeouts), ROWS(timeouts_keys), NULL};

static const struct key overlay_keys[] = {UPSTREAM_TIMEOUTS};
const struct key_section keys_overlay = {"providers[].timeouts, models[].targets[].timeouts",
                                         "What differs from the general `timeouts` for one provider or one target.",
                                         sizeof(struct config_timeouts), ROWS(overlay_keys), NULL};

static const struct key ledger_keys[] = {
    {"sync_interval", KEY_DURATION, AT(config_ledger, sync_interval_ms), .initial = "50ms", .min = 1, .max = 60000,
     .help = "the journal reaches the disk this often; a process that dies loses nothing, a machine this much"},
    {"store_interval", KEY_DURATION, AT(config_ledger, store_interval_ms), .initial = "200ms", .min = 1, .max = 60000,
     .help = "settled attempts reach the database this often"},
};
static const struct key_section ledger = {"ledger", "How soon the records of requests are safe and visible.",
                                          sizeof(struct config_ledger), ROWS(ledger_keys), NULL};

static const struct key postgres_keys[] = {
    {"pool", KEY_SIZE, AT(config_postgres, pool), .initial = "5", .min = 1, .max = 1000,
     .help = "connections that are kept"},
    {"overflow", KEY_SIZE, AT(config_postgres, overflow), .initial = "5", .max = 1000,
     .help = "connections made besides while all of those are busy"},
    {"wait", KEY_DURATION, AT(config_postgres, wait_ms), .initial = "30s", .min = 1, .max = DAY_MS,
     .help = "how long to wait for one when all are busy; then the answer is 503"},
    {"recycle", KEY_DURATION, AT(config_postgres, recycle_ms), .initial = "1800s", .min = 1000, .max = DAY_MS * 30,
     .help = "a connection older than this is replaced"},
    {"statement_timeout", KEY_DURATION, AT(config_postgres, statement_timeout_ms), .initial = "30s", .min = 100,
     .max = DAY_MS, .help = "the server ends a statement after this, and Weir the connection 2 s later"},
    {"lock_timeout", KEY_DURATION, AT(config_postgres, lock_timeout_ms), .initial = "5s", .min = 10, .max = DAY_MS,
     .help = "how long a statement waits for a lock another program holds"},
    {"connect_timeout", KEY_DURATION, AT(config_postgres, connect_timeout_ms), .initial = "5s", .min = 2000,
     .max = 600000, .help = "for each host of the address; in whole seconds"},
};
static const struct key_section postgres = {"postgres", "Connections to the database when `store` is an address.",
                                            sizeof(struct config_postgres), ROWS(postgres_keys), NULL};

static const struct key price_keys[] = {
    {"provider", KEY_NAME, true, AT(config_price, provider), .help = "the name of a provider"},
    {"model", KEY_TEXT, true, AT(config_price, model), .min = 1, .max = 256,
     .help = "the provider's model names; `*` matches any run of characters; the first row that matches wins"},
    {"input", KEY_MONEY, true, AT(config_price, input), .max = 1000000, .help = "USD per million input tokens"},
    {"output", KEY_MONEY, true, AT(config_price, output), .max = 1000000, .help = "USD per million output tokens"},
    {"cache_write", KEY_MONEY, true, AT(config_price, cache_write_5m), .initial = "0", .max = 1000000,
     .help = "USD per million tokens written to the provider's cache for 5 minutes; `input` when not given"},
    {"cache_write_1h", KEY_MONEY, true, AT(config_price, cache_write_1h), .initial = "0", .max = 1000000,
     .help = "the same for 1 hour; `cache_write` when not given"},
    {"cache_read", KEY_MONEY, true, AT(config_price, cache_read), .initial = "0", .max = 1000000,
     .help = "USD per million tokens read from it; `input` when not given"},
};
static const struct key_section price = {"prices[]", "What a provider charges. At most nine digits after the point.",
                                         sizeof(struct config_price), ROWS(price_keys), check_price};

static const struct key budget_keys[] = {
    {"usd", KEY_MONEY, true, AT(config_key, budget_nano), .initial = "0", .max = 1000000000,
     .help = "the most the key may cost in one period"},
    {"period", KEY_CHOICE, true, AT(config_key, budget_period), .initial = "", .choices = "|day|week|month",
     .help = "calendar periods in `timezone`"},
};
static const struct key_section budget = {"keys[].budget", "What a key may spend.", 0, ROWS(budget_keys), check_budget};

static const struct key key_keys[] = {
    {"name", KEY_TEXT, true, AT(config_key, name), .min = 1, .max = 128,
     .help = "unique; appears in the ledger and the log"},
    {"user", KEY_TEXT, true, AT(config_key, user), .initial = "", .max = 128, .help = "whom the key belongs to"},
    {"value", KEY_SECRET, true, AT(config_key, value), .min = 8, .max = 512,
     .help = "what the client sends; 8 to 512 visible ASCII characters"},
    {"access_key_id", KEY_TEXT, true, AT(config_key, access_key_id), .initial = "", .max = 128,
     .help = "for clients that sign as AWS's SDKs do: the id they show; `value` works as one too"},
    {"secret_access_key", KEY_SECRET, true, AT(config_key, secret_access_key), .initial = "", .max = 512,
     .help = "the secret they sign with; `value` when empty"},
    {"models", KEY_TEXTS, true, ARRAY(config_key, models, model_count), .initial = "", .min = 1, .max = 256,
     .help = "the models it may ask for, with `*`; all when empty"},
    {"rpm", KEY_COUNT, true, AT(config_key, rpm), .initial = "0", .max = 1000000000,
     .help = "requests a minute; 0 for no limit"},
    {"tpm", KEY_COUNT, true, AT(config_key, tpm), .initial = "0", .max = 1000000000000,
     .help = "tokens a minute; 0 for no limit"},
    {"concurrency", KEY_COUNT, true, AT(config_key, concurrency), .initial = "0", .max = 1000000,
     .help = "requests at one time; 0 for no limit"},
    {"budget", KEY_SECTION, true, NO_MEMBER, .section = &budget, .initial = "", .help = "what it may spend"},
    {"expires", KEY_TIME, true, AT(config_key, expires_us), .initial = "",
     .help = "when it stops working, such as `2027-01-31T00:00:00Z`; never when empty"},
    {"blocked", KEY_BOOL, true, AT(config_key, blocked), .initial = "false", .help = "refuse it now"},
    {"workspace", KEY_TEXT, true, AT(config_key, workspace), .initial = "", .max = 128,
     .help = "the workspace it belongs to; a policy may be assigned to it"},
    {"policy", KEY_TEXT, true, AT(config_key, policy), .initial = "", .max = 64,
     .help = "the name of a policy, before any that is assigned"},
    {"routes", KEY_TEXTS, true, ARRAY(config_key, routes, route_count), .initial = "", .choices = VALUE_KEY_ROUTES,
     .min = 1, .max = 16, .help = "the wires and mount points it may be used on; everywhere when empty"},
    {"allow_ips", KEY_TEXTS, true, ARRAY(config_key, allow_ips, allow_ip_count), .initial = "", .min = 1, .max = 64,
     .help = "networks it may be used from, such as `10.0.0.0/8`; from everywhere when empty"},
    {"cors_origins", KEY_TEXTS, true, ARRAY(config_key, cors_origins, cors_origin_count), .initial = "", .min = 1,
     .max = 64, .help = "sites whose pages may use it from a browser; `*` for any"},
};
static const struct key_section key = {
    "keys[]", "Keys declared in the file, for automation; others are made with `weir key create`.",
    sizeof(struct config_key), ROWS(key_keys), check_key};

static const struct key cache_keys[] = {
    {"enabled", KEY_ABSENT, NO_MEMBER, .help = "answer repeated requests from memory"},
    {"l1_bytes", KEY_SIZE, true, AT(config_cache, l1_bytes), .initial = "67108864", .max = GIB * 64,
     .help = "memory for it"},
    {"ttl", KEY_DURATION, true, AT(config_cache, ttl_ms), .initial = "300s", .max = DAY_MS * 30,
     .help = "how long an answer is kept"},
};
static const struct key_section cache = {"cache", "The cache of answers.", sizeof(struct config_cache),
                                         ROWS(cache_keys), NULL};

static const struct key telemetry_keys[] = {
    {"log_level", KEY_CHOICE, true, AT(config, log_level), .initial = "info", .choices = "debug|info|warn|error",
     .help = "lines below it are not written"},
    {"otlp_endpoint", KEY_ABSENT, NO_MEMBER, .help = "where to send traces"},
    {"metrics", KEY_BOOL, true, AT(config, metrics), .initial = "true", .help = "answer `/metrics`"},
};
static const struct key_section telemetry = {"telemetry", "What the program tells about itself.", 0,
                                             ROWS(telemetry_keys), NULL};

/* Later rows may refer to earlier ones: timeouts before providers before models, policies and prices,
 * policies before keys and assignments. */
static const struct key root_keys[] = {
    {"listen", KEY_TEXTS, ARRAY(config, listen, listen_count), .initial = "127.0.0.1:8080", .min = 1, .max = 16,
     .help = "`address:port`, `[ipv6]:port` or `unix:PATH`; one or a list"},
    {"data_dir", KEY_TEXT, AT(config, data_dir), .initial = "./weir-data", .min = 1, .max = 2048,
     .help = "the folder of the database and the journal"},
    {"store", KEY_ADDRESS, ARRAY(config, store, store_address), .initial = "sqlite",
     .choices = "sqlite|memory|postgres://*", .max = 4096,
     .help = "`sqlite`: a file in `data_dir`; `memory` keeps nothing over a restart; PostgreSQL 15 or newer as "
             "`postgres://user:password@host:5432/db?sslmode=MODE`"},
    {"postgres", KEY_SECTION, AT(config, postgres), .section = &postgres, .initial = "", .help = "connections to it"},
    {"store_replicas", KEY_ADDRESSES, ARRAY(config, store_replicas, store_replica_count), .initial = "",
     .choices = "postgres://*", .max = 8,
     .help = "standbys of the database that lists are read from, as long as they have what Weir has written"},
    {"store_key", KEY_SECRET, AT(config, store_key), .initial = "", .max = 1024,
     .help = "encrypts the file of `store: sqlite` (and those `weir store copy` makes), in a program built with "
             "SQLCipher: a passphrase, or 64 hexadecimal "
             "digits for a key of 32 bytes; without it the data is lost"},
    {"server_key", KEY_SECRET, AT(config, server_key), .initial = "", .max = 64,
     .help = "the secret that stored keys are hashed under, 32 bytes in base64 or hexadecimal, instead of the file "
             "`server.key` in `data_dir`: the same in every replica on one database"},
    {"vault", KEY_SECTION, AT(config, vault), .section = &keys_vault, .initial = "",
     .help = "the master key that secrets in the store are sealed under"},
    {"redis", KEY_SECRET, AT(config, redis), .initial = "", .max = 4096,
     .help =
         "`redis://user:password@host:port/database`, or a cluster as "
         "`redis+cluster://user:password@host:port,host:port`; `rediss://` and `rediss+cluster://` for TLS: several "
         "replicas share their circuit breakers through it"},
    {"redis_ca", KEY_TEXT, AT(config, redis_ca), .initial = "", .max = 4096,
     .help = "PEM file of the authorities trusted for Redis over TLS; those for upstreams when empty"},
    {"public_url", KEY_TEXT, AT(config, public_url), .initial = "http://127.0.0.1:8080", .min = 1, .max = 2048,
     .help = "the address people reach it under, for links, and the issuer's name in tokens of its own"},
    {"workers", KEY_WORKERS, AT(config, workers), .initial = "auto", .min = 1, .max = 256,
     .help = "threads that serve; `auto`: one a processor"},
    {"tls", KEY_SECTION, NO_MEMBER, .section = &tls, .initial = "", .help = "certificate of the listeners"},
    {"upstream_ca", KEY_TEXT, AT(config, upstream_ca), .initial = "", .max = 4096,
     .help = "PEM file of the authorities trusted for upstreams; the system's when empty"},
    {"limits", KEY_SECTION, AT(config, limits), .section = &limits, .initial = "", .help = "sizes and counts"},
    {"timeouts", KEY_SECTION, AT(config, timeouts), .section = &keys_timeouts, .initial = "", .help = "waits"},
    {"ledger", KEY_SECTION, AT(config, ledger), .section = &ledger, .initial = "", .help = "how soon records are safe"},
    {"backup", KEY_SECTION, AT(config, backup), .section = &keys_backup, .initial = "",
     .help = "copies of the store that are made by themselves"},
    {"jobs", KEY_SECTIONS, true, ARRAY(config, jobs, job_count), .initial = "", .max = 64, .section = &keys_job,
     .help = "schedules of the work in the background"},
    {"retention", KEY_SECTION, AT(config, retention), .section = &keys_retention, .initial = "",
     .help = "how long data is kept"},
    {"control", KEY_SECTION, AT(config, control), .section = &keys_control, .initial = "",
     .help = "the control API over the network"},
    {"trusted_proxies", KEY_TEXTS, true, ARRAY(config, trusted_proxies, trusted_proxy_count), .initial = "", .min = 1,
     .max = 64,
     .help = "networks of proxies in front, such as `10.0.0.0/8`, or `unix`: whom they name last in "
             "`X-Forwarded-For` is taken for the client where addresses are checked; nobody else is believed",
     .file_only = true},
    {"providers", KEY_SECTIONS, true, ARRAY(config, providers, provider_count), .initial = "", .max = 256,
     .section = &keys_provider, .help = "where requests may go"},
    {"models", KEY_SECTIONS, true, ARRAY(config, models, model_count), .initial = "", .max = 4096,
     .section = &keys_model, .help = "what clients may ask for"},
    {"policies", KEY_SECTIONS, true, ARRAY(config, policies, policy_count), .initial = "", .max = 256,
     .section = &keys_policy, .help = "rules about providers, for some keys, users or workspaces"},
    {"breaker", KEY_SECTION, AT(config, breaker), .section = &keys_breaker, .initial = "",
     .help = "when a failing target is left alone"},
    {"retry", KEY_SECTION, AT(config, retry), .section = &keys_retry, .initial = "",
     .help = "what happens when all targets have failed"},
    {"affinity", KEY_SECTION, AT(config, affinity), .section = &keys_affinity, .initial = "",
     .help = "conversations stay with their target"},
    {"queue", KEY_SECTION, AT(config, queue), .section = &keys_queue, .initial = "",
     .help = "calls that wait for a busy target"},
    {"prices", KEY_SECTIONS, true, ARRAY(config, prices, price_count), .initial = "", .max = 4096, .section = &price,
     .help = "what a provider charges"},
    {"keys", KEY_SECTIONS, true, ARRAY(config, keys, key_count), .initial = "", .max = 10000, .section = &key,
     .help = "keys of clients"},
    {"assignments", KEY_SECTIONS, true, ARRAY(config, assignments, assignment_count), .initial = "", .max = 10000,
     .section = &keys_assignment, .help = "who is under which policy"},
    {"rate_limits", KEY_SECTIONS, true, ARRAY(config, rates.at, rates.count), .initial = "", .max = 10000,
     .section = &keys_rate_limit, .help = "what keys may ask for together"},
    {"signin", KEY_SECTION, AT(config, signin), .section = &keys_signin, .initial = "", .help = "how people sign in"},
    {"smtp", KEY_SECTION, true, AT(config, smtp), .section = &keys_smtp, .initial = "",
     .help = "the mail server for links to people"},
    {"users", KEY_SECTIONS, ARRAY(config, users, user_count), .initial = "", .max = 100, .section = &keys_user,
     .help = "people who are there from the start"},
    {"oidc", KEY_SECTIONS, true, ARRAY(config, oidc, oidc_count), .initial = "", .max = 16, .section = &keys_oidc,
     .help = "identity providers through which people sign in"},
    {"jwt_issuers", KEY_SECTIONS, true, ARRAY(config, issuers, issuer_count), .initial = "", .max = 64,
     .section = &keys_issuer, .help = "issuers whose tokens are accepted in place of keys"},
    {"cache", KEY_SECTION, AT(config, cache), .section = &cache, .initial = "", .help = "the cache of answers"},
    {"telemetry", KEY_SECTION, NO_MEMBER, .section = &telemetry, .initial = "", .help = "log, metrics, traces"},
    {"timezone", KEY_TEXT, AT(config, timezone), .initial = "UTC", .min = 1, .max = 64,
     .help = "in which days, weeks and months of budgets begin, such as `Asia/Seoul`"},
};
const struct key_section keys_root = {"", "The top level of the file.", sizeof(struct config), ROWS(root_keys),
                                      check_root};

const struct key *keys_find(const struct key_section *s, struct text name) {
  for (size_t i = 0; i < s->count; i++)
    if (text_equal(text_of(s->keys[i].name), name))
      return &s->keys[i];
  return NULL;
}

const struct key *keys_nearest(const struct key_section *s, struct text name) {
  const struct key *best = NULL;
  size_t least = name.len / 3 + 2; /* as many edits and more are another word */
  for (size_t i = 0; i < s->count; i++) {
    size_t distance = text_distance(text_of(s->keys[i].name), name, least);
    if (distance < least) {
      least = distance;
      best = &s->keys[i];
    }
  }
  return best;
}

bool keys_next_choice(struct text *list, struct text *out_choice, bool *out_available) {
  if (list->at == NULL)
    return false;
  struct text choice = *list, rest = TEXT_NONE;
  (void)text_cut(*list, '|', &choice, &rest);
  *list = rest;
  *out_available = !text_starts(choice, TEXT("!"));
  *out_choice = *out_available ? choice : text_skip(choice, 1);
  return true;
}
