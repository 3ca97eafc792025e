/* The part of the store's port that remembers what was answered to a request with an Idempotency-Key, so that the same
 * request sent again gets the same answer and nothing is done twice. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_ANSWERS_H
#define PORTS_STORE_ANSWERS_H

#include "base/arena.h"

#include <stdint.h>

#define STORE_ANSWER_SUM_BYTES   32
#define STORE_ANSWER_BYTES_MAX   (1024 * 1024)
#define STORE_ANSWER_KEPT_US     INT64_C(86400000000)
#define STORE_ANSWER_PATIENCE_US INT64_C(120000000) /* one without an answer for so long was lost with its process */

struct store_answer_key {
  struct text caller; /* "user:12" */
  uint8_t key_hash[STORE_ANSWER_SUM_BYTES];
  uint8_t body_sum[STORE_ANSWER_SUM_BYTES]; /* of what was asked */
  int64_t now_us;                           /* of the beginning, which names this attempt; wall clock */
};

enum store_answer_state {
  STORE_ANSWER_NEW,     /* nobody has asked: it is the caller's to do now, and to end with put or drop */
  STORE_ANSWER_RUNNING, /* somebody does it at this moment */
  STORE_ANSWER_KNOWN,   /* it was done; status and answer are as they were */
  STORE_ANSWER_OTHER    /* the key was used for something else */
};
struct store_answer {
  enum store_answer_state state;
  int status;
  struct text answer;
};

struct store;
struct store_answers_ops {
  enum err (*take)(struct store *s, const struct store_answer_key *k, struct arena *a, struct store_answer *out,
                   struct fault *f);
  /* ERR_LIMIT: too long to be kept. One that is not this attempt's any more is left alone. */
  enum err (*put)(struct store *s, const struct store_answer_key *k, int status, struct text answer, struct fault *f);
  enum err (*drop)(struct store *s, const struct store_answer_key *k, struct fault *f); /* as if nobody had asked */
  /* Deletes what began before before_us, the oldest first, at most max. */
  enum err (*purge)(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);
};

#endif
