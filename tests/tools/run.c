/* Starts a tool, waits for it and keeps its standard output. For the tests of the tools only; standard error stays the
 * test's. Not for programs that print without end: the output goes to a temporary file first. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const struct run_result *run_tool(char *const argv[]) {
  static struct run_result result;
  FILE *out = tmpfile();
  if (out == NULL)
    abort();
  pid_t pid = fork();
  if (pid == 0) {
    if (dup2(fileno(out), 1) == 1)
      execv(argv[0], argv);
    _exit(127);
  }
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) != pid)
    abort();
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  rewind(out);
  size_t length = fread(result.text, 1, sizeof(result.text) - 1, out);
  result.text[length > 0 && result.text[length - 1] == '\n' ? length - 1 : length] = '\0';
  (void)fclose(out);
  return &result;
}

const char *run_last_line(const struct run_result *r) {
  const char *before = strrchr(r->text, '\n');
  return before != NULL ? before + 1 : r->text;
}
