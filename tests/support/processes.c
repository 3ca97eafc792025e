/* Starting and asking whole programs. The parsing is of answers to requests this file made, nothing more general.
 * Called by the fault tests that run weir as its users do. */
#include "processes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wait_ms(int ms) { (void)poll(NULL, 0, ms); }

static int loopback_socket(struct sockaddr_in *a, int port) {
  *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Below the ports that the system gives to connections: a program that is started again wants the same one. */
int port_free(void) {
  static unsigned tried;
  for (int i = 0; i < 1000; i++) {
    struct sockaddr_in a;
    unsigned mixed = ((unsigned)getpid() * 2654435761U) ^ ((unsigned)clock_ms() * 40503U) ^ (tried++ * 7919U);
    int port = 12000 + (int)(mixed % 18000), fd = loopback_socket(&a, port);
    bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
      close(fd);
    if (is_free)
      return port;
  }
  return -1;
}

/* --- programs --- */

/* In the child. */
static void become(const struct process *p, pid_t parent, int out, const char *const argv[]) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(126);
  int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  struct rlimit most = {(rlim_t)(p ? p->fsize_limit : 0), (rlim_t)(p ? p->fsize_limit : 0)};
  if (p && p->fsize_limit && setrlimit(RLIMIT_FSIZE, &most))
    _exit(126);
  if (p && p->uid && (setgid(p->uid) || setuid(p->uid)))
    _exit(126);
  execv(argv[0], (char *const *)(uintptr_t)argv);
  _exit(127);
}

static char *file_read(const char *path, long skip) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st = {0};
  size_t n = 0, room = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > skip ? (size_t)(st.st_size - skip) : 0;
  char *text = malloc(room + 1);
  if (!text)
    abort();
  for (ssize_t got = 1; n < room && got > 0; n += got > 0 ? (size_t)got : 0)
    got = pread(fd, text + n, room - n, (off_t)n + skip);
  text[n] = '\0';
  if (fd >= 0)
    close(fd);
  return text;
}

static long file_size(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

int process_wait(struct process *p, int within_ms) {
  int status = 0;
  for (int64_t until = clock_ms() + within_ms;; wait_ms(5)) {
    if (p->pid > 0 && waitpid(p->pid, &status, WNOHANG) == p->pid) {
      p->pid = 0;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    if (clock_ms() >= until)
      return -1;
  }
}

static int ready_port(const char *log, long from) {
  static const char word[] = "ready on http://127.0.0.1:";
  char *text = file_read(log, from), *at = strstr(text, word);
  int port = at && strchr(at, '\n') ? (int)strtol(at + sizeof word - 1, NULL, 10) : 0;
  free(text);
  return port;
}

bool process_start(struct process *p, const char *const argv[], int *out_code) {
  long from = file_size(p->log);
  int code = -1, out = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  pid_t parent = getpid();
  p->pid = out >= 0 ? fork() : -1;
  if (p->pid == 0)
    become(p, parent, out, argv);
  if (out >= 0)
    close(out);
  for (int64_t until = clock_ms() + PROCESSES_PATIENCE_MS; p->pid > 0 && clock_ms() < until; wait_ms(5)) {
    int port = ready_port(p->log, from);
    if (port && port != p->port) /* one that starts again on its port is being called meanwhile */
      p->port = port;
    if (port)
      return true;
    code = process_wait(p, 0);
    if (code >= 0)
      break;
  }
  if (p->pid > 0)
    process_kill(p);
  if (out_code)
    *out_code = code;
  return false;
}

void process_signal(const struct process *p, int number) {
  if (p->pid > 0)
    kill(p->pid, number);
}

void process_kill(struct process *p) {
  process_signal(p, SIGKILL);
  if (p->pid > 0)
    waitpid(p->pid, NULL, 0);
  p->pid = 0;
}

int process_stop(struct process *p) {
  process_signal(p, SIGTERM);
  return process_wait(p, PROCESSES_PATIENCE_MS);
}

int process_run(const char *const argv[], char **out_said) {
  char path[] = "/tmp/weir-test-run-XXXXXX";
  int out = mkostemp(path, O_CLOEXEC), status = 0;
  pid_t parent = getpid(), pid = fork();
  if (pid == 0)
    become(NULL, parent, out, argv);
  bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
  *out_said = file_read(path, 0);
  close(out);
  unlink(path);
  return !ended ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

size_t file_count(const char *path, const char *text, long skip) {
  size_t n = 0;
  char *all = file_read(path, skip);
  for (const char *at = all; (at = strstr(at, text)); at++)
    n++;
  free(all);
  return n;
}

void file_show(const char *path, const char *label) {
  char *all = file_read(path, file_size(path) > 12000 ? file_size(path) - 12000 : 0), *rest = all;
  for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
    printf("# %s: %s\n", label, line);
  free(all);
}

/* --- requests --- */

struct got {
  char *at;
  size_t len, cap;
};

static int dial(int port) {
  struct sockaddr_in a;
  int fd = loopback_socket(&a, port);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

static bool send_all(int fd, const char *at, size_t n) {
  while (n > 0) {
    ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    at += sent;
    n -= (size_t)sent;
  }
  return true;
}

/* Until the other side ends: 0, a reset: -1, no end in time: 1. */
static int receive(int fd, int timeout_ms, struct got *g) {
  for (int64_t until = clock_ms() + timeout_ms;;) {
    int64_t left = until - clock_ms();
    struct pollfd p = {fd, POLLIN, 0};
    if (left <= 0 || poll(&p, 1, (int)left) == 0)
      return 1;
    if (g->cap - g->len < 16384) {
      g->cap = g->cap * 2 + 32768;
      g->at = realloc(g->at, g->cap);
      if (!g->at)
        abort();
    }
    ssize_t n = recv(fd, g->at + g->len, g->cap - g->len - 1, 0);
    if (n <= 0) {
      g->at[g->len] = '\0';
      return n == 0 ? 0 : -1;
    }
    g->len += (size_t)n;
    g->at[g->len] = '\0';
  }
}

/* Puts chunks together in place; true when the last one was there. */
static bool join_chunks(char *body, size_t len, size_t *out_len) {
  size_t kept = 0;
  for (char *at = body;;) {
    char *end = NULL;
    size_t left = len - (size_t)(at - body), n = strtoul(at, &end, 16);
    char *line = memchr(at, '\n', left);
    if (!line || end == at)
      break;
    at = line + 1;
    left = len - (size_t)(at - body);
    if (n == 0) {
      *out_len = kept;
      return true;
    }
    if (left < n + 2)
      break;
    memmove(body + kept, at, n);
    kept += n;
    at += n + 2;
  }
  *out_len = kept;
  return false;
}

static void header_text(const char *head, const char *name, char *out, size_t cap) {
  const char *at = strcasestr(head, name);
  size_t n = 0;
  out[0] = '\0';
  if (!at)
    return;
  for (at += strlen(name); *at == ' '; at++) {
  }
  while (at[n] && at[n] != '\r' && n + 1 < cap)
    n++;
  memcpy(out, at, n);
  out[n] = '\0';
}

/* The answer from its bytes; whole when its head says so. */
static bool take_apart(struct got *g, struct reply *out) {
  char *end = g->len ? strstr(g->at, "\r\n\r\n") : NULL, length[24];
  if (!end || strncmp(g->at, "HTTP/1.1 ", 9) != 0)
    return false;
  out->status = (int)strtol(g->at + 9, NULL, 10);
  end[2] = '\0';
  header_text(g->at, "\r\nx-weir-request-id:", out->request_id, sizeof out->request_id);
  header_text(g->at, "\r\ncontent-length:", length, sizeof length);
  bool is_chunked = strcasestr(g->at, "\r\ntransfer-encoding: chunked") != NULL, is_whole;
  size_t len = g->len - (size_t)(end + 4 - g->at);
  memmove(g->at, end + 4, len + 1);
  out->body = g->at;
  out->len = len;
  if (is_chunked) {
    is_whole = join_chunks(out->body, len, &out->len);
    out->body[out->len] = '\0';
  } else {
    is_whole = length[0] && strtoul(length, NULL, 10) == len;
  }
  return is_whole;
}

void ask(int port, const char *method, const char *path, const char *headers, const char *body, int timeout_ms,
         struct reply *out) {
  char head[2048];
  struct got g = {0};
  size_t len = body ? strlen(body) : 0;
  *out = (struct reply){.end = REPLY_REFUSED};
  int fd = dial(port), n;
  if (fd < 0)
    return;
  n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n%scontent-length: %zu\r\n\r\n",
               method, path, headers, len);
  out->end = REPLY_CUT;
  /* A server may answer and close before it has read all: what it said is read in any case. */
  bool sent =
      n > 0 && (size_t)n < sizeof head && send_all(fd, head, (size_t)n) && (len == 0 || send_all(fd, body, len));
  int how = receive(fd, timeout_ms, &g);
  close(fd);
  if (take_apart(&g, out))
    out->end = REPLY_WHOLE;
  else if (how == 1 && sent)
    out->end = REPLY_LATE;
  if (!out->body)
    free(g.at);
}

void reply_done(struct reply *r) {
  free(r->body);
  r->body = NULL;
}

double metric_of(int port, const char *name) {
  struct reply r;
  size_t len = strlen(name);
  double sum = -1;
  ask(port, "GET", "/metrics", "", NULL, 20000, &r);
  char *rest = r.body;
  for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
    if (strncmp(line, name, len) != 0 || (line[len] != ' ' && line[len] != '{'))
      continue;
    const char *value = strrchr(line, ' ');
    sum = (sum < 0 ? 0 : sum) + (value ? strtod(value, NULL) : 0);
  }
  reply_done(&r);
  return sum;
}
