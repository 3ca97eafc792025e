/* Two threads: one looks into the store when a bell rang or half a second is over and calls the handlers; the other
 * keeps the database's bell connected and waits for it, so that connecting anew, which may take its time, never delays
 * a look. Called by app; knows nothing of what the handlers do. */
#include "cluster/events.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH             256
#define BELL_WAIT_MS      10000
#define BELL_RETRY_MS     250
#define BELL_RETRY_MAX_MS 5000

struct handler {
  const char *kind;
  events_fn fn;
  void *data;
};

struct events {
  struct store *store;
  struct handler handlers[EVENTS_HANDLERS_MAX];
  size_t handler_count;
  void (*on_seen)(void *data, int64_t seen);
  void *on_seen_data;
  int ring_fd; /* somebody rang */
  int stop_fd; /* both threads are to end; never read */
  pthread_t looker, listener;
  bool looks, listens; /* which threads were started */
  _Atomic int64_t seen, newest, looked_us;
  _Atomic uint64_t handled;
  atomic_bool is_listening;
  pthread_mutex_t lock; /* protects what follows */
  struct fault fault;   /* of the last look */
};

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct events *events_new(struct store *store) {
  struct events *e = calloc(1, sizeof *e);
  if (!e)
    abort();
  e->store = store;
  pthread_mutex_init(&e->lock, NULL);
  e->ring_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  e->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (e->ring_fd < 0 || e->stop_fd < 0)
    abort();
  return e;
}

void events_on(struct events *e, const char *kind, events_fn fn, void *data) {
  if (e->handler_count == EVENTS_HANDLERS_MAX)
    abort();
  e->handlers[e->handler_count++] = (struct handler){kind, fn, data};
}

void events_on_seen(struct events *e, void (*fn)(void *data, int64_t seen), void *data) {
  e->on_seen = fn;
  e->on_seen_data = data;
}

static void add_one(int fd) {
  ssize_t ignored = write(fd, &(uint64_t){1}, sizeof(uint64_t));
  (void)ignored; /* it is readable already */
}

void events_ring(struct events *e) { add_one(e->ring_fd); }

/* Returns false when it is time to end. */
static bool wait_for_ring(struct events *e, int fd, int timeout_ms) {
  struct pollfd at[] = {{e->stop_fd, POLLIN, 0}, {fd, POLLIN, 0}};
  uint64_t ignored;
  (void)poll(at, fd < 0 ? 1 : 2, timeout_ms);
  if (fd >= 0)
    (void)!read(fd, &ignored, sizeof ignored);
  return at[0].revents == 0;
}

static void tell(struct events *e, const struct store_event *event) {
  for (size_t i = 0; i < e->handler_count; i++)
    if (text_equal(event->kind, text_of(e->handlers[i].kind)))
      e->handlers[i].fn(e->handlers[i].data, event);
  atomic_fetch_add(&e->handled, 1);
}

/* Anything may have changed: each handler is told so. */
static void tell_of_gap(struct events *e, int64_t up_to_id) {
  LOG_WARN("events_missed", log_i64("up_to", up_to_id));
  for (size_t i = 0; i < e->handler_count; i++) {
    struct store_event event = {.id = up_to_id, .kind = text_of(e->handlers[i].kind), .subject = TEXT("")};
    e->handlers[i].fn(e->handlers[i].data, &event);
  }
  atomic_store(&e->seen, up_to_id);
}

static enum err take_batch(struct events *e, int64_t newest, struct arena *a, struct fault *f) {
  struct store_event *at = NULL;
  size_t count = 0;
  int64_t seen = atomic_load(&e->seen);
  enum err err = e->store->ops->events->list(e->store, seen, BATCH, a, &at, &count, f);
  if (err)
    return err;
  if (count == 0)
    tell_of_gap(e, newest); /* all were purged */
  else if (at[0].id != seen + 1)
    tell_of_gap(e, at[0].id - 1);
  for (size_t i = 0; i < count; i++) {
    tell(e, &at[i]);
    atomic_store(&e->seen, at[i].id);
  }
  return ERR_OK;
}

static enum err look(struct events *e, struct fault *f) {
  int64_t newest = 0;
  enum err err = e->store->ops->events->newest(e->store, &newest, f);
  if (err)
    return err;
  atomic_store(&e->newest, newest);
  if (newest < atomic_load(&e->seen))
    tell_of_gap(e, newest); /* the store was put back to an older moment */
  while (!err && atomic_load(&e->seen) < newest) {
    struct arena a;
    arena_init(&a);
    err = take_batch(e, newest, &a, f);
    arena_done(&a);
  }
  return err;
}

static void note_fault(struct events *e, const struct fault *f) {
  pthread_mutex_lock(&e->lock);
  e->fault = *f;
  pthread_mutex_unlock(&e->lock);
}

static void *look_again_and_again(void *arg) {
  struct events *e = arg;
  while (wait_for_ring(e, e->ring_fd, EVENTS_POLL_MS)) {
    struct fault f = {0};
    int64_t before = atomic_load(&e->seen);
    bool was_failing = e->fault.err != ERR_OK, fails = look(e, &f) != ERR_OK; /* written by this thread only */
    if (e->on_seen && atomic_load(&e->seen) > before)
      e->on_seen(e->on_seen_data, atomic_load(&e->seen));
    if (fails && f.err == ERR_OK)
      f.err = ERR_STORE;
    note_fault(e, fails ? &f : &(struct fault){0});
    if (!fails)
      atomic_store(&e->looked_us, clock_us());
    if (fails && !was_failing)
      LOG_WARN("events_failing", log_str("detail", fault_text(&f)));
    if (!fails && was_failing)
      LOG_INFO("events_recovered", log_i64("seen", atomic_load(&e->seen)));
  }
  return NULL;
}

static bool is_stopping(const struct events *e) {
  struct pollfd at = {e->stop_fd, POLLIN, 0};
  return poll(&at, 1, 0) > 0;
}

/* Until the connection is lost or it is time to end. */
static void listen_to(struct events *e, struct store_bell *bell, struct fault *f) {
  enum err err = ERR_OK;
  atomic_store(&e->is_listening, true);
  events_ring(e); /* for what was committed before it stood */
  while (!err && !is_stopping(e)) {
    bool rang = false;
    err = e->store->ops->events->bell_wait(bell, e->stop_fd, BELL_WAIT_MS, &rang, f);
    if (!err && rang)
      events_ring(e);
  }
  atomic_store(&e->is_listening, false);
}

static void *listen_again_and_again(void *arg) {
  struct events *e = arg;
  const struct store_events_ops *ops = e->store->ops->events;
  int retry_ms = 0;
  while (wait_for_ring(e, -1, retry_ms)) {
    struct store_bell *bell = NULL;
    struct fault f = {0};
    int before_ms = retry_ms;
    retry_ms = before_ms == 0 ? BELL_RETRY_MS : before_ms * 2 > BELL_RETRY_MAX_MS ? BELL_RETRY_MAX_MS : before_ms * 2;
    if (ops->bell_open(e->store, &bell, &f) == ERR_OK) {
      listen_to(e, bell, &f);
      ops->bell_close(bell);
      retry_ms = BELL_RETRY_MS;
      before_ms = 0;
    }
    if (before_ms == 0 && !is_stopping(e))
      LOG_WARN("events_bell_lost", log_str("detail", fault_text(&f)));
  }
  return NULL;
}

static enum err start_thread(pthread_t *thread, void *(*run)(void *), struct events *e, struct fault *f) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(thread, NULL, run, e);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return problem ? fault_set(f, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(problem)) : ERR_OK;
}

/* What this process has changed itself is told at once, also where the database has no bell. */
static void ring_for_own(void *data) { events_ring(data); }

enum err events_start(struct events *e, struct fault *f) {
  int64_t newest = 0;
  enum err err = e->store->ops->events->newest(e->store, &newest, f);
  if (err)
    return err;
  atomic_store(&e->seen, newest);
  atomic_store(&e->newest, newest);
  atomic_store(&e->looked_us, clock_us());
  err = start_thread(&e->looker, look_again_and_again, e, f);
  e->looks = !err;
  if (e->looks && e->store->ops->events->on_added)
    e->store->ops->events->on_added(e->store, ring_for_own, e);
  if (!err && e->store->ops->events->bell_open) {
    err = start_thread(&e->listener, listen_again_and_again, e, f);
    e->listens = !err;
  }
  return err;
}

void events_stop(struct events *e) {
  if (e->looks && e->store->ops->events->on_added)
    e->store->ops->events->on_added(e->store, NULL, NULL);
  add_one(e->stop_fd);
  if (e->looks)
    pthread_join(e->looker, NULL);
  if (e->listens)
    pthread_join(e->listener, NULL);
  e->looks = e->listens = false;
}

void events_free(struct events *e) {
  if (!e)
    return;
  events_stop(e);
  close(e->ring_fd);
  close(e->stop_fd);
  pthread_mutex_destroy(&e->lock);
  free(e);
}

struct events_stats events_stats(struct events *e) {
  struct events_stats s = {.seen = atomic_load(&e->seen),
                           .newest = atomic_load(&e->newest),
                           .handled = atomic_load(&e->handled),
                           .looked_us = atomic_load(&e->looked_us),
                           .has_bell = e->store->ops->events->bell_open != NULL,
                           .is_listening = atomic_load(&e->is_listening)};
  pthread_mutex_lock(&e->lock);
  s.fault = e->fault;
  pthread_mutex_unlock(&e->lock);
  s.is_failing = s.fault.err != ERR_OK;
  return s;
}
