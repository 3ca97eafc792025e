/* Ending a command that must not leave half a result: the signal is noted, the work asks between two steps and ends
 * itself, tidily. Called by the commands that take long. */
#include "cli/cli.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;

static void note(int signal) { interrupted = signal; }

void cli_catch_interrupts(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

enum err cli_check_interrupt(struct fault *f) {
  if (!interrupted)
    return ERR_OK;
  return fault_set(f, ERR_CANCELLED, NULL, "stopped by %s", interrupted == SIGINT ? "SIGINT" : "SIGTERM");
}
