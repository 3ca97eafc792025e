/* One table of AWS sources for the process, behind a lock. Options are told apart by a fingerprint, so that no second
 * copy of a secret lies in the table. The gateway asks when it builds a snapshot, never on a request. */
#include "aws/registry.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/secret.h"

#include <pthread.h>

#define OPTIONS_MAX_BYTES (64 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *entries; /* fingerprint -> struct entry * */

struct entry {
  uint8_t name[SECRET_FINGERPRINT_BYTES];
  struct aws_source *source;
  size_t references;
};

static void add(struct buf *out, struct text t) {
  buf_add_u64(out, t.len);
  buf_add_char(out, ':');
  buf_add(out, t);
}

static bool fingerprint(struct text provider, struct text credential, const struct aws_source_options *o,
                        uint8_t out[SECRET_FINGERPRINT_BYTES]) {
  const struct text texts[] = {provider,
                               credential,
                               o->fixed.bearer,
                               o->fixed.access_key_id,
                               o->fixed.secret_access_key,
                               o->fixed.session_token,
                               o->profile,
                               o->region,
                               o->container_address,
                               {(const char *)&o->lookup, sizeof(o->lookup)}};
  struct buf all;
  buf_init(&all, OPTIONS_MAX_BYTES);
  buf_add_u64(&all, o->kind);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    add(&all, texts[i]);
  bool whole = !all.failed;
  if (whole)
    secret_fingerprint(buf_text(&all), out);
  secret_wipe(all.at, all.len);
  buf_done(&all);
  return whole;
}

static struct entry *entry_new(const uint8_t name[SECRET_FINGERPRINT_BYTES], const struct aws_source_options *o) {
  struct entry *e = calloc(1, sizeof(*e));
  if (!e)
    abort();
  memcpy(e->name, name, sizeof(e->name));
  e->source = aws_source_new(o);
  return e;
}

static void entry_free(struct entry *e) {
  aws_source_free(e->source);
  free(e);
}

struct aws_source *aws_registry_find(struct text provider, struct text credential, const struct aws_source_options *o) {
  uint8_t print[SECRET_FINGERPRINT_BYTES];
  struct text name = {(const char *)print, sizeof(print)};
  if (!fingerprint(provider, credential, o, print))
    return NULL;
  pthread_mutex_lock(&lock);
  if (!entries)
    entries = map_new(AWS_REGISTRY_MAX);
  struct entry *e = map_get(entries, name);
  if (!e) {
    e = entry_new(print, o);
    if (map_set(entries, name, e, NULL)) {
      entry_free(e);
      e = NULL;
    }
  }
  if (e)
    e->references++;
  pthread_mutex_unlock(&lock);
  return e ? e->source : NULL;
}

/* There are few sources, and releases come with reloads only. */
static struct entry *entry_of(const struct aws_source *s) {
  size_t cursor = 0;
  struct text name;
  void *value;
  while (entries && map_next(entries, &cursor, &name, &value)) {
    struct entry *e = value;
    if (e->source == s)
      return e;
  }
  return NULL;
}

void aws_registry_release(struct aws_source *s) {
  pthread_mutex_lock(&lock);
  struct entry *e = s ? entry_of(s) : NULL;
  if (e && --e->references == 0) {
    (void)map_remove(entries, (struct text){(const char *)e->name, sizeof(e->name)});
    entry_free(e);
  }
  if (entries && map_count(entries) == 0) {
    map_free(entries);
    entries = NULL;
  }
  pthread_mutex_unlock(&lock);
}
