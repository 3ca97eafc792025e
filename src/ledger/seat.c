/* Takes a seat in the store, keeps it, and finds another when it is gone (a database that was restored from a backup
 * knows nothing of it). Knows nothing of journals. Called by ledger_open, and by ledger_reserve for every attempt. */
#include "ledger/seat.h"

#include "ledger/ids.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

_Static_assert(STORE_SEATS_MAX == IDS_SEATS_MAX, "every seat has its place in the ids");

struct seat {
  struct seat_options options;
  char name[128];
  _Atomic int64_t held_until_us; /* by options.clock_us; 0: lost */
  _Atomic unsigned number;
  _Atomic int64_t above; /* stored before number */
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* monotonic clock */
  bool stops;             /* protected by lock */
};

/* Sleeping counts: to the database the time has passed. */
static int64_t boot_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void name_process(char *out, size_t cap) {
  char host[80] = "";
  if (gethostname(host, sizeof host - 1) != 0 || !host[0])
    snprintf(host, sizeof host, "localhost");
  snprintf(out, cap, "%s/%ld", host, (long)getpid());
}

enum err seat_newest_id(struct store *store, int64_t *out, struct fault *f) {
  struct arena a;
  struct ledger_row *rows;
  size_t count = 0;
  arena_init(&a);
  enum err e = store->ops->ledger_list(store, 0, 1, &a, &rows, &count, f);
  if (!e)
    *out = count ? rows[0].id : 0;
  arena_done(&a);
  return e;
}

/* First the seat, then the newest row: who sat there before has stored all it made. */
static enum err sit_down(struct seat *s, struct fault *f) {
  const struct seat_options *o = &s->options;
  struct store_replica r = {.boot = o->boot, .name = text_of(s->name), .version = TEXT(WEIR_VERSION)};
  int64_t asked_us = o->clock_us(), newest = 0;
  unsigned number;
  enum err e = o->store->ops->replicas->claim(o->store, &r, o->first, &number, f);
  if (!e)
    e = seat_newest_id(o->store, &newest, f);
  if (e)
    return e;
  atomic_store(&s->above, newest);
  atomic_store(&s->number, number);
  atomic_store(&s->held_until_us, asked_us + SEAT_TRUST_US);
  return ERR_OK;
}

static void renew(struct seat *s) {
  const struct seat_options *o = &s->options;
  struct fault ignored = {0};
  int64_t asked_us = o->clock_us();
  enum err e = o->store->ops->replicas->renew(o->store, atomic_load(&s->number), o->boot, &ignored);
  if (!e)
    atomic_store(&s->held_until_us, asked_us + SEAT_TRUST_US);
  if (e != ERR_NOT_FOUND)
    return;
  atomic_store(&s->held_until_us, 0);
  e = sit_down(s, &ignored);
  (void)e; /* reservations are refused until one of the next rounds finds a seat */
}

static bool wait_for_turn(struct seat *s) {
  struct timespec until;
  int rc = 0;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t nsec = until.tv_nsec + s->options.renew_ms % 1000 * 1000000;
  until.tv_sec += s->options.renew_ms / 1000 + nsec / 1000000000;
  until.tv_nsec = nsec % 1000000000;
  pthread_mutex_lock(&s->lock);
  while (!s->stops && rc == 0)
    rc = pthread_cond_timedwait(&s->changed, &s->lock, &until);
  bool go_on = !s->stops;
  pthread_mutex_unlock(&s->lock);
  return go_on;
}

static void *run(void *seat) {
  struct seat *s = seat;
  while (wait_for_turn(s))
    renew(s);
  return NULL;
}

static enum err start(struct seat *s, struct fault *f) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(&s->thread, NULL, run, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  s->started = problem == 0;
  return problem ? fault_set(f, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(problem)) : ERR_OK;
}

enum err seat_take(const struct seat_options *o, struct seat **out, struct fault *f) {
  struct seat *s = calloc(1, sizeof *s);
  pthread_condattr_t attributes;
  if (!s)
    abort();
  s->options = *o;
  if (!o->clock_us)
    s->options.clock_us = boot_clock_us;
  if (o->renew_ms <= 0)
    s->options.renew_ms = SEAT_RENEW_MS;
  name_process(s->name, sizeof s->name);
  pthread_mutex_init(&s->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&s->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  enum err e = sit_down(s, f);
  bool seated = !e;
  if (!e)
    e = start(s, f);
  if (e) {
    seat_leave(s, seated);
    return e;
  }
  *out = s;
  return ERR_OK;
}

unsigned seat_number(struct seat *s, int64_t *out_above) {
  unsigned number = atomic_load(&s->number);
  *out_above = atomic_load(&s->above);
  return number;
}

bool seat_is_held(struct seat *s) { return s->options.clock_us() < atomic_load(&s->held_until_us); }

void seat_leave(struct seat *s, bool goodbye) {
  if (!s)
    return;
  if (s->started) {
    pthread_mutex_lock(&s->lock);
    s->stops = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
  }
  struct fault ignored = {0};
  if (goodbye) {
    enum err e = s->options.store->ops->replicas->release(s->options.store, s->options.boot, &ignored);
    (void)e; /* then the lease ends by itself */
  }
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->lock);
  free(s);
}
