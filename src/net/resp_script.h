/* A script for Redis and the name under which Redis keeps it: its SHA-1 in hex. Pure. */
#ifndef NET_RESP_SCRIPT_H
#define NET_RESP_SCRIPT_H

#include "base/text.h"

#define RESP_SCRIPT_DIGITS 40

struct resp_script {
  const char *body; /* lives as long as this */
  char sha[RESP_SCRIPT_DIGITS];
};

/* Names a script. Never fails. */
struct resp_script resp_script_of(const char *body);
/* The name, RESP_SCRIPT_DIGITS long; a slice of s. */
struct text resp_script_sha(const struct resp_script *s);

#endif
