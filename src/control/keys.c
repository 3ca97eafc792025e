/* Virtual keys as the control API shows them: those of the store, by pages, and declared ones, which are read-only. No
 * part of a key but its prefix is ever in an answer. Rows of routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

#include <stdlib.h>

struct key_view {
  uint64_t given;
  int64_t id;
  struct text name, prefix, user, workspace, policy;
  struct text *models;
  size_t model_count;
  int64_t rpm, tpm, concurrency, budget_nano;
  struct text budget_period;
  int64_t created_us, expires_us, last_used_us;
  bool blocked;
};

static const struct shape_field fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(key_view, id), .min = 1, .max = INT64_MAX,
     .help = "never used twice"},
    {"name", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(key_view, name), .min = 1, .max = 128, .help = "unique"},
    {"prefix", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(key_view, prefix), .max = 16, .help = "how the key begins"},
    {"user", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, user), .max = 128, .help = "whose it is"},
    {"workspace", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, workspace), .max = 128,
     .help = "the workspace it belongs to"},
    {"policy", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, policy), .max = 64, .help = "its own policy"},
    {"models", SHAPE_TEXTS, SHAPE_REQUIRED, SHAPE_ARRAY(key_view, models, model_count), .max = 256,
     .help = "the models it may ask for, with `*`"},
    {"rpm", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, rpm), .max = INT64_MAX, .help = "requests a minute"},
    {"tpm", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, tpm), .max = INT64_MAX, .help = "tokens a minute"},
    {"concurrency", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(key_view, concurrency), .max = INT64_MAX,
     .help = "requests at one time"},
    {"budget_usd", SHAPE_USD, SHAPE_NULLABLE, SHAPE_AT(key_view, budget_nano), .max = INT64_MAX,
     .help = "the most it may cost in one period"},
    {"budget_period", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(key_view, budget_period), .choices = "day|week|month",
     .help = "of the budget"},
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(key_view, created_us), .help = "when it was made"},
    {"expires", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, expires_us), .help = "when it stops working"},
    {"last_used", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(key_view, last_used_us), .help = "to some seconds"},
    {"blocked", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(key_view, blocked), .help = "whether it is refused now"},
};
const struct shape key_shape = {"Key", "A virtual key of the store.", sizeof(struct key_view), SHAPE_FIELDS(fields)};

static void split_models(struct text models, struct arena *a, struct key_view *out) {
  struct text one;
  size_t most = 1;
  for (size_t i = 0; i < models.len; i++)
    most += models.at[i] == '\n';
  out->models = arena_alloc(a, most * sizeof(*out->models));
  while (models.len > 0) {
    if (!text_cut(models, '\n', &one, &models)) {
      one = models;
      models = TEXT_NONE;
    }
    if (one.len > 0)
      out->models[out->model_count++] = one;
  }
}

static struct key_view view_of(const struct store_key *k, struct arena *a) {
  struct key_view v = {.id = k->id,
                       .name = k->name,
                       .prefix = k->prefix,
                       .user = k->user,
                       .workspace = k->workspace,
                       .policy = k->policy,
                       .rpm = k->rpm,
                       .tpm = k->tpm,
                       .concurrency = k->concurrency,
                       .budget_nano = k->budget_nano,
                       .budget_period = k->budget_period,
                       .created_us = k->created_us,
                       .expires_us = k->expires_us,
                       .last_used_us = k->last_used_us,
                       .blocked = k->blocked};
  split_models(k->models, a, &v);
  return v;
}

/* One more than a page is asked for, so that the last page knows it is the last. */
enum err keys_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_key *keys = NULL;
  size_t count = 0;
  enum err e = s->ops->key_list(s, c->cursor.id, (size_t)c->limit + 1, c->arena, &keys, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next.id = keys[count - 1].id;
  }
  struct key_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&keys[i], c->arena);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

enum err keys_get(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_key *keys = NULL;
  struct key_view *view = ARENA_NEW(c->arena, struct key_view);
  size_t count = 0;
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->key_list(s, id - 1, 1, c->arena, &keys, &count, f);
  if (e == ERR_OK && (count == 0 || keys[0].id != id))
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no key %lld", (long long)id);
  if (e != ERR_OK)
    return e;
  *view = view_of(&keys[0], c->arena);
  c->answer = view;
  return ERR_OK;
}
