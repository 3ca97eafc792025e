/* What replicas say to each other about one breaker, and what comes of it. The breaker's own state and the operator's
 * word are two registers with a version each; the newest version wins in every replica, so the order in which news
 * arrives does not matter, and whoever hears old news answers with newer. The right to probe is a lease of probe_us
 * that the share gives to one replica: a probe must begin in its first part and is given up at its end, so two never
 * meet. It is asked for by calls that would probe, and kept asked for by breaker_tick where calls are rare: else an
 * answer that takes a while would always have run out by the next call. Called by breaker.c and breakers.c. */
#include "traffic/breaker_private.h"

/* A claim that was not granted is made again after so long. */
#define ASK_AGAIN_US INT64_C(1000000)
/* A right that no call has used for so long is given back, so that a replica with more calls can have it. */
#define UNUSED_MAX_US INT64_C(15000000)

bool breaker_has_right(const struct breaker *b, int64_t now_us) {
  return !b->share || (b->right.granted && now_us < b->right.usable_until_us);
}

bool breaker_may_claim(const struct breaker *b, int64_t now_us) {
  return b->share && (!b->right.asked || now_us - b->right.asked_us >= ASK_AGAIN_US);
}

struct breaker_version breaker_next(const struct breaker *b, struct breaker_version v) {
  return (struct breaker_version){v.count + 1, b->share ? b->share->replica : 0};
}

static bool is_newer(struct breaker_version a, struct breaker_version b) {
  return a.count > b.count || (a.count == b.count && a.replica > b.replica);
}

static bool is_same(struct breaker_version a, struct breaker_version b) {
  return a.count == b.count && a.replica == b.replica;
}

void breaker_post_claim(struct breaker *b, const struct breaker_rule *r, int64_t now_us, struct breaker_post *post) {
  b->right = (struct breaker_right){.asked = true, .asked_us = now_us, .spent_us = b->right.spent_us};
  post->claims = true;
  post->claim = (struct breaker_claim){.name = b->name,
                                       .version = b->state_version,
                                       .replica = b->share->replica,
                                       .asked_us = now_us,
                                       .hold_us = r->probe_us};
}

void breaker_post_release(struct breaker *b, struct breaker_post *post) {
  if (!b->right.granted)
    return;
  post->releases = true;
  post->released = (struct breaker_claim){.name = b->name,
                                          .version = b->state_version,
                                          .replica = b->share->replica,
                                          .asked_us = b->right.asked_us,
                                          .hold_us = b->right.held_until_us - b->right.asked_us};
  b->right = (struct breaker_right){.spent_us = b->right.asked_us};
}

/* The news, with copies of the texts that may change. */
static void fill_export(const struct breaker *b, int64_t now_us, struct breaker_export *out) {
  int64_t ago_us = b->is_open && now_us > b->opened_us ? now_us - b->opened_us : 0;
  memcpy(out->reason, b->reason, sizeof(out->reason));
  memcpy(out->force_reason, b->force_reason, sizeof(out->force_reason));
  out->news = (struct breaker_news){.name = b->name,
                                    .state_version = b->state_version,
                                    .is_open = b->is_open,
                                    .opened_ago_us = ago_us,
                                    .reason = text_of(b->is_open ? out->reason : NULL),
                                    .force_version = b->force_version,
                                    .force = b->force,
                                    .force_reason = text_of(out->force_reason)};
  out->is_alone = !b->share;
}

void breaker_post_news(struct breaker *b, int64_t now_us, struct breaker_post *post) {
  if (!b->share)
    return;
  post->tells = true;
  fill_export(b, now_us, &post->told);
}

bool breaker_export(struct breaker *b, int64_t now_us, struct breaker_export *out) {
  pthread_mutex_lock(&b->lock);
  bool says_something = b->is_open || b->force != BREAKER_AUTOMATIC;
  if (says_something)
    fill_export(b, now_us, out);
  pthread_mutex_unlock(&b->lock);
  return says_something;
}

void breaker_send(struct breaker *b, const struct breaker_post *post) {
  if (post->releases)
    b->share->release(b->share, &post->released);
  if (post->tells)
    b->share->tell(b->share, &post->told.news);
  if (post->claims)
    b->share->claim(b->share, &post->claim);
}

void breaker_greet(struct breaker *b) {
  struct breaker_news news = {.name = b->name};
  if (b->share)
    b->share->tell(b->share, &news);
}

void breaker_tell_again(struct breaker *b, int64_t now_us) {
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  breaker_post_news(b, now_us, &post);
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}

/* Closed elsewhere and closed here means that nothing changes for the calls under way. */
static void take_state(struct breaker *b, const struct breaker_news *news, int64_t now_us) {
  bool was_open = b->is_open;
  b->state_version = news->state_version;
  b->is_open = news->is_open;
  if (b->is_open) {
    b->opened_us = now_us - (news->opened_ago_us > 0 ? news->opened_ago_us : 0);
    breaker_copy_reason(b->reason, news->reason);
  } else {
    b->wanted = false;
  }
  if (b->is_open || was_open)
    breaker_turn(b);
}

static void take_force(struct breaker *b, const struct breaker_news *news, int64_t now_us) {
  b->force_version = news->force_version;
  b->force = news->force;
  b->forced_us = now_us;
  breaker_copy_reason(b->force_reason, news->force_reason);
  breaker_turn(b);
}

void breaker_hear(struct breaker *b, const struct breaker_news *news, int64_t now_us) {
  if (!b || news->force > BREAKER_FORCED_CLOSED)
    return;
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  if (is_newer(news->state_version, b->state_version))
    take_state(b, news, now_us);
  if (is_newer(news->force_version, b->force_version))
    take_force(b, news, now_us);
  if (is_newer(b->state_version, news->state_version) || is_newer(b->force_version, news->force_version))
    breaker_post_news(b, now_us, &post);
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}

static int64_t usable_us(int64_t hold_us) {
  int64_t us = hold_us / 4 < UNUSED_MAX_US ? hold_us / 4 : UNUSED_MAX_US;
  return us > 0 ? us : 1;
}

/* May be the grant of an earlier claim than the newest, when answers take long. Its time counts from the asking, which
 * came before the grant. One that is of no use any more is given back. */
void breaker_granted(struct breaker *b, const struct breaker_claim *claim, int64_t now_us) {
  if (!b || !b->share || claim->replica != b->share->replica)
    return;
  struct breaker_post post = {.released = *claim};
  int64_t usable_until_us = claim->asked_us + usable_us(claim->hold_us);
  pthread_mutex_lock(&b->lock);
  bool is_current = b->is_open && b->force == BREAKER_AUTOMATIC && is_same(claim->version, b->state_version);
  if (is_current && claim->asked_us > b->right.spent_us && now_us < usable_until_us) {
    b->right.granted = true;
    b->right.usable_until_us = usable_until_us;
    b->right.held_until_us = claim->asked_us + claim->hold_us;
  } else {
    post.releases = true;
  }
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}

/* A right that has run out unused is left to the others for one tick. */
void breaker_tick(struct breaker *b, const struct breaker_rule *r, int64_t now_us) {
  if (!b->share)
    return;
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  if (breaker_has_room(b, r, now_us) && !breaker_has_right(b, now_us)) {
    if (b->right.granted)
      breaker_post_release(b, &post);
    else if (b->wanted && breaker_may_claim(b, now_us))
      breaker_post_claim(b, r, now_us, &post);
  }
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}

/* A probe that is out keeps its right: its verdict will be told. Answers to what was asked come too late. */
void breaker_resign(struct breaker *b) {
  if (!b->share)
    return;
  struct breaker_post post = {0};
  pthread_mutex_lock(&b->lock);
  b->wanted = false;
  if (b->right.granted && !b->probing)
    breaker_post_release(b, &post);
  else if (b->right.asked && !b->right.granted)
    b->right = (struct breaker_right){.spent_us = b->right.asked_us};
  pthread_mutex_unlock(&b->lock);
  breaker_send(b, &post);
}
