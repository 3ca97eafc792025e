/* Streams as the gateway handles them, for the matrix of answers: bytes cut into events however they arrive, the events
 * of the model, and what each client is sent. */
#ifndef TESTS_UNIT_WIRE_STREAMS_H
#define TESTS_UNIT_WIRE_STREAMS_H

#include "matrix.h"

#include "llm/collect.h"

#define STREAM_MAX_BYTES ((size_t)1 << 20)

/* What one client is sent. */
struct stream_out {
  const struct matrix_side *side;
  void *writer;
  struct buf bytes;
};

/* One answer on its way in. Everything but bytes, joined and trace lives in the arena. */
struct stream_in {
  const struct matrix_side *side;
  void *reader;
  struct llm_collect *collect;
  struct buf bytes, joined;
  struct buf trace; /* one line for each event of the model */
  size_t scan;
  struct llm_notes notes;
  enum err err; /* the first one; nothing is fed behind it */
  struct fault fault;
  struct stream_out *clients; /* each gets every event */
  size_t client_count;
};

extern const struct llm_echo stream_echo; /* of the request that all these answers belong to */

void stream_open(struct arena *a, struct stream_in *s, const struct matrix_side *side);
void stream_feed(struct stream_in *s, struct text piece);
/* The provider has closed the stream. */
void stream_end(struct stream_in *s);
void stream_close(struct stream_in *s);
void stream_out_open(struct arena *a, struct stream_out *o, const struct matrix_side *side);
void stream_out_close(struct stream_out *o);

/* A file of the fixtures as the bytes the provider sends: SSE as it is; Converse's lines of {"event","data"} (or
 * {"exception","data"}) as frames. */
struct text stream_bytes(struct arena *a, const struct matrix_side *side, struct text path);

/* The answer as JSON: everything that a client could tell it by. seals are opened. */
struct text answer_json(struct arena *a, const struct llm_answer *answer);
/* Only what may never be lost, however blocks are cut: all text, all reasoning with its proofs, all calls. */
struct text content_json(struct arena *a, const struct llm_block *blocks, size_t count);

/* What a client sends next: the answer (its plain body) as it got it, results for its calls, a word of the user's. */
struct text next_request(struct arena *a, const struct matrix_side *client, yyjson_val *body,
                         const struct llm_answer *answer);

#endif
