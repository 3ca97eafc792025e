/* The channels: one connection to one server listens to those of all users. In a cluster every server passes on what is
 * published at any, so it is whichever is there; when it no longer has keys, another is taken, because a server that
 * was taken out of the cluster hears nothing and does not say so. Called by redis.c, as a fiber of its thread. */
#include "cluster/redis_private.h"

#include "base/random.h"

#include <stdlib.h>

/* Subscriptions that have been confirmed, of those that were asked for. */
struct hearing {
  struct resp_client *client;
  size_t asked, confirmed;
};

static enum err say(struct redis *r, struct resp_client *c, const struct text *arguments, size_t count,
                    struct fault *f) {
  struct buf command;
  buf_init(&command, 4096);
  resp_write(&command, arguments, count);
  enum err e = resp_send(c, buf_text(&command), loop_now_us(r->loop) + r->patience_us, f);
  buf_done(&command);
  return e;
}

static enum err subscribe(struct redis *r, struct hearing *h, struct fault *f) {
  struct text arguments[1 + REDIS_USERS_MAX] = {TEXT("SUBSCRIBE")};
  h->asked = 0;
  for (size_t i = 0; i < r->user_count; i++) {
    if (r->users[i]->channel.len > 0)
      arguments[1 + h->asked++] = r->users[i]->channel;
  }
  return h->asked > 0 ? say(r, h->client, arguments, 1 + h->asked, f) : ERR_OK;
}

/* All channels are listened to again. */
static void all_confirmed(struct redis *r) {
  redis_side(r, REDIS_CHANNELS, NULL);
  for (size_t i = 0; i < r->user_count; i++) {
    if (r->users[i]->missed)
      r->users[i]->missed(r->users[i]);
    wait_queue_wake_all(&r->users[i]->work);
  }
}

static void pass_on(struct redis *r, struct text channel, struct text message) {
  for (size_t i = 0; i < r->user_count; i++) {
    if (r->users[i]->heard && text_equal(r->users[i]->channel, channel))
      r->users[i]->heard(r->users[i], message);
  }
}

static enum err take_heard(struct redis *r, struct hearing *h, const struct resp_value *v, struct fault *f) {
  bool is_message = (v->kind == RESP_LIST || v->kind == RESP_PUSH) && v->count == 3;
  if (is_message && resp_is_text(&v->items[0], TEXT("subscribe")) && ++h->confirmed == h->asked)
    all_confirmed(r);
  if (is_message && resp_is_text(&v->items[0], TEXT("message")))
    pass_on(r, v->items[1].text, v->items[2].text);
  return resp_refusal(v, f);
}

/* A connection on which nothing comes is asked whether it still stands. */
static enum err hear(struct redis *r, struct hearing *h, const struct redis_place *at, struct fault *f) {
  static const struct text ping[] = {TEXT("PING")};
  bool is_asked = true; /* the subscription is to be answered */
  enum err e = subscribe(r, h, f);
  if (e == ERR_OK && h->asked == 0)
    all_confirmed(r);
  while (e == ERR_OK) {
    const struct resp_value *v = NULL;
    e = resp_receive(h->client, loop_now_us(r->loop) + r->patience_us, &v, f);
    if (e == ERR_TIMEOUT && !is_asked) {
      is_asked = true;
      e = say(r, h->client, ping, 1, f);
    } else if (e == ERR_OK) {
      is_asked = false;
      e = take_heard(r, h, v, f);
    }
    if (e == ERR_OK && !redis_link_has(r->link, at))
      e = fault_set(f, ERR_UNAVAILABLE, NULL, "the server has left the cluster");
  }
  return e;
}

/* One of those that are there, at random; else any. False: none is known yet. */
static bool choose(struct redis *r, struct redis_place *out) {
  size_t count = redis_link_servers(r->link), from = count > 0 ? (size_t)(random_fast() % count) : 0, chosen = from;
  for (size_t i = 0; i < count; i++) {
    chosen = (from + i) % count;
    if (redis_link_is_open(r->link, chosen))
      break;
  }
  if (count > 0)
    *out = *redis_link_place(r->link, chosen);
  return count > 0;
}

static enum err listen_once(struct redis *r, struct fault *f) {
  struct redis_place at;
  struct hearing h = {0};
  if (!choose(r, &at))
    return ERR_AGAIN;
  struct resp_options o = redis_link_options_for(r->link, &at);
  enum err e = resp_open(&o, loop_now_us(r->loop) + r->patience_us, &h.client, f);
  if (e == ERR_OK)
    e = hear(r, &h, &at, f);
  resp_close(h.client);
  f->err = e;
  redis_blame(r, &at, f);
  return e;
}

void redis_listen(void *arg) {
  struct redis *r = arg;
  int64_t pause_us = REDIS_FIRST_PAUSE_US;
  while (!fiber_is_cancelled(fiber_self())) {
    struct fault f = {0};
    enum err e = listen_once(r, &f);
    if (fiber_is_cancelled(fiber_self()))
      break;
    if (e == ERR_AGAIN) { /* no server is known yet */
      redis_wait_for_change(r, r->patience_us);
      continue;
    }
    if (r->is_well[REDIS_CHANNELS])
      pause_us = REDIS_FIRST_PAUSE_US;
    redis_side(r, REDIS_CHANNELS, &f);
    redis_pause(&pause_us);
  }
}
