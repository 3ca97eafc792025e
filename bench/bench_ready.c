/* Time to ready: starts a gateway again and again and measures from just before exec to the first answer 200 of
 * /health/ready and to the line "ready" on its standard output; then asks it to end (SIGTERM) and waits for it. Prints
 * one line of name=value a run. `bench_ready --port N --runs N --cpu N -- PROGRAM ARGUMENT...`. Called by run.sh. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "process.h"

#define START_LIMIT_MS 10000
#define END_LIMIT_MS   10000

struct start {
  pid_t pid;
  int output;
  int64_t began_ns, answer_ns, line_ns;
  size_t length;
  char text[1024];
};

static void run_program(char **command, uint64_t cpu, int output) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET((size_t)cpu, &cpus);
  (void)sched_setaffinity(0, sizeof(cpus), &cpus);
  (void)dup2(output, STDOUT_FILENO);
  (void)execv(command[0], command);
  _exit(127);
}

static void start_program(struct start *s, char **command, uint64_t cpu) {
  int ends[2];
  memset(s, 0, sizeof(*s));
  if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
    bench_fail("pipe");
  s->began_ns = bench_now_ns();
  s->pid = fork();
  if (s->pid < 0)
    bench_fail("fork");
  if (s->pid == 0)
    run_program(command, cpu, ends[1]);
  (void)close(ends[1]);
  s->output = ends[0];
}

/* True when /health/ready answers 200. Nobody listening, or another answer, is "not yet". */
static bool is_ready(uint64_t port) {
  static const char request[] = "GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
  char answer[64];
  int fd = bench_connect((uint16_t)port, 0);
  if (fd < 0)
    return false;
  ssize_t n = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0 ? -1 : recv(fd, answer, sizeof(answer) - 1, 0);
  (void)close(fd);
  answer[n > 0 ? n : 0] = '\0';
  return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void read_output(struct start *s) {
  ssize_t n = read(s->output, s->text + s->length, sizeof(s->text) - 1 - s->length);
  if (n <= 0)
    return;
  s->length += (size_t)n;
  s->text[s->length] = '\0';
  if (s->line_ns == 0 && strstr(s->text, "ready") != NULL)
    s->line_ns = bench_now_ns();
}

static bool wait_ready(struct start *s, uint64_t port) {
  int64_t until = s->began_ns + (int64_t)START_LIMIT_MS * 1000000;
  struct pollfd output = {.fd = s->output, .events = POLLIN};
  const struct timespec pause = {0, 200000};
  while ((s->answer_ns == 0 || s->line_ns == 0) && bench_now_ns() < until) {
    if (ppoll(&output, s->line_ns == 0 ? 1 : 0, &pause, NULL) > 0)
      read_output(s);
    if (s->answer_ns == 0 && is_ready(port))
      s->answer_ns = bench_now_ns();
    if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
      s->pid = 0;
      return false;
    }
  }
  return s->answer_ns != 0 && s->line_ns != 0;
}

/* Ends the program; it is ours, so killing it at last is safe. Returns how long it took. */
static int64_t end_program(struct start *s) {
  int64_t began = bench_now_ns(), until = began + (int64_t)END_LIMIT_MS * 1000000;
  (void)close(s->output);
  if (s->pid == 0)
    return 0;
  (void)kill(s->pid, SIGTERM);
  while (waitpid(s->pid, NULL, WNOHANG) == 0) {
    if (bench_now_ns() > until)
      (void)kill(s->pid, SIGKILL);
    (void)poll(NULL, 0, 1);
  }
  return bench_now_ns() - began;
}

int main(int argc, char **argv) {
  uint64_t port = 0, runs = 20, cpu = 0;
  const struct bench_option options[] = {
      {"--port", &port, 65535, NULL}, {"--runs", &runs, 1000, NULL}, {"--cpu", &cpu, 1023, NULL}};
  int command = 1;
  while (command < argc && strcmp(argv[command], "--") != 0)
    command++;
  bench_options(command, argv, 1, options, 3);
  if (port == 0 || command + 1 >= argc) {
    (void)fputs("usage: bench_ready --port N [--runs N] [--cpu N] -- PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  for (uint64_t i = 0; i < runs; i++) {
    struct start s;
    start_program(&s, argv + command + 1, cpu);
    if (!wait_ready(&s, port)) {
      (void)end_program(&s);
      (void)fputs("bench_ready: the program did not become ready\n", stderr);
      return 1;
    }
    const struct processes p = {.pids = {(uint64_t)s.pid}, .count = 1};
    uint64_t rss = processes_rss_bytes(&p);
    int64_t end_ns = end_program(&s);
    printf("answer_ms=%.2f line_ms=%.2f end_ms=%.2f rss_kb=%.0f\n", (double)(s.answer_ns - s.began_ns) / 1e6,
           (double)(s.line_ns - s.began_ns) / 1e6, (double)end_ns / 1e6, (double)rss / 1024);
  }
  return 0;
}
