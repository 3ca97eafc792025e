/* Everything the process is made of, shared by the files of app/ and by nobody else. Filled from top to bottom at the
 * start, taken apart in reverse at the end. */
#ifndef APP_STATE_H
#define APP_STATE_H

#include "app/app.h"
#include "app/worker.h"
#include "config/config.h"
#include "identity/apikey.h"
#include "net/addr.h"
#include "sim/background.h"
#include "telemetry/access.h"

#include <stdatomic.h>

#define APP_WORKERS_MAX 64
#define APP_LISTEN_MAX  16

struct app {
  struct app_options options;
  const char *config_path;
  struct sim_background *demo;
  struct config *config;
  char data_dir[1024];
  struct store *store;
  struct ledger *ledger;
  struct secret *server_secret;
  struct offload *offload, *resolvers; /* a name server that hangs must not hold up the store */
  struct apikey_identity *identity;
  struct limiter *limiter;
  struct metrics *metrics;
  struct access_telemetry telemetry;
  struct dns *dns;
  struct tls_context *server_tls, *client_tls;
  struct catalogues *catalogues;
  struct gateway gateway;
  struct operations operations;
  struct addr listen[APP_LISTEN_MAX];
  size_t listen_count;
  struct worker *workers[APP_WORKERS_MAX];
  unsigned worker_count;
  atomic_size_t connections, requests; /* of all workers */
  struct http_memory memory;           /* what all clients make them hold */
  atomic_bool draining;
  bool ledger_was_failing;
};

/* What health asks and what the metrics add to the workers' counters. a must be complete but for its workers. */
void operations_fill(struct app *a);

#endif
