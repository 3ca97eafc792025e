/* The id generator: one per worker, so that it needs no lock; it knows no clock of its own.
 * Rows of older versions had other widths, and before that no seat; the milliseconds stand where they stood, so old and
 * new ids are in order. Called by ledger_reserve for every attempt. */
#include "ledger/ids.h"

#define IDS_EPOCH_MS 1704067200000LL
#define COUNTER_BITS 6
#define WORKER_BITS  6
#define SEAT_BITS    10
#define MS_SHIFT     (COUNTER_BITS + WORKER_BITS + SEAT_BITS)

_Static_assert(IDS_WORKERS_MAX == 1 << WORKER_BITS && IDS_SEATS_MAX == 1 << SEAT_BITS, "each has its place in the id");

void ids_init(struct ids *g, unsigned seat, unsigned worker, int64_t above_id) {
  uint64_t above = above_id > 0 ? (uint64_t)above_id : 0;
  g->lane = (uint64_t)seat << WORKER_BITS | worker;
  g->ms = above ? (above >> MS_SHIFT) + 1 : 1; /* no id is 0 */
  g->counter = 0;
}

void ids_move(struct ids *g, unsigned seat, unsigned worker, int64_t above_id) {
  struct ids moved;
  ids_init(&moved, seat, worker, above_id);
  if (moved.ms <= g->ms)
    moved.ms = g->ms + 1;
  *g = moved;
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
  return (int64_t)(g->ms << MS_SHIFT | g->lane << COUNTER_BITS | g->counter++);
}

int64_t ids_time_us(int64_t id) { return ((id >> MS_SHIFT) + IDS_EPOCH_MS) * 1000; }
