/* Finding and completing the configuration. Without a file the defaults are themselves a small YAML text, run through
 * the same loader as a file, so there is one way to become a snapshot. Used by app.c and by the commands in cli/. */
#include "app/source.h"

#include "config/errors.h"
#include "jobs/kinds.h"
#include "net/addr.h"
#include "net/mail.h"
#include "net/resp_url.h"
#include "net/smtp.h"
#include "net/url.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1024 * 1024)

const char *source_path(const char *given) {
  if (given)
    return given;
  return access("weir.yaml", F_OK) == 0 ? "weir.yaml" : NULL;
}

static bool has(const char *name) {
  const char *value = getenv(name);
  return value && value[0];
}

/* One provider for each vendor key in the environment. Prices are the vendors' list prices in USD per million tokens.
 */
static void write_defaults(struct buf *out) {
  bool anthropic = has("ANTHROPIC_API_KEY"), openai = has("OPENAI_API_KEY"), openrouter = has("OPENROUTER_API_KEY");
  if (!anthropic && !openai && !openrouter)
    return;
  buf_add(out, TEXT("providers:\n"));
  if (anthropic)
    buf_add(
        out,
        TEXT("  - { name: anthropic, kind: anthropic, base_url: \"${ANTHROPIC_BASE_URL:-https://api.anthropic.com}\", "
             "credentials: [ { name: environment, api_key: \"${ANTHROPIC_API_KEY}\" } ] }\n"));
  if (openai)
    buf_add(out, TEXT("  - { name: openai, kind: openai, base_url: \"${OPENAI_BASE_URL:-https://api.openai.com/v1}\", "
                      "credentials: [ { name: environment, api_key: \"${OPENAI_API_KEY}\" } ] }\n"));
  if (openrouter)
    buf_add(out, TEXT("  - { name: openrouter, kind: openrouter, base_url: \"https://openrouter.ai/api/v1\", "
                      "credentials: [ { name: environment, api_key: \"${OPENROUTER_API_KEY}\" } ] }\n"));
  buf_add(out, TEXT("models:\n"));
  /* A vendor's own names reach it from every dialect; other names stay in the caller's. */
  if (anthropic)
    buf_add(out, TEXT("  - { name: \"claude-*\", targets: [ { provider: anthropic, model: \"claude-*\" } ] }\n"));
  if (openai)
    buf_add(out, TEXT("  - { name: \"gpt-*\", targets: [ { provider: openai, model: \"gpt-*\" } ] }\n"));
  if (anthropic)
    buf_add(out, TEXT("  - { name: \"*\", wire: anthropic, targets: [ { provider: anthropic, model: \"*\" } ] }\n"));
  if (openrouter)
    buf_add(out, TEXT("  - { name: \"openrouter/*\", targets: [ { provider: openrouter, model: \"*\" } ] }\n"));
  if (openrouter && !openai)
    buf_add(out, TEXT("  - { name: \"*\", targets: [ { provider: openrouter, model: \"*\" } ] }\n"));
  if (openai)
    buf_add(out, TEXT("  - { name: \"*\", targets: [ { provider: openai, model: \"*\" } ] }\n"));
  buf_add(out, TEXT("prices:\n"
                    "  - { provider: anthropic, model: \"claude-opus-4-5*\", input: 5.00, output: 25.00, cache_write: "
                    "6.25, cache_write_1h: 10.00, cache_read: 0.50 }\n"
                    "  - { provider: anthropic, model: \"claude-sonnet-4-5*\", input: 3.00, output: 15.00, "
                    "cache_write: 3.75, cache_write_1h: 6.00, cache_read: 0.30 }\n"
                    "  - { provider: anthropic, model: \"claude-haiku-4-5*\", input: 1.00, output: 5.00, cache_write: "
                    "1.25, cache_write_1h: 2.00, cache_read: 0.10 }\n"));
}

static void write_demo_model(struct buf *out, const char *name, const char *wire, const char *provider,
                             const char *model) {
  buf_add_format(out, "  - { name: \"%s\"%s%s, targets: [ { provider: %s, model: \"%s\" } ] }\n", name,
                 wire ? ", wire: " : "", wire ? wire : "", provider, model);
}

/* The simulator's models in the caller's own dialect, and behind a vendor's name in any. */
static void write_demo_models(struct buf *out) {
  static const char *const names[] = {"sim-text", "sim-tools", "sim-thinking", "sim-cache", "sim-image", "sim-*"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    write_demo_model(out, names[i], "anthropic", "sim-anthropic", names[i]);
    write_demo_model(out, names[i], "openai", "sim-openai", names[i]);
  }
  write_demo_model(out, "sim-*", "bedrock", "sim-anthropic", "sim-*");
  write_demo_model(out, "anthropic/*", NULL, "sim-anthropic", "*");
  write_demo_model(out, "openai/*", NULL, "sim-openai", "*");
  write_demo_model(out, "openrouter/*", NULL, "sim-openrouter", "*");
  write_demo_model(out, "bedrock/*", NULL, "sim-bedrock", "amazon.*-v1:0");
  write_demo_model(out, "bedrock-claude/*", NULL, "sim-bedrock", "anthropic.*-v1:0");
}

void source_write_demo(struct buf *out, const char *base) {
  buf_add_format(out,
                 "\nproviders:\n"
                 "  - { name: sim-anthropic, kind: anthropic, base_url: \"%s\", credentials: [ { name: demo, api_key: "
                 "demo-key } ] }\n"
                 "  - { name: sim-openai, kind: openai, base_url: \"%s/v1\", credentials: [ { name: demo, api_key: "
                 "demo-key } ] }\n"
                 "  - { name: sim-openrouter, kind: openrouter, base_url: \"%s/api/v1\", credentials: [ { name: demo, "
                 "api_key: demo-key } ] }\n"
                 "  - { name: sim-bedrock, kind: bedrock, region: us-east-1, base_url: \"%s\", credentials: [ { name: "
                 "demo, bearer: demo-key } ] }\n"
                 "models:\n",
                 base, base, base, base);
  write_demo_models(out);
  buf_add(out, TEXT("prices:\n"
                    "  - { provider: sim-anthropic, model: \"*\", input: 3.00, output: 15.00, cache_write: 3.75, "
                    "cache_write_1h: 6.00, cache_read: 0.30 }\n"
                    "  - { provider: sim-openai, model: \"*\", input: 2.50, output: 10.00, cache_read: 1.25 }\n"
                    "  - { provider: sim-bedrock, model: \"*\", input: 3.00, output: 15.00, cache_write: 3.75, "
                    "cache_read: 0.30 }\n"));
}

static enum err read_file(const char *path, struct buf *out, struct config_errors *errors) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = -1;
  while (fd >= 0) {
    char *room = buf_reserve(out, 65536);
    if (!room)
      break;
    n = read(fd, room, 65536);
    if (n <= 0)
      break;
    buf_commit(out, (size_t)n);
  }
  int why = errno;
  if (fd >= 0)
    close(fd);
  if (n == 0)
    return ERR_OK;
  errors_add(errors, 0, 0, "%s", out->failed ? "the file is larger than 1 MiB" : strerror(why));
  return ERR_CONFIG;
}

void source_print_errors(const struct config_errors *errors) {
  for (size_t i = 0; i < errors->count; i++) {
    char line[640];
    config_error_format(errors, i, line, sizeof(line));
    fprintf(stderr, "%s\n", line);
  }
}

static void check_redis(const struct config *c, struct config_errors *errors) {
  struct arena a;
  struct resp_url u;
  struct fault f = {0};
  arena_init(&a);
  if (!secret_is_empty(c->redis) && resp_url_parse(secret_reveal(c->redis), &a, &u, &f) != ERR_OK)
    errors_add(errors, 0, 0, "`redis` %s", fault_text(&f));
  arena_done(&a);
}

static size_t declared_providers(const struct config *c) {
  size_t n = 0;
  for (size_t i = 0; i < c->joined.declared_count; i++)
    n += c->joined.declared[i].kind == CONFIG_KIND_PROVIDER;
  return n;
}

/* What the loader leaves to the rooms that know addresses. */
static void check_addresses(const struct config *c, struct config_errors *errors) {
  struct fault f = {0};
  size_t declared = declared_providers(c);
  if (c->store_address && store_check_address(secret_reveal(c->store_address), &f) != ERR_OK)
    errors_add(errors, 0, 0, "`store` %s", fault_text(&f));
  if (!secret_is_empty(c->store_key) && !store_takes_key())
    errors_add(errors, 0, 0, "`store_key` needs a weir that was built with SQLCipher (-Dsqlcipher=enabled)");
  for (size_t i = 0; i < c->store_replica_count; i++)
    if (store_check_address(secret_reveal(c->store_replicas[i]), &f) != ERR_OK)
      errors_add(errors, 0, 0, "`store_replicas[%zu]` %s", i, fault_text(&f));
  for (size_t i = 0; i < c->listen_count; i++) {
    struct addr a;
    if (addr_parse(c->listen[i], &a, &f) != ERR_OK)
      errors_add(errors, 0, 0, "`listen[%zu]`: %s", i, fault_text(&f));
  }
  for (size_t i = 0; i < declared && i < c->provider_count; i++) {
    struct url u;
    if (url_parse(c->providers[i].base_url, &u, &f) != ERR_OK)
      errors_add(errors, 0, 0, "`providers[%zu].base_url`: %s", i, fault_text(&f));
  }
  if (c->smtp.url.len > 0 && !smtp_is_url(c->smtp.url))
    errors_add(errors, 0, 0,
               "`smtp.url` is not the address of a mail server: smtp://host or smtps://host, with optional port");
  if (c->smtp.url.len > 0 && !mail_is_address(c->smtp.from))
    errors_add(errors, 0, 0, "`smtp.from`: mail cannot be sent from this address");
  check_redis(c, errors);
  for (size_t i = 0; i < c->job_count; i++)
    if (!job_kind_find(c->jobs[i].kind))
      errors_add(errors, 0, 0, "`jobs[%zu].kind`: there is no kind of job \"%.*s\"", i, TEXT_ARGS(c->jobs[i].kind));
}

/* Of a provider of the store that is in force: why its address is none. */
static bool is_unreachable(const struct config *c, const struct config_entry *e, struct fault *f) {
  struct url u;
  if (e->kind != CONFIG_KIND_PROVIDER || e->is_shadowed || !text_is_empty(e->problem))
    return false;
  for (size_t i = declared_providers(c); i < c->provider_count; i++)
    if (text_equal(c->providers[i].name, e->name))
      return url_parse(c->providers[i].base_url, &u, f) != ERR_OK;
  return false;
}

/* The entries that are left out for their address have a problem now. */
static bool judge_addresses(const struct config *c, struct config_entry *entries, struct arena *a) {
  bool any = false;
  for (size_t i = 0; i < c->joined.count; i++) {
    struct fault f = {0};
    if (!is_unreachable(c, &c->joined.entries[i], &f))
      continue;
    entries[i].problem = arena_format(a, "`base_url` %s", fault_text(&f));
    any = true;
  }
  return any;
}

/* Once more without those whose address only this room can judge. */
static enum err load_joined(struct text yaml, const char *name, const struct source *s, struct config **out,
                            struct config_errors *errors) {
  struct arena a;
  struct config *c = NULL;
  arena_init(&a);
  struct config_entry *entries = arena_zalloc(&a, (s->entry_count + 1) * sizeof(*entries));
  for (size_t i = 0; i < s->entry_count; i++)
    entries[i] = s->entries[i];
  enum err e = config_load_joined(yaml, name, NULL, entries, s->entry_count, &c, errors);
  if (e == ERR_OK && judge_addresses(c, entries, &a)) {
    config_unref(c);
    c = NULL;
    e = config_load_joined(yaml, name, NULL, entries, s->entry_count, &c, errors);
  }
  arena_done(&a);
  if (e == ERR_OK)
    *out = c;
  return e;
}

enum err source_load(const struct source *s, struct config **out, struct config_errors *errors) {
  struct buf text;
  const char *path = source_path(s->path), *name = path ? path : "defaults";
  struct config *c = NULL;
  errors_start(errors, name);
  buf_init(&text, FILE_MAX_BYTES + 65536);
  enum err e = ERR_OK;
  if (path)
    e = read_file(path, &text, errors);
  else if (text_is_empty(s->addition))
    write_defaults(&text);
  buf_add(&text, s->addition);
  if (e == ERR_OK)
    e = load_joined(buf_text(&text), name, s, &c, errors);
  buf_done(&text);
  if (e != ERR_OK)
    return e;
  check_addresses(c, errors);
  if (errors->count > 0) {
    config_unref(c);
    return ERR_CONFIG;
  }
  *out = c;
  return ERR_OK;
}

enum err source_open_tls(const struct config *c, struct tls_context **out_client, struct tls_context **out_server,
                         struct fault *f) {
  struct arena paths;
  struct fault why = {0};
  arena_init(&paths);
  enum err e = tls_client_context_new(arena_copy(&paths, c->upstream_ca).at, out_client, &why);
  if (e != ERR_OK) {
    fault_set(f, e, "upstream_ca", "`upstream_ca`: %s", fault_text(&why));
  } else if (!text_is_empty(c->tls_cert)) {
    e = tls_server_context_new(arena_copy(&paths, c->tls_cert).at, arena_copy(&paths, c->tls_key).at, out_server, &why);
    if (e != ERR_OK)
      fault_set(f, e, "tls", "`tls`: %s", fault_text(&why));
  }
  arena_done(&paths);
  return e;
}

static void place_postgres(const struct config *c, struct postgres_options *out) {
  const struct config_postgres *p = &c->postgres;
  *out = (struct postgres_options){.url = secret_reveal(c->store_address),
                                   .replica_count = c->store_replica_count,
                                   .pool = p->pool,
                                   .overflow = p->overflow,
                                   .wait_ms = p->wait_ms,
                                   .recycle_ms = p->recycle_ms,
                                   .statement_timeout_ms = p->statement_timeout_ms,
                                   .lock_timeout_ms = p->lock_timeout_ms,
                                   .connect_timeout_ms = p->connect_timeout_ms};
  for (size_t i = 0; i < c->store_replica_count && i < POSTGRES_REPLICAS_MAX; i++)
    out->replicas[i] = secret_reveal(c->store_replicas[i]);
}

enum err source_store_place(const struct config *c, char *path, size_t cap, struct store_place *out) {
  static const enum store_kind kinds[] = {STORE_SQLITE, STORE_MEMORY, STORE_POSTGRES};
  int n = snprintf(path, cap, "%.*s/weir.db", TEXT_ARGS(c->data_dir));
  if (n <= 0 || (size_t)n >= cap)
    return ERR_LIMIT;
  *out = (struct store_place){.kind = kinds[c->store], .path = path, .key = secret_reveal(c->store_key)};
  place_postgres(c, &out->postgres);
  return ERR_OK;
}

enum err source_open_redis_tls(const struct config *c, struct tls_context **out, struct fault *f) {
  struct arena paths;
  struct fault why = {0};
  bool is_own = !text_is_empty(c->redis_ca);
  /* house: allow secret-comparison -- of the scheme, which is none of it */
  if (!text_starts(secret_reveal(c->redis), TEXT("rediss")))
    return ERR_OK;
  arena_init(&paths);
  enum err e = tls_client_context_new(arena_copy(&paths, is_own ? c->redis_ca : c->upstream_ca).at, out, &why);
  if (e != ERR_OK)
    fault_set(f, e, "redis_ca", "`%s`: %s", is_own ? "redis_ca" : "upstream_ca", fault_text(&why));
  arena_done(&paths);
  return e;
}
