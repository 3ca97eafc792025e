/* A PostgreSQL server of a test's own: made with initdb in a folder under /tmp, listening on a socket there and on a
 * random port of loopback, with user "weir" and a password. Works as root too (the server then runs as the user
 * postgres). Nothing of the machine's own servers is touched. For one thread. */
#ifndef TESTS_SUPPORT_POSTGRES_H
#define TESTS_SUPPORT_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define POSTGRES_TEST_PASSWORD "hush-hush%2Fword" /* as an address has it */

struct postgres_server {
  char dir[64];
  char bin[128];
  int port;
  pid_t pid; /* 0: not running */
  bool as_postgres;
  bool as_installed; /* memory and vacuuming as the distribution has them, for measuring; before it starts */
  unsigned databases;
  char why[256]; /* what was wrong */
};

/* Why no server can be started here, or NULL. */
const char *postgres_server_missing(void);
/* Makes and starts one; false with `why`. It dies with the calling process in any case. */
bool postgres_server_start(struct postgres_server *s);
/* Ends it and removes the folder. Safe on one that never started. */
void postgres_server_stop(struct postgres_server *s);
/* Makes and starts a standby that follows `primary` as it is now, its databases included; false with `why`. */
bool postgres_server_follow(struct postgres_server *s, const struct postgres_server *primary);
/* Makes a standby a primary; returns when it is one. */
bool postgres_server_promote(struct postgres_server *s);
/* One number from a database of it, named as in its address; -1 on failure. */
long postgres_server_ask(const struct postgres_server *s, const char *database, const char *sql);
/* A new empty database: its address over loopback (or over the socket) into out. False with `why`. */
bool postgres_server_database(struct postgres_server *s, bool over_socket, char *out, size_t cap);
/* SIGKILL to every process of it, or the orderly way; then up again on the same port. */
void postgres_server_kill(struct postgres_server *s);
void postgres_server_end(struct postgres_server *s);
bool postgres_server_restart(struct postgres_server *s);
/* Makes a certificate for "localhost" that vouches for itself, DIR/server.crt, and restarts the server with TLS. */
bool postgres_server_add_tls(struct postgres_server *s);
/* SIGSTOP and SIGCONT to every process of it. */
void postgres_server_freeze(struct postgres_server *s);
void postgres_server_thaw(struct postgres_server *s);

#endif
