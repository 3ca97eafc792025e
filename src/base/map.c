/* The hash map: open addressing with linear probing, at most three quarters full, removal by shifting back so that
 * no tombstones gather. Bounded by the maximum given at birth; it never owns values and is not locked.
 * Called by config, the key map, the DNS cache and whoever looks things up by name. */
#include "base/map.h"

#define FIRST_SLOTS 16u

struct slot {
  char *key; /* NULL: free */
  size_t key_len;
  uint64_t hash;
  void *value;
};

struct map {
  struct slot *slots;
  size_t mask, count, max_entries;
};

static void *zeroed(size_t n, size_t size) {
  void *at = calloc(n, size);
  if (at == NULL)
    abort();
  return at;
}

struct map *map_new(size_t max_entries) {
  struct map *m = zeroed(1, sizeof *m);
  m->slots = zeroed(FIRST_SLOTS, sizeof *m->slots);
  m->mask = FIRST_SLOTS - 1;
  m->max_entries = max_entries;
  return m;
}

void map_free(struct map *m) {
  if (m == NULL)
    return;
  for (size_t i = 0; i <= m->mask; i++)
    free(m->slots[i].key);
  free(m->slots);
  free(m);
}

/* The slot that holds the key, or the free one where it would go. */
static size_t find(const struct map *m, struct text key, uint64_t hash) {
  size_t i = hash & m->mask;
  while (m->slots[i].key != NULL) {
    const struct slot *s = &m->slots[i];
    if (s->hash == hash && text_equal((struct text){s->key, s->key_len}, key))
      break;
    i = (i + 1) & m->mask;
  }
  return i;
}

static void grow(struct map *m) {
  struct slot *old = m->slots;
  size_t old_slots = m->mask + 1;
  m->slots = zeroed(old_slots * 2, sizeof *m->slots);
  m->mask = old_slots * 2 - 1;
  for (size_t i = 0; i < old_slots; i++) {
    if (old[i].key == NULL)
      continue;
    size_t at = old[i].hash & m->mask;
    while (m->slots[at].key != NULL)
      at = (at + 1) & m->mask;
    m->slots[at] = old[i];
  }
  free(old);
}

static char *copy_key(struct text key) {
  char *copy = malloc(key.len + 1);
  if (copy == NULL)
    abort();
  if (key.len > 0)
    memcpy(copy, key.at, key.len);
  copy[key.len] = '\0';
  return copy;
}

enum err map_set(struct map *m, struct text key, void *value, void **out_old) {
  uint64_t hash = text_hash(key);
  size_t i = find(m, key, hash);
  void *old = m->slots[i].value;
  if (m->slots[i].key == NULL) {
    if (m->count >= m->max_entries)
      return ERR_LIMIT;
    if ((m->count + 1) * 4 > (m->mask + 1) * 3) {
      grow(m);
      i = find(m, key, hash);
    }
    m->slots[i] = (struct slot){.key = copy_key(key), .key_len = key.len, .hash = hash};
    m->count++;
    old = NULL;
  }
  m->slots[i].value = value;
  if (out_old != NULL)
    *out_old = old;
  return ERR_OK;
}

void *map_get(const struct map *m, struct text key) { return m->slots[find(m, key, text_hash(key))].value; }

void *map_remove(struct map *m, struct text key) {
  size_t hole = find(m, key, text_hash(key));
  if (m->slots[hole].key == NULL)
    return NULL;
  void *value = m->slots[hole].value;
  free(m->slots[hole].key);
  m->count--;
  for (size_t i = (hole + 1) & m->mask; m->slots[i].key != NULL; i = (i + 1) & m->mask) {
    size_t home = m->slots[i].hash & m->mask;
    /* An entry may fill the hole only if the hole lies between its home and where it stands. */
    if (((i - home) & m->mask) >= ((i - hole) & m->mask)) {
      m->slots[hole] = m->slots[i];
      hole = i;
    }
  }
  m->slots[hole] = (struct slot){0};
  return value;
}

size_t map_count(const struct map *m) { return m->count; }

bool map_next(const struct map *m, size_t *cursor, struct text *out_key, void **out_value) {
  for (; *cursor <= m->mask; (*cursor)++) {
    const struct slot *s = &m->slots[*cursor];
    if (s->key == NULL)
      continue;
    *out_key = (struct text){s->key, s->key_len};
    *out_value = s->value;
    (*cursor)++;
    return true;
  }
  return false;
}
