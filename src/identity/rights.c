/* Puts together what somebody may do from what the store has of them, and keeps it for a moment. It knows no requests
 * and no credentials: who it is has been found out before (access.c). Called for every request of the control API. */
#include "identity/rights.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One person's rights, with the arena that everything in it lives in. */
struct kept {
  struct caller caller;
  int64_t asked_us; /* before the store was */
  struct arena arena;
};

struct rights {
  struct store *store;
  pthread_mutex_t lock; /* of what follows; never held while the store is asked */
  struct map *kept;
  uint64_t generation; /* how often everything was forgotten */
};

static void kept_free(struct kept *k) {
  if (!k)
    return;
  arena_done(&k->arena);
  free(k);
}

static void empty(struct rights *r) {
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(r->kept, &cursor, &key, &value))
    kept_free(value);
  map_free(r->kept);
  r->kept = NULL;
}

struct rights *rights_new(struct store *store) {
  struct rights *r = calloc(1, sizeof(*r));
  if (!r)
    abort();
  r->store = store;
  r->kept = map_new(RIGHTS_MAX);
  pthread_mutex_init(&r->lock, NULL);
  return r;
}

void rights_free(struct rights *r) {
  if (!r)
    return;
  empty(r);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

void rights_forget(struct rights *r) {
  pthread_mutex_lock(&r->lock);
  empty(r);
  r->kept = map_new(RIGHTS_MAX);
  r->generation++;
  pthread_mutex_unlock(&r->lock);
}

/* The permissions of a role as a grant names it. A built-in role that this program does not know permits nothing. */
static uint64_t role_permissions(const struct people_right *p) {
  enum builtin_role role;
  if (text_starts(p->role, TEXT("role:")))
    return permission_set_read(p->permissions);
  return builtin_role_find(p->role, &role) ? builtin_role_permissions(role) : 0;
}

static void add_in_workspace(struct caller_workspace *list, size_t *count, const struct people_right *p, uint64_t set) {
  size_t i = 0;
  while (i < *count && list[i].id != p->workspace_id)
    i++;
  if (i == *count)
    list[(*count)++] = (struct caller_workspace){.id = p->workspace_id, .name = p->workspace};
  list[i].permissions |= set;
}

static void put_together(struct kept *k, enum people_kind kind, const struct people_row *who,
                         const struct people_right *list, size_t count) {
  struct caller_workspace *workspaces = arena_alloc(&k->arena, (count ? count : 1) * sizeof(*workspaces));
  struct caller *c = &k->caller;
  bool is_user = kind == PEOPLE_USER;
  c->kind = is_user ? CALLER_USER : CALLER_SERVICE;
  c->id = who->id;
  c->org_id = who->org_id;
  c->actor = arena_format(&k->arena, "%s:%lld", is_user ? "user" : "service", (long long)who->id);
  c->email = is_user ? who->text : TEXT("");
  c->since_us = !is_user ? 0 : who->email_us > who->created_us ? who->email_us : who->created_us;
  c->workspaces = workspaces;
  for (size_t i = 0; i < count; i++) {
    uint64_t set = role_permissions(&list[i]);
    if (list[i].workspace_id == 0)
      c->permissions |= set;
    else
      add_in_workspace(workspaces, &c->workspace_count, &list[i], set);
  }
}

static enum err ask(struct store *store, enum people_kind kind, int64_t id, struct kept *k, struct fault *f) {
  struct people_row who = {0};
  struct people_right *list = NULL;
  size_t count = 0;
  enum err e = store->ops->people->rights(store, kind, id, &k->arena, &who, &list, &count, f);
  if (e == ERR_NOT_FOUND)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "there is no such account any more");
  if (e)
    return e;
  if (who.is_disabled)
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "this account is disabled");
  put_together(k, kind, &who, list, count);
  return ERR_OK;
}

static void copy_out(const struct caller *from, struct arena *a, struct caller *out) {
  struct caller_workspace *list = arena_alloc(a, (from->workspace_count ? from->workspace_count : 1) * sizeof(*list));
  for (size_t i = 0; i < from->workspace_count; i++) {
    list[i] = from->workspaces[i];
    list[i].name = arena_copy(a, list[i].name);
  }
  *out = *from;
  out->actor = arena_copy(a, from->actor);
  out->email = arena_copy(a, from->email);
  out->workspaces = list;
}

/* Whether it is kept and fresh; then it is in *out. */
static bool look(struct rights *r, struct text key, int64_t now_us, struct arena *a, struct caller *out,
                 uint64_t *out_generation) {
  pthread_mutex_lock(&r->lock);
  const struct kept *k = map_get(r->kept, key);
  bool fresh = k && now_us >= k->asked_us && now_us - k->asked_us < RIGHTS_KEPT_US;
  if (fresh)
    copy_out(&k->caller, a, out);
  *out_generation = r->generation;
  pthread_mutex_unlock(&r->lock);
  return fresh;
}

/* Keeps it, unless all was forgotten since the store was asked: then it may be of before. */
static void keep(struct rights *r, struct text key, struct kept *k, uint64_t generation) {
  void *old = NULL;
  pthread_mutex_lock(&r->lock);
  bool kept = false;
  if (r->generation == generation) {
    if (map_count(r->kept) >= RIGHTS_MAX && !map_get(r->kept, key)) {
      empty(r);
      r->kept = map_new(RIGHTS_MAX);
    }
    kept = map_set(r->kept, key, k, &old) == ERR_OK;
  }
  pthread_mutex_unlock(&r->lock);
  kept_free(kept ? old : k);
}

enum err rights_find(struct rights *r, enum people_kind kind, int64_t id, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) {
  char text[40];
  uint64_t generation = 0;
  snprintf(text, sizeof(text), "%d:%lld", (int)kind, (long long)id);
  struct text key = text_of(text);
  if (look(r, key, now_us, a, out, &generation))
    return ERR_OK;
  struct kept *k = calloc(1, sizeof(*k));
  if (!k)
    abort();
  arena_init(&k->arena);
  k->asked_us = now_us;
  enum err e = ask(r->store, kind, id, k, f);
  if (e) {
    kept_free(k);
    return e;
  }
  copy_out(&k->caller, a, out);
  keep(r, key, k, generation);
  return ERR_OK;
}
