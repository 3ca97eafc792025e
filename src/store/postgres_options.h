/* What an operator may say about a PostgreSQL database: its address, how many connections, how long to wait. The
 * defaults stand in the configuration's table. */
#ifndef STORE_POSTGRES_OPTIONS_H
#define STORE_POSTGRES_OPTIONS_H

#include "base/text.h"

#define POSTGRES_REPLICAS_MAX 8

struct postgres_options {
  struct text url; /* postgres://user:password@host:5432/db?option=value, as libpq reads it */
  struct text replicas[POSTGRES_REPLICAS_MAX]; /* addresses of standbys, for lists */
  size_t replica_count;
  size_t pool, overflow; /* connections kept, and those made besides when all are busy */
  int64_t wait_ms;       /* for a connection when all are busy */
  int64_t recycle_ms;    /* a connection older than this is not used again */
  int64_t statement_timeout_ms, lock_timeout_ms, connect_timeout_ms; /* the last in whole seconds, at least 2 */
};

#endif
