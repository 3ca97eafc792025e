/* The exact ledger: opening (lock, replay, journals, threads), the three functions workers call, and closing. A call
 * on a worker is a record written into mapped memory; everything that may block is done by the writer and keeper
 * threads. Called by admit and settle of the gateway, opened and closed by app. */
#include "ledger/ledger.h"

#include "ledger/hold.h"
#include "ledger/inner.h"
#include "ledger/lives.h"
#include "ledger/replay.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

uint64_t ledger_work(struct ledger *l, unsigned who) {
  uint64_t sum = who == LEDGER_KEEPER ? atomic_load(&l->released) : 0;
  for (unsigned i = 0; i < l->worker_count; i++)
    sum += atomic_load(&l->workers[i].journal->appended);
  return sum;
}

static void wait_until(struct ledger *l, int64_t until_us) {
  struct timespec t = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
  pthread_cond_timedwait(&l->changed, &l->lock, &t);
}

bool ledger_nap(struct ledger *l, unsigned who, int64_t wait_ms, bool idle, uint64_t seen) {
  const bool *stops = who == LEDGER_WRITER ? &l->writer_stops : &l->keeper_stops;
  pthread_mutex_lock(&l->lock);
  if (idle && !*stops) {
    atomic_fetch_or(&l->asleep, who);
    if (ledger_work(l, who) == seen)
      pthread_cond_wait(&l->changed, &l->lock);
    atomic_fetch_and(&l->asleep, ~who);
  } else {
    for (int64_t until_us = clock_us() + wait_ms * 1000; !*stops && clock_us() < until_us;)
      wait_until(l, until_us);
  }
  bool stop = *stops;
  pthread_mutex_unlock(&l->lock);
  return stop;
}

void ledger_wake(struct ledger *l) {
  if (!atomic_load(&l->asleep))
    return;
  pthread_mutex_lock(&l->lock);
  pthread_cond_broadcast(&l->changed);
  pthread_mutex_unlock(&l->lock);
}

bool ledger_wait_to_retry(struct ledger *l, int64_t wait_ms) {
  pthread_mutex_lock(&l->lock);
  bool stopping = l->writer_stops;
  int64_t until_us = clock_us() + wait_ms * 1000;
  if (stopping && until_us > l->stop_by_us)
    until_us = l->stop_by_us;
  while (l->writer_stops == stopping && clock_us() < until_us)
    wait_until(l, until_us);
  bool go_on = !l->writer_stops || clock_us() < l->stop_by_us;
  pthread_mutex_unlock(&l->lock);
  return go_on;
}

static enum err make_dir(const char *path, struct fault *f) {
  if (mkdir(path, 0700) == 0 || errno == EEXIST)
    return ERR_OK;
  return fault_set(f, errno == ENOSPC || errno == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL, "cannot create %s: %s",
                   path, strerror(errno));
}

/* A lock that came with a handover must be the one of this data_dir, or two processes would write there unseen. */
static enum err check_lock(const struct ledger *l, const char *data_dir, const char *path, struct fault *f) {
  struct stat held, here;
  if (fstat(l->lock_fd, &held) == 0 && stat(path, &here) == 0 && held.st_dev == here.st_dev &&
      held.st_ino == here.st_ino && flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return ERR_OK;
  return fault_set(f, ERR_CONFIG, "data_dir",
                   "%s is not the data_dir of the running weir: a new data_dir needs a restart", data_dir);
}

static bool same_disk(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev;
}

static enum err open_place(struct ledger *l, const char *data_dir, struct fault *f) {
  char lock[sizeof l->place.dir + 16];
  int n = snprintf(l->place.dir, sizeof l->place.dir, "%s/journal", data_dir);
  if (n < 0 || (size_t)n >= sizeof l->place.dir)
    return fault_set(f, ERR_STORE, "data_dir", "the path is longer than %zu bytes", sizeof l->place.dir);
  snprintf(lock, sizeof lock, "%s/lock", data_dir);
  enum err e = make_dir(data_dir, f);
  if (!e)
    e = l->lock_fd >= 0 ? check_lock(l, data_dir, lock, f) : hold_lock(data_dir, &l->lock_fd, f);
  if (!e)
    e = make_dir(l->place.dir, f);
  if (e)
    return e;
  l->shares_disk = same_disk(data_dir, l->place.dir);
  l->place.dir_fd = open(l->place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (l->place.dir_fd < 0)
    return fault_set(f, ERR_STORE, NULL, "cannot open %s: %s", l->place.dir, strerror(errno));
  return lives_join(&l->place, &l->life_seat, &l->life_fd, f);
}

/* On a shared store a seat among all its processes, else the one among those of this data_dir. */
static enum err sit_down(struct ledger *l, const struct ledger_options *o, unsigned *out_seat, int64_t *out_above,
                         struct fault *f) {
  struct seat_options options = {.store = l->store, .boot = l->place.boot, .clock_us = o->seat_clock_us};
  if (!l->store->ops->is_shared) {
    *out_seat = l->life_seat;
    return seat_newest_id(l->store, out_above, f);
  }
  enum err e = seat_take(&options, &l->lease, f);
  if (!e)
    *out_seat = seat_number(l->lease, out_above);
  return e;
}

static enum err open_journals(struct ledger *l, const struct ledger_options *o, int64_t seen_id, struct fault *f) {
  unsigned seat = 0;
  int64_t newest = 0;
  enum err e = sit_down(l, o, &seat, &newest, f);
  for (unsigned i = 0; i < l->worker_count && !e; i++) {
    struct ledger_worker *w = &l->workers[i];
    w->seat = seat;
    ids_init(&w->ids, seat, i, newest > seen_id ? newest : seen_id);
    e = journal_open(&l->place, i, o->max_segments ? o->max_segments : LEDGER_SEGMENTS_MAX, &w->journal, f);
  }
  return e;
}

static enum err start_threads(struct ledger *l, struct fault *f) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(&l->writer, NULL, ledger_writer_run, l);
  if (!problem) {
    l->threads_started |= LEDGER_WRITER;
    problem = pthread_create(&l->keeper, NULL, ledger_keeper_run, l);
  }
  if (!problem)
    l->threads_started |= LEDGER_KEEPER;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return problem ? fault_set(f, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(problem)) : ERR_OK;
}

static struct ledger *ledger_new(const struct ledger_options *o, struct store *store) {
  pthread_condattr_t attributes;
  struct ledger *l = calloc(1, sizeof *l);
  if (!l)
    abort();
  l->store = store;
  l->worker_count = o->workers;
  l->workers = aligned_alloc(_Alignof(struct ledger_worker), o->workers * sizeof *l->workers);
  if (!l->workers)
    abort();
  memset(l->workers, 0, o->workers * sizeof *l->workers);
  l->lock_fd = o->held_lock > 0 ? o->held_lock : -1;
  l->life_fd = l->place.dir_fd = -1;
  l->place.sys = o->sys ? o->sys : &journal_sys_real;
  l->place.boot = random_u64();
  snprintf(l->place.kind, sizeof l->place.kind, "%s", store->ops->name);
  size_t bytes = o->segment_bytes ? o->segment_bytes : LEDGER_SEGMENT_BYTES;
  l->place.segment_bytes = bytes < JOURNAL_SEGMENT_BYTES_MIN ? JOURNAL_SEGMENT_BYTES_MIN : bytes & ~(size_t)4095;
  l->on_stored = o->on_stored;
  l->on_stored_data = o->on_stored_data;
  l->sync_interval_ms = o->sync_interval_ms > 0 ? o->sync_interval_ms : LEDGER_INTERVAL_MS;
  l->flush_interval_ms = o->flush_interval_ms > 0 ? o->flush_interval_ms : LEDGER_INTERVAL_MS;
  pthread_mutex_init(&l->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&l->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return l;
}

enum err ledger_open(const struct ledger_options *o, struct store *store, struct ledger **out, uint64_t *out_recovered,
                     struct fault *f) {
  if (o->workers < 1 || o->workers > IDS_WORKERS_MAX) {
    if (o->held_lock > 0)
      close(o->held_lock);
    return fault_set(f, ERR_CONFIG, "workers", "must be 1 to %d", IDS_WORKERS_MAX);
  }
  struct ledger *l = ledger_new(o, store);
  struct replay_result replayed = {0};
  enum err e = o->data_dir ? open_place(l, o->data_dir, f) : ERR_OK;
  if (!e && o->data_dir)
    e = replay_home(store, &l->place.home, f);
  if (!e && o->data_dir)
    e = replay_run(&l->place, store, &replayed, f);
  if (!e)
    e = open_journals(l, o, replayed.max_id, f);
  if (!e)
    e = start_threads(l, f);
  if (e) {
    ledger_close(l, 0);
    return e;
  }
  l->recovered = replayed.recovered;
  l->damaged = replayed.damaged;
  *out = l;
  *out_recovered = replayed.recovered;
  return ERR_OK;
}

static void stop_thread(struct ledger *l, unsigned which, pthread_t thread, bool *flag) {
  if (!(l->threads_started & which))
    return;
  pthread_mutex_lock(&l->lock);
  *flag = true;
  pthread_cond_broadcast(&l->changed);
  pthread_mutex_unlock(&l->lock);
  pthread_join(thread, NULL);
}

void ledger_close(struct ledger *l, int64_t drain_ms) {
  if (!l)
    return;
  pthread_mutex_lock(&l->lock);
  l->stop_by_us = clock_us() + drain_ms * 1000;
  pthread_mutex_unlock(&l->lock);
  stop_thread(l, LEDGER_WRITER, l->writer, &l->writer_stops);
  stop_thread(l, LEDGER_KEEPER, l->keeper, &l->keeper_stops);
  bool complete = true;
  for (unsigned i = 0; i < l->worker_count; i++)
    complete &= !l->workers[i].journal || l->workers[i].journal->reserved == l->workers[i].journal->settled;
  struct ledger_stats s = ledger_stats(l);
  bool all_stored = complete && s.pending == 0;
  for (unsigned i = 0; i < l->worker_count; i++)
    journal_close(l->workers[i].journal, all_stored);
  seat_leave(l->lease, all_stored);
  lives_leave(&l->place, l->life_seat, l->life_fd); /* what stays is a dead process's from here on */
  if (l->place.dir_fd >= 0)
    close(l->place.dir_fd);
  ledger_let_go(l);
  pthread_cond_destroy(&l->changed);
  pthread_mutex_destroy(&l->lock);
  free(l->workers);
  free(l);
}

enum err ledger_adopt(struct ledger *l, uint64_t *out_recovered, struct fault *f) {
  struct replay_result r = {0};
  enum err e = l->place.dir[0] ? replay_run(&l->place, l->store, &r, f) : ERR_OK;
  if (e)
    return e;
  atomic_fetch_add(&l->recovered, r.recovered);
  atomic_fetch_add(&l->damaged, r.damaged);
  *out_recovered = r.recovered;
  return ERR_OK;
}

uint64_t ledger_boot(const struct ledger *l) { return l->place.boot; }

bool ledger_is_living(const struct ledger *l, uint64_t boot) {
  struct lives lives = {0};
  if (!l->place.dir[0])
    return false;
  if (lives_look(&l->place, &lives, NULL) != ERR_OK)
    return true;
  bool living = lives_has(&lives, boot);
  lives_done(&l->place, &lives, false);
  return living;
}

int ledger_lock(const struct ledger *l) { return l->lock_fd; }

void ledger_hold(struct ledger *l) { hold_name(l->lock_fd); }

void ledger_let_go(struct ledger *l) {
  if (l->lock_fd >= 0)
    close(l->lock_fd);
  l->lock_fd = -1;
}

static enum err refuse_undurable(struct fault *f) {
  return fault_set(f, ERR_STORE, NULL, "the journal cannot be made durable: the disk refuses");
}

static enum err check_seat(struct ledger *l, struct fault *f) {
  if (!l->lease || seat_is_held(l->lease))
    return ERR_OK;
  return fault_set(f, ERR_STORE, NULL,
                   "this process has lost its seat among the replicas: it could not reach the database for too long");
}

/* The next id for a worker, on the seat its process has now. */
static enum err next_id(struct ledger *l, unsigned worker, int64_t now_us, int64_t *out, struct fault *f) {
  struct ledger_worker *w = &l->workers[worker];
  enum err e = check_seat(l, f);
  if (e)
    return e;
  if (l->lease) {
    int64_t above = 0;
    unsigned seat = seat_number(l->lease, &above);
    if (seat != w->seat)
      ids_move(&w->ids, seat, worker, above);
    w->seat = seat;
  }
  *out = ids_next(&w->ids, now_us);
  return ERR_OK;
}

enum err ledger_reserve(struct ledger *l, unsigned worker, struct ledger_row *row, struct fault *f) {
  struct ledger_row reserved = *row;
  if (atomic_load_explicit(&l->not_durable, memory_order_relaxed))
    return refuse_undurable(f);
  reserved.reserved_us = l->place.sys->now_us();
  enum err e = next_id(l, worker, reserved.reserved_us, &reserved.id, f);
  if (e)
    return e;
  reserved.settled_us = 0;
  reserved.usage = (struct usage){0};
  reserved.cost = (struct cost){0};
  reserved.outcome = TEXT_NONE;
  struct ledger_worker *w = &l->workers[worker];
  e = journal_reserve(w->journal, &reserved, f);
  if (atomic_load_explicit(&w->no_room, memory_order_relaxed) != (e != ERR_OK))
    atomic_store(&w->no_room, e != ERR_OK);
  if (e)
    return e;
  row->id = reserved.id;
  row->reserved_us = reserved.reserved_us;
  ledger_wake(l);
  return ERR_OK;
}

void ledger_note(struct ledger *l, unsigned worker, const struct ledger_row *row) {
  if (journal_note(l->workers[worker].journal, row))
    ledger_wake(l);
}

void ledger_settle(struct ledger *l, unsigned worker, const struct ledger_row *row) {
  struct ledger_row settled = *row;
  if (settled.settled_us == 0)
    settled.settled_us = l->place.sys->now_us();
  journal_settle(l->workers[worker].journal, &settled);
  ledger_wake(l);
}

struct ledger_stats ledger_stats(struct ledger *l) {
  /* Read in the order opposite to the one they grow in, so that no difference is negative. */
  struct ledger_stats s = {.stored = atomic_load_explicit(&l->stored, memory_order_acquire),
                           .recovered = atomic_load(&l->recovered),
                           .damaged = atomic_load(&l->damaged)};
  for (unsigned i = 0; i < l->worker_count; i++)
    if (l->workers[i].journal)
      s.settled += atomic_load_explicit(&l->workers[i].journal->settled, memory_order_acquire);
  for (unsigned i = 0; i < l->worker_count; i++)
    if (l->workers[i].journal)
      s.reserved += atomic_load_explicit(&l->workers[i].journal->reserved, memory_order_acquire);
  /* The writer sees a record a moment before its worker has counted it: what is stored was settled. */
  if (s.settled < s.stored)
    s.settled = s.stored;
  s.open = s.reserved > s.settled ? s.reserved - s.settled : 0;
  s.pending = s.settled > s.stored ? s.settled - s.stored : 0;
  pthread_mutex_lock(&l->lock);
  s.store_failing = l->store_failing;
  s.store_brief = l->store_brief;
  s.journal_failing = l->journal_fault[0] != '\0';
  const char *why = l->store_fault[0] ? l->store_fault : l->journal_fault;
  snprintf(s.store_fault, sizeof s.store_fault, "%s", why);
  pthread_mutex_unlock(&l->lock);
  return s;
}

/* Who was refused for want of room stays so until the keeper, which tries all the time then, has made some. */
static enum err check_room(struct ledger *l, struct fault *f) {
  bool refused = false;
  char why[sizeof l->journal_fault];
  for (unsigned i = 0; i < l->worker_count; i++)
    refused |= atomic_load(&l->workers[i].no_room);
  pthread_mutex_lock(&l->lock);
  memcpy(why, l->journal_fault, sizeof why);
  pthread_mutex_unlock(&l->lock);
  return refused && why[0] ? fault_set(f, ERR_STORE_FULL, NULL, "%s", why) : ERR_OK;
}

enum err ledger_check(struct ledger *l, struct fault *f) {
  if (atomic_load(&l->not_durable))
    return fault_set_brief(f, refuse_undurable(f), "the disk refuses");
  enum err e = check_seat(l, f);
  if (e)
    return fault_set_brief(f, e, "the database was away for too long");
  e = check_room(l, f);
  return e ? fault_set_brief(f, e, "no room") : ERR_OK;
}
