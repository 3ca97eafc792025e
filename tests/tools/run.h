/* Running a tool from its test and looking at what it said. */
#ifndef TESTS_TOOLS_RUN_H
#define TESTS_TOOLS_RUN_H

#include <stddef.h>

struct run_result {
  int status;        /* the exit status, or 128 + the signal */
  char text[131072]; /* standard output without its last line end, cut to fit */
};

/* argv[0] is the program; argv ends in NULL. Aborts when it cannot be started. The result is good until the next call.
 */
const struct run_result *run_tool(char *const argv[]);

const char *run_last_line(const struct run_result *r);

#endif
