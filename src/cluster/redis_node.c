/* The fiber of one server: connect, send what waits, read the answers, and again; and when it fails, a pause. Between
 * two batches it watches the connection, so one that Redis closes is missed at once and not by the next request.
 * Called by redis_link.c. */
#include "cluster/redis_node.h"

#include "base/random.h"
#include "fiber/sync.h"

#include <stdlib.h>

#define FIRST_PAUSE_US INT64_C(100000)
#define LAST_PAUSE_US  INT64_C(3000000)
/* What is sent before its answers are read. */
#define BATCH_MAX         64
#define BATCH_BYTES_MAX   ((size_t)256 * 1024)
#define COMMAND_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define SCRIPTS_MAX       16

enum state { NODE_OPENING, NODE_OPEN, NODE_RESTING };

struct requests {
  struct redis_request *head, *tail;
  size_t count;
};

struct redis_node {
  struct redis_world *world;
  struct redis_place place;
  uint64_t id;
  struct resp_options options; /* place's texts in it */
  struct fiber *fiber;
  struct wait_queue work;
  enum state state;
  bool is_leaving;
  struct requests waiting, sent;
  struct resp_client *client;
  struct fault why; /* of the rest */
  const struct resp_script *scripts[SCRIPTS_MAX];
  size_t script_count;
  bool refuses_names;
};

static void add(struct requests *to, struct redis_request *q) {
  q->next = NULL;
  if (to->tail)
    to->tail->next = q;
  else
    to->head = q;
  to->tail = q;
  to->count++;
}

static struct redis_request *take(struct requests *from) {
  struct redis_request *q = from->head;
  if (!q)
    return NULL;
  from->head = q->next;
  if (!from->head)
    from->tail = NULL;
  from->count--;
  return q;
}

struct redis_request *redis_request_new(struct redis_waiter *w) {
  struct redis_request *q = calloc(1, sizeof(*q));
  if (!q)
    abort();
  q->waiter = w;
  w->open++;
  buf_init(&q->command, COMMAND_BYTES_MAX);
  arena_init(&q->arena);
  q->asked_us = loop_clock_us();
  return q;
}

void redis_request_free(struct redis_request *q) {
  if (!q)
    return;
  buf_done(&q->command);
  arena_done(&q->arena);
  free(q);
}

void redis_request_leave(struct redis_request *q) {
  if (q->is_done)
    redis_request_free(q);
  else
    q->waiter = NULL;
}

static void end(struct redis_world *w, struct redis_request *q, enum err e, const struct fault *f) {
  if (e == ERR_OK)
    (void)atomic_fetch_add(&w->counters->waited_us, (uint64_t)(loop_clock_us() - q->asked_us));
  (void)atomic_fetch_add(e == ERR_OK ? &w->counters->answers : &w->counters->failures, 1);
  struct redis_waiter *waiter = q->waiter;
  if (!waiter) {
    redis_request_free(q);
    return;
  }
  q->is_done = true;
  q->err = e;
  if (f)
    q->fault = *f;
  if (--waiter->open == 0)
    fiber_wake(waiter->fiber);
}

static void end_all(struct redis_node *n, enum err e, const struct fault *f) {
  for (struct redis_request *q; (q = take(&n->sent));)
    end(n->world, q, e, f);
  for (struct redis_request *q; (q = take(&n->waiting));)
    end(n->world, q, n->is_leaving ? ERR_AGAIN : e, f);
}

static int64_t now_us(const struct redis_node *n) { return loop_now_us(n->world->loop); }

/* The next answer, pushed messages passed over. */
static enum err receive(struct redis_node *n, int64_t deadline_us, const struct resp_value **out, struct fault *f) {
  enum err e;
  do
    e = resp_receive(n->client, deadline_us, out, f);
  while (e == ERR_OK && (*out)->kind == RESP_PUSH);
  return e;
}

static enum err send_batch(struct redis_node *n, int64_t deadline_us, struct fault *f) {
  struct buf all;
  buf_init(&all, BATCH_BYTES_MAX + COMMAND_BYTES_MAX);
  while (n->waiting.head && n->sent.count < BATCH_MAX &&
         (all.len == 0 || all.len + n->waiting.head->command.len <= BATCH_BYTES_MAX)) {
    struct redis_request *q = take(&n->waiting);
    buf_add(&all, buf_text(&q->command));
    add(&n->sent, q);
  }
  enum err e = resp_send(n->client, buf_text(&all), deadline_us, f);
  buf_done(&all);
  return e;
}

static enum err exchange(struct redis_node *n, struct fault *f) {
  int64_t deadline_us = now_us(n) + n->world->patience_us;
  enum err e = send_batch(n, deadline_us, f);
  while (e == ERR_OK && n->sent.head) {
    const struct resp_value *v = NULL;
    struct redis_request *q = n->sent.head;
    e = receive(n, deadline_us, &v, f);
    if (e != ERR_OK)
      break;
    if (q->extra > 0) {
      q->extra--;
      continue;
    }
    (void)take(&n->sent);
    q->answer = q->waiter ? resp_copy(v, &q->arena) : NULL;
    end(n->world, q, ERR_OK, NULL);
  }
  return e;
}

static void on_event(void *data) {
  struct redis_node *n = data;
  wait_queue_wake_all(&n->work);
}

static enum err wait_for_work(struct redis_node *n, struct fault *f) {
  if (!resp_is_quiet(n->client))
    return fault_set(f, ERR_NETWORK, NULL, "Redis has closed the connection");
  resp_on_event(n->client, on_event, n);
  enum err e = wait_queue_wait(&n->work, FIBER_NO_DEADLINE);
  resp_on_event(n->client, NULL, NULL);
  return e;
}

static enum err serve(struct redis_node *n, int64_t *pause_us, struct fault *f) {
  enum err e = ERR_OK;
  n->state = NODE_OPEN;
  (void)atomic_fetch_add(&n->world->counters->connections, 1);
  n->world->changed(n->world->ctx);
  while (e == ERR_OK) {
    if (!n->waiting.head) {
      e = wait_for_work(n, f);
      continue;
    }
    e = exchange(n, f);
    if (e == ERR_OK)
      *pause_us = FIRST_PAUSE_US;
  }
  return e;
}

/* A little less than the pause, by chance, so that replicas do not come all at once. */
static void rest(int64_t *pause_us) {
  int64_t us = *pause_us - (int64_t)(random_fast() % (uint64_t)(*pause_us / 4 + 1));
  *pause_us = *pause_us * 2 < LAST_PAUSE_US ? *pause_us * 2 : LAST_PAUSE_US;
  enum err cancelled = fiber_sleep(us); /* the caller looks */
  (void)cancelled;
}

static void lose(struct redis_node *n, enum err e, const struct fault *f) {
  resp_close(n->client);
  n->client = NULL;
  n->state = NODE_RESTING;
  n->script_count = 0;
  n->refuses_names = false;
  n->why = *f;
  n->why.err = e;
  end_all(n, e, &n->why);
  n->world->changed(n->world->ctx);
}

static void run(void *arg) {
  struct redis_node *n = arg;
  int64_t pause_us = FIRST_PAUSE_US;
  while (!fiber_is_cancelled(fiber_self())) {
    struct fault f = {0};
    n->state = NODE_OPENING;
    enum err e = resp_open(&n->options, now_us(n) + n->world->patience_us, &n->client, &f);
    if (e == ERR_OK)
      e = serve(n, &pause_us, &f);
    lose(n, e, &f);
    if (!fiber_is_cancelled(fiber_self()))
      rest(&pause_us);
  }
  free(n);
}

struct redis_node *redis_node_new(struct redis_world *w, const struct redis_place *place) {
  struct redis_node *n = calloc(1, sizeof(*n));
  if (!n)
    abort();
  *n = (struct redis_node){.world = w, .place = *place, .options = w->options};
  n->id = ++w->last_id;
  n->options.host = text_of(n->place.host);
  n->options.port = n->place.port;
  n->options.tls_name = text_of(n->place.tls_name);
  if (fiber_start(w->loop, run, n, &n->fiber) == ERR_OK)
    return n;
  free(n);
  return NULL;
}

void redis_node_leave(struct redis_node *n) {
  n->is_leaving = true;
  fiber_cancel(n->fiber);
}

void redis_node_ask(struct redis_node *n, struct redis_request *q) {
  struct fault f = {0};
  enum err e = buf_check(&q->command);
  if (e != ERR_OK)
    e = fault_set(&f, ERR_LIMIT, NULL, "a command for Redis is too long");
  else if (n->waiting.count >= REDIS_NODE_REQUESTS_MAX)
    e = fault_set(&f, ERR_LIMIT, NULL, "too many requests wait for Redis");
  else if (n->state == NODE_RESTING)
    e = (f = n->why).err;
  if (e != ERR_OK) {
    end(n->world, q, n->is_leaving ? ERR_AGAIN : e, &f);
    return;
  }
  add(&n->waiting, q);
  wait_queue_wake_all(&n->work);
}

const struct redis_place *redis_node_place(const struct redis_node *n) { return &n->place; }
uint64_t redis_node_id(const struct redis_node *n) { return n->id; }
bool redis_node_is_open(const struct redis_node *n) { return n->state == NODE_OPEN; }

bool redis_node_has_script(struct redis_node *n, const struct resp_script *s) {
  for (size_t i = 0; i < n->script_count; i++) {
    if (n->scripts[i] == s)
      return !n->refuses_names;
  }
  if (n->script_count < SCRIPTS_MAX)
    n->scripts[n->script_count++] = s;
  return false;
}

void redis_node_forget_script(struct redis_node *n, const struct resp_script *s) {
  for (size_t i = 0; i < n->script_count; i++) {
    if (n->scripts[i] == s)
      n->scripts[i] = n->scripts[--n->script_count];
  }
}

void redis_node_refuses_names(struct redis_node *n) { n->refuses_names = true; }
