/* Sessions of people in the store, on any driver: beginning, replacing their tokens, ending. Whether a token has been
 * replaced before is decided here, in the transaction that would replace it. Called by identity/signin.c. */
#include "base/secret.h"
#include "store/store_events.h"
#include "store/store_signin.h"

struct session_work {
  const struct signin_session *added;
  const struct signin_refresh *refresh;
  enum signin_refreshed refreshed;
  int64_t user_id, id, now_us;
  const char *why;
  const struct audit_actor *by;
  struct arena *arena;
  struct signin_session *list;
  size_t count;
};

static struct text bytes_of(const uint8_t *hash) { return (struct text){(const char *)hash, SIGNIN_HASH_BYTES}; }

static void read_hash(struct driver_link *l, int column, uint8_t out[SIGNIN_HASH_BYTES]) {
  struct text t = l->driver->bytes(l, column);
  memset(out, 0, SIGNIN_HASH_BYTES);
  if (t.len == SIGNIN_HASH_BYTES)
    memcpy(out, t.at, SIGNIN_HASH_BYTES);
}

static void read_session(struct driver_link *l, struct arena *a, struct signin_session *out) {
  *out = (struct signin_session){.id = l->driver->number(l, 0),
                                 .user_id = l->driver->number(l, 1),
                                 .org_id = l->driver->number(l, 2),
                                 .created_us = l->driver->number(l, 5),
                                 .rotated_us = l->driver->number(l, 6),
                                 .expires_us = l->driver->number(l, 7),
                                 .ended_us = l->driver->number(l, 8),
                                 .way = driver_text(l, 9, a),
                                 .address = driver_text(l, 10, a),
                                 .agent = driver_text(l, 11, a)};
  read_hash(l, 3, out->refresh);
}

static enum err insert(struct driver_link *l, struct session_work *w, struct fault *f) {
  const struct signin_session *n = w->added;
  enum err e = driver_number(l, SQL_SESSION_NEXT_ID, "numbering a session", &w->id, f);
  if (!e)
    e = l->driver->prepare(l, SQL_SESSION_ADD, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, n->user_id);
  l->driver->bind(l, 3, n->org_id);
  l->driver->bind_bytes(l, 4, bytes_of(n->refresh));
  l->driver->bind(l, 5, n->created_us);
  l->driver->bind(l, 6, n->expires_us);
  l->driver->bind_text(l, 7, text_head(n->way, SIGNIN_AGENT_MAX));
  l->driver->bind_text(l, 8, text_head(n->address, SIGNIN_AGENT_MAX));
  l->driver->bind_text(l, 9, text_head(n->agent, SIGNIN_AGENT_MAX));
  e = driver_finish(l, "storing a session", NULL, f);
  if (e)
    return e;
  char user[32];
  snprintf(user, sizeof user, "user:%lld", (long long)n->user_id);
  return signin_note(l, n->user_id, "session.begin", "session", w->id, "of", user, w->by, f);
}

static enum err add_on(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = insert(l, args, f);
  return l->driver->end(l, e, f);
}

enum err store_session_add(struct store *s, const struct signin_session *n, const struct audit_actor *by,
                           int64_t *out_id, struct fault *f) {
  struct session_work w = {.added = n, .by = by};
  enum err e = driver_run(s, DRIVER_WRITE, true, add_on, &w, f);
  if (!e)
    *out_id = w.id;
  return e;
}

static enum err get_on(struct driver_link *l, void *args, struct fault *f) {
  struct session_work *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_SESSION_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  e = l->driver->step(l, &row, "looking up a session", f);
  if (!e && row)
    read_session(l, w->arena, w->list);
  l->driver->reset(l);
  return e || row ? e : fault_set(f, ERR_NOT_FOUND, NULL, "there is no session %lld", (long long)w->id);
}

enum err store_session_get(struct store *s, int64_t id, struct arena *a, struct signin_session *out, struct fault *f) {
  struct session_work w = {.id = id, .arena = a, .list = out};
  return driver_run(s, DRIVER_READ, false, get_on, &w, f);
}

static enum err list_on(struct driver_link *l, void *args, struct fault *f) {
  struct session_work *w = args;
  bool row = false;
  w->list = arena_alloc(w->arena, SIGNIN_SESSIONS_SHOWN * sizeof *w->list);
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_SESSION_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->user_id);
  l->driver->bind(l, 2, w->now_us);
  l->driver->bind(l, 3, SIGNIN_SESSIONS_SHOWN);
  while (!(e = l->driver->step(l, &row, "listing sessions", f)) && row)
    read_session(l, w->arena, &w->list[w->count++]);
  l->driver->reset(l);
  return e;
}

enum err store_session_list(struct store *s, int64_t user_id, int64_t now_us, struct arena *a,
                            struct signin_session **out, size_t *out_count, struct fault *f) {
  struct session_work w = {.user_id = user_id, .now_us = now_us, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list_on, &w, f);
  if (!e) {
    *out = w.list;
    *out_count = w.count;
  }
  return e;
}

struct page {
  const struct signin_session_filter *filter;
  struct arena *arena;
  struct signin_session *list;
  size_t count;
};

static enum err page_on(struct driver_link *l, void *args, struct fault *f) {
  struct page *w = args;
  bool row = false;
  w->list = NULL;
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_SESSION_PAGE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->filter->before_id ? w->filter->before_id : INT64_MAX);
  l->driver->bind(l, 2, w->filter->now_us);
  l->driver->bind(l, 3, w->filter->org_id);
  l->driver->bind(l, 4, w->filter->user_id);
  l->driver->bind(l, 5, w->filter->max);
  while (!(e = l->driver->step(l, &row, "listing sessions", f)) && row) {
    w->list = driver_more(w->arena, w->list, w->count, sizeof *w->list);
    read_session(l, w->arena, &w->list[w->count++]);
  }
  l->driver->reset(l);
  return e;
}

enum err store_session_page(struct store *s, const struct signin_session_filter *filter, struct arena *a,
                            struct signin_session **out, size_t *out_count, struct fault *f) {
  struct page w = {.filter = filter, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, page_on, &w, f);
  if (!e) {
    *out = w.list;
    *out_count = w.count;
  }
  return e;
}

/* Whose it is, where that was not asked for. */
static enum err find_user(struct driver_link *l, struct session_work *w, struct fault *f) {
  bool row = false;
  enum err e = w->user_id ? ERR_OK : l->driver->prepare(l, SQL_SESSION_GET, f);
  if (e || w->user_id)
    return e;
  l->driver->bind(l, 1, w->id);
  e = l->driver->step(l, &row, "looking up a session", f);
  if (!e && row)
    w->user_id = l->driver->number(l, 1);
  l->driver->reset(l);
  return e;
}

/* Ends one that has not ended; *out_ended says whether it was there to be ended. */
static enum err end_one(struct driver_link *l, struct session_work *w, bool *out_ended, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_SESSION_END, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->now_us);
  l->driver->bind(l, 3, w->user_id);
  e = driver_finish(l, "ending a session", &changes, f);
  *out_ended = changes > 0;
  if (e || changes == 0)
    return e;
  e = find_user(l, w, f);
  if (e)
    return e;
  e = signin_note(l, w->user_id, "session.end", "session", w->id, "why", w->why, w->by, f);
  return e ? e : event_add_id_on(l, "session", w->id, f);
}

static enum err rotate(struct driver_link *l, const struct signin_refresh *r, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_SESSION_ROTATE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, r->id);
  l->driver->bind_bytes(l, 2, bytes_of(r->next));
  l->driver->bind(l, 3, r->now_us);
  return driver_finish(l, "replacing a session's token", NULL, f);
}

static enum err lock(struct driver_link *l, int64_t id, bool *out_row, struct signin_session *out,
                     uint8_t before[SIGNIN_HASH_BYTES], struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_SESSION_LOCK, f);
  if (e)
    return e;
  l->driver->bind(l, 1, id);
  e = l->driver->step(l, out_row, "looking up a session", f);
  if (!e && *out_row) {
    *out = (struct signin_session){.rotated_us = l->driver->number(l, 6),
                                   .expires_us = l->driver->number(l, 7),
                                   .ended_us = l->driver->number(l, 8)};
    read_hash(l, 3, out->refresh);
    read_hash(l, 4, before);
  }
  l->driver->reset(l);
  return e;
}

static enum err refresh(struct driver_link *l, struct session_work *w, struct fault *f) {
  const struct signin_refresh *r = w->refresh;
  struct signin_session was = {0};
  uint8_t before[SIGNIN_HASH_BYTES] = {0};
  bool row = false, ended;
  enum err e = lock(l, r->id, &row, &was, before, f);
  if (e)
    return e;
  w->refreshed = SIGNIN_OVER;
  if (!row || was.ended_us || was.expires_us <= r->now_us)
    return ERR_OK;
  if (secret_equal(bytes_of(was.refresh), bytes_of(r->token))) {
    w->refreshed = SIGNIN_REFRESHED;
    return rotate(l, r, f);
  }
  if (secret_equal(bytes_of(before), bytes_of(r->token)) && r->now_us - was.rotated_us <= r->grace_us) {
    w->refreshed = SIGNIN_GRACED;
    return ERR_OK;
  }
  w->refreshed = SIGNIN_REUSED;
  return end_one(l, w, &ended, f);
}

static enum err refresh_on(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = refresh(l, args, f);
  return l->driver->end(l, e, f);
}

enum err store_session_refresh(struct store *s, const struct signin_refresh *r, const struct audit_actor *by,
                               enum signin_refreshed *out, struct fault *f) {
  struct session_work w = {.refresh = r, .id = r->id, .now_us = r->now_us, .why = "reuse", .by = by};
  /* After a commit in doubt the token may be the one before: that is within the grace. */
  enum err e = driver_run(s, DRIVER_WRITE, false, refresh_on, &w, f);
  if (!e)
    *out = w.refreshed;
  return e;
}

static enum err end_on(struct driver_link *l, void *args, struct fault *f) {
  struct session_work *w = args;
  bool ended = false;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = end_one(l, w, &ended, f);
  if (!e && !ended)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no session %lld", (long long)w->id);
  return l->driver->end(l, e, f);
}

enum err store_session_end(struct store *s, int64_t user_id, int64_t id, const char *why, int64_t now_us,
                           const struct audit_actor *by, struct fault *f) {
  struct session_work w = {.user_id = user_id, .id = id, .why = why, .now_us = now_us, .by = by};
  return driver_run(s, DRIVER_WRITE, true, end_on, &w, f);
}

enum err sessions_end_on(struct driver_link *l, int64_t user_id, int64_t but_id, const char *why, int64_t now_us,
                         const struct audit_actor *by, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_SESSION_END_ALL, f);
  if (e)
    return e;
  l->driver->bind(l, 1, user_id);
  l->driver->bind(l, 2, but_id);
  l->driver->bind(l, 3, now_us);
  e = driver_finish(l, "ending sessions", &changes, f);
  if (e || changes == 0)
    return e;
  e = signin_note(l, user_id, "session.end", "user", user_id, "why", why, by, f);
  return e ? e : event_add_on(l, "session", TEXT(""), f);
}

static enum err end_all_on(struct driver_link *l, void *args, struct fault *f) {
  struct session_work *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = sessions_end_on(l, w->user_id, w->id, w->why, w->now_us, w->by, f);
  return l->driver->end(l, e, f);
}

enum err store_session_end_all(struct store *s, int64_t user_id, int64_t but_id, const char *why, int64_t now_us,
                               const struct audit_actor *by, struct fault *f) {
  struct session_work w = {.user_id = user_id, .id = but_id, .why = why, .now_us = now_us, .by = by};
  return driver_run(s, DRIVER_WRITE, false, end_all_on, &w, f);
}
