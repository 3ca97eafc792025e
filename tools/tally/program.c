/* Starting and ending one test program. Output goes to memory files instead of pipes, so a program that leaves children
 * behind cannot make tally wait for an end of file, and two programs cannot mix their lines. Called by tally.c; knows
 * nothing of TAP. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t program_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct program *program_list_add(struct program_list *list) {
  if (list->count == list->room) {
    list->room = list->room == 0 ? 64 : list->room * 2;
    list->items = realloc(list->items, list->room * sizeof(list->items[0]));
    if (list->items == NULL)
      abort();
  }
  struct program *p = &list->items[list->count++];
  *p = (struct program){.out_fd = -1, .err_fd = -1};
  return p;
}

static void free_words(char **words) {
  for (size_t i = 0; words != NULL && words[i] != NULL; i++)
    free(words[i]);
  free(words);
}

void program_list_free(struct program_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    struct program *p = &list->items[i];
    free(p->name);
    free(p->folder);
    free_words(p->argv);
    free_words(p->env);
    if (p->out_fd >= 0)
      close(p->out_fd);
    if (p->err_fd >= 0)
      close(p->err_fd);
  }
  free(list->items);
  *list = (struct program_list){0};
}

static int memory_file(void) {
  int fd = memfd_create("output", MFD_CLOEXEC);
  if (fd >= 0)
    (void)fcntl(fd, F_SETFL, O_APPEND);
  return fd;
}

/* In the child: from here only exec or exit. */
static _Noreturn void become(const struct program *p) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(p->out_fd, 1) < 0 || dup2(p->err_fd, 2) < 0)
    _exit(126);
  if (p->folder != NULL && chdir(p->folder) != 0)
    _exit(126);
  for (size_t i = 0; p->env != NULL && p->env[i] != NULL; i++)
    putenv(p->env[i]);
  execvp(p->argv[0], p->argv);
  dprintf(2, "cannot start %s: %s\n", p->argv[0], strerror(errno));
  _exit(127);
}

bool program_start(struct program *p) {
  p->out_fd = memory_file();
  p->err_fd = memory_file();
  if (p->out_fd < 0 || p->err_fd < 0)
    return false;
  p->started_ms = program_now_ms();
  p->pid = fork();
  if (p->pid == 0)
    become(p);
  if (p->pid < 0)
    return false;
  setpgid(p->pid, p->pid); /* also here: the child may not have come to it when we want to kill the group */
  p->state = PROGRAM_RUNNING;
  return true;
}

void program_kill(struct program *p) {
  if (p->pid > 0)
    kill(-p->pid, SIGKILL);
}

char *program_output(int fd, size_t *length) {
  struct stat st;
  size_t size = fd >= 0 && fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
  char *text = malloc(size + 1);
  if (text == NULL)
    abort();
  size_t at = 0;
  while (at < size) {
    ssize_t n = pread(fd, text + at, size - at, (off_t)at);
    if (n <= 0)
      break;
    at += (size_t)n;
  }
  text[at] = '\0';
  *length = at;
  return text;
}
