/* From what a request shows to who that is. A token in Authorization goes before cookies, because no other site can
 * make a browser send one. Says nothing about what the caller may do beyond their rights. Called by worker.c through
 * ports/caller.h. */
#include "identity/access.h"

#include "identity/cookie.h"
#include "identity/jws.h"
#include "identity/signin.h"

#include <pthread.h>
#include <stdlib.h>

#define FIRST_ORG 1

struct living {
  int64_t id, user_id, looked_us;
};

struct access_desk {
  struct access port; /* first */
  struct access_options o;
  bool is_secure;
  pthread_mutex_t lock;
  uint64_t forgotten; /* how often: what was asked before is not remembered */
  struct living living[ACCESS_KEPT_MAX];
};

static enum err nobody(struct fault *f) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL,
                   "sign in, or show a token of a service account (Authorization: Bearer ...)");
}

static bool recall(struct access_desk *d, int64_t id, int64_t user_id, int64_t now_us, uint64_t *out_forgotten) {
  const struct living *l = &d->living[id % ACCESS_KEPT_MAX];
  pthread_mutex_lock(&d->lock);
  int64_t age_us = now_us - l->looked_us;
  bool known = l->id == id && l->user_id == user_id && age_us >= 0 && age_us < ACCESS_KEPT_US;
  *out_forgotten = d->forgotten;
  pthread_mutex_unlock(&d->lock);
  return known;
}

static void remember(struct access_desk *d, int64_t id, int64_t user_id, int64_t now_us, uint64_t forgotten) {
  pthread_mutex_lock(&d->lock);
  if (d->forgotten == forgotten)
    d->living[id % ACCESS_KEPT_MAX] = (struct living){id, user_id, now_us};
  pthread_mutex_unlock(&d->lock);
}

void access_forget(struct access_desk *d) {
  pthread_mutex_lock(&d->lock);
  d->forgotten++;
  memset(d->living, 0, sizeof(d->living));
  pthread_mutex_unlock(&d->lock);
}

static enum err check_session(struct access_desk *d, int64_t id, int64_t user_id, int64_t now_us, struct arena *a,
                              struct fault *f) {
  struct signin_session n;
  uint64_t forgotten;
  if (recall(d, id, user_id, now_us, &forgotten))
    return ERR_OK;
  enum err e = d->o.store->ops->signin->session_get(d->o.store, id, a, &n, f);
  if (e == ERR_NOT_FOUND || (e == ERR_OK && (n.ended_us || n.expires_us <= now_us || n.user_id != user_id)))
    return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the session is over: sign in again");
  if (e == ERR_OK)
    remember(d, id, user_id, now_us, forgotten);
  return e;
}

/* "user:12" */
static bool read_subject(struct text subject, enum people_kind *out_kind, int64_t *out_id) {
  struct text kind, id;
  if (!text_cut(subject, ':', &kind, &id) || !text_to_i64(id, out_id) || *out_id <= 0)
    return false;
  *out_kind = text_equal(kind, TEXT("user")) ? PEOPLE_USER : PEOPLE_SERVICE;
  return *out_kind == PEOPLE_USER || text_equal(kind, TEXT("service"));
}

/* A token that was narrowed to some permissions has no others. */
static void narrow(struct caller *c, struct text scope, struct arena *a) {
  uint64_t only = permission_set_read(scope);
  struct caller_workspace *list = arena_alloc(a, (c->workspace_count + 1) * sizeof(*list));
  if (scope.len == 0)
    return;
  c->permissions &= only;
  for (size_t i = 0; i < c->workspace_count; i++) {
    list[i] = c->workspaces[i];
    list[i].permissions &= only;
  }
  c->workspaces = list;
}

static enum err find_by_token(struct access_desk *d, struct text token, bool is_cookie, int64_t now_us, struct arena *a,
                              struct caller *out, struct fault *f) {
  struct mint_claims c = {0};
  struct caller found = {0};
  enum people_kind kind;
  int64_t id;
  enum err e = mint_check(d->o.mint, token, now_us, a, &c, f);
  if (e != ERR_OK)
    return e;
  if (!read_subject(c.subject, &kind, &id) || (is_cookie && c.session_id <= 0))
    return nobody(f);
  if (c.session_id > 0)
    e = check_session(d, c.session_id, id, now_us, a, f);
  if (e == ERR_OK)
    e = rights_find(d->o.rights, kind, id, now_us, a, &found, f);
  if (e != ERR_OK)
    return e;
  if (c.org_id > 0 && found.org_id != c.org_id)
    return nobody(f);
  found.session_id = c.session_id;
  narrow(&found, c.scope, a);
  *out = found;
  return ERR_OK;
}

static bool is_safe(struct text method) {
  return text_equal(method, TEXT("GET")) || text_equal(method, TEXT("HEAD")) || text_equal(method, TEXT("OPTIONS"));
}

static enum err check_csrf(const struct access_desk *d, const struct access_claim *claim, int64_t session_id,
                           struct fault *f) {
  char csrf[SIGNIN_CSRF_BYTES];
  if (is_safe(claim->method))
    return ERR_OK;
  signin_csrf(d->o.server_secret, session_id, csrf);
  if (secret_equal(claim->csrf, (struct text){csrf, sizeof(csrf)}))
    return ERR_OK;
  return fault_set(f, ERR_FORBIDDEN, "x-weir-csrf", "this needs the header x-weir-csrf with the value of the cookie %s",
                   cookie_name(COOKIE_CSRF, d->is_secure));
}

struct finding {
  struct access_desk *desk;
  const struct access_claim *claim;
  int64_t now_us;
  struct arena *arena;
  struct caller out;
  struct fault *fault;
};

static enum err look(void *arg) {
  struct finding *w = arg;
  const struct access_claim *c = w->claim;
  struct text scheme, token;
  if (c->authorization.len > 0) {
    if (!text_cut(c->authorization, ' ', &scheme, &token) || !text_equal_nocase(scheme, TEXT("bearer")))
      return nobody(w->fault);
    return find_by_token(w->desk, text_trim(token), false, w->now_us, w->arena, &w->out, w->fault);
  }
  if (!cookie_find(c->cookie, cookie_name(COOKIE_ACCESS, w->desk->is_secure), &token))
    return nobody(w->fault);
  enum err e = find_by_token(w->desk, token, true, w->now_us, w->arena, &w->out, w->fault);
  return e == ERR_OK ? check_csrf(w->desk, c, w->out.session_id, w->fault) : e;
}

/* Somebody whom an external issuer vouches for: with the role of its subjects in the first organisation. */
static enum err find_foreign(struct access_desk *d, struct text token, int64_t now_us, struct arena *a,
                             struct caller *out, struct fault *f) {
  struct token_bearer b;
  enum builtin_role role;
  enum err e = token_identity_read(d->o.tokens, token, now_us, a, &b, f);
  if (e != ERR_OK)
    return e;
  if (!builtin_role_find(b.role, &role))
    return nobody(f);
  *out = (struct caller){.kind = CALLER_SERVICE,
                         .org_id = FIRST_ORG,
                         .actor = arena_format(a, "jwt:%.*s/%.*s", TEXT_ARGS(b.name), TEXT_ARGS(b.subject)),
                         .email = b.user,
                         .permissions = builtin_role_permissions(role)};
  return ERR_OK;
}

/* What may have to be fetched is waited for here, not on the threads of the store. */
static bool is_foreign(const struct access_desk *d, const struct access_claim *c, struct text *out_token) {
  struct text scheme, token;
  if (!d->o.tokens || !text_cut(c->authorization, ' ', &scheme, &token) || !text_equal_nocase(scheme, TEXT("bearer")))
    return false;
  *out_token = text_trim(token);
  return jws_has_form(*out_token) && !mint_is_ours(d->o.mint, *out_token);
}

static enum err find(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) {
  struct access_desk *d = (struct access_desk *)self;
  struct finding w = {d, claim, now_us, a, {0}, f};
  struct text token;
  enum err e;
  if (is_foreign(d, claim, &token))
    e = find_foreign(d, token, now_us, a, &w.out, f);
  else
    e = d->o.offload ? offload_call(d->o.offload, look, &w) : look(&w);
  if (e != ERR_OK)
    return e;
  *out = w.out;
  out->origin = arena_copy(a, claim->address);
  return ERR_OK;
}

struct access_desk *access_new(const struct access_options *o) {
  struct access_desk *d = calloc(1, sizeof(*d));
  if (!d)
    abort();
  d->port.find = find;
  d->o = *o;
  d->o.public_url = TEXT_NONE; /* the configuration's, which goes */
  d->is_secure = signin_is_secure(o->public_url);
  pthread_mutex_init(&d->lock, NULL);
  return d;
}

void access_free(struct access_desk *d) {
  if (!d)
    return;
  pthread_mutex_destroy(&d->lock);
  free(d);
}

struct access *access_port(struct access_desk *d) {
  return &d->port;
}
