/* Calls: who is asked, what each answer means for the call, and when to ask again. A call's fiber sends a round of
 * requests, waits for all of them and looks at each; what was redirected goes into the next round. The map of a cluster
 * is redis_link_map.c's, connections are redis_node.c's. Called by redis.c. */
#include "cluster/redis_link.h"

#include "cluster/redis_link_private.h"

#include <stdlib.h>
#include <string.h>

/* Before what will pass is tried again. */
#define FIRST_PAUSE_US INT64_C(20000)
#define LAST_PAUSE_US  INT64_C(500000)

/* A call between its rounds. */
struct redis_pending {
  struct redis_request *request;
  struct fault fault;
  uint64_t target;                 /* the server it was sent to; who it must be sent to when is_sent_there */
  bool is_sent_there, asks, whole; /* asks: after ASKING; whole: the script's text and not its name */
  bool by_name;                    /* the request has the script's name */
  unsigned redirections;
  bool again;
};

static int64_t now_us(const struct redis_link *l) { return loop_now_us(l->world.loop); }

static void finish(struct redis_call *c, enum err e) {
  c->err = c->pending->fault.err = e;
  c->fault = e == ERR_OK ? NULL : &c->pending->fault;
  c->pending->again = false;
}

/* --- who is asked --- */

static struct redis_node *node_with_id(const struct redis_link *l, uint64_t id) {
  for (size_t i = 0; i < l->node_count; i++) {
    if (redis_node_id(l->nodes[i]) == id)
      return l->nodes[i];
  }
  return NULL;
}

static struct redis_node *node_for(const struct redis_link *l, const struct redis_call *c) {
  struct redis_node *n = c->pending->is_sent_there ? node_with_id(l, c->pending->target) : NULL;
  if (n)
    return n;
  c->pending->is_sent_there = c->pending->asks = false;
  size_t server = redis_link_server_of(l, l->is_cluster ? resp_slot(c->key) : 0);
  return server == SIZE_MAX ? NULL : l->nodes[server];
}

/* --- what is sent --- */

static void write_script(struct buf *out, const struct redis_call *c, bool whole) {
  struct text *all = calloc(4 + c->count, sizeof(*all));
  if (!all)
    abort();
  all[0] = whole ? TEXT("EVAL") : TEXT("EVALSHA");
  all[1] = whole ? text_of(c->script->body) : resp_script_sha(c->script);
  all[2] = TEXT("1");
  all[3] = c->key;
  if (c->count > 0)
    memcpy(all + 4, c->arguments, c->count * sizeof(*all));
  resp_write(out, all, 4 + c->count);
  free(all);
}

static void submit(struct redis_link *l, struct redis_call *c, struct redis_waiter *w) {
  static const struct text asking[] = {TEXT("ASKING")};
  struct redis_pending *p = c->pending;
  struct redis_node *n = l->is_stopping ? NULL : node_for(l, c);
  p->request = NULL;
  if (!n) {
    fault_set(&p->fault, ERR_UNAVAILABLE, NULL, "no server of the cluster that is known has the key");
    finish(c, ERR_UNAVAILABLE);
    redis_link_doubt(l);
    return;
  }
  struct redis_request *q = redis_request_new(w);
  if (p->asks) {
    resp_write(&q->command, asking, 1);
    q->extra = 1;
  }
  if (c->script) {
    bool known = redis_node_has_script(n, c->script);
    p->by_name = known && !p->whole;
    (void)atomic_fetch_add(&l->counters.scripts_sent, !p->by_name);
    write_script(&q->command, c, !p->by_name);
  } else {
    resp_write(&q->command, c->arguments, c->count);
  }
  p->target = redis_node_id(n);
  p->request = q;
  redis_node_ask(n, q);
}

/* --- what an answer means --- */

static void ask_again(struct redis_pending *p, bool there, bool asks) {
  p->again = true;
  p->is_sent_there = there;
  p->asks = asks;
}

static bool may_be_redirected(struct redis_link *l, struct redis_call *c) {
  (void)atomic_fetch_add(&l->counters.redirections, 1);
  if (++c->pending->redirections <= REDIS_REDIRECTIONS_MAX)
    return true;
  fault_set(&c->pending->fault, ERR_UNAVAILABLE, NULL, "the servers of the cluster send a call from one to another");
  finish(c, ERR_UNAVAILABLE);
  return false;
}

/* False: it is no redirection that can be followed. */
static bool follow(struct redis_link *l, struct redis_call *c, struct text error) {
  unsigned slot;
  struct resp_place place;
  enum resp_redirection kind = l->is_cluster ? resp_redirection_read(error, &slot, &place) : RESP_HERE;
  if (kind == RESP_HERE)
    return false;
  const struct redis_node *from = node_with_id(l, c->pending->target);
  struct redis_node *n = redis_link_node_at(l, &place, from ? redis_node_place(from) : &l->seeds[0]);
  if (!n)
    return false;
  if (kind == RESP_MOVED) {
    redis_link_move(l, slot, n);
    redis_link_doubt(l);
  }
  if (may_be_redirected(l, c)) {
    c->pending->target = redis_node_id(n);
    ask_again(c->pending, true, kind == RESP_ASK);
  }
  return true;
}

/* A script's text does where its name does not: the server has forgotten it, or this user may not use names. */
static bool send_whole(struct redis_link *l, struct redis_call *c, struct text error) {
  bool is_unknown = resp_begins_with(error, "NOSCRIPT"), is_denied = resp_begins_with(error, "NOPERM");
  struct redis_node *n = node_with_id(l, c->pending->target);
  if (!c->pending->by_name || (!is_unknown && !is_denied))
    return false;
  if (is_denied && n)
    redis_node_refuses_names(n);
  c->pending->whole = true;
  ask_again(c->pending, true, c->pending->asks);
  return true;
}

/* *out_pause: it is worth a pause before it is asked again. */
static void judge_error(struct redis_link *l, struct redis_call *c, struct text error, bool *out_pause) {
  struct redis_node *n = node_with_id(l, c->pending->target);
  if (c->script && !c->pending->by_name && n)
    redis_node_forget_script(n, c->script); /* it was refused before it was read */
  if (follow(l, c, error) || send_whole(l, c, error))
    return;
  if (l->is_cluster && resp_is_passing(error)) {
    fault_set(&c->pending->fault, ERR_UNAVAILABLE, NULL, "Redis: %.*s", TEXT_ARGS(text_head(error, 200)));
    *out_pause = true;
    ask_again(c->pending, false, false);
    redis_link_doubt(l);
    return;
  }
  finish(c, resp_refusal(c->pending->request->answer, &c->pending->fault));
}

static void judge(struct redis_link *l, struct redis_call *c, bool *out_pause) {
  struct redis_request *q = c->pending->request;
  c->pending->again = false;
  if (q->err == ERR_AGAIN) {
    if (may_be_redirected(l, c))
      ask_again(c->pending, false, false);
  } else if (q->err != ERR_OK) {
    c->pending->fault = q->fault;
    finish(c, q->err);
    redis_link_doubt(l);
  } else if (q->answer->kind == RESP_ERROR) {
    judge_error(l, c, q->answer->text, out_pause);
  } else {
    c->answer = q->answer;
    finish(c, ERR_OK);
  }
}

/* --- rounds --- */

static void give_up(struct redis_call *c, enum err e) {
  struct fault *f = &c->pending->fault;
  if (e == ERR_TIMEOUT && f->text[0]) /* it was to pass, and did not in time */
    e = ERR_UNAVAILABLE;
  else if (e == ERR_TIMEOUT)
    fault_set(f, e, NULL, "Redis says nothing for too long");
  else
    fault_set(f, e, NULL, "%s", err_text(e));
  finish(c, e);
}

/* Until all requests are done. */
static enum err wait_for_all(const struct redis_waiter *w, int64_t deadline_us) {
  enum err e = ERR_OK;
  while (w->open > 0 && e == ERR_OK)
    e = fiber_park(deadline_us);
  return w->open > 0 ? e : ERR_OK;
}

/* One round: those that are due are asked, and their answers looked at. How many go on. */
static size_t run_round(struct redis_link *l, struct redis_call *calls, size_t count, int64_t deadline_us,
                        bool *out_pause) {
  struct redis_waiter w = {.fiber = fiber_self()};
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    struct redis_pending *p = calls[i].pending;
    if (!p->again)
      continue;
    redis_request_free(p->request);
    submit(l, &calls[i], &w);
  }
  enum err e = wait_for_all(&w, deadline_us);
  for (size_t i = 0; i < count; i++) {
    struct redis_pending *p = calls[i].pending;
    if (!p->again)
      continue;
    if (p->request->is_done) {
      judge(l, &calls[i], out_pause);
      left += p->again;
    } else {
      redis_request_leave(p->request);
      p->request = NULL;
      give_up(&calls[i], e);
    }
  }
  return left;
}

static struct redis_pending *pending_new(void) {
  struct redis_pending *p = calloc(1, sizeof(*p));
  if (!p)
    abort();
  p->again = true;
  return p;
}

void redis_link_run(struct redis_link *l, struct redis_call *calls, size_t count, int64_t deadline_us) {
  int64_t pause_us = FIRST_PAUSE_US;
  for (size_t i = 0; i < count; i++)
    calls[i].pending = pending_new();
  for (;;) {
    bool pauses = false;
    if (run_round(l, calls, count, deadline_us, &pauses) == 0)
      return;
    enum err e = ERR_OK;
    if (pauses) {
      int64_t left_us = deadline_us - now_us(l);
      e = fiber_sleep(pause_us < left_us ? pause_us : left_us);
      pause_us = pause_us * 2 < LAST_PAUSE_US ? pause_us * 2 : LAST_PAUSE_US;
    }
    if (e == ERR_OK && now_us(l) >= deadline_us)
      e = ERR_TIMEOUT;
    for (size_t i = 0; e != ERR_OK && i < count; i++) {
      if (calls[i].pending->again)
        give_up(&calls[i], e);
    }
    if (e != ERR_OK)
      return;
  }
}

void redis_calls_done(struct redis_call *calls, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (calls[i].pending)
      redis_request_free(calls[i].pending->request);
    free(calls[i].pending);
    calls[i].pending = NULL;
    calls[i].answer = NULL;
    calls[i].fault = NULL;
  }
}

/* --- the link itself --- */

static void place_of(const struct resp_place *p, struct redis_place *out) {
  *out = (struct redis_place){.port = p->port};
  (void)snprintf(out->host, sizeof(out->host), "%.*s", TEXT_ARGS(p->host));
  memcpy(out->tls_name, out->host, sizeof(out->tls_name));
}

enum err redis_link_new(const struct redis_link_options *o, struct redis_link **out) {
  struct redis_link *l = calloc(1, sizeof(*l));
  if (!l)
    abort();
  l->is_cluster = o->is_cluster;
  l->seed_count = o->host_count < RESP_URL_HOSTS_MAX ? o->host_count : RESP_URL_HOSTS_MAX;
  for (size_t i = 0; i < l->seed_count; i++)
    place_of(&o->hosts[i], &l->seeds[i]);
  l->world = (struct redis_world){.loop = o->loop,
                                  .options = o->redis,
                                  .patience_us = o->patience_us,
                                  .counters = &l->counters,
                                  .changed = o->changed,
                                  .ctx = o->ctx};
  l->world.options.is_cluster = o->is_cluster;
  memset(l->slots, o->is_cluster ? REDIS_NO_SERVER : 0, sizeof(l->slots));
  l->missing = o->is_cluster ? RESP_SLOTS : 0;
  enum err e = ERR_OK;
  if (o->is_cluster)
    e = fiber_start(o->loop, redis_link_learner, l, &l->learner);
  else if ((l->nodes[0] = redis_node_new(&l->world, &l->seeds[0])))
    l->node_count = 1;
  else
    e = ERR_LIMIT;
  if (e == ERR_OK)
    *out = l;
  else
    free(l);
  return e;
}

void redis_link_stop(struct redis_link *l) {
  if (l->is_stopping)
    return;
  l->is_stopping = true;
  if (l->learner)
    fiber_cancel(l->learner);
  for (size_t i = 0; i < l->node_count; i++)
    redis_node_leave(l->nodes[i]);
  l->node_count = 0;
}

void redis_link_free(struct redis_link *l) { free(l); }

size_t redis_link_servers(const struct redis_link *l) { return l->node_count; }
unsigned redis_link_missing_slots(const struct redis_link *l) { return l->missing; }
const struct fault *redis_link_trouble(const struct redis_link *l) { return l->has_trouble ? &l->trouble : NULL; }
uint64_t redis_link_generation(const struct redis_link *l) { return l->generation; }

size_t redis_link_server_of(const struct redis_link *l, unsigned slot) {
  size_t i = l->slots[slot];
  return i < l->node_count ? i : SIZE_MAX;
}

const struct redis_place *redis_link_place(const struct redis_link *l, size_t server) {
  return redis_node_place(l->nodes[server]);
}

bool redis_link_is_open(const struct redis_link *l, size_t server) { return redis_node_is_open(l->nodes[server]); }

bool redis_link_has(const struct redis_link *l, const struct redis_place *place) {
  for (size_t i = 0; i < l->node_count; i++) {
    const struct redis_place *at = redis_node_place(l->nodes[i]);
    if (at->port == place->port && strcmp(at->host, place->host) == 0)
      return true;
  }
  return false;
}

struct resp_options redis_link_options_for(const struct redis_link *l, const struct redis_place *place) {
  struct resp_options o = l->world.options;
  o.host = text_of(place->host);
  o.port = place->port;
  o.tls_name = text_of(place->tls_name);
  return o;
}

const struct redis_counters *redis_link_counters(const struct redis_link *l) { return &l->counters; }
