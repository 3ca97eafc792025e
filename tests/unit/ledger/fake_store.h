/* A store in memory that keeps ledger rows in an array and can be told to fail. */
#ifndef TESTS_UNIT_LEDGER_FAKE_STORE_H
#define TESTS_UNIT_LEDGER_FAKE_STORE_H

#include "expect.h"

/* A store that keeps rows in an array. Its lock makes it safe for the writer thread and the test together. */
struct fake_store {
  struct store base;
  pthread_mutex_t lock;
  struct arena texts;
  struct ledger_row *rows;
  size_t count, cap;
  struct {
    char name[64];
    uint64_t position;
  } streams[64];
  uint64_t calls;    /* of ledger_append */
  uint64_t fail_at;  /* this call fails; 0: none */
  bool fails;        /* all do, for want of room, */
  uint64_t takes;    /* but for so many first */
  uint64_t boots[8]; /* by seat */
  uint64_t renewals;
  char home[16]; /* all they agree on; of all fakes the same, unless a test makes one another store */
};

static inline ptrdiff_t fake_find(const struct fake_store *s, int64_t id) {
  for (size_t i = s->count; i-- > 0;)
    if (s->rows[i].id == id)
      return (ptrdiff_t)i;
  return -1;
}

static inline void fake_add(struct fake_store *s, const struct ledger_row *row, bool check) {
  if (check && fake_find(s, row->id) >= 0)
    return;
  if (s->count == s->cap) {
    s->cap = s->cap ? s->cap * 2 : 16;
    s->rows = reallocarray(s->rows, s->cap, sizeof *s->rows);
    if (!s->rows)
      abort();
  }
  struct ledger_row *r = &s->rows[s->count++];
  *r = *row;
  struct text *texts[] = {&r->request_id,     &r->key_name,
                          &r->user,           &r->wire,
                          &r->operation,      &r->provider,
                          &r->model,          &r->outcome,
                          &r->upstream_model, &r->upstream_request_id,
                          &r->credential,     &r->error,
                          &r->workspace,      &r->provider_metadata};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = arena_copy(&s->texts, *texts[i]);
}

static inline uint64_t *fake_stream(struct fake_store *s, struct text name) {
  size_t i = 0;
  for (; i < 63 && s->streams[i].name[0] && !text_equal(text_of(s->streams[i].name), name); i++)
    ;
  snprintf(s->streams[i].name, sizeof s->streams[i].name, "%.*s", TEXT_ARGS(name));
  return &s->streams[i].position;
}

static inline enum err fake_append(struct store *store, const struct ledger_row *rows, size_t count, struct text stream,
                                   uint64_t position, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  pthread_mutex_lock(&s->lock);
  bool fails = s->fails && s->takes == 0;
  s->takes -= s->fails && s->takes > 0;
  bool refused = ++s->calls == s->fail_at || fails;
  if (!refused) {
    for (size_t i = 0; i < count; i++)
      fake_add(s, &rows[i], s->count < 5000);
    if (stream.len && *fake_stream(s, stream) < position)
      *fake_stream(s, stream) = position;
  }
  pthread_mutex_unlock(&s->lock);
  return refused ? fault_set(f, fails ? ERR_STORE_FULL : ERR_STORE, NULL, "the fake is full") : ERR_OK;
}

static inline enum err fake_position(struct store *store, struct text stream, uint64_t *out, struct fault *f) {
  *out = *fake_stream((struct fake_store *)store, stream);
  return ERR_OK;
}

static inline enum err fake_list(struct store *store, int64_t before_id, size_t max, struct arena *a,
                                 struct ledger_row **out, size_t *out_count, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  *out_count = 0;
  for (size_t i = 0; i < s->count; i++)
    if (*out_count == 0 || s->rows[i].id > (*out)->id) {
      *out = &s->rows[i];
      *out_count = 1;
    }
  return ERR_OK;
}

/* Seats among replicas, as a shared store lends them. */
static inline enum err fake_claim(struct store *store, const struct store_replica *r, unsigned first_seat,
                                  unsigned *out_seat, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  unsigned seat = first_seat;
  pthread_mutex_lock(&s->lock);
  bool refused = s->fails;
  while (seat < 8 && s->boots[seat])
    seat++;
  if (!refused && seat < 8)
    s->boots[seat] = r->boot;
  pthread_mutex_unlock(&s->lock);
  if (refused || seat == 8)
    return fault_set(f, refused ? ERR_STORE : ERR_LIMIT, NULL, "the fake has no seat");
  *out_seat = seat;
  return ERR_OK;
}

static inline enum err fake_renew(struct store *store, unsigned seat, uint64_t boot, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  pthread_mutex_lock(&s->lock);
  bool refused = s->fails, mine = s->boots[seat] == boot;
  s->renewals++;
  pthread_mutex_unlock(&s->lock);
  return refused ? fault_set(f, ERR_STORE, NULL, "the fake is away") : mine ? ERR_OK : ERR_NOT_FOUND;
}

static inline enum err fake_release(struct store *store, uint64_t boot, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  pthread_mutex_lock(&s->lock);
  for (unsigned i = 0; i < 8; i++)
    if (s->boots[i] == boot)
      s->boots[i] = 0;
  pthread_mutex_unlock(&s->lock);
  return ERR_OK;
}

static inline enum err fake_agree(struct store *store, struct text name, struct text value, struct arena *a,
                                  struct text *out, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  if (s->home[0] == '\0')
    snprintf(s->home, sizeof s->home, "%.*s", TEXT_ARGS(value));
  *out = text_of(s->home);
  return ERR_OK;
}

static inline enum err fake_agreed(struct store *store, struct text name, struct arena *a, struct text *out,
                                   struct fault *f) {
  *out = text_of(((struct fake_store *)store)->home);
  return ERR_OK;
}

static const struct store_replicas_ops fake_replicas = {
    .claim = fake_claim, .renew = fake_renew, .release = fake_release, .agree = fake_agree, .agreed = fake_agreed};
static const struct store_ops fake_shared_ops = {.name = "fake",
                                                 .is_shared = true,
                                                 .ledger_append = fake_append,
                                                 .ledger_position = fake_position,
                                                 .ledger_list = fake_list,
                                                 .replicas = &fake_replicas};
static const struct store_ops fake_ops = {.name = "fake",
                                          .ledger_append = fake_append,
                                          .ledger_position = fake_position,
                                          .ledger_list = fake_list,
                                          .replicas = &fake_replicas};

static inline struct fake_store *fake_new(void) {
  struct fake_store *s = calloc(1, sizeof *s);
  s->base.ops = &fake_ops;
  snprintf(s->home, sizeof s->home, "0000beef");
  arena_init(&s->texts);
  pthread_mutex_init(&s->lock, NULL);
  return s;
}

static inline void fake_free(struct fake_store *s) {
  arena_done(&s->texts);
  pthread_mutex_destroy(&s->lock);
  free(s->rows);
  free(s);
}

static inline void fake_set_failing(struct fake_store *s, bool fails) {
  pthread_mutex_lock(&s->lock);
  s->fails = fails;
  pthread_mutex_unlock(&s->lock);
}

static inline const struct ledger_row *fake_row(struct fake_store *s, int64_t id) {
  ptrdiff_t at = fake_find(s, id);
  if (at < 0)
    fail_msg("row %lld is not in the store", (long long)id);
  return &s->rows[at];
}

#endif
