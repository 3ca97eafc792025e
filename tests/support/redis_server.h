/* A real Redis for tests: the distribution's redis-server, on a free port of the loopback, in a temporary folder of its
 * own, gone with the test program. It can be killed and started again on the same port, and stopped in its tracks. */
#ifndef SUPPORT_REDIS_SERVER_H
#define SUPPORT_REDIS_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REDIS_ARGUMENTS_MAX 24

struct redis_server {
  pid_t pid;
  uint16_t port;
  char folder[64];
  const char
      *extra[REDIS_ARGUMENTS_MAX]; /* arguments behind ours, NULL at the end; the first may be "--cluster-enabled" */
};

/* Is redis-server on this machine? tools/setup.sh test installs it. */
static inline bool redis_server_is_there(void) {
  static const char *const places[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server", "/bin/redis-server"};
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    if (access(places[i], X_OK) == 0)
      return true;
  }
  return false;
}

static inline uint16_t redis_server_free_port(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof(a);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
  close(fd);
  return ntohs(a.sin_port);
}

static inline void redis_server_exec(const struct redis_server *s) {
  char port[8], tls_port[8];
  bool tls = s->extra[0] && strcmp(s->extra[0], "--tls-cert-file") == 0;
  const char *arguments[REDIS_ARGUMENTS_MAX + 16] = {"redis-server", "--bind",     "127.0.0.1", "--save",  "",
                                                     "--appendonly", "no",         "--dir",     s->folder, "--port",
                                                     port,           "--tls-port", tls_port};
  size_t n = 13;
  (void)snprintf(port, sizeof(port), "%d", tls ? 0 : s->port);
  (void)snprintf(tls_port, sizeof(tls_port), "%d", tls ? s->port : 0);
  for (size_t i = 0; s->extra[i]; i++)
    arguments[n++] = s->extra[i];
  int quiet = open("/dev/null", O_RDWR);
  (void)dup2(quiet, 0);
  (void)dup2(quiet, 1);
  (void)dup2(quiet, 2);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
  _exit(127);
}

/* A connection alone proves little: a server that finds its second port taken ends after it has opened the first. */
static inline bool redis_server_answers(const struct redis_server *s) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const struct timeval patience = {.tv_sec = 10};
  bool tls = s->extra[0] && strcmp(s->extra[0], "--tls-cert-file") == 0;
  char first;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  bool answers = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
                 (tls || (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, &first, 1, 0) == 1));
  close(fd);
  return answers;
}

/* Starts, or starts again, and waits until it takes connections. False: it has ended, a port of its is taken. */
static inline bool redis_server_runs(struct redis_server *s) {
  s->pid = fork();
  assert_true(s->pid >= 0);
  if (s->pid == 0)
    redis_server_exec(s);
  for (int i = 0; i < 3000 && !redis_server_answers(s); i++) {
    if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
      s->pid = 0;
      return false;
    }
    (void)poll(NULL, 0, 5);
  }
  return waitpid(s->pid, NULL, WNOHANG) == 0;
}

static inline void redis_server_run(struct redis_server *s) { assert_true(redis_server_runs(s)); }

/* A node of a cluster listens 10,000 ports higher as well. */
static inline uint16_t redis_server_choose_port(void) {
  uint16_t port = 0;
  for (int i = 0; i < 100 && (port == 0 || port > 65535 - 10000); i++)
    port = redis_server_free_port();
  return port;
}

/* extra: further arguments, NULL at the end; those of TLS begin with "--tls-cert-file". */
static inline void redis_server_start(struct redis_server *s, const char *const *extra) {
  bool runs = false;
  *s = (struct redis_server){0};
  for (size_t i = 0; extra && extra[i] && i + 1 < REDIS_ARGUMENTS_MAX; i++)
    s->extra[i] = extra[i];
  (void)snprintf(s->folder, sizeof(s->folder), "/tmp/weir-redis-XXXXXX");
  assert_non_null(mkdtemp(s->folder));
  for (int i = 0; i < 10 && !runs; i++) {
    s->port = redis_server_choose_port();
    runs = redis_server_runs(s);
  }
  assert_true(runs);
}

/* As a crash would: nothing is kept. */
static inline void redis_server_kill(struct redis_server *s) {
  if (s->pid > 0) {
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
  }
  s->pid = 0;
}
/* It takes connections and says nothing. */
static inline void redis_server_pause(const struct redis_server *s) { (void)kill(s->pid, SIGSTOP); }
static inline void redis_server_resume(const struct redis_server *s) { (void)kill(s->pid, SIGCONT); }

static inline void redis_server_end(struct redis_server *s) {
  char path[400];
  struct dirent *entry;
  redis_server_kill(s);
  DIR *d = opendir(s->folder);
  while (d && (entry = readdir(d))) {
    (void)snprintf(path, sizeof(path), "%s/%s", s->folder, entry->d_name);
    (void)unlink(path);
  }
  if (d)
    closedir(d);
  (void)rmdir(s->folder);
}

#endif
