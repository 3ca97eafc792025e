/* Ids of ledger rows: 63 bits, ordered by time. From the top: milliseconds since 2024-01-01 UTC (41 bits), seat of the
 * process (10), worker (6), counter (6). Each worker's ids only ever grow, also when the clock steps back; two
 * processes that live at the same time sit on different seats (lives.h, seat.h) and so never make the same id. Pure. */
#ifndef LEDGER_IDS_H
#define LEDGER_IDS_H

#include <stdint.h>

#define IDS_SEATS_MAX   1024
#define IDS_WORKERS_MAX 64

struct ids {
  uint64_t lane;    /* seat and worker */
  uint64_t ms;      /* of the last id */
  uint64_t counter; /* of the next id within ms */
};

/* seat below IDS_SEATS_MAX, worker below IDS_WORKERS_MAX. above_id: every id given out will be larger than this one,
 * whoever gave it (0 for none). */
void ids_init(struct ids *g, unsigned seat, unsigned worker, int64_t above_id);
/* The process has another seat from now on. */
void ids_move(struct ids *g, unsigned seat, unsigned worker, int64_t above_id);
int64_t ids_next(struct ids *g, int64_t now_us);
/* The wall-clock millisecond of an id, as microseconds since 1970. */
int64_t ids_time_us(int64_t id);

#endif
