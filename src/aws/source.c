/* One configured credential of AWS: the search through the places in order, what was found, and its renewal. A single
 * fetch runs at a time; who comes meanwhile waits for its outcome. What is in force stays so until it expires, whatever
 * becomes of a renewal. Used by the gateway: get on a worker, fetch on the offload pool. */
#include "aws/source.h"

#include "aws/places.h"
#include "base/buf.h"
#include "base/secret.h"

#include <pthread.h>

struct aws_source {
  pthread_mutex_t lock;
  pthread_cond_t fetched;
  struct arena arena; /* of the options */
  enum aws_source_kind kind;
  struct place_search search;
  bool has_credentials, fetching, renewal_given;
  struct arena held; /* of the credentials */
  struct aws_credentials credentials;
  int64_t renew_s; /* when to renew; 0: never */
  int64_t retry_s; /* after a failure: not before */
  struct fault failure;
};

struct found {
  struct arena arena;
  struct aws_credentials credentials;
  bool may_change; /* has no end of life, but another value may stand there tomorrow */
};

struct place {
  const char *name;
  place_fn *find;
  bool may_change;
};

static const struct place places[] = {
    {"environment", place_bearer, false},        {"environment", place_environment, false},
    {"web identity", place_web_identity, false}, {"shared files", place_profile, true},
    {"container", place_container, true},        {"instance", place_instance, true},
};
#define PLACE_COUNT (sizeof(places) / sizeof(places[0]))

static const char *of_process(const char *name) { return getenv(name); }

struct aws_source *aws_source_new(const struct aws_source_options *o) {
  struct aws_source *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->fetched, NULL);
  s->kind = o->kind;
  s->search = (struct place_search){.lookup = o->lookup ? o->lookup : of_process,
                                    .profile = arena_copy(&s->arena, o->profile),
                                    .region = arena_copy(&s->arena, o->region),
                                    .container_address = arena_copy(&s->arena, o->container_address)};
  if (o->kind == AWS_SOURCE_STATIC) {
    s->credentials = credentials_copy(&o->fixed, &s->held);
    s->has_credentials = true;
  }
  return s;
}

void aws_source_free(struct aws_source *s) {
  if (!s)
    return;
  credentials_wipe(&s->credentials);
  arena_done(&s->held);
  arena_done(&s->arena);
  pthread_cond_destroy(&s->fetched);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static bool is_in_force(const struct aws_source *s, int64_t now_s) {
  return s->has_credentials && (s->credentials.expires_s == 0 || now_s < s->credentials.expires_s);
}

static bool wants_renewal(const struct aws_source *s, int64_t now_s) {
  return s->renew_s != 0 && now_s >= s->renew_s && now_s >= s->retry_s;
}

enum err aws_source_get(struct aws_source *s, int64_t now_s, struct arena *a, struct aws_credentials *out,
                        bool *out_stale) {
  enum err e = ERR_AGAIN;
  pthread_mutex_lock(&s->lock);
  if (is_in_force(s, now_s)) {
    *out = credentials_copy(&s->credentials, a);
    *out_stale = !s->fetching && !s->renewal_given && wants_renewal(s, now_s);
    s->renewal_given = s->renewal_given || *out_stale;
    e = ERR_OK;
  }
  pthread_mutex_unlock(&s->lock);
  return e;
}

static bool is_of_kind(enum aws_source_kind kind, place_fn *find) {
  switch (kind) {
  case AWS_SOURCE_ENVIRONMENT: return true;
  case AWS_SOURCE_PROFILE: return find == place_profile;
  case AWS_SOURCE_WEB_IDENTITY: return find == place_web_identity;
  case AWS_SOURCE_CONTAINER: return find == place_container;
  case AWS_SOURCE_INSTANCE: return find == place_instance;
  case AWS_SOURCE_STATIC: break;
  }
  return false;
}

/* The first place that is set up decides, so that a failing one never gives way to somebody else's credentials. */
static enum err search(const struct aws_source *s, struct found *out, struct fault *f) {
  struct place_search search = s->search;
  struct buf tried;
  enum err e = ERR_NOT_FOUND;
  search.a = &out->arena;
  buf_init(&tried, 4096);
  for (size_t i = 0; i < PLACE_COUNT && e == ERR_NOT_FOUND; i++) {
    struct fault why = {0};
    if (!is_of_kind(s->kind, places[i].find))
      continue;
    e = places[i].find(&search, &out->credentials, &why);
    out->may_change = places[i].may_change;
    if (e && e != ERR_NOT_FOUND)
      buf_reset(&tried);
    if (e)
      buf_add_format(&tried, "%s%s: %s", tried.len > 0 ? "; " : "", places[i].name, fault_text(&why));
  }
  if (e)
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "there are no AWS credentials: %.*s", TEXT_ARGS(buf_text(&tried)));
  buf_done(&tried);
  return e;
}

static int64_t renewal_of(const struct found *found, int64_t now_s) {
  int64_t life_s = found->credentials.expires_s - now_s;
  if (found->credentials.expires_s == 0)
    return found->may_change ? now_s + AWS_SOURCE_RENEW_S : 0;
  return life_s < 2 * AWS_SOURCE_RENEW_S ? now_s + life_s / 2 : found->credentials.expires_s - AWS_SOURCE_RENEW_S;
}

static void keep(struct aws_source *s, const struct found *found, int64_t now_s) {
  credentials_wipe(&s->credentials);
  arena_done(&s->held);
  arena_init(&s->held);
  s->credentials = credentials_copy(&found->credentials, &s->held);
  s->has_credentials = true;
  s->renew_s = renewal_of(found, now_s);
  s->retry_s = 0;
  s->failure = (struct fault){0};
}

/* With the lock held, which is let go while the places are asked. */
static enum err fetch(struct aws_source *s, int64_t now_s) {
  struct found found = {0};
  struct fault failure = {0};
  s->fetching = true;
  pthread_mutex_unlock(&s->lock);
  enum err e = search(s, &found, &failure);
  if (!e && found.credentials.expires_s != 0 && found.credentials.expires_s <= now_s)
    e = fault_set(&failure, ERR_UNAVAILABLE, NULL, "the AWS credentials that were found have expired already");
  pthread_mutex_lock(&s->lock);
  if (e) {
    s->failure = failure;
    s->retry_s = now_s + AWS_SOURCE_RETRY_S;
  } else {
    keep(s, &found, now_s);
  }
  arena_done(&found.arena);
  s->fetching = s->renewal_given = false;
  pthread_cond_broadcast(&s->fetched);
  return e;
}

enum err aws_source_fetch(struct aws_source *s, int64_t now_s, struct fault *f) {
  enum err e = ERR_OK;
  pthread_mutex_lock(&s->lock);
  bool waited = s->fetching;
  while (s->fetching)
    pthread_cond_wait(&s->fetched, &s->lock);
  if (!waited && now_s >= s->retry_s && (!is_in_force(s, now_s) || wants_renewal(s, now_s)))
    e = fetch(s, now_s);
  else
    e = s->failure.err;
  if (e && f)
    *f = s->failure;
  s->renewal_given = false;
  pthread_mutex_unlock(&s->lock);
  return e;
}
