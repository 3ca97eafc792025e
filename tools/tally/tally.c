/* Runs test programs, a few at a time and each with a time limit, reads their TAP and says what it comes to:
 *   tally [-C MESON_BUILD_DIR] [-x NAME:SECONDS:COMMAND]... [-j JOBS] [-t TIMES] [-n NAME_PART]
 * The report is in the order of the list, whatever ends first. A crash, a time-out, an exit status that contradicts the
 * results and a missing or broken plan are failures of their own. The last line is "N passed, N failed" and, if any, ",
 * N skipped"; the exit status is 1 if anything failed. `make test` and the sanitizer targets call it. */
#include "program.h"
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_SHOWN_MAX 65536
#define REASON_LINES_MAX 400

struct totals {
  size_t passed, failed, skipped;
};

struct options {
  size_t jobs;
  int64_t times;
  const char *part; /* only programs with this in their name; NULL: all */
};

static const char usage[] =
    "usage: tally [-C MESON_BUILD_DIR] [-x NAME:SECONDS:COMMAND]... [-j JOBS] [-t TIMES] [-n NAME_PART]\n";

static void show_line(const char *line, size_t length) {
  for (size_t i = 0; i < length; i++)
    putchar((unsigned char)line[i] < ' ' && line[i] != '\t' ? '?' : line[i]);
  putchar('\n');
}

/* Of a long output first what stands under each failed test, which its end may not hold. */
static void show_reasons(const char *text, size_t length) {
  size_t shown = 0;
  bool inside = false;
  for (size_t at = 0; at < length && length > OUTPUT_SHOWN_MAX && shown < REASON_LINES_MAX;) {
    const char *line = text + at, *end = memchr(line, '\n', length - at);
    size_t n = end != NULL ? (size_t)(end - line) : length - at;
    if (strncmp(line, "not ok ", 7) == 0)
      inside = true;
    else if (strncmp(line, "ok ", 3) == 0 || strncmp(line, "# ", 2) == 0)
      inside = false;
    if (inside) {
      show_line(line, n);
      shown++;
    }
    at += n + 1;
  }
}

/* Prints the end of what a failing program wrote; the end is where the reason is. Control characters become '?', so
 * that a log stays a text. */
static void show_output(const char *what, char *text, size_t length) {
  if (length == 0)
    return;
  size_t skip = length > OUTPUT_SHOWN_MAX ? length - OUTPUT_SHOWN_MAX : 0;
  for (size_t i = skip; i < length; i++)
    if ((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t')
      text[i] = '?';
  printf("  --- %s%s\n", what, skip > 0 ? " (its end)" : "");
  fwrite(text + skip, 1, length - skip, stdout);
  printf("%s  ---\n", text[length - 1] == '\n' ? "" : "\n");
}

/* Why the way the program ended is a failure, given that its results so far are `failed`; NULL when it is not. */
static const char *ending_fault(const struct program *p, size_t failed, char *room, size_t size) {
  if (p->timed_out)
    snprintf(room, size, "ran longer than %lld s", (long long)p->limit_ms / 1000);
  else if (WIFSIGNALED(p->status))
    snprintf(room, size, "ended by signal %d (%s)", WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
  else if (WEXITSTATUS(p->status) != 0 && failed == 0)
    snprintf(room, size, "exit status %d, though no test failed", WEXITSTATUS(p->status));
  else
    return NULL;
  return room;
}

static void read_results(struct tap *tap, const char *program, char *text) {
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
    const char *name;
    line[strcspn(line, "\r")] = '\0';
    if (tap_read_line(tap, line, &name))
      printf("FAILED %s: %s\n", program, name);
  }
}

/* Counts and prints one ended program. */
static void report(struct program *p, struct totals *totals) {
  size_t out_length, err_length;
  char *out = program_output(p->out_fd, &out_length);
  char *err = program_output(p->err_fd, &err_length);
  char *lines = program_output(p->out_fd, &out_length);
  struct tap tap = {0};
  char room[128];
  read_results(&tap, p->name, lines);
  const char *fault = ending_fault(p, tap.failed, room, sizeof(room));
  if (fault == NULL)
    fault = tap_fault(&tap);
  if (fault != NULL) {
    printf("FAILED %s: %s\n", p->name, fault);
    tap.failed++;
  }
  if (tap.failed > 0) {
    show_reasons(out, out_length);
    show_output("standard output", out, out_length);
    show_output("standard error", err, err_length);
  }
  printf("%-6s %-40s %4zu passed %8.2f s\n", tap.failed > 0 ? "FAILED" : "ok", p->name, tap.passed,
         (double)p->took_ms / 1000);
  (void)fflush(stdout);
  totals->passed += tap.passed;
  totals->failed += tap.failed;
  totals->skipped += tap.skipped;
  free(out);
  free(err);
  free(lines);
  p->state = PROGRAM_REPORTED;
}

/* The time until the next running program is over its limit; kills those that are. */
static int64_t enforce_limits(struct program_list *list) {
  int64_t now_ms = program_now_ms(), next_ms = 1000;
  for (size_t i = 0; i < list->count; i++) {
    struct program *p = &list->items[i];
    if (p->state != PROGRAM_RUNNING)
      continue;
    int64_t left_ms = p->started_ms + p->limit_ms - now_ms;
    if (left_ms <= 0 && !p->timed_out) {
      p->timed_out = true;
      program_kill(p);
    }
    if (left_ms > 0 && left_ms < next_ms)
      next_ms = left_ms;
  }
  return next_ms;
}

/* Takes notice of programs that ended. Returns how many did. */
static size_t reap(struct program_list *list) {
  size_t ended = 0;
  for (size_t i = 0; i < list->count; i++) {
    struct program *p = &list->items[i];
    if (p->state != PROGRAM_RUNNING || waitpid(p->pid, &p->status, WNOHANG) != p->pid)
      continue;
    program_kill(p);
    p->took_ms = program_now_ms() - p->started_ms;
    p->state = PROGRAM_ENDED;
    ended++;
  }
  return ended;
}

static bool may_start(const struct program_list *list, const struct program *next, size_t running, size_t jobs) {
  if (running == 0)
    return true;
  if (running >= jobs || next->runs_alone)
    return false;
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i].state == PROGRAM_RUNNING && list->items[i].runs_alone)
      return false;
  return true;
}

static void stop_all(struct program_list *list) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i].state == PROGRAM_RUNNING)
      program_kill(&list->items[i]);
}

/* Blocks the signals it waits for, so none is lost between looking and waiting. */
static void run_all(struct program_list *list, size_t jobs, struct totals *totals) {
  size_t started = 0, running = 0, reported = 0;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  while (reported < list->count) {
    while (started < list->count && may_start(list, &list->items[started], running, jobs)) {
      struct program *p = &list->items[started++];
      if (program_start(p))
        running++;
      else
        p->state = PROGRAM_ENDED; /* with no output: reported as a program without a plan */
    }
    for (; reported < started && list->items[reported].state == PROGRAM_ENDED; reported++)
      report(&list->items[reported], totals);
    if (running == 0)
      continue;
    int64_t wait_ms = enforce_limits(list);
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int got = sigtimedwait(&signals, NULL, &wait);
    if (got == SIGINT || got == SIGTERM) {
      stop_all(list);
      exit(1);
    }
    running -= reap(list);
  }
}

static void keep_matching(struct program_list *list, const char *part) {
  struct program_list kept = {0};
  for (size_t i = 0; i < list->count; i++)
    if (part == NULL || strstr(list->items[i].name, part) != NULL)
      *program_list_add(&kept) = list->items[i];
  free(list->items);
  *list = kept;
}

/* False when the arguments make no sense. Options of other options come first, so -t counts for every -C after it. */
static bool read_arguments(int argc, char **argv, struct options *o, struct program_list *list) {
  int option;
  while ((option = getopt(argc, argv, "C:x:j:t:n:")) != -1) {
    bool ok = true;
    if (option == 'C')
      ok = program_list_add_meson(list, optarg, o->times);
    else if (option == 'x')
      ok = program_list_add_command(list, optarg);
    else if (option == 'j')
      ok = (o->jobs = strtoul(optarg, NULL, 10)) > 0;
    else if (option == 't')
      ok = (o->times = strtol(optarg, NULL, 10)) > 0;
    else if (option == 'n')
      o->part = optarg;
    else
      ok = false;
    if (!ok)
      return false;
  }
  return optind == argc && list->count > 0;
}

int main(int argc, char **argv) {
  struct options options = {.jobs = 2, .times = 1};
  struct program_list list = {0};
  struct totals totals = {0};
  if (!read_arguments(argc, argv, &options, &list)) {
    (void)fputs(usage, stderr);
    program_list_free(&list);
    return 2;
  }
  keep_matching(&list, options.part);
  run_all(&list, options.jobs, &totals);
  program_list_free(&list);
  printf("%zu passed, %zu failed", totals.passed, totals.failed);
  if (totals.skipped > 0)
    printf(", %zu skipped", totals.skipped);
  printf("\n");
  return totals.failed > 0 || totals.passed == 0 ? 1 : 0;
}
