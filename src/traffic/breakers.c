/* The process-wide table of circuit breakers: a map by name and a list by age, behind one lock that is held for a look
 * only, never while a breaker or the share is called. Nothing is ever removed, so a pointer from here stays good. It
 * decides nothing; breaker.c does. Called by the gateway's choice of targets, by operators' pages, and by the adapter
 * of ports/breaker_share.h. */
#include "traffic/breakers.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What an operator has said of all breakers of an endpoint. */
struct word {
  struct breaker_name of; /* without a credential */
  enum breaker_force force;
  int64_t said_us;
  char reason[BREAKER_REASON_BYTES];
  struct word *next;
  char bytes[]; /* of's */
};

struct breakers {
  pthread_mutex_t lock;
  struct map *by_name;
  struct breaker **list; /* grows with the map */
  size_t count, cap;
  struct breaker_share *share;
  struct word *words; /* one an endpoint; an operator names providers of the configuration, so they are few */
};

struct breakers *breakers_new(size_t max, struct breaker_share *share) {
  struct breakers *all = calloc(1, sizeof(*all));
  if (!all)
    abort();
  pthread_mutex_init(&all->lock, NULL);
  all->by_name = map_new(max);
  all->share = share;
  return all;
}

void breakers_free(struct breakers *all) {
  if (!all)
    return;
  for (size_t i = 0; i < all->count; i++)
    breaker_free(all->list[i]);
  for (struct word *w = all->words, *next; w; w = next) {
    next = w->next;
    free(w);
  }
  free(all->list);
  map_free(all->by_name);
  pthread_mutex_destroy(&all->lock);
  free(all);
}

/* The three parts as one key that no other three make: the lengths of the first two go before them. */
struct name_key {
  char small[512];
  char *at; /* small, or allocated when the name is long */
  size_t len;
};

static void key_add(struct name_key *k, const void *bytes, size_t n) {
  if (n > 0)
    memcpy(k->at + k->len, bytes, n);
  k->len += n;
}

static struct text key_init(struct name_key *k, const struct breaker_name *n) {
  size_t need = 2 * sizeof(size_t) + n->provider.len + n->endpoint.len + n->credential.len;
  k->at = need <= sizeof(k->small) ? k->small : malloc(need);
  if (!k->at)
    abort();
  k->len = 0;
  key_add(k, &n->provider.len, sizeof(size_t));
  key_add(k, &n->endpoint.len, sizeof(size_t));
  key_add(k, n->provider.at, n->provider.len);
  key_add(k, n->endpoint.at, n->endpoint.len);
  key_add(k, n->credential.at, n->credential.len);
  return (struct text){k->at, k->len};
}

static void key_done(struct name_key *k) {
  if (k->at != k->small)
    free(k->at);
}

/* With the lock held. NULL when the table is full. */
static struct breaker *make(struct breakers *all, struct text key, const struct breaker_name *name,
                            struct breaker_share *share) {
  struct breaker *b = breaker_new(name, share);
  if (map_set(all->by_name, key, b, NULL) != ERR_OK) {
    breaker_free(b);
    return NULL;
  }
  if (all->count == all->cap) {
    all->cap = all->cap == 0 ? 16 : all->cap * 2;
    all->list = realloc(all->list, all->cap * sizeof(struct breaker *));
    if (!all->list)
      abort();
  }
  all->list[all->count++] = b;
  return b;
}

/* makes: also when there is none yet, with that share. *out_is_new: this call has made it. */
static struct breaker *find(struct breakers *all, const struct breaker_name *name, bool makes,
                            struct breaker_share *share, bool *out_is_new) {
  struct name_key key;
  struct text k = key_init(&key, name);
  pthread_mutex_lock(&all->lock);
  struct breaker *b = map_get(all->by_name, k);
  *out_is_new = !b && makes;
  if (*out_is_new)
    b = make(all, k, name, share);
  pthread_mutex_unlock(&all->lock);
  key_done(&key);
  return b;
}

static bool is_of(const struct breaker_name *n, struct text provider, struct text endpoint) {
  return text_equal(n->provider, provider) && text_equal(n->endpoint, endpoint);
}

/* With the lock held. NULL: nothing was said. */
static struct word *word_of(struct breakers *all, struct text provider, struct text endpoint) {
  struct word *w = all->words;
  while (w && !is_of(&w->of, provider, endpoint))
    w = w->next;
  return w;
}

/* A new breaker comes under the word that was said of its endpoint. */
static void heed_word(struct breakers *all, struct breaker *b) {
  const struct breaker_name *n = breaker_name_of(b);
  struct word said = {.force = BREAKER_AUTOMATIC};
  pthread_mutex_lock(&all->lock);
  const struct word *w = word_of(all, n->provider, n->endpoint);
  if (w)
    said = *w;
  pthread_mutex_unlock(&all->lock);
  if (said.force != BREAKER_AUTOMATIC)
    breaker_set_force(b, said.force, said.reason, said.said_us);
}

struct breaker *breakers_find(struct breakers *all, struct text provider, struct text endpoint,
                              struct text credential) {
  struct breaker_name name = {provider, endpoint, credential};
  bool is_new;
  struct breaker *b = find(all, &name, true, all->share, &is_new);
  if (b && is_new) {
    breaker_greet(b);
    heed_word(all, b);
  }
  return b;
}

struct breaker *breakers_find_alone(struct breakers *all, struct text provider, struct text endpoint,
                                    struct text credential) {
  struct breaker_name name = {provider, endpoint, credential};
  bool is_new;
  struct breaker *b = find(all, &name, true, NULL, &is_new);
  if (b && is_new)
    heed_word(all, b);
  return b;
}

/* NULL past the end. */
static struct breaker *breaker_at(struct breakers *all, size_t i) {
  pthread_mutex_lock(&all->lock);
  struct breaker *b = i < all->count ? all->list[i] : NULL;
  pthread_mutex_unlock(&all->lock);
  return b;
}

static struct word *word_new(struct text provider, struct text endpoint) {
  struct word *w = calloc(1, sizeof(*w) + provider.len + endpoint.len);
  if (!w)
    abort();
  memcpy(w->bytes, provider.at, provider.len);
  memcpy(w->bytes + provider.len, endpoint.at, endpoint.len);
  w->of.provider = (struct text){w->bytes, provider.len};
  w->of.endpoint = (struct text){w->bytes + provider.len, endpoint.len};
  return w;
}

static void remember_word(struct breakers *all, struct text provider, struct text endpoint, enum breaker_force f,
                          const char *reason, int64_t now_us) {
  pthread_mutex_lock(&all->lock);
  struct word *w = word_of(all, provider, endpoint);
  if (!w) {
    w = word_new(provider, endpoint);
    w->next = all->words;
    all->words = w;
  }
  w->force = f;
  w->said_us = now_us;
  snprintf(w->reason, sizeof(w->reason), "%s", reason ? reason : "");
  pthread_mutex_unlock(&all->lock);
}

void breakers_set_force(struct breakers *all, struct text provider, struct text endpoint, enum breaker_force f,
                        const char *reason, int64_t now_us) {
  struct breaker *b;
  remember_word(all, provider, endpoint, f, reason, now_us);
  for (size_t i = 0; (b = breaker_at(all, i)); i++) {
    if (is_of(breaker_name_of(b), provider, endpoint))
      breaker_set_force(b, f, reason, now_us);
  }
}

size_t breakers_list(struct breakers *all, const struct breaker_rule *r, int64_t now_us, size_t *cursor, size_t max,
                     struct arena *a, struct breakers_row **out) {
  pthread_mutex_lock(&all->lock);
  size_t left = *cursor < all->count ? all->count - *cursor : 0;
  pthread_mutex_unlock(&all->lock);
  size_t count = left < max ? left : max;
  struct breakers_row *rows = arena_alloc(a, count * sizeof(*rows));
  for (size_t i = 0; i < count; i++) {
    struct breaker *b = breaker_at(all, *cursor + i);
    const struct breaker_name *n = breaker_name_of(b);
    rows[i].name =
        (struct breaker_name){arena_copy(a, n->provider), arena_copy(a, n->endpoint), arena_copy(a, n->credential)};
    breaker_look(b, r, now_us, &rows[i].view);
  }
  *cursor += count;
  *out = rows;
  return count;
}

size_t breakers_not_closed(struct breakers *all) {
  size_t count = 0;
  const struct breaker *b;
  for (size_t i = 0; (b = breaker_at(all, i)); i++)
    count += !breaker_is_closed(b);
  return count;
}

void breakers_hear(struct breakers *all, const struct breaker_news *news, int64_t now_us) {
  bool says_something = news->state_version.count > 0 || news->force_version.count > 0, is_new;
  breaker_hear(find(all, &news->name, says_something, all->share, &is_new), news, now_us);
}

void breakers_granted(struct breakers *all, const struct breaker_claim *claim, int64_t now_us) {
  bool is_new;
  breaker_granted(find(all, &claim->name, false, NULL, &is_new), claim, now_us);
}

size_t breakers_tell_again(struct breakers *all, size_t *cursor, size_t max, int64_t now_us) {
  size_t count = 0;
  for (struct breaker *b; count < max && (b = breaker_at(all, *cursor)); count++, (*cursor)++)
    breaker_tell_again(b, now_us);
  return count;
}

/* Words are never taken out of the list, and only the newest are put before the others. */
static const struct word *copy_word(struct breakers *all, const struct word *at, struct word *out) {
  pthread_mutex_lock(&all->lock);
  at = at ? at->next : all->words;
  if (at)
    *out = *at;
  pthread_mutex_unlock(&all->lock);
  return at;
}

static void export_words(struct breakers *all, void (*see)(void *ctx, const struct breaker_news *news, bool for_all),
                         void *ctx) {
  struct word w;
  for (const struct word *at = NULL; (at = copy_word(all, at, &w));) {
    const struct breaker_news news = {
        .name = w.of, .force_version = {1, 0}, .force = w.force, .force_reason = text_of(w.reason)};
    if (w.force != BREAKER_AUTOMATIC)
      see(ctx, &news, true);
  }
}

void breakers_export(struct breakers *all, int64_t now_us,
                     void (*see)(void *ctx, const struct breaker_news *news, bool for_all), void *ctx) {
  struct breaker *b;
  export_words(all, see, ctx);
  for (size_t i = 0; (b = breaker_at(all, i)); i++) {
    struct breaker_export e;
    /* Whoever is told of it would tell everybody. */
    if (breaker_export(b, now_us, &e) && !(all->share && e.is_alone))
      see(ctx, &e.news, false);
  }
}

void breakers_import(struct breakers *all, const struct breaker_news *news, bool for_all, int64_t now_us) {
  char reason[BREAKER_REASON_BYTES];
  if (!for_all) {
    breakers_hear(all, news, now_us);
  } else if (news->force <= BREAKER_FORCED_CLOSED) {
    snprintf(reason, sizeof(reason), "%.*s", TEXT_ARGS(news->force_reason));
    remember_word(all, news->name.provider, news->name.endpoint, news->force, reason, now_us);
  }
}

void breakers_tick(struct breakers *all, const struct breaker_rule *r, int64_t now_us) {
  if (!all->share)
    return;
  struct breaker *b;
  for (size_t i = 0; (b = breaker_at(all, i)); i++)
    breaker_tick(b, r, now_us);
}

void breakers_resign(struct breakers *all) {
  if (!all || !all->share)
    return;
  struct breaker *b;
  for (size_t i = 0; (b = breaker_at(all, i)); i++)
    breaker_resign(b);
}
