/* The two connections to Redis, each a fiber: one speaks (records, claims, a sign of life), the other listens to the
 * channel. Each connects, works until something fails, and tries again after a pause that grows. Called by
 * redis_breakers.c, on its thread. */
#include "cluster/redis_breakers_private.h"

#include "base/log.h"
#include "cluster/breaker_record.h"

#include <stdlib.h>

#define FIRST_PAUSE_US INT64_C(100000)
#define LAST_PAUSE_US  INT64_C(3000000)
/* News that were lost without a sign are made good after so long at most. */
#define AGAIN_US INT64_C(60000000)
/* Posts sent before their answers are read. */
#define BATCH_MAX          64
#define COMMANDS_MAX_BYTES ((size_t)16 * 1024 * 1024) /* never reached: names are bounded */

static int64_t now_us(const struct redis_breakers *r) { return loop_now_us(r->loop); }

static bool is_cancelled(void) { return fiber_is_cancelled(fiber_self()); }

/* One of the two stands, or has failed with f. Whatever both make of it is said when it changes. */
static void note(struct redis_breakers *r, enum redis_side side, const struct fault *f) {
  r->is_well[side] = f == NULL;
  bool shared = r->is_well[REDIS_SPEAKING] && r->is_well[REDIS_LISTENING];
  if (shared && !atomic_load(&r->is_shared))
    LOG_INFO("redis_connected", log_text("host", r->redis.host), log_u64("port", r->redis.port));
  if (f && !r->has_complained)
    LOG_WARN("redis_lost", log_text("host", r->redis.host), log_u64("port", r->redis.port),
             log_str("detail", fault_text(f)),
             log_str("effect", "this replica goes by its own circuit breakers until Redis is back"));
  r->has_complained = !shared && (r->has_complained || f != NULL);
  atomic_store(&r->is_shared, shared);
}

/* A little less than the pause, by chance, so that replicas do not come all at once. */
static void pause_before_next(int64_t *pause_us) {
  int64_t us = *pause_us - (int64_t)(random_fast() % (uint64_t)(*pause_us / 4 + 1));
  *pause_us = *pause_us * 2 < LAST_PAUSE_US ? *pause_us * 2 : LAST_PAUSE_US;
  enum err cancelled = fiber_sleep(us); /* the caller looks */
  (void)cancelled;
}

/* A key that lives as long as this replica does. It shows that Redis not only answers but also keeps what it is told:
 * one that is read-only, full or denied to us does not pass for one that works. */
static enum err show_life(struct redis_breakers *r, struct resp_client *c, struct fault *f) {
  char key[48], ms[24];
  int n = snprintf(key, sizeof(key), "weir:replica:%016llx", (unsigned long long)r->share.replica);
  int m = snprintf(ms, sizeof(ms), "%lld", (long long)(r->patience_us * 5 / 1000 + 1000));
  const struct text arguments[] = {
      TEXT("EVAL"),       TEXT("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"),
      TEXT("1"),          {key, (size_t)n},
      TEXT(WEIR_VERSION), {ms, (size_t)m}};
  const struct resp_value *v = NULL;
  return resp_call(c, arguments, sizeof(arguments) / sizeof(arguments[0]), now_us(r) + r->patience_us, &v, f);
}

static void write_post(struct buf *out, const struct redis_post *p, uint64_t replica) {
  switch (p->kind) {
  case REDIS_TELL: breaker_record_tell(out, &p->news, replica); break;
  case REDIS_CLAIM: breaker_record_claim(out, &p->claim); break;
  case REDIS_RELEASE: breaker_record_release(out, &p->claim); break;
  }
}

static void take_answer(struct redis_breakers *r, const struct redis_post *p, const struct resp_value *v) {
  struct breaker_news news;
  if (p->kind == REDIS_TELL && breaker_record_answer(v, &p->news.name, &news))
    breakers_hear(r->all, &news, loop_clock_us());
  if (p->kind == REDIS_CLAIM && v->kind == RESP_INTEGER && v->integer == 1)
    breakers_granted(r->all, &p->claim, loop_clock_us());
}

static enum err next_answer(struct redis_breakers *r, struct resp_client *c, int64_t deadline_us,
                            const struct resp_value **out, struct fault *f) {
  enum err e;
  do
    e = resp_receive(c, deadline_us, out, f);
  while (e == ERR_OK && (*out)->kind == RESP_PUSH);
  return e == ERR_OK ? resp_refusal(*out, f) : e;
}

/* Sends all and reads their answers. What is not answered is given up once Redis has been given up. */
static enum err exchange(struct redis_breakers *r, struct resp_client *c, struct redis_posts *batch, struct fault *f) {
  struct buf commands;
  int64_t deadline_us = now_us(r) + r->patience_us;
  buf_init(&commands, COMMANDS_MAX_BYTES);
  for (const struct redis_post *p = batch->head; p; p = p->next)
    write_post(&commands, p, r->share.replica);
  enum err e = resp_send(c, buf_text(&commands), deadline_us, f);
  while (e == ERR_OK && batch->head) {
    const struct resp_value *v = NULL;
    e = next_answer(r, c, deadline_us, &v, f);
    if (e == ERR_OK) {
      struct redis_post *p = redis_posts_take(batch);
      take_answer(r, p, v);
      free(p);
    }
  }
  buf_done(&commands);
  return e;
}

/* Where the telling of everything stands. */
struct telling {
  bool is_under_way;
  size_t cursor;
  int64_t next_us;
};

static void take_batch(struct redis_breakers *r, struct telling *t, struct redis_posts *out) {
  pthread_mutex_lock(&r->lock);
  bool again = r->again || now_us(r) >= t->next_us;
  r->again = false;
  while (out->count < BATCH_MAX && r->posts.head)
    redis_posts_add(out, redis_posts_take(&r->posts));
  pthread_mutex_unlock(&r->lock);
  if (again)
    *t = (struct telling){.is_under_way = true, .next_us = now_us(r) + AGAIN_US};
}

/* Some more of everything, into the queue. The first time it has all been told, this side is well. */
static void tell_some(struct redis_breakers *r, struct telling *t) {
  t->is_under_way = breakers_tell_again(r->all, &t->cursor, BATCH_MAX, loop_clock_us()) > 0;
  if (!t->is_under_way && !r->is_well[REDIS_SPEAKING])
    note(r, REDIS_SPEAKING, NULL);
}

static enum err wait_for_work(struct redis_breakers *r, int64_t until_us) {
  enum err e = wait_queue_wait(&r->work, until_us);
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

/* Until something fails or it is cancelled. What has not been answered is left in batch. */
static enum err converse(struct redis_breakers *r, struct resp_client *c, struct redis_posts *batch, struct fault *f) {
  struct telling t = {.next_us = INT64_MAX};
  int64_t next_life_us = now_us(r) + r->patience_us;
  enum err e = show_life(r, c, f);
  if (e == ERR_OK)
    redis_breakers_open(r);
  while (e == ERR_OK) {
    take_batch(r, &t, batch);
    if (r->is_in_doubt || now_us(r) >= next_life_us) {
      r->is_in_doubt = false;
      next_life_us = now_us(r) + r->patience_us;
      e = show_life(r, c, f);
    } else if (batch->head) {
      e = exchange(r, c, batch, f);
    } else if (t.is_under_way) {
      tell_some(r, &t);
    } else {
      e = wait_for_work(r, next_life_us);
    }
  }
  return e;
}

void redis_breakers_speak(void *arg) {
  struct redis_breakers *r = arg;
  int64_t pause_us = FIRST_PAUSE_US;
  while (!is_cancelled()) {
    struct fault f = {0};
    struct redis_posts batch = {0};
    struct resp_client *c = NULL;
    enum err e = resp_open(&r->redis, now_us(r) + r->patience_us, &c, &f);
    if (e == ERR_OK)
      e = converse(r, c, &batch, &f);
    if (r->is_well[REDIS_SPEAKING])
      pause_us = FIRST_PAUSE_US;
    resp_close(c);
    redis_breakers_go_alone(r);
    for (struct redis_post *p; (p = redis_posts_take(&batch));)
      redis_breakers_give_up(r, p);
    if (is_cancelled())
      break;
    f.err = e;
    note(r, REDIS_SPEAKING, &f);
    pause_before_next(&pause_us);
  }
}

/* Listening again: what was said meanwhile is made good by telling everything, which is answered with what is newer. */
static void has_subscribed(struct redis_breakers *r) {
  note(r, REDIS_LISTENING, NULL);
  pthread_mutex_lock(&r->lock);
  r->again = true;
  pthread_mutex_unlock(&r->lock);
  wait_queue_wake_all(&r->work);
}

static enum err take_heard(struct redis_breakers *r, const struct resp_value *v, struct fault *f) {
  bool is_message = (v->kind == RESP_LIST || v->kind == RESP_PUSH) && v->count == 3;
  struct breaker_news news;
  struct arena a;
  if (is_message && resp_is_text(&v->items[0], TEXT("subscribe")))
    has_subscribed(r);
  if (is_message && resp_is_text(&v->items[0], TEXT("message"))) {
    arena_init(&a);
    if (breaker_record_message(v->items[2].text, r->share.replica, &a, &news))
      breakers_hear(r->all, &news, loop_clock_us());
    arena_done(&a);
  }
  return resp_refusal(v, f);
}

/* A connection on which nothing comes is asked whether it still stands. */
static enum err listen_on(struct redis_breakers *r, struct resp_client *c, struct fault *f) {
  static const struct text subscribe[] = {TEXT("SUBSCRIBE"), TEXT(BREAKER_RECORD_CHANNEL)}, ping[] = {TEXT("PING")};
  struct buf command;
  bool is_asked = true; /* the subscription is to be answered */
  buf_init(&command, 1024);
  resp_write(&command, subscribe, 2);
  enum err e = resp_send(c, buf_text(&command), now_us(r) + r->patience_us, f);
  buf_reset(&command);
  resp_write(&command, ping, 1);
  while (e == ERR_OK) {
    const struct resp_value *v = NULL;
    e = resp_receive(c, now_us(r) + r->patience_us, &v, f);
    if (e == ERR_TIMEOUT && !is_asked) {
      is_asked = true;
      e = resp_send(c, buf_text(&command), now_us(r) + r->patience_us, f);
    } else if (e == ERR_OK) {
      is_asked = false;
      e = take_heard(r, v, f);
    }
  }
  buf_done(&command);
  return e;
}

void redis_breakers_listen(void *arg) {
  struct redis_breakers *r = arg;
  int64_t pause_us = FIRST_PAUSE_US;
  while (!is_cancelled()) {
    struct fault f = {0};
    struct resp_client *c = NULL;
    enum err e = resp_open(&r->redis, now_us(r) + r->patience_us, &c, &f);
    if (e == ERR_OK)
      e = listen_on(r, c, &f);
    resp_close(c);
    if (r->is_well[REDIS_LISTENING])
      pause_us = FIRST_PAUSE_US;
    if (is_cancelled())
      break;
    f.err = e;
    note(r, REDIS_LISTENING, &f);
    r->is_in_doubt = true;
    wait_queue_wake_all(&r->work);
    pause_before_next(&pause_us);
  }
}
