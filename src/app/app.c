/* The composition root. app_serve reads from top to bottom: configuration, store, ledger, keys, listeners, workers,
 * then signals until the end, then everything back in reverse. Nothing outside this file knows which adapter is behind
 * a port. */
#include "app/app.h"

#include "app/first_key.h"
#include "app/source.h"
#include "app/state.h"
#include "base/log.h"
#include "base/random.h"
#include "fiber/loop.h"
#include "identity/apikey.h"
#include "net/listen.h"
#include "provider/table.h"
#include "sim/background.h"
#include "store/store.h"
#include "traffic/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFLOAD_THREADS  4
#define OFFLOAD_QUEUE    4096
#define RESOLVER_THREADS 2
#define KEYS_MAX         65536
#define CATALOGUES_MAX   256
#define HOUSEKEEPING_S   5

static int fail(const struct fault *f) {
  fprintf(stderr, "weir: %s\n", fault_text(f));
  return 1;
}

static enum err load_config(struct app *a, struct config **out, struct config_errors *errors) {
  struct buf demo;
  buf_init(&demo, 65536);
  if (a->demo)
    source_write_demo(&demo, sim_background_url(a->demo));
  struct source source = {a->config_path, buf_text(&demo)};
  enum err e = source_load(&source, out, errors);
  buf_done(&demo);
  return e;
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

static const char *persistent_dir(const struct app *a) {
  return a->config->store == CONFIG_STORE_MEMORY ? NULL : a->data_dir;
}

static enum err open_ledger(struct app *a, struct fault *f) {
  struct ledger_options o = {.data_dir = persistent_dir(a),
                             .workers = a->worker_count,
                             .sync_interval_ms = a->config->ledger.sync_interval_ms,
                             .flush_interval_ms = a->config->ledger.store_interval_ms};
  uint64_t recovered = 0;
  enum err e = ledger_open(&o, a->store, &a->ledger, &recovered, f);
  if (e == ERR_OK && recovered > 0)
    LOG_WARN("ledger_recovered", log_u64("attempts", recovered));
  if (e == ERR_OK && ledger_stats(a->ledger).damaged > 0)
    LOG_ERROR("journal_damaged", log_u64("places", ledger_stats(a->ledger).damaged),
              log_str("detail", "unreadable parts were set aside as *.damaged in the journal folder"));
  return e;
}

static enum principal_period period_of_key(enum config_period p) {
  switch (p) {
  case CONFIG_PERIOD_DAY: return PRINCIPAL_DAY;
  case CONFIG_PERIOD_WEEK: return PRINCIPAL_WEEK;
  case CONFIG_PERIOD_MONTH: return PRINCIPAL_MONTH;
  default: return PRINCIPAL_NO_BUDGET;
  }
}

static void declare_keys(struct app *a, const struct config *c) {
  struct apikey_declared *keys = calloc(c->key_count + 1, sizeof(*keys));
  if (!keys)
    abort();
  for (size_t i = 0; i < c->key_count; i++) {
    const struct config_key *k = &c->keys[i];
    keys[i] = (struct apikey_declared){secret_reveal(k->value),
                                       k->name,
                                       k->user,
                                       k->models,
                                       k->model_count,
                                       k->rpm,
                                       k->tpm,
                                       k->concurrency,
                                       k->budget_nano,
                                       period_of_key(k->budget_period),
                                       k->expires_us,
                                       k->blocked,
                                       k->access_key_id,
                                       secret_reveal(k->secret_access_key),
                                       k->workspace,
                                       k->policy};
  }
  apikey_identity_declare(a->identity, keys, c->key_count);
  free(keys);
}

static enum err open_identity(struct app *a, struct fault *f) {
  enum err e = apikey_load_secret(persistent_dir(a), &a->server_secret, f);
  if (e != ERR_OK)
    return e;
  a->identity = apikey_identity_new(a->store, a->offload, a->server_secret);
  declare_keys(a, a->config);
  return ERR_OK;
}

static void join_ports(struct app *a) {
  access_init(&a->telemetry, a->metrics);
  a->gateway = (struct gateway){apikey_identity_port(a->identity),
                                a->ledger,
                                a->limiter,
                                a->store,
                                a->offload,
                                &a->telemetry.port,
                                provider_find,
                                a->catalogues};
  operations_fill(a);
}

static enum err open_all(struct app *a, struct fault *f) {
  enum err e = open_store(a, f);
  if (e == ERR_OK)
    e = open_ledger(a, f);
  if (e == ERR_OK)
    e = offload_new(OFFLOAD_THREADS, OFFLOAD_QUEUE, &a->offload);
  if (e == ERR_OK)
    e = offload_new(RESOLVER_THREADS, OFFLOAD_QUEUE, &a->resolvers);
  if (e == ERR_OK)
    e = open_identity(a, f);
  if (e == ERR_OK)
    e = source_open_tls(a->config, &a->client_tls, &a->server_tls, f);
  if (e != ERR_OK)
    return f->text[0] ? e : fault_set(f, e, NULL, "cannot start: %s", err_text(e));
  a->dns = dns_new(a->resolvers);
  a->limiter = limiter_new(KEYS_MAX);
  a->catalogues = catalogues_new(CATALOGUES_MAX);
  a->metrics = metrics_new(a->worker_count);
  join_ports(a);
  return ERR_OK;
}

/* One socket a worker for TCP, one shared by all for a unix path. The first bind of a TCP address is made without
 * SO_REUSEPORT's tolerance, so that a port in use is an error and not a shared port. */
static enum err bind_one(struct app *a, struct addr *addr, int fds[APP_WORKERS_MAX], struct fault *f) {
  enum err e = listen_probe(addr, f);
  bool is_unix = addr_is_unix(addr);
  for (unsigned w = 0; w < a->worker_count && e == ERR_OK; w++) {
    if (is_unix && w > 0) {
      fds[w] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
      continue;
    }
    e = listen_bind(addr, !is_unix, &fds[w], f);
    if (e == ERR_OK && w == 0 && !is_unix)
      e = listen_addr(fds[0], addr);
  }
  return e;
}

static enum err make_workers(struct app *a, struct fault *f) {
  static int fds[APP_LISTEN_MAX][APP_WORKERS_MAX];
  enum err e = ERR_OK;
  for (size_t i = 0; i < a->config->listen_count && e == ERR_OK; i++) {
    if (i == APP_LISTEN_MAX)
      return fault_set(f, ERR_CONFIG, "listen", "at most %d addresses", APP_LISTEN_MAX);
    e = addr_parse(a->config->listen[i], &a->listen[i], f);
    if (e == ERR_OK)
      e = bind_one(a, &a->listen[i], fds[i], f);
    if (e == ERR_OK)
      a->listen_count++;
  }
  for (unsigned w = 0; w < a->worker_count && e == ERR_OK; w++) {
    int mine[APP_LISTEN_MAX];
    bool shared[APP_LISTEN_MAX];
    for (size_t i = 0; i < a->listen_count; i++) {
      mine[i] = fds[i][w];
      shared[i] = addr_is_unix(&a->listen[i]) && a->worker_count > 1;
    }
    struct worker_options o = {w,
                               &a->gateway,
                               &a->operations,
                               a->dns,
                               a->server_tls,
                               a->client_tls,
                               config_ref(a->config),
                               a->worker_count,
                               &a->connections};
    e = worker_new(&o, mine, shared, a->listen_count, &a->workers[w], f);
    if (e == ERR_OK)
      e = worker_start(a->workers[w]);
  }
  return e;
}

static void print_ready(struct app *a) {
  for (size_t i = 0; i < a->listen_count; i++) {
    char text[256];
    addr_format(&a->listen[i], text, sizeof(text));
    bool is_unix = addr_is_unix(&a->listen[i]);
    printf("weir: ready on %s%s\n", is_unix ? "" : a->server_tls ? "https://" : "http://", text);
  }
  fflush(stdout);
}

/* A reload that cannot do all that the file asks for says so. */
static void warn_of_restart_keys(const struct app *a, const struct config *fresh) {
  struct buf keys;
  buf_init(&keys, 4096);
  if (config_restart_keys(a->config, fresh, &keys))
    LOG_WARN("config_needs_restart", log_text("keys", buf_text(&keys)));
  buf_done(&keys);
}

static void log_errors(const struct config_errors *errors) {
  char line[640];
  for (size_t i = 0; i < errors->count; i++) {
    config_error_format(errors, i, line, sizeof(line));
    LOG_ERROR("config_error", log_str("detail", line));
  }
}

static void reload(struct app *a) {
  static struct config_errors errors;
  struct config *fresh = NULL;
  if (load_config(a, &fresh, &errors) != ERR_OK) {
    log_errors(&errors);
    LOG_ERROR("config_reload_failed", log_u64("errors", errors.count),
              log_str("detail", "the old configuration stays in force"));
    return;
  }
  warn_of_restart_keys(a, fresh);
  declare_keys(a, fresh);
  log_set_level(fresh->log_level);
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_use(a->workers[w], config_ref(fresh));
  config_unref(a->config);
  a->config = fresh;
  LOG_INFO("config_reloaded", log_u64("generation", fresh->generation), log_u64("providers", fresh->provider_count),
           log_u64("models", fresh->model_count));
}

static void housekeep(struct app *a) {
  struct fault f = {0};
  if (apikey_identity_flush(a->identity, &f) != ERR_OK)
    LOG_WARN("key_use_not_written", log_str("detail", fault_text(&f)));
  struct ledger_stats s = ledger_stats(a->ledger);
  if (s.store_failing != a->ledger_was_failing) {
    if (s.store_failing)
      LOG_ERROR("ledger_store_failing", log_u64("pending", s.pending), log_str("detail", s.store_fault));
    else
      LOG_INFO("ledger_store_recovered", log_u64("stored", s.stored));
  }
  a->ledger_was_failing = s.store_failing;
}

static void drain(struct app *a, int64_t within_ms) {
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_drain(a->workers[w], loop_clock_us() + within_ms * 1000);
}

/* Until the first TERM or INT, then returns with the drain begun. */
static void run(struct app *a, const sigset_t *signals) {
  struct timespec step = {HOUSEKEEPING_S, 0};
  for (;;) {
    int s = sigtimedwait(signals, NULL, &step);
    if (s == SIGHUP)
      reload(a);
    if (s == SIGUSR2)
      LOG_WARN("upgrade_not_available", log_str("detail", "this version cannot hand its listeners over; restart it"));
    if (s < 0)
      housekeep(a);
    if (s != SIGTERM && s != SIGINT)
      continue;
    LOG_INFO("draining", log_i64("deadline_ms", a->config->timeouts.drain_ms));
    atomic_store(&a->draining, true);
    drain(a, a->config->timeouts.drain_ms);
    return;
  }
}

struct impatience {
  struct app *app;
  sigset_t signals;
  atomic_bool over;
};

/* A second TERM or INT ends the patience of the drain. */
static void *second_signal(void *arg) {
  struct impatience *i = arg;
  struct timespec step = {0, 50 * 1000 * 1000};
  while (!atomic_load(&i->over)) {
    int s = sigtimedwait(&i->signals, NULL, &step);
    if (s != SIGTERM && s != SIGINT)
      continue;
    LOG_WARN("drain_cut_short", log_bool("asked", true));
    drain(i->app, 0);
    break;
  }
  return NULL;
}

static void wait_for_workers(struct app *a, const sigset_t *signals) {
  struct impatience i = {.app = a, .signals = *signals};
  pthread_t thread;
  bool watching = pthread_create(&thread, NULL, second_signal, &i) == 0;
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_wait(a->workers[w]);
  atomic_store(&i.over, true);
  if (watching)
    pthread_join(thread, NULL);
}

static void close_all(struct app *a) {
  struct fault f = {0};
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_join(a->workers[w]);
  if (a->identity && apikey_identity_flush(a->identity, &f) != ERR_OK)
    LOG_WARN("key_use_not_written", log_str("detail", fault_text(&f)));
  sim_background_stop(a->demo);
  dns_free(a->dns);
  if (a->ledger)
    ledger_close(a->ledger, 10000);
  apikey_identity_free(a->identity);
  if (a->offload)
    offload_free(a->offload);
  if (a->resolvers)
    offload_free(a->resolvers);
  if (a->store)
    a->store->ops->close(a->store);
  limiter_free(a->limiter);
  catalogues_free(a->catalogues);
  metrics_free(a->metrics);
  tls_context_unref(a->server_tls);
  tls_context_unref(a->client_tls);
  secret_free(a->server_secret);
  config_unref(a->config);
  for (size_t i = 0; i < a->listen_count; i++) {
    if (addr_is_unix(&a->listen[i]))
      unlink(a->listen[i].as.un.sun_path);
  }
}

/* Streams need two descriptors each; take what the system allows. */
static void raise_limits(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  prctl(PR_SET_DUMPABLE, 0);
  /* Ordinary bodies are served from memory that stays; very large ones come from the system and go back to it. */
  mallopt(M_MMAP_THRESHOLD, 2 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

static enum err first_config(struct app *a, struct fault *f) {
  static struct config_errors errors;
  enum err e = load_config(a, &a->config, &errors);
  if (e == ERR_OK)
    return e;
  source_print_errors(&errors);
  return fault_set(f, e, NULL, "the configuration is not valid");
}

static enum err configure(struct app *a, struct fault *f) {
  enum err e = first_config(a, f);
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
      e = first_config(a, f);
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
  addr_format(&a->listen[0], url + 7, sizeof(url) - 7);
  struct first_key_options o = {a->store, a->server_secret, persistent_dir(a), url, a->demo != NULL};
  if (first_key_print(&o, stdout, &f) != ERR_OK)
    LOG_ERROR("first_key_failed", log_str("detail", fault_text(&f)));
}

int app_serve(const struct app_options *o) {
  static struct app app;
  struct app *a = &app;
  struct fault f = {0};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  a->options = *o;
  a->config_path = source_path(o->config_path);
  raise_limits();
  log_start(STDERR_FILENO, LOG_LEVEL_INFO);
  random_start();
  secret_start();
  enum err e = configure(a, &f);
  if (e == ERR_OK) {
    char zone[128];
    snprintf(zone, sizeof(zone), "%.*s", TEXT_ARGS(a->config->timezone));
    setenv("TZ", zone, 1);
    tzset();
    log_set_level(a->config->log_level);
    a->worker_count = count_workers(a->config);
    e = open_all(a, &f);
  }
  if (e == ERR_OK)
    e = make_workers(a, &f);
  int status = e == ERR_OK ? 0 : fail(&f);
  if (e == ERR_OK) {
    greet(a);
    print_ready(a);
    run(a, &signals);
    wait_for_workers(a, &signals);
  }
  close_all(a);
  return status;
}
