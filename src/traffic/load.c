/* Targets and their figures in atomics. The table only grows: a target is put into a list and an index of open
 * addressing under a lock and stays there, so readers need none. The average and the percentile are two views of the
 * same samples; nothing here decides what they are good for (balance.c and the gateway do). Called by the gateway
 * around every call to a provider. */
#include "traffic/load.h"

#include "traffic/slots.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define AVERAGE_SHARE 8 /* a new sample counts one in so many */

/* Buckets grow with the time: eight to each doubling, so none is wider than an eighth of where it begins. */
#define STEP_BITS 3
#define STEPS     (1 << STEP_BITS)
#define BUCKETS   256
#define TIME_MAX  ((INT64_C(1) << (BUCKETS / STEPS + STEP_BITS - 1)) - 1)

/* Samples are counted by periods of half of LOAD_FRESH_US. A counter has its period in the upper half, so it needs no
 * clearing: one of another period than is asked for counts as 0. */
#define PERIOD_US  (LOAD_FRESH_US / 2)
#define COUNT_BITS 32

struct timing {
  _Atomic int64_t average_us, noted_us; /* -1: never; when it was noted last */
  _Atomic uint64_t counts[2][BUCKETS];  /* of the even and of the odd periods */
};

struct load {
  struct text provider, credential, model;
  uint64_t hash;
  struct slots *slots;
  atomic_uint in_flight;
  struct timing timing[2]; /* of plain answers and of streams */
  char names[];
};

struct loads {
  pthread_mutex_t lock; /* for adding */
  size_t max, mask;
  atomic_size_t count;
  struct load **list;            /* the first count are there for good */
  _Atomic(struct load *) *index; /* mask + 1 places, at most half of them taken */
};

static void *zeroed(size_t n, size_t size) {
  void *at = calloc(n, size);
  if (!at)
    abort();
  return at;
}

struct loads *loads_new(size_t max) {
  struct loads *all = zeroed(1, sizeof *all);
  size_t places = 16;
  while (places < 2 * max)
    places *= 2;
  pthread_mutex_init(&all->lock, NULL);
  all->max = max;
  all->mask = places - 1;
  all->list = zeroed(max + 1, sizeof(struct load *));
  all->index = zeroed(places, sizeof(_Atomic(struct load *)));
  return all;
}

void loads_free(struct loads *all) {
  if (!all)
    return;
  for (size_t i = 0; i < all->count; i++) {
    slots_free(all->list[i]->slots);
    free(all->list[i]);
  }
  free(all->list);
  free(all->index);
  pthread_mutex_destroy(&all->lock);
  free(all);
}

static uint64_t hash_names(struct text provider, struct text credential, struct text model) {
  const uint64_t parts[] = {text_hash(provider), text_hash(credential), text_hash(model)};
  return text_hash((struct text){(const char *)parts, sizeof parts});
}

/* The target, or NULL and in *out_place where it would go. */
static struct load *look_up(struct loads *all, uint64_t hash, struct text provider, struct text credential,
                            struct text model, size_t *out_place) {
  struct load *l;
  size_t i = hash & all->mask;
  for (; (l = atomic_load_explicit(&all->index[i], memory_order_acquire)); i = (i + 1) & all->mask)
    if (l->hash == hash && text_equal(l->model, model) && text_equal(l->credential, credential) &&
        text_equal(l->provider, provider))
      return l;
  *out_place = i;
  return NULL;
}

static struct text copy_name(char **to, struct text name) {
  struct text copy = {*to, name.len};
  if (name.len > 0)
    memcpy(*to, name.at, name.len);
  *to += name.len;
  return copy;
}

static struct load *load_new(uint64_t hash, struct text provider, struct text credential, struct text model) {
  struct load *l = zeroed(1, sizeof *l + provider.len + credential.len + model.len);
  char *names = l->names;
  l->provider = copy_name(&names, provider);
  l->credential = copy_name(&names, credential);
  l->model = copy_name(&names, model);
  l->hash = hash;
  l->slots = slots_new();
  atomic_init(&l->timing[false].average_us, -1);
  atomic_init(&l->timing[true].average_us, -1);
  return l;
}

struct load *loads_find(struct loads *all, struct text provider, struct text credential, struct text model) {
  uint64_t hash = hash_names(provider, credential, model);
  size_t place;
  struct load *l = look_up(all, hash, provider, credential, model, &place);
  if (l || atomic_load(&all->count) >= all->max)
    return l;
  pthread_mutex_lock(&all->lock);
  l = look_up(all, hash, provider, credential, model, &place);
  size_t count = atomic_load(&all->count);
  if (!l && count < all->max) {
    l = load_new(hash, provider, credential, model);
    all->list[count] = l;
    atomic_store_explicit(&all->index[place], l, memory_order_release);
    atomic_store(&all->count, count + 1);
  }
  pthread_mutex_unlock(&all->lock);
  return l;
}

void load_begin(struct load *l) {
  if (l)
    atomic_fetch_add_explicit(&l->in_flight, 1, memory_order_relaxed);
}

void load_end(struct load *l) {
  if (!l)
    return;
  unsigned before = atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_relaxed);
  assert(before > 0);
  (void)before;
}

uint32_t load_in_flight(const struct load *l) {
  return l ? atomic_load_explicit(&l->in_flight, memory_order_relaxed) : 0;
}

static size_t bucket_of(int64_t us) {
  if (us < STEPS)
    return (size_t)us;
  int octave = 63 - __builtin_clzll((uint64_t)us);
  return (size_t)((octave - STEP_BITS + 1) * STEPS) + (size_t)(us >> (octave - STEP_BITS) & (STEPS - 1));
}

static int64_t bucket_middle_us(size_t bucket) {
  if (bucket < STEPS)
    return (int64_t)bucket;
  int64_t width = INT64_C(1) << (bucket / STEPS - 1);
  return (int64_t)(STEPS + bucket % STEPS) * width + width / 2;
}

/* The average is stored before the time: a reader between the two takes it for older than it is, never for newer. */
static void note_average(struct timing *l, int64_t took_us, int64_t now_us) {
  int64_t average = atomic_load(&l->average_us), next;
  do {
    bool is_fresh = average >= 0 && now_us - atomic_load(&l->noted_us) <= LOAD_FRESH_US;
    next = is_fresh ? average + (took_us - average) / AVERAGE_SHARE : took_us;
  } while (!atomic_compare_exchange_weak(&l->average_us, &average, next));
  atomic_store(&l->noted_us, now_us);
}

static uint64_t period_of(int64_t now_us) { return (uint32_t)(now_us / PERIOD_US); }

static void count_sample(struct timing *l, int64_t took_us, int64_t now_us) {
  uint64_t period = period_of(now_us);
  _Atomic uint64_t *counter = &l->counts[period & 1][bucket_of(took_us)];
  uint64_t old = atomic_load_explicit(counter, memory_order_relaxed), next;
  do
    next = old >> COUNT_BITS == period ? old + 1 : period << COUNT_BITS | 1;
  while (!atomic_compare_exchange_weak_explicit(counter, &old, next, memory_order_relaxed, memory_order_relaxed));
}

void load_note_first_token(struct load *l, bool streamed, int64_t took_us, int64_t now_us) {
  if (!l)
    return;
  took_us = took_us < 0 ? 0 : took_us > TIME_MAX ? TIME_MAX : took_us;
  note_average(&l->timing[streamed], took_us, now_us);
  count_sample(&l->timing[streamed], took_us, now_us);
}

int64_t load_first_token_us(const struct load *l, bool streamed, int64_t now_us) {
  if (!l || now_us - atomic_load(&l->timing[streamed].noted_us) > LOAD_FRESH_US)
    return -1;
  return atomic_load(&l->timing[streamed].average_us);
}

static uint64_t samples_in(const struct timing *l, uint64_t period, size_t bucket) {
  uint64_t counter = atomic_load_explicit(&l->counts[period & 1][bucket], memory_order_relaxed);
  return counter >> COUNT_BITS == (uint32_t)period ? (uint32_t)counter : 0;
}

int64_t load_first_token_p95_us(const struct load *l, bool streamed, int64_t now_us) {
  if (!l)
    return -1;
  const struct timing *t = &l->timing[streamed];
  uint64_t period = period_of(now_us), total = 0, seen = 0;
  uint32_t counts[BUCKETS];
  for (size_t i = 0; i < BUCKETS; i++) {
    counts[i] = (uint32_t)(samples_in(t, period, i) + samples_in(t, period - 1, i));
    total += counts[i];
  }
  if (total < LOAD_P95_MIN)
    return -1;
  uint64_t rank = (total * 95 + 99) / 100; /* the first sample that 95 % are not above */
  size_t bucket = 0;
  while ((seen += counts[bucket]) < rank)
    bucket++;
  return bucket_middle_us(bucket);
}

struct slots *load_slots(struct load *l) {
  return l ? l->slots : NULL;
}

uint64_t loads_in_flight(struct loads *all) {
  uint64_t sum = 0;
  for (size_t i = 0, count = atomic_load(&all->count); i < count; i++)
    sum += load_in_flight(all->list[i]);
  return sum;
}

uint64_t loads_waiting(struct loads *all) {
  uint64_t sum = 0;
  for (size_t i = 0, count = atomic_load(&all->count); i < count; i++)
    sum += slots_waiting(load_slots(all->list[i]));
  return sum;
}

bool loads_next(struct loads *all, size_t *cursor, int64_t now_us, struct load_row *out) {
  if (*cursor >= atomic_load(&all->count))
    return false;
  struct load *l = all->list[(*cursor)++];
  *out = (struct load_row){.provider = l->provider,
                           .credential = l->credential,
                           .model = l->model,
                           .in_flight = load_in_flight(l),
                           .first_token_us = load_first_token_us(l, true, now_us),
                           .first_token_p95_us = load_first_token_p95_us(l, true, now_us),
                           .answer_us = load_first_token_us(l, false, now_us),
                           .answer_p95_us = load_first_token_p95_us(l, false, now_us),
                           .waiting = slots_waiting(l->slots)};
  return true;
}
