/* systemd's two protocols, without its library: each is a few lines. NOTIFY_SOCKET stays in the environment for a
 * successor; LISTEN_FDS and WATCHDOG_PID name this process and would mislead one. Called by app.c and life.c. */
#include "app/systemd.h"

#include "fiber/loop.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#define LISTEN_FDS_MAX 1024

static bool is_for(const char *pid_text, long pid) {
  uint64_t n;
  return text_to_u64(text_of(pid_text), &n) && n == (uint64_t)pid;
}

int systemd_listen_count(const char *pid_text, const char *fds_text, long pid) {
  uint64_t count;
  if (!pid_text || !fds_text || !is_for(pid_text, pid) || !text_to_u64(text_of(fds_text), &count))
    return 0;
  return count > LISTEN_FDS_MAX ? 0 : (int)count;
}

bool systemd_address(const char *text, struct sockaddr_un *out, socklen_t *out_len) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  size_t len = text ? strlen(text) : 0;
  if (len < 2 || len >= sizeof(a.sun_path) || (text[0] != '/' && text[0] != '@'))
    return false;
  memcpy(a.sun_path, text, len);
  if (text[0] == '@')
    a.sun_path[0] = '\0';
  *out = a;
  /* The name of a socket without a file is all its bytes, so no zero counts. */
  *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
  return true;
}

int64_t systemd_watchdog_us(const char *usec_text, const char *pid_text, long pid) {
  int64_t us;
  if (!usec_text || (pid_text && !is_for(pid_text, pid)) || !text_to_i64(text_of(usec_text), &us) || us < 2)
    return 0;
  return us / 2;
}

void systemd_start(struct systemd *s, int *out_sockets) {
  *s = (struct systemd){0};
  *out_sockets = systemd_listen_count(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), (long)getpid());
  for (int i = 0; i < *out_sockets; i++)
    (void)fcntl(SYSTEMD_FIRST_FD + i, F_SETFD, FD_CLOEXEC);
  if (!systemd_address(getenv("NOTIFY_SOCKET"), &s->address, &s->address_len))
    s->address_len = 0;
  s->watchdog_us = systemd_watchdog_us(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), (long)getpid());
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  unsetenv("WATCHDOG_PID");
}

void systemd_notify(const struct systemd *s, const char *fmt, ...) {
  char state[512];
  va_list args;
  if (s->address_len == 0)
    return;
  va_start(args, fmt);
  int n = vsnprintf(state, sizeof(state), fmt, args);
  va_end(args);
  int fd = n > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0)
    return;
  size_t len = (size_t)n < sizeof(state) ? (size_t)n : sizeof(state) - 1;
  ssize_t ignored = sendto(fd, state, len, MSG_NOSIGNAL, (const struct sockaddr *)&s->address, s->address_len);
  (void)ignored;
  (void)close(fd);
}

void systemd_notify_reloading(const struct systemd *s) {
  systemd_notify(s, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration", (long long)loop_clock_us());
}
