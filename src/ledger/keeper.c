/* The thread that looks after segment files: spare ones made ready ahead of need, published records made durable in
 * groups, finished ones removed. It is apart from the writer so that a store that hangs delays none of it.
 * Started by ledger_open.
 * house: tested-by tests/unit/ledger/test_ledger.c */
#include "ledger/inner.h"

static void note_fault(struct ledger *l, const char *text) {
  pthread_mutex_lock(&l->lock);
  snprintf(l->journal_fault, sizeof l->journal_fault, "%s", text);
  pthread_mutex_unlock(&l->lock);
}

/* One round over all journals; false when something has to be tried again. */
static bool keep(struct ledger *l) {
  struct fault f = {0};
  bool synced = true;
  enum err e = ERR_OK;
  for (unsigned i = 0; i < l->worker_count; i++) {
    struct journal *j = l->workers[i].journal;
    synced &= journal_sync(j);
    journal_sweep(j);
    enum err refused = journal_prepare(j, &f);
    e = refused ? refused : e;
  }
  atomic_store(&l->not_durable, !synced);
  note_fault(l, !synced ? "the journal cannot be made durable: the disk refuses" : e ? fault_text(&f) : "");
  return synced && !e;
}

void *ledger_keeper_run(void *ledger) {
  struct ledger *l = ledger;
  unsigned idle_rounds = 0;
  uint64_t seen = 0;
  bool good = keep(l);
  for (bool stop = false; !stop;) {
    stop = ledger_nap(l, LEDGER_KEEPER, good ? l->sync_interval_ms : LEDGER_REPAIR_MS,
                      good && idle_rounds >= LEDGER_IDLE_ROUNDS, seen);
    uint64_t before = seen;
    seen = ledger_work(l, LEDGER_KEEPER);
    good = keep(l);
    idle_rounds = seen == before && idle_rounds < LEDGER_IDLE_ROUNDS ? idle_rounds + 1 : 0;
  }
  return NULL;
}
