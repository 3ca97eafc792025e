/* Conversations and where they are cached: shards, each with a lock, a hash table in chains and a list from the newest
 * to the oldest put. Everything of a shard is allocated with its first put, so that a gateway that needs none pays for
 * none, and linked by numbers, which keeps an entry small. It does not know what a conversation is or whether its place
 * still works: the gateway's choose stage does. */
#include "traffic/affinity.h"

#include <pthread.h>

#define SHARDS            16
#define ONE_SHARD_UP_TO   4096 /* entries: so few are all in one, and the bound is exact */
#define NONE              UINT32_MAX
#define SHARD_ENTRIES_MAX (NONE / 2)

struct entry {
  uint64_t conversation[2], place;
  int64_t until_us;
};

/* Beside the entries, so that neither is padded. */
struct links {
  uint32_t next; /* in its chain */
  uint32_t newer, older;
};

struct shard {
  pthread_mutex_t lock;
  struct entry *entries;
  struct links *links;
  uint32_t *chains; /* as many as entries */
  uint32_t count, max;
  uint32_t newest, oldest;
};

struct affinity {
  size_t shard_count;
  struct shard shards[SHARDS];
};

static void *allocated(size_t n, size_t size) {
  void *at = calloc(n + 1, size);
  if (!at)
    abort();
  return at;
}

static void shard_init(struct shard *s, size_t max) {
  pthread_mutex_init(&s->lock, NULL);
  s->max = (uint32_t)(max < SHARD_ENTRIES_MAX ? max : SHARD_ENTRIES_MAX);
  s->newest = s->oldest = NONE;
}

static void shard_fill(struct shard *s) {
  s->entries = allocated(s->max, sizeof *s->entries);
  s->links = allocated(s->max, sizeof *s->links);
  s->chains = allocated(s->max, sizeof *s->chains);
  memset(s->chains, 0xff, s->max * sizeof *s->chains);
}

struct affinity *affinity_new(size_t max_entries) {
  struct affinity *a = calloc(1, sizeof *a);
  if (!a)
    abort();
  a->shard_count = max_entries <= ONE_SHARD_UP_TO ? 1 : SHARDS;
  for (size_t i = 0; i < a->shard_count; i++)
    shard_init(&a->shards[i], max_entries / a->shard_count);
  return a;
}

void affinity_free(struct affinity *a) {
  if (!a)
    return;
  for (size_t i = 0; i < a->shard_count; i++) {
    struct shard *s = &a->shards[i];
    free(s->entries);
    free(s->links);
    free(s->chains);
    pthread_mutex_destroy(&s->lock);
  }
  free(a);
}

/* A conversation is a digest already; this only brings its halves together. The upper bits choose the shard, and all
 * of them the chain. */
static uint64_t mix(const uint64_t conversation[2]) {
  return (conversation[0] ^ (conversation[1] << 32 | conversation[1] >> 32)) * UINT64_C(0x9E3779B97F4A7C15);
}

static struct shard *shard_of(struct affinity *a, const uint64_t conversation[2]) {
  return &a->shards[(mix(conversation) >> 32) % a->shard_count];
}

static uint32_t *chain_of(const struct shard *s, const uint64_t conversation[2]) {
  return &s->chains[mix(conversation) % s->max];
}

static bool is_same(const uint64_t a[2], const uint64_t b[2]) { return a[0] == b[0] && a[1] == b[1]; }

static uint32_t shard_find(const struct shard *s, const uint64_t conversation[2]) {
  uint32_t i = *chain_of(s, conversation);
  while (i != NONE && !is_same(s->entries[i].conversation, conversation))
    i = s->links[i].next;
  return i;
}

static void age_unlink(struct shard *s, uint32_t i) {
  struct links l = s->links[i];
  *(l.newer != NONE ? &s->links[l.newer].older : &s->newest) = l.older;
  *(l.older != NONE ? &s->links[l.older].newer : &s->oldest) = l.newer;
}

static void age_link_newest(struct shard *s, uint32_t i) {
  s->links[i].newer = NONE;
  s->links[i].older = s->newest;
  *(s->newest != NONE ? &s->links[s->newest].newer : &s->oldest) = i;
  s->newest = i;
}

static void chain_unlink(struct shard *s, uint32_t i) {
  uint32_t *at = chain_of(s, s->entries[i].conversation);
  while (*at != i)
    at = &s->links[*at].next;
  *at = s->links[i].next;
}

/* An unused entry, or the oldest one, in the conversation's chain. */
static uint32_t shard_make(struct shard *s, const uint64_t conversation[2]) {
  uint32_t i = s->oldest;
  if (s->count < s->max) {
    i = s->count++;
  } else {
    age_unlink(s, i);
    chain_unlink(s, i);
  }
  uint32_t *chain = chain_of(s, conversation);
  s->entries[i] = (struct entry){.conversation = {conversation[0], conversation[1]}};
  s->links[i].next = *chain;
  *chain = i;
  age_link_newest(s, i);
  return i;
}

bool affinity_find(struct affinity *a, const uint64_t conversation[2], int64_t now_us, uint64_t *out_place) {
  struct shard *s = shard_of(a, conversation);
  if (s->max == 0)
    return false;
  pthread_mutex_lock(&s->lock);
  uint32_t i = s->entries ? shard_find(s, conversation) : NONE;
  bool is_known = i != NONE && now_us < s->entries[i].until_us;
  if (is_known)
    *out_place = s->entries[i].place;
  pthread_mutex_unlock(&s->lock);
  return is_known;
}

void affinity_put(struct affinity *a, const uint64_t conversation[2], uint64_t place, int64_t now_us, int64_t ttl_us) {
  struct shard *s = shard_of(a, conversation);
  if (s->max == 0)
    return;
  pthread_mutex_lock(&s->lock);
  if (!s->entries)
    shard_fill(s);
  uint32_t i = shard_find(s, conversation);
  if (i == NONE) {
    i = shard_make(s, conversation);
  } else {
    age_unlink(s, i);
    age_link_newest(s, i);
  }
  s->entries[i].place = place;
  if (__builtin_add_overflow(now_us, ttl_us, &s->entries[i].until_us))
    s->entries[i].until_us = INT64_MAX;
  pthread_mutex_unlock(&s->lock);
}

/* Both halves of the product, which depend on every bit of both factors. */
static uint64_t fold(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Two lanes read the same words with keys of their own. A stranger who does not know the keys cannot make a factor 0 or
 * two texts meet in a lane but by chance. */
struct lane {
  uint64_t hash, key_a, key_b;
};

static struct lane lane_of(uint64_t hash, struct text name) {
  uint64_t key = text_hash(name);
  return (struct lane){hash, key, fold(key ^ UINT64_C(0x9E3779B97F4A7C15), key)};
}

static void lane_add(struct lane *l, uint64_t first, uint64_t second) {
  l->hash = fold(first ^ l->key_a, second ^ l->hash ^ l->key_b);
}

static void lanes_add(struct lane *a, struct lane *b, const uint64_t words[2]) {
  lane_add(a, words[0], words[1]);
  lane_add(b, words[1], words[0]);
}

void affinity_digest(struct affinity_digest *d, struct text part) {
  struct lane a = lane_of(d->hash[0] + part.len, TEXT("affinity, first lane"));
  struct lane b = lane_of(d->hash[1] + part.len, TEXT("affinity, second lane"));
  uint64_t words[2];
  for (; part.len >= sizeof words; part = text_skip(part, sizeof words)) {
    memcpy(words, part.at, sizeof words);
    lanes_add(&a, &b, words);
  }
  words[0] = words[1] = 0;
  if (part.len > 0)
    memcpy(words, part.at, part.len);
  lanes_add(&a, &b, words);
  d->hash[0] = fold(a.hash ^ a.key_b, a.key_a | 1);
  d->hash[1] = fold(b.hash ^ b.key_b, b.key_a | 1);
}
