/* Threads for calls that block: a bounded first-in-first-out queue, one job per waiting fiber, the job on that fiber's
 * stack. The result comes back as a message to the fiber's loop. It does not cancel a call that runs, and it keeps no
 * job beyond its call. Called by the store, DNS, password hashing and file sync. */
#include "fiber/offload.h"

#include "fiber/loop_private.h"

#include <pthread.h>
#include <signal.h>

struct job {
  struct mailbox_message done; /* first: the message is the job */
  struct job *next;
  enum err (*fn)(void *arg);
  void *arg;
  enum err result;
  bool is_done; /* written and read on the loop's thread only */
  struct fiber *fiber;
  struct loop *loop;
  struct log_context log;
};

struct offload {
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct job *head, *tail;
  size_t queued, max_queued;
  bool closing;
  size_t thread_count;
  pthread_t threads[];
};

/* The next job, or NULL when the pool closes and nothing is left. */
static struct job *take_job(struct offload *pool) {
  pthread_mutex_lock(&pool->lock);
  while (pool->head == NULL && !pool->closing) {
    pthread_cond_wait(&pool->work, &pool->lock);
  }
  struct job *j = pool->head;
  if (j != NULL) {
    pool->head = j->next;
    pool->queued--;
  }
  pthread_mutex_unlock(&pool->lock);
  return j;
}

static bool put_job(struct offload *pool, struct job *j) {
  pthread_mutex_lock(&pool->lock);
  bool has_room = pool->queued < pool->max_queued;
  if (has_room) {
    if (pool->head == NULL) {
      pool->head = j;
    } else {
      pool->tail->next = j;
    }
    pool->tail = j;
    pool->queued++;
    pthread_cond_signal(&pool->work);
  }
  pthread_mutex_unlock(&pool->lock);
  return has_room;
}

static void *run_thread(void *arg) {
  struct offload *pool = arg;
  struct job *j;
  while ((j = take_job(pool)) != NULL) {
    *log_context() = j->log;
    j->result = j->fn(j->arg);
    *log_context() = (struct log_context){0};
    /* The fiber may run and its stack with j be gone as soon as this is posted. */
    mailbox_post(j->loop, &j->done);
  }
  return NULL;
}

static void job_done(struct mailbox_message *m) {
  struct job *j = (struct job *)(void *)m;
  j->is_done = true;
  fiber_unpark(j->fiber);
}

/* Signals are for the threads that run loops. */
static bool start_threads(struct offload *pool, size_t count) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool->thread_count < count &&
         pthread_create(&pool->threads[pool->thread_count], NULL, run_thread, pool) == 0) {
    pthread_setname_np(pool->threads[pool->thread_count], "offload");
    pool->thread_count++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pool->thread_count == count;
}

enum err offload_new(size_t threads, size_t max_queued, struct offload **out) {
  struct offload *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
  if (pool == NULL) {
    abort();
  }
  pool->max_queued = max_queued;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  if (!start_threads(pool, threads)) {
    offload_free(pool);
    return ERR_SYSTEM;
  }
  *out = pool;
  return ERR_OK;
}

void offload_free(struct offload *pool) {
  if (pool == NULL) {
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->closing = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (size_t i = 0; i < pool->thread_count; i++) {
    pthread_join(pool->threads[i], NULL);
  }
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

enum err offload_call(struct offload *pool, enum err (*fn)(void *arg), void *arg) {
  struct fiber *self = fiber_self();
  if (self == NULL) {
    return fn(arg);
  }
  struct job j = {
      .done = {.run = job_done}, .fn = fn, .arg = arg, .fiber = self, .loop = self->loop, .log = *log_context()};
  if (!put_job(pool, &j)) {
    return ERR_LIMIT;
  }
  j.loop->calls_offloaded++;
  /* A cancel or a stray wake ends the suspension early; the job still points here. */
  while (!j.is_done) {
    fiber_suspend();
  }
  j.loop->calls_offloaded--;
  return j.result;
}
