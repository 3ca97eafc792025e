/* The simulator on a thread of its own, for `weir serve --demo` and for tests in one process. */
#ifndef SIM_BACKGROUND_H
#define SIM_BACKGROUND_H

#include "sim/sim.h"

struct sim_background;

/* Starts a loop, a thread and a simulator on 127.0.0.1 with a port of the system's choice. ERR_SYSTEM. */
enum err sim_background_start(const struct sim_options *options, struct sim_background **out,
                              struct fault *f) MUST_CHECK;
/* "http://127.0.0.1:PORT"; lives as long as b. */
const char *sim_background_url(const struct sim_background *b);
/* Resets what is being answered, ends the thread and frees. Waits for the thread. NULL is fine. */
void sim_background_stop(struct sim_background *b);

#endif
