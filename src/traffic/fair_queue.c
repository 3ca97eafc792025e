/* Waiters in order: a list a key, earliest deadline first, and two heaps of the keys that have waiters, one with the
 * key whose turn it is on top, one with the greediest. A waiter that comes is put in from the list's end, because
 * deadlines mostly rise with arrival. It decides nothing about limits or time. Called by slots.c under its lock. */
#include "traffic/fair_queue.h"

#include "base/map.h"

#include <assert.h>

/* Keys at rest are kept up to so many, so that a busy key is not made anew with every call. */
#define KEYS_KEPT 256

enum which_heap { HEAP_TURN, HEAP_GREED, HEAP_COUNT };

struct fair_key {
  int64_t key_id;
  size_t running, waiting;
  uint64_t began; /* the number of its last call among all that began; 0: none has */
  struct fair_waiter *first, *last;
  size_t place[HEAP_COUNT]; /* in each heap, from 1; 0: not there, as nobody waits */
};

struct key_heap {
  struct fair_key **keys; /* keys[1] is the top, keys[0] is not used */
  size_t count, cap;
};

struct fair_queue {
  struct map *keys;
  struct key_heap heaps[HEAP_COUNT];
  size_t running, waiting;
  uint64_t arrivals, begun;
};

struct fair_queue *fair_queue_new(void) {
  struct fair_queue *q = calloc(1, sizeof *q);
  if (!q)
    abort();
  q->keys = map_new(SIZE_MAX); /* no more than calls that run or wait, and those have their own limits */
  return q;
}

void fair_queue_free(struct fair_queue *q) {
  if (!q)
    return;
  size_t cursor = 0;
  struct text id;
  void *key;
  while (map_next(q->keys, &cursor, &id, &key))
    free(key);
  map_free(q->keys);
  for (int i = 0; i < HEAP_COUNT; i++)
    free(q->heaps[i].keys);
  free(q);
}

static struct text id_text(const int64_t *key_id) { return (struct text){(const char *)key_id, sizeof *key_id}; }

static struct fair_key *key_find(const struct fair_queue *q, int64_t key_id) {
  return map_get(q->keys, id_text(&key_id));
}

static struct fair_key *key_of(struct fair_queue *q, int64_t key_id) {
  struct fair_key *k = key_find(q, key_id);
  if (k)
    return k;
  k = calloc(1, sizeof *k);
  if (!k)
    abort();
  k->key_id = key_id;
  if (map_set(q->keys, id_text(&key_id), k, NULL) != ERR_OK)
    abort();
  return k;
}

static bool waiter_is_before(const struct fair_waiter *a, const struct fair_waiter *b) {
  return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us : a->arrival < b->arrival;
}

static bool key_is_above(enum which_heap which, const struct fair_key *a, const struct fair_key *b) {
  if (which == HEAP_TURN && a->running != b->running)
    return a->running < b->running;
  if (which == HEAP_TURN)
    return a->began != b->began ? a->began < b->began : waiter_is_before(a->first, b->first);
  return a->waiting != b->waiting ? a->waiting > b->waiting : waiter_is_before(b->last, a->last);
}

static void heap_put(struct key_heap *h, enum which_heap which, size_t place, struct fair_key *k) {
  h->keys[place] = k;
  k->place[which] = place;
}

/* The key stands at a place that may be too low or too high for it. */
static void heap_settle(struct key_heap *h, enum which_heap which, struct fair_key *k) {
  size_t at = k->place[which];
  for (; at > 1 && key_is_above(which, k, h->keys[at / 2]); at /= 2)
    heap_put(h, which, at, h->keys[at / 2]);
  for (size_t child; (child = 2 * at) <= h->count; at = child) {
    if (child < h->count && key_is_above(which, h->keys[child + 1], h->keys[child]))
      child++;
    if (!key_is_above(which, h->keys[child], k))
      break;
    heap_put(h, which, at, h->keys[child]);
  }
  heap_put(h, which, at, k);
}

static void heap_add(struct key_heap *h, enum which_heap which, struct fair_key *k) {
  if (h->count + 1 >= h->cap) {
    h->cap = h->cap ? 2 * h->cap : 16;
    h->keys = reallocarray(h->keys, h->cap, sizeof(struct fair_key *));
    if (!h->keys)
      abort();
  }
  heap_put(h, which, ++h->count, k);
}

static void heap_remove(struct key_heap *h, enum which_heap which, struct fair_key *k) {
  size_t hole = k->place[which];
  struct fair_key *moved = h->keys[h->count--];
  k->place[which] = 0;
  if (moved != k) {
    heap_put(h, which, hole, moved);
    heap_settle(h, which, moved);
  }
}

/* After every change of a key: where it belongs now. */
static void key_changed(struct fair_queue *q, struct fair_key *k) {
  for (enum which_heap which = HEAP_TURN; which < HEAP_COUNT; which++) {
    struct key_heap *h = &q->heaps[which];
    if (k->waiting == 0) {
      if (k->place[which] != 0)
        heap_remove(h, which, k);
      continue;
    }
    if (k->place[which] == 0)
      heap_add(h, which, k);
    heap_settle(h, which, k);
  }
  if (k->waiting == 0 && k->running == 0 && map_count(q->keys) > KEYS_KEPT) {
    map_remove(q->keys, id_text(&k->key_id));
    free(k);
  }
}

void fair_queue_add(struct fair_queue *q, struct fair_waiter *w) {
  struct fair_key *k = key_of(q, w->key_id);
  struct fair_waiter *before = k->last;
  w->key = k;
  w->arrival = q->arrivals++;
  while (before && waiter_is_before(w, before))
    before = before->previous;
  w->previous = before;
  w->next = before ? before->next : k->first;
  *(w->previous ? &w->previous->next : &k->first) = w;
  *(w->next ? &w->next->previous : &k->last) = w;
  k->waiting++;
  q->waiting++;
  key_changed(q, k);
}

void fair_queue_remove(struct fair_queue *q, struct fair_waiter *w) {
  struct fair_key *k = w->key;
  assert(k && k->waiting > 0);
  *(w->previous ? &w->previous->next : &k->first) = w->next;
  *(w->next ? &w->next->previous : &k->last) = w->previous;
  w->previous = w->next = NULL;
  w->key = NULL;
  k->waiting--;
  q->waiting--;
  key_changed(q, k);
}

static struct fair_key *heap_top(const struct key_heap *h) { return h->count > 0 ? h->keys[1] : NULL; }

struct fair_waiter *fair_queue_first(const struct fair_queue *q) {
  const struct fair_key *k = heap_top(&q->heaps[HEAP_TURN]);
  return k ? k->first : NULL;
}

struct fair_waiter *fair_queue_last_of_greediest(const struct fair_queue *q, int64_t key_id) {
  const struct fair_key *greediest = heap_top(&q->heaps[HEAP_GREED]), *own = key_find(q, key_id);
  return greediest && (own ? own->waiting : 0) < greediest->waiting ? greediest->last : NULL;
}

void fair_queue_start(struct fair_queue *q, int64_t key_id) {
  struct fair_key *k = key_of(q, key_id);
  k->began = ++q->begun;
  k->running++;
  q->running++;
  key_changed(q, k);
}

void fair_queue_end(struct fair_queue *q, int64_t key_id) {
  struct fair_key *k = key_find(q, key_id);
  assert(k && k->running > 0);
  k->running--;
  q->running--;
  key_changed(q, k);
}

size_t fair_queue_waiting(const struct fair_queue *q) { return q->waiting; }

size_t fair_queue_running(const struct fair_queue *q) { return q->running; }
