/* Who listens to the live feed, and what waits for whom: a queue for each reader, and the latest rows for those who
 * come back. All under one lock, which nobody holds while waiting for anything. Rows come from feed_source.c; readers
 * are fibers of live.c, woken by a message to their loop. */
#include "control/feed.h"

#include "control/feed_inner.h"

#include "base/buf.h"
#include "base/random.h"
#include "control/views.h"
#include "ports/store_usage.h"

#include <signal.h>
#include <stdlib.h>

#define ROW_JSON_MAX 65536

static void *memory(size_t n) {
  void *at = calloc(1, n);
  if (!at)
    abort();
  return at;
}

static struct text pack(char **to, struct text t) {
  struct text out = {*to, t.len};
  if (t.len > 0)
    memcpy(*to, t.at, t.len);
  *to += t.len;
  return out;
}

struct feed_item *feed_item_new(const struct ledger_row *r) {
  struct buf json;
  buf_init(&json, ROW_JSON_MAX);
  request_write(r, &json);
  size_t n = r->user.len + r->workspace.len + r->provider.len + r->model.len + r->outcome.len + json.len;
  struct feed_item *i = memory(sizeof *i + n);
  char *to = (char *)(i + 1);
  atomic_init(&i->refs, 1);
  i->id = r->id;
  i->settled_us = r->settled_us;
  i->key_id = r->key_id;
  i->user = pack(&to, r->user);
  i->workspace = pack(&to, r->workspace);
  i->provider = pack(&to, r->provider);
  i->model = pack(&to, r->model);
  i->outcome = pack(&to, r->outcome);
  i->json = pack(&to, buf_text(&json));
  buf_done(&json);
  return i;
}

static struct feed_item *ref(struct feed_item *i) {
  atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
  return i;
}

void feed_item_unref(struct feed_item *i) {
  if (atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) == 1)
    free(i);
}

int64_t feed_item_id(const struct feed_item *i) { return i->id; }

int64_t feed_item_settled_us(const struct feed_item *i) { return i->settled_us; }

struct text feed_item_json(const struct feed_item *i) {
  return i->json;
}

struct feed *feed_new(struct store *store) {
  struct feed *f = memory(sizeof *f);
  pthread_condattr_t monotonic;
  f->store = store;
  f->process = (uint32_t)random_fast() | 1;
  pthread_mutex_init(&f->lock, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&f->news, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return f;
}

enum err feed_start(struct feed *f, struct fault *fault) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(&f->thread, NULL, feed_source_run, f);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  f->started = problem == 0;
  return f->started ? ERR_OK : fault_set(fault, ERR_SYSTEM, NULL, "cannot start a thread: %s", strerror(problem));
}

/* Nobody listens: nothing is kept. Under the lock. */
static void forget_all(struct feed *f) {
  for (; f->kept_count > 0; f->kept_count--, f->kept_first = (f->kept_first + 1) % FEED_KEPT)
    feed_item_unref(f->kept[f->kept_first]);
  while (f->inbox_count > 0)
    feed_item_unref(f->inbox[--f->inbox_count]);
  f->inbox_lost = 0;
}

void feed_free(struct feed *f) {
  if (!f)
    return;
  pthread_mutex_lock(&f->lock);
  f->stops = true;
  pthread_cond_signal(&f->news);
  pthread_mutex_unlock(&f->lock);
  if (f->started)
    pthread_join(f->thread, NULL);
  forget_all(f);
  pthread_cond_destroy(&f->news);
  pthread_mutex_destroy(&f->lock);
  free(f);
}

void feed_stored(void *feed, const struct ledger_row *rows, size_t count) {
  struct feed *f = feed;
  if (!atomic_load_explicit(&f->listening, memory_order_relaxed))
    return;
  for (size_t n = 0; n < count; n++) {
    struct feed_item *i = feed_item_new(&rows[n]);
    pthread_mutex_lock(&f->lock);
    bool fits = f->inbox_count < FEED_INBOX && f->reader_count > 0;
    if (fits)
      f->inbox[f->inbox_count++] = i;
    else
      f->inbox_lost++;
    pthread_cond_signal(&f->news);
    pthread_mutex_unlock(&f->lock);
    if (!fits)
      feed_item_unref(i);
  }
}

static void message_arrived(struct mailbox_message *m) {
  struct feed_reader *r = (struct feed_reader *)m;
  pthread_mutex_lock(&r->feed->lock);
  bool closed = r->closed;
  r->posted = false;
  pthread_mutex_unlock(&r->feed->lock);
  if (closed)
    free(r);
  else
    fiber_wake(r->fiber);
}

/* Under the lock. */
static void wake(struct feed_reader *r) {
  if (r->posted)
    return;
  r->posted = true;
  mailbox_post(r->loop, &r->message);
}

void feed_end(struct feed *f) {
  pthread_mutex_lock(&f->lock);
  atomic_store(&f->ended, true);
  for (size_t n = 0; n < f->reader_count; n++)
    wake(f->readers[n]);
  pthread_mutex_unlock(&f->lock);
}

uint32_t feed_process(const struct feed *f) { return f->process; }

bool feed_has_ended(const struct feed *f) { return atomic_load(&f->ended); }

static bool is_wanted(struct text wanted, struct text is) { return wanted.len == 0 || text_equal(wanted, is); }

static bool matches(const struct feed_filter *w, const struct feed_item *i) {
  bool failed = text_equal(w->outcome, TEXT(USAGE_LOG_FAILED)) && !text_equal(i->outcome, TEXT("ok"));
  return i->settled_us >= w->since_us && (w->org_id == 0 || w->org_id == i->org_id) &&
         (w->key_id == 0 || w->key_id == i->key_id) && is_wanted(w->user, i->user) &&
         is_wanted(w->workspace, i->workspace) && is_wanted(w->provider, i->provider) &&
         is_wanted(w->model, i->model) && (failed || is_wanted(w->outcome, i->outcome));
}

/* Under the lock. */
static void queue_item(struct feed_reader *r, struct feed_item *i) {
  if (r->count == FEED_QUEUE) {
    feed_item_unref(r->queue[r->first]);
    r->first = (r->first + 1) % FEED_QUEUE;
    r->count--;
    r->dropped++;
  }
  r->queue[(r->first + r->count++) % FEED_QUEUE] = ref(i);
}

/* Under the lock. */
static void keep(struct feed *f, struct feed_item *i) {
  if (f->kept_count == FEED_KEPT) {
    feed_item_unref(f->kept[f->kept_first]);
    f->kept_first = (f->kept_first + 1) % FEED_KEPT;
    f->kept_count--;
  }
  f->kept[(f->kept_first + f->kept_count++) % FEED_KEPT] = i;
}

void feed_publish(struct feed *f, struct feed_item *i) {
  pthread_mutex_lock(&f->lock);
  for (size_t n = 0; n < f->reader_count; n++) {
    if (!matches(&f->readers[n]->filter, i))
      continue;
    queue_item(f->readers[n], i);
    wake(f->readers[n]);
  }
  if (f->reader_count > 0)
    keep(f, i);
  else
    feed_item_unref(i);
  pthread_mutex_unlock(&f->lock);
}

void feed_lose(struct feed *f, uint64_t count) {
  pthread_mutex_lock(&f->lock);
  for (size_t n = 0; n < f->reader_count; n++) {
    f->readers[n]->dropped += count;
    wake(f->readers[n]);
  }
  pthread_mutex_unlock(&f->lock);
}

/* Copies the filter, whose texts are another's. */
static char *copy_filter(struct feed_filter *to, const struct feed_filter *from) {
  char *words =
      memory(from->user.len + from->workspace.len + from->provider.len + from->model.len + from->outcome.len + 1);
  char *at = words;
  *to = (struct feed_filter){.org_id = from->org_id, .key_id = from->key_id, .since_us = from->since_us};
  to->user = pack(&at, from->user);
  to->workspace = pack(&at, from->workspace);
  to->provider = pack(&at, from->provider);
  to->model = pack(&at, from->model);
  to->outcome = pack(&at, from->outcome);
  return words;
}

/* Queues what came after that row. Under the lock. */
static bool catch_up(struct feed *f, struct feed_reader *r, struct feed_place after) {
  size_t n = after.process == f->process ? f->kept_count : 0;
  while (n > 0 && f->kept[(f->kept_first + n - 1) % FEED_KEPT]->id != after.id)
    n--;
  if (n == 0)
    return false;
  for (; n < f->kept_count; n++) {
    struct feed_item *i = f->kept[(f->kept_first + n) % FEED_KEPT];
    if (matches(&r->filter, i))
      queue_item(r, i);
  }
  return true;
}

/* Under the lock. */
static void add(struct feed *f, struct feed_reader *r) {
  f->readers[f->reader_count++] = r;
  if (f->reader_count > 1)
    return;
  f->epoch++;
  f->since_us = loop_wall_us();
  atomic_store(&f->listening, true);
  pthread_cond_signal(&f->news);
}

static void discard(struct feed_reader *r) {
  for (; r->count > 0; r->count--, r->first = (r->first + 1) % FEED_QUEUE)
    feed_item_unref(r->queue[r->first]);
  free(r->words);
  r->words = NULL;
}

enum err feed_open(struct feed *f, const struct feed_filter *filter, struct feed_place after, struct feed_reader **out,
                   bool *out_known, struct fault *fault) {
  struct feed_reader *r = memory(sizeof *r);
  r->message.run = message_arrived;
  r->feed = f;
  r->fiber = fiber_self();
  r->loop = fiber_loop(r->fiber);
  r->words = copy_filter(&r->filter, filter);
  pthread_mutex_lock(&f->lock);
  bool ended = feed_has_ended(f), fits = !ended && f->reader_count < FEED_READERS_MAX;
  bool known = fits && after.id != 0 && catch_up(f, r, after);
  if (fits)
    add(f, r);
  pthread_mutex_unlock(&f->lock);
  if (fits) {
    *out = r;
    *out_known = known;
    return ERR_OK;
  }
  discard(r);
  free(r);
  if (ended)
    fault_set(fault, ERR_UNAVAILABLE, NULL, "the service ends");
  else
    fault_set(fault, ERR_UNAVAILABLE, NULL, "%d follow the requests here already, and no more can", FEED_READERS_MAX);
  fault->retry_after_s = ended ? 1 : 5;
  return ERR_UNAVAILABLE;
}

void feed_close(struct feed_reader *r) {
  struct feed *f = r->feed;
  pthread_mutex_lock(&f->lock);
  size_t n = 0;
  while (f->readers[n] != r)
    n++;
  f->readers[n] = f->readers[--f->reader_count];
  if (f->reader_count == 0) {
    atomic_store(&f->listening, false);
    forget_all(f);
  }
  discard(r);
  r->closed = true;
  bool posted = r->posted;
  pthread_mutex_unlock(&f->lock);
  if (!posted)
    free(r);
}

void feed_filter_set(struct feed_reader *r, const struct feed_filter *filter) {
  struct feed_filter copy;
  char *words = copy_filter(&copy, filter), *old = r->words;
  pthread_mutex_lock(&r->feed->lock);
  r->filter = copy;
  r->words = words;
  for (size_t n = r->count; n > 0; n--) {
    struct feed_item *i = r->queue[r->first];
    r->first = (r->first + 1) % FEED_QUEUE;
    r->count--;
    if (matches(&copy, i))
      r->queue[(r->first + r->count++) % FEED_QUEUE] = i;
    else
      feed_item_unref(i);
  }
  pthread_mutex_unlock(&r->feed->lock);
  free(old);
}

size_t feed_take(struct feed_reader *r, struct feed_item **out, size_t max, uint64_t *out_dropped) {
  size_t n = 0;
  pthread_mutex_lock(&r->feed->lock);
  *out_dropped = r->dropped;
  r->dropped = 0;
  for (; n < max && r->count > 0; r->count--, r->first = (r->first + 1) % FEED_QUEUE)
    out[n++] = r->queue[r->first];
  pthread_mutex_unlock(&r->feed->lock);
  return n;
}
