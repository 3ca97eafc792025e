/* The list of a vendor's models: built once by a parser in provider/, sealed, then read by many threads until the last
 * holder lets go. It does not know where lists come from, nor when they are too old (traffic/catalogue.c). Asked by the
 * gateway for prices and sizes of models that the configuration does not describe. */
#include "llm/catalogue.h"

#include <stdlib.h>
#include <string.h>

struct llm_catalogue *llm_catalogue_new(size_t room) {
  struct llm_catalogue *c = calloc(1, sizeof(*c));
  if (!c)
    abort();
  c->room = room < LLM_CATALOGUE_MAX ? room : LLM_CATALOGUE_MAX;
  arena_init(&c->arena);
  c->models = arena_zalloc(&c->arena, c->room * sizeof(*c->models));
  atomic_init(&c->holders, 1);
  return c;
}

struct llm_catalogue_model *llm_catalogue_add(struct llm_catalogue *c) {
  return c->count < c->room ? &c->models[c->count++] : NULL;
}

static int compare(struct text a, struct text b) {
  size_t shared = a.len < b.len ? a.len : b.len;
  int order = shared ? memcmp(a.at, b.at, shared) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Equal ids keep the order they were added in: qsort alone would not. */
static int by_id(const void *left, const void *right) {
  const struct llm_catalogue_model *const *a = left, *const *b = right;
  int order = compare((*a)->id, (*b)->id);
  return order ? order : (*a > *b) - (*a < *b);
}

void llm_catalogue_seal(struct llm_catalogue *c) {
  if (c->count == 0)
    return;
  const struct llm_catalogue_model **order = arena_alloc(&c->arena, c->count * sizeof(struct llm_catalogue_model *));
  for (size_t i = 0; i < c->count; i++)
    order[i] = &c->models[i];
  qsort(order, c->count, sizeof(*order), by_id);
  struct llm_catalogue_model *sorted = arena_alloc(&c->arena, c->count * sizeof(*sorted));
  size_t kept = 0;
  for (size_t i = 0; i < c->count; i++)
    if (kept == 0 || !text_equal(sorted[kept - 1].id, order[i]->id))
      sorted[kept++] = *order[i];
  c->models = sorted;
  c->count = kept;
}

static int id_against_model(const void *key, const void *element) {
  const struct text *id = key;
  const struct llm_catalogue_model *model = element;
  return compare(*id, model->id);
}

const struct llm_catalogue_model *llm_catalogue_find(const struct llm_catalogue *c, struct text id) {
  return c && c->count ? bsearch(&id, c->models, c->count, sizeof(*c->models), id_against_model) : NULL;
}

struct llm_catalogue *llm_catalogue_hold(struct llm_catalogue *c) {
  atomic_fetch_add_explicit(&c->holders, 1, memory_order_relaxed);
  return c;
}

void llm_catalogue_drop(struct llm_catalogue *c) {
  if (!c || atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) != 1)
    return;
  arena_done(&c->arena);
  free(c);
}
