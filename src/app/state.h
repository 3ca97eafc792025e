/* Everything the process is made of, shared by the files of app/ and by nobody else. Filled from top to bottom at the
 * start, taken apart in reverse at the end. */
#ifndef APP_STATE_H
#define APP_STATE_H

#include "app/app.h"
#include "app/backups.h"
#include "app/catalogues.h"
#include "app/credentials.h"
#include "app/life.h"
#include "app/local.h"
#include "app/local_files.h"
#include "app/mail.h"
#include "app/sockets.h"
#include "app/succession.h"
#include "app/systemd.h"
#include "app/upgrade.h"
#include "app/worker.h"
#include "cluster/events.h"
#include "cluster/redis_bell.h"
#include "cluster/redis_breakers.h"
#include "config/config.h"
#include "control/api.h"
#include "control/auth.h"
#include "control/front.h"
#include "identity/access.h"
#include "identity/keysmith.h"
#include "identity/oauth.h"
#include "identity/own_token.h"
#include "identity/rights.h"
#include "identity/signin.h"
#include "identity/token.h"
#include "identity/vault.h"
#include "jobs/runner.h"
#include "sim/background.h"
#include "telemetry/access.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define APP_WORKERS_MAX 64

/* Which signals have come and wait to be acted on. */
struct app_signals {
  bool end, reload, upgrade;
};

struct app {
  struct app_options options;
  struct program program;
  sigset_t signals_before; /* the mask the process was started with */
  int signal_fd, wake_fd;  /* the main thread's: signals, and news from other threads */
  struct app_signals signals;
  struct life life;
  struct systemd systemd;
  struct succession succession;
  struct upgrade_desk desk;
  uint64_t generation; /* 1, and one more with each upgrade */
  int takeover;        /* the link to the process this one replaces, until it serves; -1: none */
  int held_lock;       /* of data_dir, from that process; 0: none */
  const char *config_path;
  struct sim_background *demo;
  struct config *config; /* the main thread's; others take app_config */
  struct config *base;   /* the main thread's: the same without the credentials of the store */
  struct credential_desk *credentials;
  struct config *first; /* the one it was started with: what needs a restart is still as this says */
  pthread_mutex_t config_lock;
  char data_dir[1024];
  struct store *store;
  struct ledger *ledger;
  struct secret *server_secret;
  struct keysmith_adapter keysmith;
  struct backup_desk backups;
  struct catalogue_desk catalogue_desk;
  struct mail_desk mail;
  struct offload *offload, *resolvers; /* a name server that hangs must not hold up the store */
  struct offload *fetchers;            /* an issuer of tokens that hangs must not hold up either */
  struct apikey_identity *identity;
  struct token_identity *tokens; /* stands before it */
  struct sealed_vault *vault;
  struct mint *mint; /* tokens of ours */
  struct oauth_desk oauth;
  struct oauth_site oauth_site;
  struct own_identity own;         /* stands before all others */
  struct rights *rights;           /* of users and service accounts */
  struct signin_desk *door;        /* where people sign in */
  struct access_desk *known;       /* whose request of the control API it is */
  struct offload *hashers;         /* of passwords */
  struct oidc_desk *providers;     /* of identities */
  struct offload *provider_askers; /* one of them that hangs must not hold up passwords */
  struct auth_site auth_site;
  struct limiter *limiter;
  struct metrics *metrics;
  struct access_telemetry telemetry;
  struct dns *dns;
  struct tls_context *server_tls, *client_tls, *redis_tls;
  struct redis *redis; /* NULL: this replica is alone */
  struct redis_breakers *shared_breakers;
  struct redis_bell *bell; /* of events */
  struct catalogues *catalogues;
  struct gateway gateway;
  struct operations operations;
  struct feed *feed;
  struct api api;
  struct access *access; /* who calls the control API over the network; NULL: it is not served there */
  struct front front;
  struct runner *runner;     /* of jobs */
  struct local_files *files; /* NULL: the store is in memory */
  struct sockets sockets;
  struct local local;
  struct worker *workers[APP_WORKERS_MAX];
  unsigned worker_count;
  atomic_size_t connections, requests; /* of all workers */
  struct http_memory memory;           /* what all clients make them hold */
  atomic_bool draining;                /* the service ends */
  struct events *events;               /* what other processes have changed (news.h) */
  atomic_bool reload_wanted;           /* by an event, or over the operator's socket */
  _Atomic uint64_t reload_failures;    /* since the start */
  bool handed_over;                    /* a successor serves; this process finishes its calls */
  _Atomic uint64_t config_generation;
  bool ledger_was_failing, journal_was_failing;
  bool entities_are_old; /* the store did not say what it has when the configuration was last read */
};

bool app_has_role(const struct app *a, enum app_role role);
/* The file that holds what is not to be forgotten; NULL for a store in memory. */
const char *app_data_dir(const struct app *a);
/* Every worker accepts on its part of a->sockets. On failure some may: the process has to end. */
enum err app_listen(struct app *a, struct fault *f) MUST_CHECK;
/* No worker accepts when this returns; app_listen takes it back. */
void app_pause(struct app *a);
/* The configuration in force, with a reference. Any thread. */
struct config *app_config(struct app *a);
/* Reads the configuration anew; all of it or nothing is used. */
void app_reload(struct app *a);
/* Uses this one with the credentials that were read last (credentials.h), and takes the reference over. */
void app_put_in_force(struct app *a, struct config *base);
/* The same with the one that is used. */
void app_renew(struct app *a);

/* What health asks and what the metrics add to the workers' counters. a must be complete but for its workers. */
void operations_fill(struct app *a);

#endif
