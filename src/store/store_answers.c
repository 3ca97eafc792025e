/* Answers to requests with an Idempotency-Key, on any driver: who comes first does the work, who comes later gets what
 * the first one got. What is in an answer is not known here: it is sealed. Called by the control API and the job
 * `purge`. */
#include "store/driver.h"

struct work {
  const struct store_answer_key *key;
  int status;
  struct text answer;
  struct arena *arena;
  struct store_answer *out;
};

static struct text bytes_of(const uint8_t sum[STORE_ANSWER_SUM_BYTES]) {
  return (struct text){(const char *)sum, STORE_ANSWER_SUM_BYTES};
}

static enum err prepare(struct driver_link *l, enum sql which, const struct store_answer_key *k, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, k->caller);
  l->driver->bind_bytes(l, 2, bytes_of(k->key_hash));
  return ERR_OK;
}

/* Not again after a commit in doubt: the second would find the first at work. */
static enum err insert(struct driver_link *l, const struct work *w, int64_t *out_changes, struct fault *f) {
  enum err e = prepare(l, SQL_ANSWER_TAKE, w->key, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 3, bytes_of(w->key->body_sum));
  l->driver->bind_bytes(l, 4, TEXT(""));
  l->driver->bind(l, 5, w->key->now_us);
  l->driver->bind(l, 6, w->key->now_us - STORE_ANSWER_KEPT_US);
  l->driver->bind(l, 7, w->key->now_us - STORE_ANSWER_PATIENCE_US);
  return driver_finish(l, "noting a request", out_changes, f);
}

static enum err look(struct driver_link *l, const struct work *w, struct fault *f) {
  bool row = false;
  enum err e = prepare(l, SQL_ANSWER_GET, w->key, f);
  if (e)
    return e;
  e = l->driver->step(l, &row, "looking for an answer", f);
  /* One that was dropped this moment: the next attempt will be the first. */
  *w->out = (struct store_answer){.state = STORE_ANSWER_RUNNING};
  if (!e && row) {
    bool is_same = text_equal(l->driver->bytes(l, 0), bytes_of(w->key->body_sum));
    int status = (int)l->driver->number(l, 1);
    if (!is_same)
      w->out->state = STORE_ANSWER_OTHER;
    else if (status > 0)
      *w->out = (struct store_answer){STORE_ANSWER_KNOWN, status, arena_copy(w->arena, l->driver->bytes(l, 2))};
  }
  l->driver->reset(l);
  return e;
}

static enum err take(struct driver_link *l, void *args, struct fault *f) {
  const struct work *w = args;
  int64_t changes = 0;
  enum err e = insert(l, w, &changes, f);
  if (e)
    return e;
  if (changes == 0)
    return look(l, w, f);
  *w->out = (struct store_answer){.state = STORE_ANSWER_NEW};
  return ERR_OK;
}

static enum err answers_take(struct store *s, const struct store_answer_key *k, struct arena *a,
                             struct store_answer *out, struct fault *f) {
  struct store_answer found;
  struct work w = {.key = k, .arena = a, .out = &found};
  enum err e = driver_run(s, DRIVER_WRITE, true, take, &w, f);
  if (!e)
    *out = found;
  return e;
}

static enum err put(struct driver_link *l, void *args, struct fault *f) {
  const struct work *w = args;
  enum err e = prepare(l, SQL_ANSWER_PUT, w->key, f);
  if (e)
    return e;
  l->driver->bind(l, 3, w->key->now_us);
  l->driver->bind(l, 4, w->status);
  l->driver->bind_bytes(l, 5, w->answer);
  return driver_finish(l, "keeping an answer", NULL, f);
}

static enum err answers_put(struct store *s, const struct store_answer_key *k, int status, struct text answer,
                            struct fault *f) {
  struct work w = {.key = k, .status = status, .answer = answer};
  if (answer.len > STORE_ANSWER_BYTES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the answer is too long to be kept");
  return driver_run(s, DRIVER_WRITE, false, put, &w, f);
}

static enum err drop(struct driver_link *l, void *args, struct fault *f) {
  const struct work *w = args;
  enum err e = prepare(l, SQL_ANSWER_DROP, w->key, f);
  if (e)
    return e;
  l->driver->bind(l, 3, w->key->now_us);
  return driver_finish(l, "forgetting a request", NULL, f);
}

static enum err answers_drop(struct store *s, const struct store_answer_key *k, struct fault *f) {
  struct work w = {.key = k};
  return driver_run(s, DRIVER_WRITE, false, drop, &w, f);
}

struct purge {
  int64_t before_us, deleted;
  size_t max;
};

static enum err purge(struct driver_link *l, void *args, struct fault *f) {
  struct purge *w = args;
  enum err e = l->driver->prepare(l, SQL_ANSWER_PURGE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->before_us);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  return driver_finish(l, "forgetting old answers", &w->deleted, f);
}

static enum err answers_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  struct purge w = {before_us, 0, max};
  enum err e = driver_run(s, DRIVER_WRITE, false, purge, &w, f);
  if (!e)
    *out_deleted = w.deleted;
  return e;
}

const struct store_answers_ops store_answers = {
    .take = answers_take, .put = answers_put, .drop = answers_drop, .purge = answers_purge};
