/* The composition root. app_serve reads from top to bottom: configuration, store, ledger, keys, sockets, workers, then
 * the life of the process until its end (life.c), then everything back in reverse. Nothing outside this file knows
 * which adapter is behind a port. */
#include "app/app.h"

#include "app/callers.h"
#include "app/configured.h"
#include "app/door.h"
#include "app/first_key.h"
#include "app/life.h"
#include "app/master_key.h"
#include "app/news.h"
#include "app/share.h"
#include "app/source.h"
#include "app/state.h"
#include "app/takeover.h"
#include "base/calendar.h"
#include "base/log.h"
#include "base/random.h"
#include "fiber/loop.h"
#include "identity/apikey.h"
#include "identity/server_key.h"
#include "net/listen.h"
#include "provider/table.h"
#include "sim/background.h"
#include "store/store.h"
#include "traffic/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFLOAD_THREADS  4
#define OFFLOAD_QUEUE    4096
#define RESOLVER_THREADS 2
#define FETCHER_THREADS  1
#define KEYS_MAX         65536
#define CATALOGUES_MAX   256
#define BREAKERS_MAX     65536
#define LOADS_MAX        65536

static int fail(const struct fault *f) {
  fprintf(stderr, "weir: %s\n", fault_text(f));
  return 1;
}

static enum err make_data_dir(struct app *a, struct fault *f) {
  int n = snprintf(a->data_dir, sizeof(a->data_dir), "%.*s", TEXT_ARGS(a->config->data_dir));
  if (n <= 0 || (size_t)n >= sizeof(a->data_dir))
    return fault_set(f, ERR_CONFIG, "data_dir", "data_dir is too long");
  if (mkdir(a->data_dir, 0700) != 0 && errno != EEXIST) {
    return fault_set(f, ERR_CONFIG, "data_dir", "cannot create the data directory %s: %s", a->data_dir,
                     strerror(errno));
  }
  if (access(a->data_dir, W_OK | X_OK) != 0)
    return fault_set(f, ERR_CONFIG, "data_dir", "cannot write to the data directory %s: %s", a->data_dir,
                     strerror(errno));
  return ERR_OK;
}

static enum err open_store(struct app *a, struct fault *f) {
  char path[1100];
  struct store_place place;
  enum err e = a->config->store == CONFIG_STORE_MEMORY ? ERR_OK : make_data_dir(a, f);
  if (e == ERR_OK)
    e = source_store_place(a->config, path, sizeof(path), &place);
  return e == ERR_OK ? store_open(&place, &a->store, f) : e;
}

/* As it was opened: a reload may have brought another word for the next start. */
const char *app_data_dir(const struct app *a) { return a->data_dir[0] != '\0' ? a->data_dir : NULL; }

static enum err open_ledger(struct app *a, struct fault *f) {
  struct ledger_options o = {.data_dir = app_data_dir(a),
                             .workers = a->worker_count,
                             .sync_interval_ms = a->config->ledger.sync_interval_ms,
                             .flush_interval_ms = a->config->ledger.store_interval_ms,
                             .on_stored = feed_stored,
                             .held_lock = a->held_lock};
  uint64_t recovered = 0;
  if (a->held_lock > 0 && !app_data_dir(a))
    return fault_set(f, ERR_CONFIG, "store", "another kind of store needs a restart");
  a->feed = feed_new(a->store);
  o.on_stored_data = a->feed;
  enum err e = ledger_open(&o, a->store, &a->ledger, &recovered, f);
  if (e == ERR_OK && recovered > 0)
    LOG_WARN("ledger_recovered", log_u64("attempts", recovered));
  if (e == ERR_OK && ledger_stats(a->ledger).damaged > 0)
    LOG_ERROR("journal_damaged", log_u64("places", ledger_stats(a->ledger).damaged),
              log_str("detail", "unreadable parts were set aside as *.damaged in the journal folder"));
  return e;
}

static enum err open_identity(struct app *a, struct fault *f) {
  const struct server_key_place place = {secret_reveal(a->config->server_key), app_data_dir(a), a->store};
  enum err e = server_key_open(&place, &a->server_secret, f);
  if (e != ERR_OK)
    return e;
  a->identity = apikey_identity_new(a->store, a->offload, a->server_secret);
  a->tokens = token_identity_new(apikey_identity_port(a->identity), a->fetchers);
  a->rights = rights_new(a->store);
  callers_declare(a, a->config);
  return ERR_OK;
}

/* A master key that cannot be had now is asked for again when it is needed; a wrong one is not started with. */
static enum err open_vault(struct app *a, struct fault *f) {
  a->vault = vault_new(a->store, master_key_keeper(a->config, app_data_dir(a)));
  enum err e = vault_check(a->vault, f);
  if (e == ERR_UNAVAILABLE) {
    LOG_WARN("vault_unavailable", log_str("detail", fault_text(f)));
    *f = (struct fault){0};
    e = ERR_OK;
  }
  a->mint = mint_new(a->store, vault_port(a->vault), a->config->public_url);
  oauth_desk_init(&a->oauth, &(struct oauth_desk_options){a->store, a->mint, a->rights, a->server_secret});
  oauth_site_init(&a->oauth_site, &a->oauth.port, a->offload);
  own_identity_init(&a->own, token_identity_port(a->tokens), a->mint, a->rights, a->offload);
  return e;
}

static void wake(void *ctx) { life_wake(ctx); }

/* From here on the configuration in force has them; threads that could see it do not run yet. */
static enum err open_credentials(struct app *a, struct fault *f) {
  a->credentials = credential_desk_new(&(struct credential_desk_options){a->store, vault_port(a->vault), wake, a});
  enum err e = credential_desk_load(a->credentials, f);
  if (e == ERR_OK)
    app_renew(a);
  return e;
}

static struct config *config_of(void *ctx) { return app_config(ctx); }

static void open_files(struct app *a) {
  const struct local_files_options o = {a->store, config_of, a, app_data_dir(a)};
  a->files = o.data_dir ? local_files_new(&o) : NULL;
}

bool app_has_role(const struct app *a, enum app_role role) {
  return a->options.roles == 0 || (a->options.roles & role) != 0;
}

/* It is there before events are told, and runs when this process serves. */
static void open_jobs(struct app *a) {
  const struct runner_options o = {.world = {a->store, config_of, a, app_data_dir(a), &a->backups.port,
                                             &a->catalogue_desk.port, &a->oauth.port, signin_port(a->door)}};
  if (app_has_role(a, APP_ROLE_WORKER))
    a->runner = runner_new(&o);
}

static void open_backups(struct app *a) {
  const struct backup_desk_options o = {config_of, a, a->first, a->ledger, a->server_secret};
  backup_desk_init(&a->backups, &o);
}

/* What the store has of vendors' lists, a process has when it starts. */
static void open_catalogues(struct app *a) {
  a->catalogues = catalogues_new(CATALOGUES_MAX);
  const struct catalogue_desk_options o = {config_of, a, a->store, a->catalogues, provider_find};
  catalogue_desk_init(&a->catalogue_desk, &o);
  catalogue_desk_load(&a->catalogue_desk, TEXT_NONE);
}

/* What is learned of the targets outlives every configuration. */
static void open_routing(struct app *a) {
  a->gateway.state = (struct routes_state){breakers_new(BREAKERS_MAX, share_of_breakers(a)), loads_new(LOADS_MAX)};
  a->gateway.affinity = affinity_new(a->config->affinity.entries);
  a->gateway.retries = retry_budget_new();
  a->gateway.memory = &a->memory;
  atomic_store(&a->memory.max, a->config->limits.memory_bytes);
}

static void close_routing(struct app *a) {
  breakers_free(a->gateway.state.breakers);
  share_close(a);
  loads_free(a->gateway.state.loads);
  affinity_free(a->gateway.affinity);
  retry_budget_free(a->gateway.retries);
}

static int64_t job_attempts(struct text kind) {
  const struct job_kind *k = job_kind_find(kind);
  return k ? k->attempts : 0;
}

static void join_ports(struct app *a) {
  access_init(&a->telemetry, a->metrics);
  a->gateway = (struct gateway){.identity = &a->own.port,
                                .ledger = a->ledger,
                                .limiter = a->limiter,
                                .store = a->store,
                                .offload = a->offload,
                                .telemetry = &a->telemetry.port,
                                .provider_find = provider_find,
                                .catalogues = a->catalogues};
  keysmith_init(&a->keysmith, a->server_secret);
  a->api = (struct api){.store = a->store,
                        .offload = a->offload,
                        .keysmith = &a->keysmith.port,
                        .vault = vault_port(a->vault),
                        .rates = rates_new(),
                        .feed = a->feed,
                        .gateway = app_has_role(a, APP_ROLE_GATEWAY) ? &a->gateway : NULL,
                        .join = configured_for_api,
                        .join_ctx = a,
                        .operations = &a->operations,
                        .job_attempts = job_attempts};
  a->front = (struct front){&a->api, a->access};
  open_routing(a);
  operations_fill(a);
}

static enum err open_all(struct app *a, struct fault *f) {
  enum err e = open_store(a, f);
  if (e == ERR_OK)
    e = configured_join(a, f);
  if (e == ERR_OK)
    e = open_ledger(a, f);
  if (e == ERR_OK)
    e = offload_new(OFFLOAD_THREADS, OFFLOAD_QUEUE, &a->offload);
  if (e == ERR_OK)
    e = offload_new(RESOLVER_THREADS, OFFLOAD_QUEUE, &a->resolvers);
  if (e == ERR_OK)
    e = offload_new(FETCHER_THREADS, OFFLOAD_QUEUE, &a->fetchers);
  if (e == ERR_OK)
    e = open_identity(a, f);
  if (e == ERR_OK)
    e = open_vault(a, f);
  if (e == ERR_OK)
    e = open_credentials(a, f);
  if (e == ERR_OK)
    open_backups(a);
  if (e == ERR_OK)
    e = source_open_tls(a->config, &a->client_tls, &a->server_tls, f);
  if (e != ERR_OK)
    return f->text[0] ? e : fault_set(f, e, NULL, "cannot start: %s", err_text(e));
  a->dns = dns_new(a->resolvers);
  e = share_open(a, f);
  if (e != ERR_OK)
    return e;
  a->limiter = limiter_new(KEYS_MAX);
  open_catalogues(a);
  a->metrics = metrics_new(a->worker_count);
  join_ports(a);
  open_files(a);
  mail_desk_init(&a->mail, config_of, a);
  e = door_open(a, f);
  if (e != ERR_OK)
    return e;
  open_jobs(a);
  news_open(a);
  share_events(a);
  e = news_start(a, f);
  if (e == ERR_OK)
    e = credential_desk_start(a->credentials, f);
  if (e == ERR_OK)
    e = feed_start(a->feed, f);
  return e == ERR_OK ? share_start(a, f) : e;
}

static enum err make_workers(struct app *a, struct fault *f) {
  enum err e = ERR_OK;
  for (unsigned w = 0; w < a->worker_count && e == ERR_OK; w++) {
    struct worker_options o = {w,
                               &a->gateway,
                               &a->operations,
                               &a->oauth_site,
                               app_has_role(a, APP_ROLE_ADMIN) ? &a->auth_site : NULL,
                               a->dns,
                               a->server_tls,
                               a->client_tls,
                               config_ref(a->config),
                               a->worker_count,
                               &a->connections,
                               &a->requests,
                               &a->memory,
                               w == 0 && a->local.fd >= 0 ? &a->local : NULL,
                               a->wake_fd,
                               app_has_role(a, APP_ROLE_GATEWAY),
                               a->access && app_has_role(a, APP_ROLE_ADMIN) ? &a->front : NULL};
    e = worker_new(&o, &a->workers[w], f);
    if (e == ERR_OK)
      e = worker_start(a->workers[w]);
  }
  return e;
}

static enum err start_jobs(struct app *a, struct fault *f) { return a->runner ? runner_start(a->runner, f) : ERR_OK; }

enum err app_listen(struct app *a, struct fault *f) {
  enum err e = ERR_OK;
  for (unsigned w = 0; w < a->worker_count && e == ERR_OK; w++) {
    struct worker_socket *mine = NULL;
    size_t count = 0;
    e = sockets_deal(&a->sockets, w, a->worker_count, &mine, &count);
    if (e == ERR_OK)
      e = worker_listen(a->workers[w], mine, count);
    free(mine);
  }
  return e == ERR_OK ? e : fault_set(f, e, "listen", "cannot accept connections: %s", strerror(errno));
}

void app_pause(struct app *a) {
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_pause(a->workers[w]);
}

static enum err listen_locally(struct app *a, struct fault *f) {
  if (a->local.fd < 0)
    return ERR_OK;
  int fd = fcntl(a->local.fd, F_DUPFD_CLOEXEC, 3);
  enum err e = fd < 0 ? ERR_SYSTEM : worker_listen_local(a->workers[0], fd);
  return e == ERR_OK ? e : fault_set(f, e, NULL, "cannot accept connections locally: %s", strerror(errno));
}

static enum err begin_to_serve(struct app *a, struct fault *f) {
  enum err e = sockets_listen(&a->sockets, f);
  if (e == ERR_OK)
    e = app_listen(a, f);
  if (e == ERR_OK)
    e = listen_locally(a, f);
  if (e == ERR_OK)
    e = start_jobs(a, f);
  if (e == ERR_OK && a->files)
    e = local_files_start(a->files, f);
  size_t unused = e == ERR_OK ? sockets_drop_unused(&a->sockets) : 0;
  if (unused > 0)
    LOG_WARN("sockets_not_in_listen", log_u64("closed", unused));
  return e;
}

static void print_ready(struct app *a) {
  for (size_t i = 0; i < a->sockets.addresses; i++) {
    char text[256];
    addr_format(&a->sockets.bound[i], text, sizeof(text));
    bool is_unix = addr_is_unix(&a->sockets.bound[i]);
    printf("weir: ready on %s%s\n", is_unix ? "" : a->server_tls ? "https://" : "http://", text);
  }
  fflush(stdout);
}

static void close_all(struct app *a) {
  struct fault f = {0};
  bool is_takeover = a->takeover >= 0; /* one that has failed: the files are the old process's */
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_join(a->workers[w]);
  if (a->identity && apikey_identity_flush(a->identity, &f) != ERR_OK)
    LOG_WARN("key_use_not_written", log_str("detail", fault_text(&f)));
  sim_background_stop(a->demo);
  share_stop(a);
  news_close(a);
  credential_desk_free(a->credentials);
  dns_free(a->dns);
  runner_free(a->runner);
  local_files_free(a->files);
  if (a->ledger)
    ledger_close(a->ledger, 10000);
  feed_free(a->feed);
  door_close(a);
  rights_free(a->rights);
  token_identity_free(a->tokens);
  mint_free(a->mint);
  vault_free(a->vault);
  backup_desk_done(&a->backups);
  apikey_identity_free(a->identity);
  if (a->offload)
    offload_free(a->offload);
  if (a->resolvers)
    offload_free(a->resolvers);
  if (a->fetchers)
    offload_free(a->fetchers);
  if (a->store)
    a->store->ops->close(a->store);
  limiter_free(a->limiter);
  rates_free(a->api.rates);
  close_routing(a);
  catalogues_free(a->catalogues);
  metrics_free(a->metrics);
  tls_context_unref(a->server_tls);
  tls_context_unref(a->client_tls);
  secret_free(a->server_secret);
  config_unref(a->config);
  config_unref(a->base);
  config_unref(a->first);
  sockets_close(&a->sockets, !is_takeover);
  local_close(&a->local, !is_takeover);
  program_forget(&a->program);
}

/* Streams need two descriptors each; take what the system allows. */
static void raise_limits(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  /* Ordinary bodies are served from memory that stays; very large ones come from the system and go back to it. */
  mallopt(M_MMAP_THRESHOLD, 2 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

static enum err configure(struct app *a, struct fault *f) {
  enum err e = configured_first(a, f);
  if (e != ERR_OK)
    return e;
  if (a->config->provider_count == 0 && !a->config_path && !a->demo)
    a->options.demo = true;
  if (a->options.demo && !a->demo) {
    if (a->config->provider_count > 0) {
      return fault_set(f, ERR_CONFIG, NULL,
                       "--demo brings its own providers and models: start without --demo, or without providers in %s",
                       a->config_path ? a->config_path : "the environment");
    }
    config_unref(a->config);
    a->config = NULL;
    e = sim_background_start(&(struct sim_options){0}, &a->demo, f);
    if (e == ERR_OK)
      e = configured_first(a, f);
  }
  if (e == ERR_OK && a->config->provider_count == 0) {
    LOG_WARN("no_provider", log_str("detail", "no provider is configured, so no model can be served; add one under "
                                              "`providers:` or start with --demo"));
  }
  return e;
}

static unsigned count_workers(const struct config *c) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  unsigned n = c->workers > 0 ? c->workers : cores > 0 ? (unsigned)cores : 1;
  return n > APP_WORKERS_MAX ? APP_WORKERS_MAX : n;
}

static void greet(struct app *a) {
  struct fault f = {0};
  if (a->config->key_count > 0 || (a->config_path && !a->options.demo))
    return;
  char url[300] = "http://";
  addr_format(&a->sockets.bound[0], url + 7, sizeof(url) - 7);
  struct first_key_options o = {a->store, a->server_secret, app_data_dir(a), url, a->demo != NULL};
  if (first_key_print(&o, stdout, &f) != ERR_OK)
    LOG_ERROR("first_key_failed", log_str("detail", fault_text(&f)));
}

/* Standard input, output and error exist, so that no descriptor of ours takes their place; what else was inherited
 * stays with this process. */
static void settle_descriptors(void) {
  int fd;
  do
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == 0);
  if (fd > STDERR_FILENO)
    close(fd);
  (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static enum err offer_sockets(struct app *a, int count, struct fault *f) {
  enum err e = ERR_OK;
  for (int i = 0; i < count && e == ERR_OK; i++) {
    struct addr bound;
    e = listen_addr(SYSTEMD_FIRST_FD + i, &bound);
    if (e == ERR_OK)
      e = sockets_offer(&a->sockets, SYSTEMD_FIRST_FD + i, &bound, true, f);
  }
  return e == ERR_OK || f->text[0] ? e : fault_set(f, e, NULL, "what systemd has passed are not sockets");
}

static enum err prepare(struct app *a, struct fault *f) {
  int passed;
  settle_descriptors();
  a->takeover = a->local.fd = a->signal_fd = a->wake_fd = -1;
  a->local.app = a;
  a->generation = 1;
  pthread_mutex_init(&a->config_lock, NULL);
  succession_init(&a->succession);
  upgrade_desk_init(&a->desk);
  log_start(STDERR_FILENO, LOG_LEVEL_INFO);
  systemd_start(&a->systemd, &passed);
  enum err e = life_prepare(a, f);
  if (e == ERR_OK)
    e = program_remember(&a->program, f);
  raise_limits();
  random_start();
  secret_start();
  if (e == ERR_OK)
    e = offer_sockets(a, passed, f);
  return e == ERR_OK ? takeover_begin(a, f) : e;
}

static enum err open_service(struct app *a, struct fault *f) {
  enum err e = configure(a, f);
  if (e != ERR_OK)
    return e;
  calendar_set_zone(a->config->timezone);
  log_set_level(a->config->log_level);
  atomic_store(&a->config_generation, a->config->generation);
  a->first = config_ref(a->config);
  a->base = config_ref(a->config);
  a->worker_count = count_workers(a->config);
  e = open_all(a, f);
  if (e == ERR_OK)
    e = sockets_open(&a->sockets, a->config->listen, a->config->listen_count, a->worker_count, f);
  if (e == ERR_OK)
    e = local_open(a, f);
  if (e == ERR_OK)
    e = make_workers(a, f);
  if (e == ERR_OK)
    e = takeover_wait(a, f);
  return e == ERR_OK ? begin_to_serve(a, f) : e;
}

int app_serve(const struct app_options *o) {
  static struct app app;
  struct app *a = &app;
  struct fault f = {0};
  a->options = *o;
  a->config_path = source_path(o->config_path);
  enum err e = prepare(a, &f);
  if (e == ERR_OK)
    e = open_service(a, &f);
  int status = e == ERR_OK ? 0 : fail(&f);
  if (e == ERR_OK) {
    if (a->takeover < 0)
      greet(a);
    if (a->takeover < 0 && app_has_role(a, APP_ROLE_ADMIN))
      door_print(a);
    print_ready(a);
    takeover_done(a);
    systemd_notify(&a->systemd, "READY=1\nSTATUS=serving");
    life_run(a);
  } else {
    takeover_fail(a, &f);
  }
  close_all(a);
  return status;
}
