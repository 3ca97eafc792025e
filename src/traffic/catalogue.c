/* Which list of models each vendor has at the moment, and who fetches the next one: a small table behind one lock. A
 * caller that is told to fetch and never reports (its client left, it was cancelled) blocks nobody for long: the next
 * try is due after the same time as after a failure. It neither fetches nor parses; the gateway does. */
#include "traffic/catalogue.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
  struct arena name; /* of vendor */
  struct text vendor;
  struct llm_catalogue *list;   /* NULL: never put */
  int64_t due_us, asked_for_us; /* fetch again from then on; last catalogues_get */
};

struct catalogues {
  pthread_mutex_t lock;
  struct entry *entries;
  size_t count, max;
};

struct catalogues *catalogues_new(size_t max_vendors) {
  struct catalogues *all = calloc(1, sizeof(*all));
  if (!all)
    abort();
  all->max = max_vendors;
  all->entries = calloc(max_vendors, sizeof(*all->entries));
  if (!all->entries)
    abort();
  pthread_mutex_init(&all->lock, NULL);
  return all;
}

static void entry_done(struct entry *e) {
  llm_catalogue_drop(e->list);
  arena_done(&e->name);
  *e = (struct entry){0};
}

void catalogues_free(struct catalogues *all) {
  if (!all)
    return;
  for (size_t i = 0; i < all->count; i++)
    entry_done(&all->entries[i]);
  pthread_mutex_destroy(&all->lock);
  free(all->entries);
  free(all);
}

static struct entry *entry_find(struct catalogues *all, struct text vendor) {
  for (size_t i = 0; i < all->count; i++)
    if (text_equal(all->entries[i].vendor, vendor))
      return &all->entries[i];
  return NULL;
}

/* A free place, or that of the vendor not asked for the longest. */
static struct entry *entry_place(struct catalogues *all) {
  if (all->count < all->max)
    return &all->entries[all->count++];
  struct entry *oldest = all->entries;
  for (size_t i = 1; i < all->count; i++)
    if (all->entries[i].asked_for_us < oldest->asked_for_us)
      oldest = &all->entries[i];
  entry_done(oldest);
  return oldest;
}

static struct entry *entry_of(struct catalogues *all, struct text vendor, int64_t now_us) {
  struct entry *e = entry_find(all, vendor);
  if (e)
    return e;
  e = entry_place(all);
  arena_init(&e->name);
  e->vendor = arena_copy(&e->name, vendor);
  e->due_us = now_us;
  e->asked_for_us = now_us;
  return e;
}

struct llm_catalogue *catalogues_get(struct catalogues *all, struct text vendor, int64_t now_us, bool *out_due) {
  pthread_mutex_lock(&all->lock);
  struct entry *e = entry_of(all, vendor, now_us);
  e->asked_for_us = now_us;
  *out_due = now_us >= e->due_us;
  if (*out_due)
    e->due_us = now_us + CATALOGUE_RETRY_US;
  struct llm_catalogue *list = e->list ? llm_catalogue_hold(e->list) : NULL;
  pthread_mutex_unlock(&all->lock);
  return list;
}

void catalogues_put(struct catalogues *all, struct text vendor, struct llm_catalogue *fresh, int64_t now_us) {
  pthread_mutex_lock(&all->lock);
  struct entry *e = entry_of(all, vendor, now_us);
  struct llm_catalogue *old = e->list;
  e->list = fresh;
  e->due_us = now_us + CATALOGUE_FRESH_US;
  pthread_mutex_unlock(&all->lock);
  llm_catalogue_drop(old);
}

void catalogues_failed(struct catalogues *all, struct text vendor, int64_t now_us) {
  pthread_mutex_lock(&all->lock);
  struct entry *e = entry_find(all, vendor);
  if (e)
    e->due_us = now_us + CATALOGUE_RETRY_US;
  pthread_mutex_unlock(&all->lock);
}
