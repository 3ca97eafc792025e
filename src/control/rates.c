/* Buckets of tokens by caller. When there are too many callers to remember, those whose buckets are full again are
 * forgotten: nothing is lost with them. Called by api.c and auth_oidc.c. */
#include "control/rates.h"

#include "base/cidr.h"
#include "base/map.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE_US INT64_C(60000000)

struct bucket {
  int64_t full_at_us; /* when it will be full if nobody takes from it */
};

struct rates {
  pthread_mutex_t lock;
  struct map *buckets; /* caller -> struct bucket * */
};

struct rates *rates_new(void) {
  struct rates *r = calloc(1, sizeof(*r));
  if (!r)
    abort();
  pthread_mutex_init(&r->lock, NULL);
  r->buckets = map_new(RATES_CALLERS_MAX);
  return r;
}

static void forget(struct rates *r) {
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(r->buckets, &cursor, &key, &value))
    free(value);
  map_free(r->buckets);
}

void rates_free(struct rates *r) {
  if (!r)
    return;
  forget(r);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

/* Moves the buckets that are not full over to a new map. */
static void sweep(struct rates *r, int64_t now_us) {
  struct map *kept = map_new(RATES_CALLERS_MAX);
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(r->buckets, &cursor, &key, &value)) {
    struct bucket *b = value;
    if (b->full_at_us <= now_us || map_set(kept, key, b, NULL) != ERR_OK)
      free(b);
  }
  map_free(r->buckets);
  r->buckets = kept;
}

static struct bucket *bucket_of(struct rates *r, struct text caller, int64_t now_us) {
  struct bucket *b = map_get(r->buckets, caller);
  if (b)
    return b;
  if (map_count(r->buckets) >= RATES_CALLERS_MAX)
    sweep(r, now_us);
  b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  if (map_set(r->buckets, caller, b, NULL) == ERR_OK)
    return b;
  free(b);
  return NULL;
}

/* A bucket is empty when it takes a whole minute to fill. */
bool rates_take(struct rates *r, struct text caller, int64_t per_minute, int64_t now_us, int *out_wait_s) {
  int64_t each_us = per_minute > 0 ? MINUTE_US / per_minute : 0, wait_us = 0;
  if (!r || per_minute == 0)
    return true;
  pthread_mutex_lock(&r->lock);
  struct bucket *b = bucket_of(r, caller, now_us);
  if (b) {
    int64_t from_us = b->full_at_us > now_us && b->full_at_us <= now_us + 2 * MINUTE_US ? b->full_at_us : now_us;
    wait_us = from_us + each_us - (now_us + MINUTE_US);
    if (wait_us <= 0)
      b->full_at_us = from_us + each_us;
  } else {
    wait_us = each_us; /* more callers than anybody has, each with a bucket that is not full */
  }
  pthread_mutex_unlock(&r->lock);
  if (wait_us <= 0)
    return true;
  *out_wait_s = (int)((wait_us + 999999) / 1000000);
  return false;
}

struct text rates_address(struct text address, char room[RATES_ADDRESS_BYTES]) {
  static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  struct cidr c;
  if (cidr_read_address(address, &c) && memcmp(c.bytes, mapped, sizeof(mapped)) != 0)
    return (struct text){room, text_hex(c.bytes, 8, room)};
  snprintf(room, RATES_ADDRESS_BYTES, "%.*s", TEXT_ARGS(text_head(address, RATES_ADDRESS_BYTES - 1)));
  return text_of(room);
}
