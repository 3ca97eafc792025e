/* The id generator: one per worker, so that it needs no lock; it knows no clock of its own.
 * Called by ledger_reserve for every attempt. */
#include "ledger/ids.h"

#define IDS_EPOCH_MS 1704067200000LL
#define COUNTER_BITS 14
#define WORKER_BITS  8

void ids_init(struct ids *g, unsigned worker, int64_t above_id) {
  uint64_t above = above_id > 0 ? (uint64_t)above_id : 0;
  g->worker = worker;
  g->ms = above ? (above >> (COUNTER_BITS + WORKER_BITS)) + 1 : 1; /* no id is 0 */
  g->counter = 0;
}

int64_t ids_next(struct ids *g, int64_t now_us) {
  int64_t since_ms = now_us / 1000 - IDS_EPOCH_MS;
  if (since_ms > 0 && (uint64_t)since_ms > g->ms) {
    g->ms = (uint64_t)since_ms;
    g->counter = 0;
  }
  if (g->counter >> COUNTER_BITS) {
    g->ms++;
    g->counter = 0;
  }
  return (int64_t)(g->ms << (COUNTER_BITS + WORKER_BITS) | (uint64_t)g->worker << COUNTER_BITS | g->counter++);
}

int64_t ids_time_us(int64_t id) { return ((id >> (COUNTER_BITS + WORKER_BITS)) + IDS_EPOCH_MS) * 1000; }
