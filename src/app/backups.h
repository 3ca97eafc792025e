/* Scheduled backups as this process makes them: the adapter of ports/backups.h for a store in a file, and what health
 * and metrics say of them. */
#ifndef APP_BACKUPS_H
#define APP_BACKUPS_H

#include "base/secret.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "ports/backups.h"

#include <pthread.h>
#include <stdatomic.h>

struct backup_desk_options {
  struct config *(*config)(void *ctx); /* the snapshot in force, with a reference */
  void *ctx;
  const struct config *first;      /* that the store was opened with; outlives the desk */
  struct ledger *ledger;           /* whose settled calls are waited for; outlives the desk */
  const struct secret *server_key; /* goes into backups that are encrypted; outlives the desk */
};

struct backup_desk {
  struct backups port; /* first */
  struct backup_desk_options options;
  pthread_mutex_t lock;
  char why[256];           /* the last one failed so, under the lock; "" when it did not */
  _Atomic int64_t made_us; /* the newest there is; 0: none is known */
};

/* Looks into the folder once, for the age of the newest. */
void backup_desk_init(struct backup_desk *d, const struct backup_desk_options *o);
void backup_desk_done(struct backup_desk *d);
/* For /health; blocks. ERR_STORE when there is a schedule and the last backup of this process failed, or the newest is
 * older than `backup.max_age`. ctx: the desk. */
enum err backup_desk_check(void *ctx, struct fault *f);
/* Seconds since the newest was made; -1: none is known. Any thread; does not block. */
int64_t backup_desk_age_s(struct backup_desk *d);

#endif
