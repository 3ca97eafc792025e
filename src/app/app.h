/* The composition root: configuration -> adapters -> ports -> workers -> listeners, and the life of the process around
 * them. Only here do rooms that must not know each other meet. */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/err.h"

/* What a process does. Health and metrics are served in any case. */
enum app_role {
  APP_ROLE_GATEWAY = 1,   /* the data paths */
  APP_ROLE_WORKSPACE = 2, /* serves nothing yet beside health and metrics */
  APP_ROLE_ADMIN = 4,     /* the control API */
  APP_ROLE_WORKER = 8     /* runs jobs */
};

struct app_options {
  const char *config_path; /* NULL: weir.yaml when there is one, else defaults from the environment */
  unsigned roles;          /* of enum app_role; 0: all */
  bool demo;               /* bring up the simulator and serve its models */
};

/* Runs the gateway until it is told to end. 0 good, 1 failed (the reason is on standard error). */
int app_serve(const struct app_options *o);

#endif
