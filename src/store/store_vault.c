/* What the vault keeps in the store, on any driver: which master key it is, and keys that sign tokens. Nothing is
 * sealed or opened here; sealed bytes are bytes. Called through ports/store_vault.h by identity/vault.c and mint.c. */
#include "ports/store_vault.h"

#include "store/store_audit.h"
#include "store/store_events.h"
#include "store/store_sealed.h"

static const char doing_state[] = "reading which master key it is";
static const char doing_signing[] = "reading the keys that sign tokens";

static enum err meta_find(struct driver_link *l, struct text name, struct arena *a, struct text *out, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_META_FIND, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  e = l->driver->step(l, &row, doing_state, f);
  if (!e)
    *out = row ? driver_text(l, 0, a) : TEXT("");
  l->driver->reset(l);
  return e;
}

/* add: only where there is nothing. */
static enum err meta_put(struct driver_link *l, bool add, struct text name, struct text value, bool *out_changed,
                         struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, add ? SQL_META_ADD : SQL_META_SET, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  l->driver->bind_text(l, 2, value);
  e = driver_finish(l, "noting which master key it is", &changes, f);
  if (!e)
    *out_changed = changes > 0;
  return e;
}

static enum err read_state(struct driver_link *l, struct arena *a, struct store_vault_state *out, struct fault *f) {
  struct store_vault_state s = {TEXT(""), TEXT(""), TEXT("")};
  enum err e = meta_find(l, TEXT("vault_check"), a, &s.check, f);
  if (!e)
    e = meta_find(l, TEXT("vault_kept"), a, &s.kept, f);
  if (!e)
    e = meta_find(l, TEXT("vault_next"), a, &s.next, f);
  if (!e)
    *out = s;
  return e;
}

struct state {
  const struct store_vault_state *mine;
  const struct audit_actor *by;
  struct arena *arena;
  struct store_vault_state found;
};

/* One moment: the three belong together. */
static enum err state(struct driver_link *l, void *args, struct fault *f) {
  struct state *w = args;
  enum err e = l->driver->begin(l, DRIVER_READ, f);
  return e ? e : l->driver->end(l, read_state(l, w->arena, &w->found, f), f);
}

static enum err vault_state(struct store *s, struct arena *a, struct store_vault_state *out, struct fault *f) {
  struct state w = {.arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, state, &w, f);
  if (!e)
    *out = w.found;
  return e;
}

static enum err begin_in(struct driver_link *l, struct state *w, struct fault *f) {
  static const struct audit_entry entry = {.action = TEXT("vault.begin"), .subject = TEXT("vault")};
  bool first = false, ignored;
  enum err e = meta_put(l, true, TEXT("vault_check"), w->mine->check, &first, f);
  if (!e && first)
    e = meta_put(l, false, TEXT("vault_kept"), w->mine->kept, &ignored, f);
  if (!e)
    e = read_state(l, w->arena, &w->found, f);
  return !e && first ? audit_add_on(l, w->by, &entry, NULL, f) : e;
}

static enum err begin(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, begin_in(l, args, f), f);
}

/* Twice is once: the second finds what the first has put there. */
static enum err vault_begin(struct store *s, const struct store_vault_state *mine, const struct audit_actor *by,
                            struct arena *a, struct store_vault_state *out, struct fault *f) {
  struct state w = {mine, by, a, {TEXT_NONE, TEXT_NONE, TEXT_NONE}};
  enum err e = driver_run(s, DRIVER_WRITE, false, begin, &w, f);
  if (!e)
    *out = w.found;
  return e;
}

struct turn {
  const struct store_vault_state *from, *to;
  struct text action;
  const struct audit_actor *by;
  struct arena *arena;
};

static enum err put_state(struct driver_link *l, const struct store_vault_state *to, struct fault *f) {
  bool ignored;
  enum err e = meta_put(l, false, TEXT("vault_check"), to->check, &ignored, f);
  if (!e)
    e = meta_put(l, false, TEXT("vault_kept"), to->kept, &ignored, f);
  return e ? e : meta_put(l, false, TEXT("vault_next"), to->next, &ignored, f);
}

/* The lock of the audit log's head, which is needed anyway, lets one through at a time. */
static enum err turn_in(struct driver_link *l, const struct turn *w, struct fault *f) {
  const struct audit_entry entry = {.action = w->action, .subject = TEXT("vault")};
  struct store_vault_state now = {TEXT_NONE, TEXT_NONE, TEXT_NONE};
  enum err e = audit_lock_on(l, f);
  if (!e)
    e = read_state(l, w->arena, &now, f);
  if (!e && (!text_equal(now.check, w->from->check) || !text_equal(now.kept, w->from->kept) ||
             !text_equal(now.next, w->from->next)))
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "the master key of the vault was changed meanwhile");
  if (!e)
    e = put_state(l, w->to, f);
  if (!e)
    e = audit_add_on(l, w->by, &entry, NULL, f);
  return e ? e : event_add_on(l, "vault", TEXT(""), f);
}

static enum err turn(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, turn_in(l, args, f), f);
}

static enum err vault_turn(struct store *s, const struct store_vault_state *from, const struct store_vault_state *to,
                           struct text action, const struct audit_actor *by, struct fault *f) {
  struct arena a;
  struct turn w = {from, to, action, by, &a};
  arena_init(&a);
  enum err e = driver_run(s, DRIVER_WRITE, true, turn, &w, f);
  arena_done(&a);
  return e;
}

struct signing {
  struct arena *arena;
  struct store_signing_key *at;
  size_t count;
};

static enum err read_key(struct driver_link *l, struct arena *a, struct store_signing_key *out, struct fault *f) {
  struct text public_key = l->driver->bytes(l, 2);
  if (public_key.len != STORE_PUBLIC_KEY_BYTES)
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "a key that signs tokens is damaged in the store");
  *out = (struct store_signing_key){.id = l->driver->number(l, 0),
                                    .version = l->driver->number(l, 4),
                                    .created_us = l->driver->number(l, 5),
                                    .signs_us = l->driver->number(l, 6)};
  memcpy(out->public_key, public_key.at, sizeof out->public_key);
  out->kid = driver_text(l, 1, a);
  out->sealed = driver_text(l, 3, a);
  return ERR_OK;
}

static void turn_round(struct signing *w) {
  for (size_t i = 0; i < w->count / 2; i++) {
    struct store_signing_key other = w->at[i];
    w->at[i] = w->at[w->count - 1 - i];
    w->at[w->count - 1 - i] = other;
  }
}

static enum err signing_list(struct driver_link *l, void *args, struct fault *f) {
  struct signing *w = args;
  bool row = false;
  w->at = NULL;
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_SIGNING_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, STORE_SIGNING_KEYS_MAX);
  while (!e && !(e = l->driver->step(l, &row, doing_signing, f)) && row) {
    w->at = driver_more(w->arena, w->at, w->count, sizeof *w->at);
    e = read_key(l, w->arena, &w->at[w->count], f);
    w->count += !e;
  }
  l->driver->reset(l);
  if (!e)
    turn_round(w);
  return e;
}

static enum err vault_signing_list(struct store *s, struct arena *a, struct store_signing_key **out, size_t *out_count,
                                   struct fault *f) {
  struct signing w = {.arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, signing_list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct change {
  const struct store_signing_key *key;
  int64_t id;
  const struct audit_actor *by;
};

static enum err note(struct driver_link *l, const char *action, const struct change *w, struct text after,
                     struct fault *f) {
  char subject[40];
  snprintf(subject, sizeof subject, "signing_key:%lld", (long long)w->id);
  const struct audit_entry entry = {.action = text_of(action), .subject = text_of(subject), .after = after};
  enum err e = audit_add_on(l, w->by, &entry, NULL, f);
  return e ? e : event_add_id_on(l, "signing", w->id, f);
}

static enum err insert(struct driver_link *l, const struct store_signing_key *k, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_SIGNING_ADD, f);
  if (e)
    return e;
  d->bind(l, 1, k->id);
  d->bind_text(l, 2, k->kid);
  d->bind_bytes(l, 3, (struct text){(const char *)k->public_key, sizeof k->public_key});
  d->bind_bytes(l, 4, k->sealed);
  d->bind(l, 5, k->version);
  d->bind(l, 6, k->created_us);
  d->bind(l, 7, k->signs_us);
  return driver_finish(l, "storing a key that signs tokens", NULL, f);
}

static enum err add(struct driver_link *l, void *args, struct fault *f) {
  const struct change *w = args;
  char after[160];
  /* An id of base64url, which needs no escapes. */
  snprintf(after, sizeof after, "{\"kid\":\"%.*s\",\"signs_us\":%lld}", TEXT_ARGS(w->key->kid),
           (long long)w->key->signs_us);
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = insert(l, w->key, f);
  if (!e)
    e = note(l, "signing_key.create", w, text_of(after), f);
  return l->driver->end(l, e, f);
}

static enum err vault_signing_add(struct store *s, const struct store_signing_key *k, const struct audit_actor *by,
                                  struct fault *f) {
  struct change w = {k, k->id, by};
  if (k->kid.len > STORE_KID_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the name of a key that signs tokens is too long");
  return driver_run(s, DRIVER_WRITE, true, add, &w, f);
}

static enum err remove_one(struct driver_link *l, void *args, struct fault *f) {
  const struct change *w = args;
  int64_t changes = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = l->driver->prepare(l, SQL_SIGNING_REMOVE, f);
  if (!e) {
    l->driver->bind(l, 1, w->id);
    e = driver_finish(l, "removing a key that signed tokens", &changes, f);
  }
  if (!e && changes == 0)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no signing key %lld", (long long)w->id);
  if (!e)
    e = note(l, "signing_key.remove", w, TEXT_NONE, f);
  return l->driver->end(l, e, f);
}

static enum err vault_signing_remove(struct store *s, int64_t id, const struct audit_actor *by, struct fault *f) {
  struct change w = {NULL, id, by};
  return driver_run(s, DRIVER_WRITE, true, remove_one, &w, f);
}

const struct store_vault_ops store_vault = {.state = vault_state,
                                            .begin = vault_begin,
                                            .turn = vault_turn,
                                            .sealed_columns = &store_sealed_columns,
                                            .sealed_list = store_sealed_list,
                                            .sealed_put = store_sealed_put,
                                            .signing_list = vault_signing_list,
                                            .signing_add = vault_signing_add,
                                            .signing_remove = vault_signing_remove};
