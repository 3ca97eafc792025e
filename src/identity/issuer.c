/* Fetching and keeping an issuer's keys. The lock is never held while fetching or waiting: one caller fetches, and what
 * the others do meanwhile follows from what is known already. Who the issuers are, and what their tokens say, is
 * others' matter. Called by token.c. */
#include "identity/issuer.h"

#include "aws/fetch.h"
#include "base/json.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"
#include "net/url.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define KEEP_US     INT64_C(86400000000) /* keys of an issuer that cannot be reached */
#define WAIT_US     INT64_C(12000000)    /* for another caller's fetch */
#define LOOK_US     20000
#define WAITING_MAX 64
#define CONNECT_MS  3000
#define TOTAL_MS    5000
#define DISCOVERY   "/.well-known/openid-configuration"
#define DEPTH       16
#define URL_MAX     2048
#define RETRY_MIN_S 1

struct issuer {
  atomic_int refs;
  struct arena arena; /* of the options' texts */
  struct issuer_options o;
  pthread_mutex_t lock;
  struct jwks *set;      /* NULL: none yet, or too old */
  int64_t fetched_us;    /* of set */
  int64_t not_before_us; /* the next fetch */
  bool fetching;
  pthread_cond_t fetched; /* fetching has ended */
  unsigned waiting;
  struct fault failure; /* of the last fetch */
};

static enum err fetch_over_network(void *data, struct text url, struct text ca_file, struct arena *a, struct text *out,
                                   struct fault *f) {
  const struct fetch_request rq = {.method = "GET",
                                   .url = url,
                                   .headers = {{TEXT("accept"), TEXT("application/json")}},
                                   .header_count = 1,
                                   .ca_file = ca_file,
                                   .connect_ms = CONNECT_MS,
                                   .total_ms = TOTAL_MS,
                                   .max_bytes = JWKS_MAX_BYTES};
  struct fetch_reply reply;
  enum err e = fetch_run(&rq, a, &reply, f);
  if (e != ERR_OK)
    return e;
  if (reply.status != 200)
    return fault_set(f, ERR_PROTOCOL, NULL, "it was answered with status %d", reply.status);
  *out = reply.body;
  return ERR_OK;
}

struct issuer *issuer_new(const struct issuer_options *o) {
  struct issuer *i = calloc(1, sizeof(*i));
  if (!i)
    abort();
  atomic_init(&i->refs, 1);
  arena_init(&i->arena);
  i->o = *o;
  i->o.issuer = arena_copy(&i->arena, o->issuer);
  i->o.jwks_uri = arena_copy(&i->arena, o->jwks_uri);
  i->o.ca_file = arena_copy(&i->arena, o->ca_file);
  pthread_mutex_init(&i->lock, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&i->fetched, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return i;
}

struct issuer *issuer_ref(struct issuer *i) {
  atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
  return i;
}

void issuer_unref(struct issuer *i) {
  if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
    return;
  jwks_unref(i->set);
  pthread_cond_destroy(&i->fetched);
  pthread_mutex_destroy(&i->lock);
  arena_done(&i->arena);
  free(i);
}

bool issuer_is(const struct issuer *i, const struct issuer_options *o) {
  return text_equal(i->o.issuer, o->issuer) && text_equal(i->o.jwks_uri, o->jwks_uri) &&
         text_equal(i->o.ca_file, o->ca_file) && i->o.refresh_us == o->refresh_us && i->o.pause_us == o->pause_us &&
         i->o.fetch == o->fetch && i->o.fetch_data == o->fetch_data;
}

static bool is_loopback(struct text host) {
  return text_equal_nocase(host, TEXT("localhost")) || text_equal(host, TEXT("::1")) || text_starts(host, TEXT("127."));
}

bool issuer_is_safe_url(struct text url) {
  struct url u;
  return text_is_visible_ascii(url) && url_parse(url, &u, NULL) == ERR_OK && (u.tls || is_loopback(u.host));
}

/* The document must be the issuer's own (OpenID Connect Discovery 1.0 section 4.3). */
static enum err read_discovery(const struct issuer *i, struct text document, struct arena *a, struct text *out,
                               struct fault *f) {
  const struct json_limits limits = {.lenient = true, .max_depth = DEPTH};
  struct json j;
  struct text issuer, uri;
  if (json_read(document, &limits, &j, NULL) != ERR_OK)
    return fault_set(f, ERR_PROTOCOL, NULL, "its discovery document is not valid JSON");
  bool ours = json_get_text(j.root, "issuer", &issuer) && text_equal(issuer, i->o.issuer);
  bool has = json_get_text(j.root, "jwks_uri", &uri) && uri.len <= URL_MAX && issuer_is_safe_url(uri);
  if (ours && has)
    *out = arena_copy(a, uri);
  json_done(&j);
  if (!ours)
    return fault_set(f, ERR_PROTOCOL, NULL, "its discovery document is another issuer's");
  return has ? ERR_OK : fault_set(f, ERR_PROTOCOL, NULL, "its discovery document names no `jwks_uri` that is https");
}

static enum err find_address(const struct issuer *i, struct arena *a, struct text *out, struct fault *f) {
  issuer_fetch *fetch = i->o.fetch ? i->o.fetch : fetch_over_network;
  struct text base = i->o.issuer, document;
  if (i->o.jwks_uri.len > 0) {
    *out = i->o.jwks_uri;
    return ERR_OK;
  }
  while (text_ends(base, TEXT("/")))
    base.len--;
  const struct text parts[] = {base, TEXT(DISCOVERY)};
  enum err e = fetch(i->o.fetch_data, arena_join(a, parts, 2), i->o.ca_file, a, &document, f);
  return e == ERR_OK ? read_discovery(i, document, a, out, f) : e;
}

struct work {
  struct issuer *issuer;
  struct jwks *set;
  struct fault fault;
};

/* Blocks. */
static enum err fetch_set(void *arg) {
  struct work *w = arg;
  const struct issuer *i = w->issuer;
  issuer_fetch *fetch = i->o.fetch ? i->o.fetch : fetch_over_network;
  struct text url, document;
  struct arena a;
  arena_init(&a);
  enum err e = find_address(i, &a, &url, &w->fault);
  if (e == ERR_OK)
    e = fetch(i->o.fetch_data, url, i->o.ca_file, &a, &document, &w->fault);
  if (e == ERR_OK)
    e = jwks_read(document, &w->set, &w->fault);
  arena_done(&a);
  return e;
}

/* By the one who set i->fetching. */
static void fetch(struct issuer *i, struct offload *pool) {
  struct work w = {.issuer = i};
  enum err e = pool ? offload_call(pool, fetch_set, &w) : fetch_set(&w);
  int64_t now_us = loop_clock_us();
  struct jwks *old = NULL;
  pthread_mutex_lock(&i->lock);
  i->fetching = false;
  pthread_cond_broadcast(&i->fetched);
  i->not_before_us = now_us + i->o.pause_us;
  i->failure = w.fault;
  if (e == ERR_OK) {
    old = i->set;
    i->set = w.set;
    i->fetched_us = now_us;
    i->failure = (struct fault){0};
  } else if (i->set && now_us - i->fetched_us > KEEP_US) {
    old = i->set;
    i->set = NULL;
  }
  pthread_mutex_unlock(&i->lock);
  jwks_unref(old);
}

enum outcome { FOUND, MUST_FETCH, MUST_WAIT, NO_SUCH_KEY, NO_KEYS, CROWDED };

/* Under the lock. */
static enum outcome look(struct issuer *i, const struct jws *t, struct jwks **out_set, const struct jws_key **out_key) {
  int64_t now_us = loop_clock_us();
  const struct jws_key *key = i->set ? jwks_find(i->set, t) : NULL;
  bool is_old = i->set && now_us - i->fetched_us >= i->o.refresh_us;
  if ((!key || is_old) && !i->fetching && now_us >= i->not_before_us) {
    i->fetching = true;
    return MUST_FETCH;
  }
  if (key) {
    *out_set = jwks_ref(i->set);
    *out_key = key;
    return FOUND;
  }
  if (i->fetching)
    return i->waiting < WAITING_MAX ? MUST_WAIT : CROWDED;
  return i->set ? NO_SUCH_KEY : NO_KEYS;
}

static enum err unavailable(struct issuer *i, struct fault *f) {
  pthread_mutex_lock(&i->lock);
  struct fault why = i->failure;
  int64_t left_us = i->not_before_us - loop_clock_us();
  pthread_mutex_unlock(&i->lock);
  enum err e = fault_set(f, ERR_UNAVAILABLE, NULL, "the keys of the token's issuer cannot be had now%s%s",
                         why.text[0] ? ": " : "", why.text);
  if (f)
    f->retry_after_s = left_us > 0 ? (int)(left_us / 1000000) + RETRY_MIN_S : RETRY_MIN_S;
  return e;
}

/* Callers with a thread of their own are no fibers. */
static void wait_on_thread(struct issuer *i, int64_t until_us) {
  const struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
  pthread_mutex_lock(&i->lock);
  while (i->fetching && pthread_cond_timedwait(&i->fetched, &i->lock, &until) == 0)
    ;
  pthread_mutex_unlock(&i->lock);
}

static enum err wait(struct issuer *i, int64_t until_us) {
  enum err e = loop_clock_us() < until_us ? ERR_OK : ERR_TIMEOUT;
  if (e == ERR_OK && fiber_self())
    e = fiber_sleep(LOOK_US);
  else if (e == ERR_OK)
    wait_on_thread(i, until_us);
  pthread_mutex_lock(&i->lock);
  i->waiting--;
  pthread_mutex_unlock(&i->lock);
  return e;
}

enum err issuer_find_key(struct issuer *i, struct offload *pool, const struct jws *t, struct jwks **out_set,
                         const struct jws_key **out_key, struct fault *f) {
  int64_t until_us = loop_clock_us() + WAIT_US;
  for (;;) {
    pthread_mutex_lock(&i->lock);
    enum outcome o = look(i, t, out_set, out_key);
    if (o == MUST_WAIT)
      i->waiting++;
    pthread_mutex_unlock(&i->lock);
    enum err e = ERR_OK;
    switch (o) {
    case FOUND: return ERR_OK;
    case MUST_FETCH: fetch(i, pool); break;
    case MUST_WAIT: e = wait(i, until_us); break;
    case NO_SUCH_KEY:
      return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token is signed with a key that its issuer does not publish");
    case NO_KEYS:
    case CROWDED: return unavailable(i, f);
    }
    if (e == ERR_CANCELLED)
      return e;
    if (e != ERR_OK)
      return unavailable(i, f);
  }
}
