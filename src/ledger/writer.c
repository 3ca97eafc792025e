/* The thread between the journals and the store: it reads what the workers appended, remembers which reservations are
 * open, hands settlements over in batches and marks segments that nothing needs any more. While the store fails it
 * tries the same batch again, more and more slowly; the journals grow meanwhile. Started by ledger_open.
 * house: tested-by tests/unit/ledger/test_ledger.c */
#include "ledger/inner.h"
#include "ledger/opens.h"

#define BATCH_ROWS     2000
#define RETRY_FIRST_MS 20
#define RETRY_LAST_MS  1000

/* A settlement in the batch: where its reservation stands. */
struct settlement {
  struct segment *segment, *reserve_segment;
  struct record_head *reserve;
};

struct writer {
  struct ledger *ledger;
  struct journal_reader *readers;
  struct opens opens;
  struct ledger_row *rows;
  struct settlement *settlements;
  size_t count;
  uint64_t seen;
};

static void *writer_memory(size_t count, size_t size) {
  void *at = calloc(count, size);
  if (!at)
    abort();
  return at;
}

/* One record into the writer's books. */
static void take(struct writer *w, struct record_head *h, struct segment *segment) {
  w->seen++;
  if (record_type(h) == RECORD_RESERVE) {
    struct open_entry *e = opens_add(&w->opens, h->id);
    e->reserve = h;
    e->segment = segment;
    segment->live++;
  } else if (record_type(h) == RECORD_SETTLE && !record_read(h, &w->rows[w->count])) {
    struct open_entry e = {0};
    opens_remove(&w->opens, h->id, &e);
    w->settlements[w->count++] = (struct settlement){segment, e.segment, e.reserve};
  }
}

static void note_fault(struct ledger *l, const struct fault *f) {
  pthread_mutex_lock(&l->lock);
  l->store_failing = f != NULL;
  snprintf(l->store_fault, sizeof l->store_fault, "%s", f ? fault_text(f) : "");
  l->store_brief = f ? fault_brief(f) : NULL;
  pthread_mutex_unlock(&l->lock);
}

/* A file and the journal share a disk. Would the journal take the room that comes back, the store would never get any,
 * and no segment would ever become free. */
static void hold_back(const struct ledger *l, bool held_back) {
  for (unsigned i = 0; i < l->worker_count; i++)
    journal_hold_back(l->workers[i].journal, held_back);
}

/* Until the store takes the batch; false when the ledger closes first. */
static bool store_batch(struct writer *w, unsigned stream, uint64_t position) {
  struct ledger *l = w->ledger;
  char name[64];
  struct text text = {
      name, (size_t)snprintf(name, sizeof name, "journal/%u/%016llx", stream, (unsigned long long)l->place.boot)};
  for (int64_t wait_ms = RETRY_FIRST_MS;; wait_ms = wait_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : wait_ms * 2) {
    struct fault f = {0};
    if (!l->store->ops->ledger_append(l->store, w->rows, w->count, text, position, &f)) {
      if (wait_ms != RETRY_FIRST_MS)
        note_fault(l, NULL);
      return true;
    }
    if (f.err == ERR_STORE_FULL && l->shares_disk && !l->store->ops->is_shared)
      hold_back(l, true);
    note_fault(l, &f);
    if (!ledger_wait_to_retry(l, wait_ms))
      return false;
  }
}

static void batch_done(struct writer *w) {
  const struct ledger *l = w->ledger;
  if (l->on_stored && w->count > 0)
    l->on_stored(l->on_stored_data, w->rows, w->count);
  for (size_t i = 0; i < w->count; i++) {
    struct settlement *s = &w->settlements[i];
    if (!s->reserve)
      continue;
    s->reserve_segment->live--;
    if (s->reserve_segment != s->segment)
      atomic_store_explicit(&s->reserve->closed, 1, memory_order_relaxed);
  }
  atomic_fetch_add_explicit(&w->ledger->stored, w->count, memory_order_release);
  w->count = 0;
}

/* Segments read to their end whose reservations are all settled and stored may go. */
static void release_segments(struct ledger *l, struct journal_reader *r) {
  bool any = false;
  for (struct segment **link = &r->left; *link;) {
    struct segment *s = *link;
    if (s->live) {
      link = &s->next_left;
      continue;
    }
    *link = s->next_left;
    atomic_store_explicit(&s->done, true, memory_order_release);
    atomic_fetch_add(&l->released, 1);
    any = true;
  }
  if (any)
    ledger_wake(l);
}

/* Everything published so far in one journal. False when the ledger closes with the store still failing. */
static bool drain(struct writer *w, unsigned stream) {
  struct journal_reader *r = &w->readers[stream];
  struct segment *segment;
  struct record_head *h = NULL;
  uint64_t position = 0;
  do {
    while (w->count < BATCH_ROWS && (h = journal_read(r, &segment))) {
      take(w, h, segment);
      position = h->sequence;
    }
    if (w->count && !store_batch(w, stream, position))
      return false;
    batch_done(w);
    release_segments(w->ledger, r); /* now: on a full disk the next batch may need their room */
  } while (h);
  return true;
}

static bool drain_all(struct writer *w) {
  for (unsigned i = 0; i < w->ledger->worker_count; i++)
    if (!drain(w, i))
      return false;
  if (ledger_work(w->ledger, LEDGER_WRITER) - w->seen < BATCH_ROWS) /* what waited is stored */
    hold_back(w->ledger, false);
  return true;
}

static void writer_loop(struct writer *w) {
  struct ledger *l = w->ledger;
  unsigned idle_rounds = 0;
  for (bool stop = false; !stop;) {
    stop = ledger_nap(l, LEDGER_WRITER, l->flush_interval_ms, idle_rounds >= LEDGER_IDLE_ROUNDS, w->seen);
    uint64_t before = w->seen;
    if (!drain_all(w))
      return;
    idle_rounds = w->seen == before && idle_rounds < LEDGER_IDLE_ROUNDS ? idle_rounds + 1 : 0;
  }
}

void *ledger_writer_run(void *ledger) {
  struct ledger *l = ledger;
  struct writer w = {.ledger = l};
  w.rows = writer_memory(BATCH_ROWS, sizeof *w.rows);
  w.settlements = writer_memory(BATCH_ROWS, sizeof *w.settlements);
  w.readers = writer_memory(l->worker_count, sizeof *w.readers);
  opens_init(&w.opens);
  for (unsigned i = 0; i < l->worker_count; i++)
    journal_reader_init(&w.readers[i], l->workers[i].journal);
  writer_loop(&w);
  opens_done(&w.opens);
  free(w.readers);
  free(w.settlements);
  free(w.rows);
  return NULL;
}
