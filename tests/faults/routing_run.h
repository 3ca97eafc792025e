/* The fault matrix, its walk: every row that fits under one layout, for several combinations of dialects. */
#ifndef ROUTING_RUN_H
#define ROUTING_RUN_H

#include "routing_cell.h"

struct table {
  const struct row *rows;
  size_t count;
};
#define TABLE(rows)                                                                                                    \
  { (rows), COUNT_OF(rows) }
static const struct table tables[] = {TABLE(in_connect),     TABLE(in_head),   TABLE(in_status), TABLE(in_body),
                                      TABLE(in_first_event), TABLE(in_stream), TABLE(right)};

static inline bool fits(const struct row *r, const struct cell *c) {
  bool both = c->layout == ALL_FAIL || c->layout == RACE_ALL_FAIL;
  bool is_anthropic = c->first == ANTHROPIC && (!both || c->second == ANTHROPIC);
  bool is_openai = c->first == OPENAI && (!both || c->second == OPENAI);
  if ((r->anthropic_only && !is_anthropic) || (r->openai_only && !is_openai))
    return false;
  if (is_race(c) && c->layout != RACE_AT_ONCE && r->door != OPEN)
    return false;
  /* What falls over only in a race has no status that a client could get. */
  if (c->layout == RACE_ALL_FAIL && r->fate == BREAKS && r->phase == BEFORE_TOKEN)
    return false;
  return (c->layout != RACE_RUNNING && c->layout != RACE_ALL_FAIL) || !strikes_late(r);
}

static inline void run_row(struct matrix *m, struct cell c, const struct row *r, const char *dialects) {
  c.row = r;
  c.client = dialects[0] == 'o';
  c.first = dialects[1] == 'o';
  c.second = dialects[2] == 'o';
  for (int stream = 0; stream <= 1; stream++) {
    c.stream = stream;
    if ((r->mode & (stream ? STREAMED : PLAIN)) && fits(r, &c))
      run_cell(m, &c);
  }
}

static inline void run_all(struct matrix *m, const struct cell *like, const char *dialects) {
  for (size_t t = 0; t < COUNT_OF(tables); t++)
    for (size_t i = 0; i < tables[t].count; i++)
      for (const char *at = dialects; *at; at += 3)
        run_row(m, *like, &tables[t].rows[i], at);
}

static inline void run_layout(struct world *w, enum layout layout, enum strategy strategy, int retries,
                              const char *dialects) {
  struct matrix m;
  matrix_open(&m, w);
  run_all(&m, &(struct cell){.layout = layout, .strategy = strategy, .retries = retries}, dialects);
  (void)fprintf(stderr, "# %s, %s, %d retries: %u cells\n", layout_names[layout], strategy_names[strategy], retries,
                m.cells);
  matrix_close(&m);
}

/* Of a client, the first target and the second; three letters each. */
#define ALL_ORDERS "aaaaooaaoaoaooooaaooaoao"
#define BETWEEN    "aaoooaaoaoao"
#define EACH       "aaoooa"

#define CELLS(name, layout, strategy, retries, dialects)                                                               \
  static void name##_cells(struct world *w) { run_layout(w, layout, strategy, retries, dialects); }                    \
  static void name(void **state) { run_learning_world(name##_cells, NULL); }

#endif
