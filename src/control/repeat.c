/* Requests with an Idempotency-Key. What is kept of one: who asked, a hash of the key, a sum of what was asked, and the
 * answer, sealed under the key itself, because an answer may hold what is shown once only. Called by api.c.
 * house: tested-by tests/unit/control/test_api_writes.c */
#include "control/repeat.h"

#include "base/log.h"

/* Everything that makes one request another. */
static void sum_request(const struct api_call *c, uint8_t out[KEYSMITH_SUM_BYTES]) {
  struct buf all;
  buf_init(&all, API_BODY_BYTES + 16384);
  buf_add(&all, c->rq->head.method);
  buf_add_char(&all, '\n');
  buf_add(&all, c->rq->path);
  buf_add_char(&all, '\n');
  buf_add(&all, c->rq->query);
  buf_add_char(&all, '\n');
  buf_add(&all, c->sent);
  c->api->keysmith->sum(c->api->keysmith, buf_text(&all), out);
  buf_done(&all);
}

static struct text sealing_word(const struct api_call *c) {
  return arena_format(c->arena, "%.*s %.*s", TEXT_ARGS(c->caller->actor), TEXT_ARGS(c->idempotency_key));
}

static struct store_answer_key key_of(const struct api_call *c) {
  struct store_answer_key k = {.caller = c->caller->actor, .now_us = c->now_us};
  c->api->keysmith->sum(c->api->keysmith, sealing_word(c), k.key_hash);
  sum_request(c, k.body_sum);
  return k;
}

/* "version\nlocation\ntext" */
static enum err keep(struct api_call *c, const struct store_answer_key *k) {
  struct store *s = c->api->store;
  struct buf plain, sealed;
  struct fault f = {0};
  buf_init(&plain, STORE_ANSWER_BYTES_MAX);
  buf_init(&sealed, STORE_ANSWER_BYTES_MAX);
  buf_add_format(&plain, "%lld\n%.*s\n", (long long)c->version, TEXT_ARGS(c->location));
  buf_add(&plain, buf_text(&c->text));
  enum err e = buf_check(&plain);
  if (e == ERR_OK) {
    c->api->keysmith->seal(c->api->keysmith, sealing_word(c), buf_text(&plain), &sealed);
    e = buf_check(&sealed);
  }
  if (e == ERR_OK)
    e = s->ops->answers->put(s, k, c->route->status, buf_text(&sealed), &f);
  secret_wipe(plain.at, plain.len);
  buf_done(&plain);
  buf_done(&sealed);
  return e;
}

static enum err give_again(struct api_call *c, const struct store_answer *known, struct fault *f) {
  struct buf plain;
  struct text version, location, text;
  buf_init(&plain, STORE_ANSWER_BYTES_MAX);
  enum err e = c->api->keysmith->open(c->api->keysmith, sealing_word(c), known->answer, &plain, f);
  text = buf_text(&plain);
  if (e == ERR_OK && !(text_cut(text, '\n', &version, &text) && text_cut(text, '\n', &location, &text) &&
                       text_to_i64(version, &c->version)))
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "an answer that was kept is damaged");
  if (e == ERR_OK) {
    c->location = arena_copy(c->arena, location);
    buf_add(&c->text, text);
    c->is_replay = true;
  }
  secret_wipe(plain.at, plain.len);
  buf_done(&plain);
  return e;
}

static enum err run_first(struct api_call *c, const struct store_answer_key *k,
                          enum err (*run)(struct api_call *c, struct fault *f), struct fault *f) {
  struct store *s = c->api->store;
  enum err e = run(c, f), kept = e == ERR_OK ? keep(c, k) : s->ops->answers->drop(s, k, NULL);
  if (kept != ERR_OK)
    LOG_WARN("answer_not_kept", log_text("request_id", c->rq->id), log_str("error", err_name(kept)));
  return e;
}

enum err repeat_run(struct api_call *c, enum err (*run)(struct api_call *c, struct fault *f), struct fault *f) {
  struct store *s = c->api->store;
  struct store_answer known;
  if (c->idempotency_key.len == 0)
    return run(c, f);
  struct store_answer_key k = key_of(c);
  enum err e = s->ops->answers->take(s, &k, c->arena, &known, f);
  if (e != ERR_OK)
    return e;
  switch (known.state) {
  case STORE_ANSWER_NEW: return run_first(c, &k, run, f);
  case STORE_ANSWER_KNOWN: return give_again(c, &known, f);
  case STORE_ANSWER_RUNNING:
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "a request with this Idempotency-Key is being worked on");
  case STORE_ANSWER_OTHER: break;
  }
  fault_set(f, ERR_BAD_REQUEST, NULL, "this Idempotency-Key was used for another request");
  f->status = 422;
  return f->err;
}
