/* What systemd and a service say to each other: sockets passed at the start (sd_listen_fds(3)) and messages about the
 * service's state (sd_notify(3)). Both are a few variables of the environment and datagrams; without them everything
 * here does nothing. */
#ifndef APP_SYSTEMD_H
#define APP_SYSTEMD_H

#include "base/text.h"

#include <sys/socket.h>
#include <sys/un.h>

#define SYSTEMD_FIRST_FD 3

struct systemd {
  struct sockaddr_un address;
  socklen_t address_len; /* 0: nobody is to be told */
  int64_t watchdog_us;   /* 0: nobody waits for signs of life */
};

/* How many sockets were passed to the process `pid`, from SYSTEMD_FIRST_FD on. pid_text and fds_text are LISTEN_PID and
 * LISTEN_FDS, NULL when unset; what is meant for another process, or malformed, is 0. Pure. */
int systemd_listen_count(const char *pid_text, const char *fds_text, long pid);
/* NOTIFY_SOCKET as an address: a path, or '@' and a name without a file. False when it is neither. Pure. */
bool systemd_address(const char *text, struct sockaddr_un *out, socklen_t *out_len);
/* Half of WATCHDOG_USEC, which is how often to show a sign of life; 0 when unset, malformed or meant for another
 * process (WATCHDOG_PID). Pure. */
int64_t systemd_watchdog_us(const char *usec_text, const char *pid_text, long pid);

/* Reads the environment; takes out of it what is for this process alone. *out_sockets: as systemd_listen_count, made
 * CLOEXEC. */
void systemd_start(struct systemd *s, int *out_sockets);
/* Sends "READY=1\n..." and the like. What cannot be sent is lost: the service does not depend on it. */
void systemd_notify(const struct systemd *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* RELOADING=1 with the time it wants; READY=1 must follow. */
void systemd_notify_reloading(const struct systemd *s);

#endif
