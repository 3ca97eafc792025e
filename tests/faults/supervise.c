/* Plays systemd for a whole weir: passes it its listening sockets, hears what it says of itself, and has it reloaded,
 * upgraded, killed and ended. usage: supervise PATH_OF_WEIR; prints TAP. */
#include "app/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static char dir[64], log_path[96], config_path[96], unix_path[96], notify_path[96];
static int notify_fd = -1, tcp_fd = -1, unix_fd = -1, number;
static struct sockaddr_in tcp_address = {.sin_family = AF_INET};
static const char *program;
static bool failed;

static void check(bool good, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void check(bool good, const char *fmt, ...) {
  va_list args;
  printf("%s %d - ", good ? "ok" : "not ok", ++number);
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf("\n");
  fflush(stdout);
  failed |= !good;
}

static void bail(const char *what) {
  printf("Bail out! %s: %s\n", what, strerror(errno));
  exit(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static int bind_unix(const char *path, int type) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
    bail(path);
  return fd;
}

static void make_sockets(void) {
  socklen_t len = sizeof(tcp_address);
  tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (tcp_fd < 0 || bind(tcp_fd, (struct sockaddr *)&tcp_address, sizeof(tcp_address)) || listen(tcp_fd, 100) ||
      getsockname(tcp_fd, (struct sockaddr *)&tcp_address, &len))
    bail("a TCP socket");
  unix_fd = bind_unix(unix_path, SOCK_STREAM);
  if (listen(unix_fd, 100))
    bail("a unix socket");
  notify_fd = bind_unix(notify_path, SOCK_DGRAM);
}

static void write_config(void) {
  FILE *f = fopen(config_path, "w");
  if (!f)
    bail(config_path);
  fprintf(f,
          "listen: [\"127.0.0.1:%d\", \"unix:%s\"]\ndata_dir: %s/data\nworkers: 2\n"
          "keys:\n  - { name: one, value: wk-supervised-0001 }\n",
          ntohs(tcp_address.sin_port), unix_path, dir);
  fclose(f);
}

/* In the new process: as systemd would leave it. */
static void become_weir(void) {
  char pid[24];
  int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600), tcp = fcntl(tcp_fd, F_DUPFD_CLOEXEC, 20),
      file = fcntl(unix_fd, F_DUPFD_CLOEXEC, 20);
  snprintf(pid, sizeof(pid), "%ld", (long)getpid());
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  dup2(tcp, SYSTEMD_FIRST_FD);
  dup2(file, SYSTEMD_FIRST_FD + 1);
  setenv("LISTEN_PID", pid, 1);
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_FDNAMES", "tcp:file", 1);
  setenv("NOTIFY_SOCKET", notify_path, 1);
  setenv("WATCHDOG_PID", pid, 1);
  setenv("WATCHDOG_USEC", "2000000", 1);
  execl(program, program, "serve", "-c", config_path, (char *)NULL);
  _exit(127);
}

static pid_t start(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0)
    become_weir();
  return pid;
}

/* The next message that has this in it; others are passed over. */
static bool hears(const char *word, char *out, size_t cap) {
  for (;;) {
    struct pollfd p = {notify_fd, POLLIN, 0};
    if (poll(&p, 1, PATIENCE_MS) <= 0)
      return false;
    ssize_t n = recv(notify_fd, out, cap - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    if (strstr(out, word))
      return true;
  }
}

static int dial(bool file) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof(a.sun_path), "%s", unix_path);
  int fd = socket(file ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = file ? connect(fd, (struct sockaddr *)&a, sizeof(a))
                    : connect(fd, (struct sockaddr *)&tcp_address, sizeof(tcp_address));
  if (result)
    bail("connecting");
  return fd;
}

/* One request on a connection that stays: whether it is answered with 200. */
static bool ask(int fd) {
  static const char request[] = "GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";
  char answer[2048];
  struct pollfd p = {fd, POLLIN, 0};
  if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0 || poll(&p, 1, PATIENCE_MS) <= 0)
    return false;
  ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
  answer[n > 0 ? n : 0] = '\0';
  return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

static bool ask_once(bool file) {
  int fd = dial(file);
  bool good = ask(fd);
  close(fd);
  return good;
}

static bool is_closed(int fd) {
  char byte;
  struct pollfd p = {fd, POLLIN, 0};
  return poll(&p, 1, PATIENCE_MS) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* The exit status; -1: it did not end, or not by itself. */
static int status_of(pid_t pid) {
  int status = 0;
  for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
    if (waitpid(pid, &status, WNOHANG) == pid)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    (void)poll(NULL, 0, 10);
  }
  return -1;
}

static pid_t upgrade(pid_t old) {
  char said[600] = "";
  long pid = 0;
  kill(old, SIGUSR2);
  check(hears("MAINPID=", said, sizeof(said)) && sscanf(strstr(said, "MAINPID="), "MAINPID=%ld", &pid) == 1 &&
            pid > 0 && pid != old,
        "USR2 names another main process: %s", said);
  check(hears("READY=1", said, sizeof(said)), "which says that it is ready");
  return (pid_t)pid;
}

static void life(void) {
  char said[600] = "";
  pid_t first = start();
  check(hears("READY=1", said, sizeof(said)), "it says that it is ready");
  check(ask_once(false) && ask_once(true), "it serves on the sockets it was given");
  check(hears("WATCHDOG=1", said, sizeof(said)), "it shows signs of life");
  kill(first, SIGHUP);
  check(hears("RELOADING=1", said, sizeof(said)) && strstr(said, "MONOTONIC_USEC="), "HUP says that it reloads");
  check(hears("READY=1", said, sizeof(said)), "and that it has");
  int kept[2] = {dial(false), dial(false)};
  check(ask(kept[0]) && ask(kept[1]), "connections are kept");
  pid_t second = upgrade(first);
  check(hears("WATCHDOG=1", said, sizeof(said)), "the new one shows signs of life");
  check(ask_once(false) && ask_once(true), "the new one serves on the same sockets");
  check(ask(kept[0]) && is_closed(kept[0]), "the old one answers once more, then closes");
  kill(first, SIGKILL);
  check(is_closed(kept[1]), "no connection of the old one is held open by the new one");
  (void)status_of(first);
  pid_t third = upgrade(second);
  check(status_of(second) == 0, "the old one ends, having nothing to finish");
  check(ask_once(false) && ask_once(true), "the newest serves");
  kill(third, SIGTERM);
  check(hears("STOPPING=1", said, sizeof(said)), "TERM says that it ends");
  check(status_of(third) == 0, "and it does");
  check(access(unix_path, F_OK) == 0, "systemd's socket file stays");
  close(kept[0]);
  close(kept[1]);
}

static void show_log(void) {
  char line[1000];
  FILE *f = fopen(log_path, "r");
  while (f && fgets(line, sizeof(line), f))
    printf("# %s", line);
  if (f)
    fclose(f);
}

int main(int argc, char **argv) {
  const char *tmp = getenv("TMPDIR");
  if (argc != 2)
    return 2;
  program = argv[1];
  /* Whoever loses its parent becomes ours, as under systemd. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  snprintf(dir, sizeof(dir), "%.30s/weir-supervise-XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(dir))
    bail("a directory");
  snprintf(log_path, sizeof(log_path), "%s/log", dir);
  snprintf(config_path, sizeof(config_path), "%s/weir.yaml", dir);
  snprintf(unix_path, sizeof(unix_path), "%s/http", dir);
  snprintf(notify_path, sizeof(notify_path), "%s/notify", dir);
  make_sockets();
  write_config();
  life();
  printf("1..%d\n", number);
  if (failed)
    show_log();
  nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  return failed;
}
