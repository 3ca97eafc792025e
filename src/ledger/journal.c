/* Appending, room keeping and the chain of segments. "Slots" count in records of the largest size: a reservation is
 * taken only while a slot for it and one for each open settlement remain, so a settlement always finds its place.
 * Called by the ledger's worker functions (owner), its writer and its keeper. */
#include "ledger/journal.h"

enum err journal_open(const struct journal_place *p, unsigned stream, size_t max_segments, struct journal **out,
                      struct fault *f) {
  struct journal *j = calloc(1, sizeof *j);
  if (!j)
    abort();
  j->place = p;
  j->stream = stream;
  j->max_segments = max_segments;
  j->slots_per_segment = (p->segment_bytes - SEGMENT_HEAD_BYTES) / RECORD_MAX_BYTES;
  j->next_number = 2;
  j->segments = 1;
  pthread_mutex_init(&j->lock, NULL);
  enum err e = segment_create(p, stream, 1, &j->first, f);
  if (e) {
    journal_close(j, true);
    return e;
  }
  j->current = j->first;
  *out = j;
  return ERR_OK;
}

static void free_chain(const struct journal_place *p, struct segment *s, bool remove_files) {
  while (s) {
    struct segment *next = atomic_load(&s->next);
    segment_free(p, s, remove_files);
    s = next;
  }
}

void journal_close(struct journal *j, bool remove_files) {
  if (!j)
    return;
  free_chain(j->place, j->first, remove_files);
  free_chain(j->place, j->spares, true); /* nothing was ever written there */
  pthread_mutex_destroy(&j->lock);
  free(j);
}

static size_t segment_slots(const struct segment *s) {
  return (s->bytes - atomic_load_explicit(&s->used, memory_order_relaxed)) / RECORD_MAX_BYTES;
}

static size_t spare_slots(struct journal *j) {
  return atomic_load_explicit(&j->spare_count, memory_order_relaxed) * j->slots_per_segment;
}

/* Owner: moves on to a spare segment. False when there is none. */
static bool advance(struct journal *j) {
  pthread_mutex_lock(&j->lock);
  struct segment *s = j->spares;
  if (s) {
    j->spares = atomic_load_explicit(&s->next, memory_order_relaxed);
    atomic_fetch_sub_explicit(&j->spare_count, 1, memory_order_relaxed);
  }
  pthread_mutex_unlock(&j->lock);
  if (!s)
    return false;
  atomic_store_explicit(&s->next, NULL, memory_order_relaxed);
  atomic_store_explicit(&j->current->next, s, memory_order_release);
  atomic_store_explicit(&j->current->closed, true, memory_order_release);
  j->current = s;
  return true;
}

static void add_spare(struct journal *j, struct segment *s) {
  pthread_mutex_lock(&j->lock);
  atomic_store_explicit(&s->next, j->spares, memory_order_relaxed);
  j->spares = s;
  atomic_fetch_add_explicit(&j->spare_count, 1, memory_order_relaxed);
  pthread_mutex_unlock(&j->lock);
}

static void append(struct journal *j, enum record_type type, const struct ledger_row *row) {
  if (segment_slots(j->current) == 0 && !advance(j)) {
    pthread_mutex_lock(&j->lock);
    uint64_t number = j->next_number++;
    j->segments++;
    pthread_mutex_unlock(&j->lock);
    add_spare(j, segment_create_memory(j->place, j->stream, number));
    (void)advance(j);
  }
  struct segment *s = j->current;
  size_t used = atomic_load_explicit(&s->used, memory_order_relaxed);
  used += record_write(s->base + used, type, ++j->sequence, j->place->boot, row);
  atomic_store_explicit(&s->used, used, memory_order_release);
}

/* Sequentially consistent: a thread about to sleep announces it and then looks at `appended`; the owner does the
 * opposite, so one of them sees the other. */
static void announce(struct journal *j) { atomic_store(&j->appended, j->sequence); }

/* Creates one spare, outside the lock: it takes milliseconds and the owner must not wait for it. */
static enum err make_spare(struct journal *j, struct fault *f) {
  struct segment *s;
  if (atomic_load(&j->held_back))
    return fault_set(f, ERR_STORE_FULL, NULL, "the disk is full: what room there is goes to the store first");
  pthread_mutex_lock(&j->lock);
  bool allowed = j->segments < j->max_segments;
  uint64_t number = j->next_number;
  if (allowed) {
    j->next_number++;
    j->segments++;
  }
  pthread_mutex_unlock(&j->lock);
  if (!allowed)
    return fault_set(
        f, ERR_STORE_FULL, NULL,
        "the journal has reached its limit of %zu segments: the store does not take rows, or calls stay open very long",
        j->max_segments);
  enum err e = segment_create(j->place, j->stream, number, &s, f);
  if (!e) {
    add_spare(j, s);
    return ERR_OK;
  }
  pthread_mutex_lock(&j->lock);
  j->segments--;
  pthread_mutex_unlock(&j->lock);
  return e;
}

/* Owner: at least so many slots, by a new segment if need be. The keeper sees to it that there mostly is no need. */
static enum err have_slots(struct journal *j, size_t slots, struct fault *f) {
  enum err e = ERR_OK;
  while (!e && segment_slots(j->current) + spare_slots(j) < slots)
    e = make_spare(j, f);
  return e;
}

enum err journal_reserve(struct journal *j, const struct ledger_row *row, struct fault *f) {
  enum err e = have_slots(j, j->open + 2, f);
  if (e)
    return e;
  append(j, RECORD_RESERVE, row);
  j->open++;
  atomic_store_explicit(&j->reserved, atomic_load_explicit(&j->reserved, memory_order_relaxed) + 1,
                        memory_order_release);
  announce(j);
  return ERR_OK;
}

bool journal_note(struct journal *j, const struct ledger_row *row) {
  if (have_slots(j, j->open + 1, NULL))
    return false;
  append(j, RECORD_NOTE, row);
  announce(j);
  return true;
}

void journal_settle(struct journal *j, const struct ledger_row *row) {
  append(j, RECORD_SETTLE, row);
  j->open -= j->open > 0;
  atomic_store_explicit(&j->settled, atomic_load_explicit(&j->settled, memory_order_relaxed) + 1, memory_order_release);
  announce(j);
}

void journal_reader_init(struct journal_reader *r, struct journal *j) {
  *r = (struct journal_reader){.segment = j->first, .at = SEGMENT_HEAD_BYTES};
}

struct record_head *journal_read(struct journal_reader *r, struct segment **out_segment) {
  for (;;) {
    struct segment *s = r->segment;
    bool closed = atomic_load_explicit(&s->closed, memory_order_acquire); /* before used: then used is final */
    if (r->at < atomic_load_explicit(&s->used, memory_order_acquire)) {
      struct record_head *h = (struct record_head *)(s->base + r->at);
      r->at += record_bytes(h);
      *out_segment = s;
      return h;
    }
    if (!closed)
      return NULL;
    s->next_left = r->left;
    r->left = s;
    r->segment = atomic_load_explicit(&s->next, memory_order_acquire);
    r->at = SEGMENT_HEAD_BYTES;
  }
}

enum err journal_prepare(struct journal *j, struct fault *f) {
  uint64_t settled = atomic_load_explicit(&j->settled, memory_order_acquire);
  uint64_t reserved = atomic_load_explicit(&j->reserved, memory_order_acquire);
  uint64_t open = reserved > settled ? reserved - settled : 0;
  while (spare_slots(j) < 2 * (open + 2)) {
    enum err e = make_spare(j, f);
    if (e)
      return e;
  }
  return ERR_OK;
}

void journal_hold_back(struct journal *j, bool held_back) {
  if (atomic_load(&j->held_back) != held_back)
    atomic_store(&j->held_back, held_back);
}

bool journal_sync(struct journal *j) {
  bool all = true;
  for (struct segment *s = j->first; s; s = atomic_load_explicit(&s->next, memory_order_acquire))
    all &= segment_sync(j->place, s);
  return all;
}

void journal_sweep(struct journal *j) {
  struct segment *before = NULL, *next;
  for (struct segment *s = j->first; s; s = next) {
    next = atomic_load_explicit(&s->next, memory_order_acquire);
    if (!atomic_load_explicit(&s->done, memory_order_acquire)) {
      before = s;
      continue;
    }
    /* The writer has passed both neighbours' links for good, so that nobody else follows the one changed here. */
    if (before)
      atomic_store_explicit(&before->next, next, memory_order_release);
    else
      j->first = next;
    segment_free(j->place, s, true);
    pthread_mutex_lock(&j->lock);
    j->segments--;
    pthread_mutex_unlock(&j->lock);
  }
}
