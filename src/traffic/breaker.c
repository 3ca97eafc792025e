/* One circuit breaker: who is let in, and what each verdict does. Open by itself and forced by an operator are two
 * things here; half open is not a state of its own but an open breaker whose time is over. Every change begins a new
 * epoch, and a pass of an older one decides nothing. What replicas say to each other is breaker_share.c's, what is kept
 * of failures recent.c's. Called by the gateway for each attempt, and by operators. */
#include "traffic/breaker.h"

#include "traffic/breaker_private.h"

#include <stdlib.h>
#include <string.h>

static struct text copy_part(char **at, struct text t) {
  struct text copy = {*at, t.len};
  if (t.len > 0)
    memcpy(*at, t.at, t.len);
  *at += t.len;
  return copy;
}

struct breaker *breaker_new(const struct breaker_name *name, struct breaker_share *share) {
  struct breaker *b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  b->name_bytes = malloc(name->provider.len + name->endpoint.len + name->credential.len + 1);
  if (!b->name_bytes)
    abort();
  char *at = b->name_bytes;
  b->name.provider = copy_part(&at, name->provider);
  b->name.endpoint = copy_part(&at, name->endpoint);
  b->name.credential = copy_part(&at, name->credential);
  b->share = share;
  pthread_mutex_init(&b->lock, NULL);
  breaker_turn(b);
  return b;
}

void breaker_free(struct breaker *b) {
  if (!b)
    return;
  recent_done(&b->failures_us);
  pthread_mutex_destroy(&b->lock);
  free(b->name_bytes);
  free(b);
}

const struct breaker_name *breaker_name_of(const struct breaker *b) { return &b->name; }

void breaker_copy_reason(char out[BREAKER_REASON_BYTES], struct text reason) {
  size_t n = reason.len < BREAKER_REASON_BYTES ? reason.len : BREAKER_REASON_BYTES - 1;
  while (n > 0 && n < reason.len && ((unsigned char)reason.at[n] & 0xC0) == 0x80)
    n--; /* not within a character */
  if (n > 0)
    memcpy(out, reason.at, n);
  out[n] = 0;
}

static void forget_failures(struct breaker *b) {
  recent_forget(&b->failures_us);
  atomic_store_explicit(&b->has_failures, false, memory_order_relaxed);
}

void breaker_turn(struct breaker *b) {
  b->epoch++;
  b->probing = false;
  b->right = BREAKER_NO_RIGHT;
  forget_failures(b);
  bool is_closed = b->force == BREAKER_AUTOMATIC && !b->is_open;
  atomic_store(&b->door, b->epoch << 1 | (is_closed || b->force == BREAKER_FORCED_CLOSED));
}

static bool is_half_open(const struct breaker *b, const struct breaker_rule *r, int64_t now_us) {
  return b->is_open && now_us - b->opened_us >= r->open_us;
}

/* When the probe is given up. */
static int64_t probe_until_us(const struct breaker *b, const struct breaker_rule *r) {
  int64_t until_us = b->probe_began_us + r->probe_us;
  return b->probe_held_until_us < until_us ? b->probe_held_until_us : until_us;
}

static bool is_probing(const struct breaker *b, const struct breaker_rule *r, int64_t now_us) {
  return b->probing && now_us < probe_until_us(b, r);
}

bool breaker_has_room(const struct breaker *b, const struct breaker_rule *r, int64_t now_us) {
  return b->force == BREAKER_AUTOMATIC && is_half_open(b, r, now_us) && !is_probing(b, r, now_us);
}

static void open_now(struct breaker *b, const char *reason, int64_t now_us) {
  b->is_open = true;
  b->opened_us = now_us;
  b->times_opened++;
  b->wanted = true;
  b->state_version = breaker_next(b, b->state_version);
  breaker_copy_reason(b->reason, text_of(reason));
  breaker_turn(b);
}

static void close_now(struct breaker *b) {
  b->is_open = false;
  b->wanted = false;
  b->state_version = breaker_next(b, b->state_version);
  breaker_turn(b);
}

bool breaker_is_closed(const struct breaker *b) { return !b || (atomic_load(&b->door) & 1); }

bool breaker_lets(struct breaker *b, const struct breaker_rule *r, int64_t now_us) {
  if (breaker_is_closed(b))
    return true;
  pthread_mutex_lock(&b->lock);
  bool lets = breaker_is_closed(b) ||
              (breaker_has_room(b, r, now_us) && (breaker_has_right(b, now_us) || breaker_may_claim(b, now_us)));
  pthread_mutex_unlock(&b->lock);
  return lets;
}

static bool try_to_enter(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_pass *out) {
  if (breaker_is_closed(b)) {
    *out = (struct breaker_pass){b, false, b->epoch};
    return true;
  }
  if (!breaker_has_room(b, r, now_us) || !breaker_has_right(b, now_us))
    return false;
  b->epoch++; /* one that was given up is out of it */
  b->probing = true;
  b->probe_began_us = now_us;
  b->probe_held_until_us = b->share ? b->right.held_until_us : INT64_MAX;
  *out = (struct breaker_pass){b, true, b->epoch};
  return true;
}

bool breaker_enter(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_pass *out) {
  *out = (struct breaker_pass){0};
  if (!b)
    return true;
  uint64_t door = atomic_load(&b->door);
  if (door & 1) {
    *out = (struct breaker_pass){b, false, door >> 1};
    return true;
  }
  pthread_mutex_lock(&b->lock);
  bool enters = try_to_enter(b, r, now_us, out);
  if (!enters && breaker_has_room(b, r, now_us) && breaker_may_claim(b, now_us)) {
    struct breaker_post post = {0};
    breaker_post_claim(b, r, now_us, &post);
    pthread_mutex_unlock(&b->lock);
    breaker_send(b, &post);
    pthread_mutex_lock(&b->lock);
    enters = try_to_enter(b, r, now_us, out);
  }
  if (!enters) {
    b->refused++;
    b->wanted = b->is_open;
  }
  pthread_mutex_unlock(&b->lock);
  return enters;
}

bool breaker_probe_answers(struct breaker_pass *p, int64_t now_us) {
  struct breaker *b = p->breaker;
  if (!b || !p->is_probe)
    return false;
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  bool closes = p->epoch == b->epoch;
  if (closes) {
    close_now(b);
    *p = (struct breaker_pass){b, false, b->epoch};
    breaker_post_news(b, now_us, &post);
  }
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
  return closes;
}

static bool judge_probe(struct breaker *b, enum breaker_verdict v, const char *reason, int64_t now_us,
                        struct breaker_post *post) {
  if (v == BREAKER_NEUTRAL) {
    b->probing = false;
    breaker_post_release(b, post);
    return false;
  }
  if (v == BREAKER_SUCCESS)
    close_now(b);
  else
    open_now(b, reason, now_us);
  breaker_post_news(b, now_us, post);
  return true;
}

static bool judge(struct breaker *b, const struct breaker_rule *r, enum breaker_verdict v, const char *reason,
                  int64_t now_us, struct breaker_post *post) {
  if (v == BREAKER_SUCCESS)
    forget_failures(b);
  if (v != BREAKER_FAILURE)
    return false;
  atomic_store_explicit(&b->has_failures, true, memory_order_relaxed);
  bool opens = recent_add(&b->failures_us, now_us, r->window_us) >= (uint64_t)r->failures;
  if (opens) {
    open_now(b, reason, now_us);
    breaker_post_news(b, now_us, post);
  }
  return opens;
}

/* A verdict that no state waits for: there is no failure that a success would clear. */
static bool changes_nothing(const struct breaker *b, const struct breaker_pass *p, enum breaker_verdict v) {
  return !p->is_probe && (v == BREAKER_NEUTRAL ||
                          (v == BREAKER_SUCCESS && !atomic_load_explicit(&b->has_failures, memory_order_relaxed)));
}

bool breaker_leave(struct breaker_pass *p, const struct breaker_rule *r, enum breaker_verdict v, const char *reason,
                   int64_t now_us) {
  struct breaker_pass pass = *p;
  struct breaker *b = pass.breaker;
  if (!b)
    return false;
  *p = (struct breaker_pass){0};
  if (v == BREAKER_SUCCESS)
    atomic_fetch_add_explicit(&b->successes, 1, memory_order_relaxed);
  if (changes_nothing(b, &pass, v))
    return false;
  struct breaker_post post = {0};
  bool turned = false;
  pthread_mutex_lock(&b->lock);
  b->failures += v == BREAKER_FAILURE;
  if (pass.epoch == b->epoch && b->force == BREAKER_AUTOMATIC)
    turned = pass.is_probe ? judge_probe(b, v, reason, now_us, &post) : judge(b, r, v, reason, now_us, &post);
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
  return turned;
}

void breaker_set_force(struct breaker *b, enum breaker_force f, const char *reason, int64_t now_us) {
  if (!b)
    return;
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  b->force = f;
  b->forced_us = now_us;
  b->force_version = breaker_next(b, b->force_version);
  breaker_copy_reason(b->force_reason, text_of(reason));
  if (b->is_open)
    close_now(b);
  else
    breaker_turn(b);
  breaker_post_news(b, now_us, &post);
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}

static void look_at_forced(const struct breaker *b, struct breaker_view *out) {
  memcpy(out->reason, b->force_reason, sizeof(out->reason));
  if (b->force == BREAKER_FORCED_OPEN) {
    out->state = BREAKER_OPEN;
    out->opened_us = b->forced_us;
    out->until_us = INT64_MAX;
  }
}

static void look_at_open(const struct breaker *b, const struct breaker_rule *r, int64_t now_us,
                         struct breaker_view *out) {
  memcpy(out->reason, b->reason, sizeof(out->reason));
  out->opened_us = b->opened_us;
  out->until_us = b->opened_us + r->open_us;
  out->state = BREAKER_OPEN;
  if (is_half_open(b, r, now_us)) {
    out->state = BREAKER_HALF_OPEN;
    out->probing = is_probing(b, r, now_us);
    out->until_us = out->probing ? probe_until_us(b, r) : out->until_us;
  }
}

void breaker_look(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_view *out) {
  struct breaker_view v = {0};
  if (b) {
    pthread_mutex_lock(&b->lock);
    v.force = b->force;
    v.failures = b->failures;
    v.successes = atomic_load_explicit(&b->successes, memory_order_relaxed);
    v.refused = b->refused;
    v.times_opened = b->times_opened;
    if (b->force != BREAKER_AUTOMATIC)
      look_at_forced(b, &v);
    else if (b->is_open)
      look_at_open(b, r, now_us, &v);
    else
      v.failures_in_window = recent_count(&b->failures_us, now_us, r->window_us);
    pthread_mutex_unlock(&b->lock);
  }
  *out = v;
}
