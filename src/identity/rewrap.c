/* The steps: agree in the store on the key to come, pass over every sealed column until a whole pass finds nothing
 * under the old key, then put the new one in force. Each record is exchanged by a statement that asks for the record it
 * has seen, so that one that was sealed anew meanwhile is left to the next pass. Called by `weir vault rewrap`. */
#include "identity/rewrap.h"

#include <string.h>
#include <time.h>

#define CHUNK 64

static const struct vault_place forth_place = {"weir_meta", "vault_next", 0, 0, 1};
static const struct vault_place back_place = {"weir_meta", "vault_next", 0, 0, 2};

static void add_encoded(struct buf *out, const struct buf *sealed) {
  char *room = buf_reserve(out, (sealed->len * 4 + 2) / 3);
  if (room)
    buf_commit(out, text_base64url(sealed->at, sealed->len, room));
}

static enum err add_sealed(const uint8_t under[SEALED_KEY_BYTES], const struct vault_place *p,
                           const uint8_t key[SEALED_KEY_BYTES], struct buf *out, struct fault *f) {
  struct sealed_key k;
  struct buf sealed;
  buf_init(&sealed, VAULT_SEALED_MAX);
  sealed_key_init(&k, under);
  enum err e = sealed_write(&k, p, (struct text){(const char *)key, SEALED_KEY_BYTES}, &sealed, f);
  if (!e)
    add_encoded(out, &sealed);
  secret_wipe(&k, sizeof k);
  buf_done(&sealed);
  return e;
}

enum err rewrap_link_write(const uint8_t now[SEALED_KEY_BYTES], const uint8_t next[SEALED_KEY_BYTES], struct text kept,
                           struct buf *out, struct fault *f) {
  enum err e = add_sealed(now, &forth_place, next, out, f);
  buf_add_char(out, '.');
  if (!e)
    e = add_sealed(next, &back_place, now, out, f);
  buf_add_char(out, '.');
  buf_add(out, kept);
  return e || buf_check(out) == ERR_OK ? e
                                       : fault_set(f, ERR_LIMIT, NULL, "the link between two master keys is too long");
}

static bool decode(struct text t, struct arena *a, struct text *out) {
  char *bytes = arena_alloc(a, t.len / 4 * 3 + 3);
  size_t n = 0;
  if (!text_base64url_decode(t, bytes, &n))
    return false;
  *out = (struct text){bytes, n};
  return true;
}

enum err rewrap_link_read(struct text link, struct arena *a, struct rewrap_link *out, struct fault *f) {
  struct text forth, back, rest;
  struct rewrap_link l;
  if (!text_cut(link, '.', &forth, &rest) || !text_cut(rest, '.', &back, &l.kept) || !decode(forth, a, &l.forth) ||
      !decode(back, a, &l.back))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "what links two master keys in the store is damaged");
  *out = l;
  return ERR_OK;
}

enum err rewrap_link_open(const struct rewrap_link *l, bool is_next, const struct sealed_key *known,
                          uint8_t out[SEALED_KEY_BYTES], struct fault *f) {
  struct secret *s = NULL;
  enum err e = sealed_open(known, is_next ? &back_place : &forth_place, is_next ? l->back : l->forth, &s, f);
  if (!e && secret_reveal(s).len != SEALED_KEY_BYTES)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "what links two master keys in the store is damaged");
  if (!e)
    memcpy(out, secret_reveal(s).at, SEALED_KEY_BYTES);
  secret_free(s);
  return e;
}

/* Both keys, while the work goes on; wiped at its end. */
struct work {
  const struct rewrap_options *o;
  struct arena arena;
  struct store_vault_state state;
  uint8_t raw_from[SEALED_KEY_BYTES], raw_to[SEALED_KEY_BYTES];
  struct sealed_key from, to;
  struct text kept;
  struct rewrap_result result;
};

static bool is_in_force(const struct work *w, const struct sealed_key *k) {
  return secret_equal((struct text){k->check, sizeof k->check}, w->state.check);
}

static enum err read_from(struct work *w, struct fault *f) {
  struct keeper *from = w->o->from;
  enum err e = from->read(from, w->state.kept, w->raw_from, f);
  if (e)
    return e;
  sealed_key_init(&w->from, w->raw_from);
  return is_in_force(w, &w->from)
             ? ERR_OK
             : fault_set(f, ERR_CONFIG, "vault",
                         "the master key that was given as the present one is not the one in force");
}

/* The key to come, from whoever makes it or has it. */
static enum err find_next(struct work *w, struct buf *kept, struct fault *f) {
  struct keeper *from = w->o->from, *to = w->o->to;
  enum err e = to ? to->read(to, TEXT_NONE, w->raw_to, f) : from->next(from, true, kept, w->raw_to, f);
  if (to && e == ERR_NOT_FOUND)
    e = to->make(to, kept, w->raw_to, f);
  if (!e && memcmp(w->raw_from, w->raw_to, sizeof w->raw_to) == 0)
    e = fault_set(f, ERR_CONFIG, "vault", "the master key to come is the one that is in force");
  return e;
}

static enum err begin(struct work *w, struct fault *f) {
  struct store *s = w->o->store;
  struct buf kept, link;
  buf_init(&kept, 65536);
  buf_init(&link, 131072);
  enum err e = find_next(w, &kept, f);
  if (!e)
    e = rewrap_link_write(w->raw_from, w->raw_to, buf_text(&kept), &link, f);
  if (!e) {
    const struct store_vault_state to = {w->state.check, w->state.kept, buf_text(&link)};
    e = s->ops->vault->turn(s, &w->state, &to, TEXT("vault.rewrap.begin"), w->o->by, f);
  }
  w->kept = arena_copy(&w->arena, buf_text(&kept));
  buf_done(&kept);
  secret_wipe(link.at, link.len);
  buf_done(&link);
  return e;
}

/* An earlier call has begun: the key to come is in the link. */
static enum err resume(struct work *w, struct fault *f) {
  struct rewrap_link l;
  enum err e = rewrap_link_read(w->state.next, &w->arena, &l, f);
  if (!e)
    e = rewrap_link_open(&l, false, &w->from, w->raw_to, f);
  if (!e) {
    w->kept = l.kept;
    w->result.was_begun = true;
  }
  struct keeper *from = w->o->from;
  if (!e && !w->o->to && from->expect)
    e = from->expect(from, w->raw_to, f);
  return e;
}

static enum err exchange(struct work *w, const struct store_sealed *r, bool *out_changed, struct fault *f) {
  struct store *s = w->o->store;
  struct text id;
  struct buf fresh;
  enum err e = sealed_read_key_id(r->sealed, &id, f);
  *out_changed = false;
  if (e || memcmp(id.at, w->to.id, SEALED_KEY_ID_BYTES) == 0)
    return e;
  buf_init(&fresh, VAULT_SEALED_MAX);
  e = sealed_rewrap(&w->from, &w->to, &r->place, r->sealed, &fresh, f);
  if (!e)
    e = s->ops->vault->sealed_put(s, r, buf_text(&fresh), f);
  buf_done(&fresh);
  if (e == ERR_STORE_STALE) { /* sealed anew, or removed: the next pass will see */
    *out_changed = true;
    return ERR_OK;
  }
  w->result.records += !e;
  *out_changed = !e;
  return !e && w->o->go_on ? w->o->go_on(w->o->data, w->result.records, f) : e;
}

static enum err pass_column(struct work *w, size_t column, bool *out_changed, struct fault *f) {
  struct store *s = w->o->store;
  int64_t after_id = 0;
  size_t count = CHUNK;
  enum err e = ERR_OK;
  while (!e && count == CHUNK) {
    struct store_sealed *rows = NULL;
    struct arena a;
    arena_init(&a);
    e = s->ops->vault->sealed_list(s, column, after_id, CHUNK, &a, &rows, &count, f);
    for (size_t i = 0; i < count && !e; i++) {
      bool changed = false;
      e = exchange(w, &rows[i], &changed, f);
      *out_changed |= changed;
      after_id = rows[i].place.id;
    }
    arena_done(&a);
  }
  return e;
}

static enum err pass_until_clean(struct work *w, struct fault *f) {
  enum err e = ERR_OK;
  for (bool changed = true; changed && !e;) {
    changed = false;
    for (size_t column = 0; column < w->o->store->ops->vault->sealed_columns[0] && !e; column++)
      e = pass_column(w, column, &changed, f);
  }
  return e;
}

static enum err end(struct work *w, struct fault *f) {
  struct store *s = w->o->store;
  struct store_vault_state now;
  struct keeper *new_home = w->o->to ? w->o->to : w->o->from;
  enum err e = s->ops->vault->state(s, &w->arena, &now, f);
  if (e)
    return e;
  const struct store_vault_state to = {{w->to.check, sizeof w->to.check}, w->kept, TEXT("")};
  e = s->ops->vault->turn(s, &now, &to, TEXT("vault.rewrap.end"), w->o->by, f);
  return e ? e : new_home->adopt(new_home, f);
}

static void wait_ms(int64_t ms) {
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  if (ms <= 0)
    return;
  /* house: allow banned-call -- other processes hear of the new key within it and have no way to say so */
  nanosleep(&t, NULL);
}

static enum err run(struct work *w, struct fault *f) {
  struct store *s = w->o->store;
  enum err e = s->ops->vault->state(s, &w->arena, &w->state, f);
  if (e)
    return e;
  if (w->state.check.len == 0)
    return fault_set(f, ERR_NOT_FOUND, "vault", "nothing is sealed in this database yet");
  e = read_from(w, f);
  if (!e)
    e = w->state.next.len > 0 ? resume(w, f) : begin(w, f);
  if (e)
    return e;
  sealed_key_init(&w->to, w->raw_to);
  wait_ms(w->o->grace_ms);
  e = pass_until_clean(w, f);
  return e ? e : end(w, f);
}

enum err rewrap_run(const struct rewrap_options *o, struct rewrap_result *out, struct fault *f) {
  struct work w = {.o = o};
  arena_init(&w.arena);
  enum err e = run(&w, f);
  if (!e)
    *out = w.result;
  arena_done(&w.arena);
  secret_wipe(&w, sizeof w);
  return e;
}
