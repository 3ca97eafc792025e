/* Making, sharing and checking principals. A principal lives in one arena of its own together with its texts, so
 * freeing it is one call; the count is atomic because workers share it. Used by the adapters of ports/identity.h. */
#include "identity/principal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct shared_principal {
  struct principal p; /* first: the port's pointer is ours */
  struct arena arena;
  atomic_int refs;
};

static struct shared_principal *shared_new(void) {
  struct shared_principal *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  arena_init(&s->arena);
  atomic_init(&s->refs, 1);
  return s;
}

/* "*" alone means every model, which is also what no list means. */
static void set_models(struct shared_principal *s, const struct text *models, size_t count) {
  struct text *copy = arena_alloc(&s->arena, (count ? count : 1) * sizeof(*copy));
  for (size_t i = 0; i < count; i++)
    copy[i] = arena_copy(&s->arena, models[i]);
  s->p.models = copy;
  s->p.model_count = count == 1 && text_equal(models[0], TEXT("*")) ? 0 : count;
}

/* One a line, as keys of the store have them. */
static struct text lines_of(struct arena *a, const struct text *list, size_t count) {
  struct text all = TEXT_NONE;
  for (size_t i = 0; i < count; i++)
    all = i == 0 ? arena_copy(a, list[i]) : arena_format(a, "%.*s\n%.*s", TEXT_ARGS(all), TEXT_ARGS(list[i]));
  return all;
}

/* A stored key's id is positive; a declared one gets a stable negative id from its name, so that its rows and limits
 * survive a restart. */
int64_t store_key_declared_id(struct text name) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < name.len; i++)
    h = (h ^ (unsigned char)name.at[i]) * 1099511628211u;
  return -(int64_t)(h >> 2) - 1;
}

const struct principal *principal_from_declared(const struct apikey_declared *d) {
  struct shared_principal *s = shared_new();
  s->p.id = store_key_declared_id(d->name);
  s->p.org_id = d->org_id > 0 ? d->org_id : 1;
  s->p.name = arena_copy(&s->arena, d->name);
  s->p.user = arena_copy(&s->arena, d->user);
  s->p.workspace = arena_copy(&s->arena, d->workspace);
  s->p.policy = arena_copy(&s->arena, d->policy);
  set_models(s, d->models, d->model_count);
  s->p.rpm = d->rpm;
  s->p.tpm = d->tpm;
  s->p.concurrency = d->concurrency;
  s->p.budget_nano = d->budget_nano;
  s->p.budget_period = d->budget_period;
  s->p.expires_us = d->expires_us;
  s->p.routes = lines_of(&s->arena, d->routes, d->route_count);
  s->p.allow_ips = lines_of(&s->arena, d->allow_ips, d->allow_ip_count);
  s->p.cors_origins = lines_of(&s->arena, d->cors_origins, d->cors_origin_count);
  s->p.blocked = d->blocked;
  return &s->p;
}

static enum principal_period period_named(struct text name) {
  if (text_equal(name, TEXT("day")))
    return PRINCIPAL_DAY;
  if (text_equal(name, TEXT("week")))
    return PRINCIPAL_WEEK;
  if (text_equal(name, TEXT("month")))
    return PRINCIPAL_MONTH;
  return PRINCIPAL_NO_BUDGET;
}

const struct principal *principal_from_stored(const struct store_key *k) {
  struct shared_principal *s = shared_new();
  struct text rest = k->models, one;
  size_t count = 0, most = 1;
  for (size_t i = 0; i < rest.len; i++)
    most += rest.at[i] == '\n';
  struct text *models = arena_alloc(&s->arena, most * sizeof(*models));
  while (!text_is_empty(rest)) {
    if (!text_cut(rest, '\n', &one, &rest)) {
      one = rest;
      rest = TEXT_NONE;
    }
    if (!text_is_empty(one))
      models[count++] = one;
  }
  s->p.id = k->id;
  s->p.org_id = k->org_id;
  s->p.name = arena_copy(&s->arena, k->name);
  s->p.user = arena_copy(&s->arena, k->user);
  s->p.workspace = arena_copy(&s->arena, k->workspace);
  s->p.policy = arena_copy(&s->arena, k->policy);
  set_models(s, models, count);
  s->p.rpm = k->rpm;
  s->p.tpm = k->tpm;
  s->p.concurrency = k->concurrency;
  s->p.budget_nano = k->budget_nano;
  s->p.budget_period = period_named(k->budget_period);
  s->p.expires_us = k->expires_us;
  s->p.ended_us = k->old_until_us;
  s->p.routes = arena_copy(&s->arena, k->routes);
  s->p.allow_ips = arena_copy(&s->arena, k->allow_ips);
  s->p.cors_origins = arena_copy(&s->arena, k->cors_origins);
  s->p.blocked = k->blocked;
  s->p.is_owner_away = k->is_owner_away;
  return &s->p;
}

const struct principal *principal_ref(const struct principal *p) {
  struct shared_principal *s = (struct shared_principal *)(uintptr_t)p;
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  return p;
}

void principal_unref(const struct principal *p) {
  struct shared_principal *s = (struct shared_principal *)(uintptr_t)p;
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
    return;
  arena_done(&s->arena);
  free(s);
}

static void write_time(int64_t us, char *out, size_t cap) {
  time_t when = (time_t)(us / 1000000);
  struct tm utc;
  gmtime_r(&when, &utc);
  strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

enum err principal_check(const struct principal *p, int64_t now_us, struct fault *f) {
  char at[32];
  if (p->blocked) {
    return fault_set(f, ERR_FORBIDDEN, NULL, "the API key \"%.*s\" is blocked", TEXT_ARGS(p->name));
  }
  if (p->is_owner_away) {
    return fault_set(f, ERR_FORBIDDEN, NULL, "the API key \"%.*s\" belongs to an account that is disabled",
                     TEXT_ARGS(p->name));
  }
  if (p->expires_us > 0 && now_us >= p->expires_us) {
    write_time(p->expires_us, at, sizeof(at));
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the API key \"%.*s\" expired at %s", TEXT_ARGS(p->name), at);
  }
  if (p->ended_us > 0 && now_us >= p->ended_us) {
    write_time(p->ended_us, at, sizeof(at));
    return fault_set(f, ERR_UNAUTHENTICATED, NULL,
                     "the API key \"%.*s\" was rotated, and this older one ended at %s: use the new one",
                     TEXT_ARGS(p->name), at);
  }
  return ERR_OK;
}

bool principal_allows_model(const struct principal *p, struct text model) {
  if (p->model_count == 0)
    return true;
  for (size_t i = 0; i < p->model_count; i++) {
    if (text_glob(p->models[i], model, NULL))
      return true;
  }
  return false;
}
