/* One test program: how to start it, and what is known of it afterwards. */
#ifndef TALLY_PROGRAM_H
#define TALLY_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum program_state { PROGRAM_WAITING, PROGRAM_RUNNING, PROGRAM_ENDED, PROGRAM_REPORTED };

struct program {
  char *name;
  char **argv;  /* ends in NULL */
  char **env;   /* "NAME=VALUE" on top of ours, ends in NULL */
  char *folder; /* to start in; NULL: ours */
  int64_t limit_ms;
  bool runs_alone; /* no other program at the same time */
  enum program_state state;
  pid_t pid;          /* also its process group */
  int out_fd, err_fd; /* memory files with what it printed */
  int64_t started_ms, took_ms;
  bool timed_out;
  int status; /* of waitpid */
};

/* A growing list; zero-initialised is empty. */
struct program_list {
  struct program *items;
  size_t count, room;
};

/* A new program at the end of the list, ready to fill; valid until the next one is added. */
struct program *program_list_add(struct program_list *list);
void program_list_free(struct program_list *list);

/* Adds the tests of a Meson build folder, in Meson's order, by asking `meson introspect`; times their limits by
 * `times`. False, with the reason on standard error, when Meson cannot say. */
bool program_list_add_meson(struct program_list *list, const char *build_dir, int64_t times);
/* Adds "NAME:SECONDS:SHELL COMMAND". False when the text is not of that form. */
bool program_list_add_command(struct program_list *list, const char *text);

/* Starts the program in a process group of its own, with no standard input. False when the machine cannot. */
bool program_start(struct program *p);
/* Ends the program and whatever it left behind in its group. */
void program_kill(struct program *p);
/* All it wrote to one of the two, with a zero byte at the end; *length without it. The caller frees it. */
char *program_output(int fd, size_t *length);
int64_t program_now_ms(void);

#endif
