/* Joining is a shallow copy: only providers, models and targets are made anew, because they point to each other; all
 * else is base's. Called by app/credentials.c at the start, at a reload and when a credential has changed. */
#include "config/overlay.h"

#include "config/derive.h"

#include <stdatomic.h>

struct entry {
  struct text provider;
  struct config_credential credential;
  bool is_used;
};

struct overlay {
  struct arena arena;
  struct entry *at;
  size_t count, room, used;
  atomic_uint references;
};

struct overlay *overlay_new(void) {
  struct overlay *s = calloc(1, sizeof *s);
  if (s == NULL)
    abort();
  arena_init(&s->arena);
  atomic_init(&s->references, 1);
  return s;
}

static void end_secret(void *data) { secret_free(data); }

/* An empty secret is a secret too, in a snapshot. */
static void keep_secret(struct overlay *s, struct secret **secret) {
  if (*secret == NULL)
    *secret = secret_new(TEXT(""));
  arena_defer(&s->arena, end_secret, *secret);
}

static struct entry *new_entry(struct overlay *s) {
  if (s->count == s->room) {
    size_t room = s->room ? 2 * s->room : 16;
    struct entry *more = arena_zalloc(&s->arena, room * sizeof *more);
    if (s->count > 0)
      memcpy(more, s->at, s->count * sizeof *more);
    s->at = more;
    s->room = room;
  }
  return &s->at[s->count++];
}

void overlay_add(struct overlay *s, struct text provider, const struct config_credential *c) {
  struct entry *e = new_entry(s);
  *e = (struct entry){.provider = arena_copy(&s->arena, provider), .is_used = c != NULL};
  s->used += c != NULL;
  if (c == NULL)
    return;
  e->credential = *c;
  e->credential.name = arena_copy(&s->arena, c->name);
  e->credential.workspace = arena_copy(&s->arena, c->workspace);
  keep_secret(s, &e->credential.api_key);
  keep_secret(s, &e->credential.bearer);
  keep_secret(s, &e->credential.access_key_id);
  keep_secret(s, &e->credential.secret_access_key);
  keep_secret(s, &e->credential.session_token);
}

size_t overlay_count(const struct overlay *s) { return s->used; }

struct overlay *overlay_ref(struct overlay *s) {
  atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
  return s;
}

void overlay_unref(struct overlay *s) {
  if (s == NULL || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
    return;
  arena_done(&s->arena);
  free(s);
}

static const struct config_credential *find(const struct config_provider *p, struct text name) {
  for (size_t i = 0; i < p->credential_count; i++)
    if (text_equal(p->credentials[i].name, name))
      return &p->credentials[i];
  return NULL;
}

static void join_provider(const struct overlay *s, struct arena *a, struct config_provider *p) {
  size_t most = p->credential_count;
  for (size_t i = 0; s != NULL && i < s->count; i++)
    most += text_equal(s->at[i].provider, p->name);
  if (most == p->credential_count)
    return;
  struct config_credential *all = arena_zalloc(a, most * sizeof *all);
  size_t count = p->credential_count;
  if (count > 0)
    memcpy(all, p->credentials, count * sizeof *all);
  p->has_stored = true;
  for (size_t i = 0; i < s->count; i++) {
    const struct entry *e = &s->at[i];
    if (e->is_used && text_equal(e->provider, p->name) && find(p, e->credential.name) == NULL)
      all[count++] = e->credential;
  }
  p->credentials = all;
  p->credential_count = count;
}

static void join_model(const struct config *c, struct arena *a, struct config_model *m) {
  struct config_target *targets = arena_alloc(a, m->target_count * sizeof *targets);
  if (m->target_count > 0)
    memcpy(targets, m->targets, m->target_count * sizeof *targets);
  m->targets = targets;
  for (size_t i = 0; i < m->target_count; i++) {
    struct config_target *t = &targets[i];
    t->provider = &c->providers[t->provider->index];
    t->credential = t->every_credential || t->credential_name.len == 0 ? NULL : find(t->provider, t->credential_name);
  }
}

static void end_overlay(void *data) { overlay_unref(data); }

struct config *overlay_join(const struct config *base, struct overlay *s) {
  struct arena *a;
  struct config *c = config_derive(base, &a);
  if (s != NULL)
    arena_defer(a, end_overlay, overlay_ref(s));
  c->providers = arena_alloc(a, base->provider_count * sizeof *c->providers);
  c->models = arena_alloc(a, base->model_count * sizeof *c->models);
  if (base->provider_count > 0)
    memcpy(c->providers, base->providers, base->provider_count * sizeof *c->providers);
  if (base->model_count > 0)
    memcpy(c->models, base->models, base->model_count * sizeof *c->models);
  for (size_t i = 0; i < c->provider_count; i++)
    join_provider(s, a, &c->providers[i]);
  for (size_t i = 0; i < c->model_count; i++)
    join_model(c, a, &c->models[i]);
  return c;
}

const struct config_credential *overlay_first(const struct config_provider *p, struct text workspace) {
  const struct config_credential *general = NULL;
  for (size_t i = 0; i < p->credential_count; i++) {
    const struct config_credential *c = &p->credentials[i];
    if (c->workspace.len > 0 && text_equal(c->workspace, workspace))
      return c;
    if (c->workspace.len == 0 && general == NULL)
      general = c;
  }
  return general;
}
