/* The fault matrix, one cell: asked, and everything looked at that it leaves behind. */
#ifndef ROUTING_CELL_H
#define ROUTING_CELL_H

#include "routing_world.h"

static inline void set_scene(struct matrix *m, const struct cell *c) {
  bool all_fail = c->layout == ALL_FAIL || c->layout == RACE_ALL_FAIL;
  enum door f_door = c->row->door, g_door = all_fail ? f_door : OPEN;
  if (f_door != m->f_door || g_door != m->g_door || c->retries != m->retries)
    configure(m, f_door, g_door, c->retries);
  bool late = is_race(c) && c->layout != RACE_AT_ONCE;
  m->f.row = m->g.row = c->row;
  m->f.calls = m->g.calls = 0;
  m->f.bad = c->layout == ALONE ? 1 : 1000;
  m->g.bad = all_fail ? 1000 : 0;
  m->f.delay_us = late ? LATE_MS * MS_US : 0;
  m->g.delay_us = c->layout == RACE_RUNNING || c->layout == RACE_ALL_FAIL ? 600 * MS_US : 0;
}

static inline int ask_cell(struct matrix *m, const struct cell *c, const struct names *n, size_t *out_request_bytes) {
  struct world *w = m->w;
  const char *stream = !c->stream               ? ""
                       : c->client == ANTHROPIC ? "\"stream\":true,"
                                                : "\"stream\":true,\"stream_options\":{\"include_usage\":true},";
  struct text body = arena_format(
      &w->arena, "{\"model\":\"%s\",\"max_tokens\":100,%s\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      n->model, stream);
  *out_request_bytes = body.len;
  return c->client == ANTHROPIC ? ask_messages(w, body.at) : ask_chat(w, body.at);
}

static inline int64_t due_input(const struct due_attempt *a, size_t request_bytes) {
  return a->input < 0 ? ((int64_t)request_bytes + 2) / 3 : a->input;
}

static inline int64_t due_cost(const struct cell *c, const struct due_attempt *a, size_t request_bytes) {
  int64_t times = c->strategy == COST && a->letter == 'g' ? 2 : 1;
  return times * (due_input(a, request_bytes) * 3000 + a->output * 15000);
}

#define ROWS_MOST 16

/* The rows of one request by attempt, in the order of their attempts. False when they are not numbered 1, 2, ... */
static inline bool rows_of(struct world *w, struct text request_id, const struct ledger_row *out[ROWS_MOST + 1],
                           size_t *out_count) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  (void)newest_row(w, 0);
  memset(out, 0, (ROWS_MOST + 1) * sizeof(struct ledger_row *));
  *out_count = 0;
  CHECK_ERR(w->store->ops->ledger_list(w->store, 0, ROWS_MOST, &w->arena, &rows, &count, NULL), ERR_OK);
  for (size_t i = 0; i < count; i++) {
    if (!text_equal(rows[i].request_id, request_id))
      continue;
    if (!CHECK_INT(rows[i].attempt >= 1 && rows[i].attempt <= ROWS_MOST && !out[rows[i].attempt - 1], 1))
      return false;
    out[rows[i].attempt - 1] = &rows[i];
    ++*out_count;
  }
  for (size_t i = 0; i < *out_count; i++)
    if (!CHECK_INT(out[i] != NULL, 1))
      return false;
  return true;
}

static inline void check_row(const struct ledger_row *row, const struct cell *c, const struct due_attempt *due,
                             size_t request_bytes) {
  struct names n = names_of(c);
  CHECK_TEXT(row->provider, text_of(due->letter == 'f' ? n.f : n.g));
  CHECK_TEXT(row->outcome, text_of(due->outcome));
  CHECK_TEXT(row->error, text_of(due->error));
  CHECK_INT(row->status, due->status);
  CHECK_INT(row->upstream_status, due->upstream_status);
  CHECK_INT(row->streamed, c->stream);
  CHECK_INT(row->usage.input, due_input(due, request_bytes));
  CHECK_INT(row->usage.output, due->output);
  CHECK_INT(row->usage.estimated, due->estimated);
  CHECK_INT(row->cost.total, due_cost(c, due, request_bytes));
  CHECK_INT(row->cost.total <= row->reserved_nano, 1);
}

static inline void check_ledger(struct matrix *m, const struct cell *c, const struct due *due, size_t request_bytes) {
  const struct ledger_row *rows[ROWS_MOST + 1];
  size_t count = 0;
  int64_t sum = 0, wanted = 0;
  if (!rows_of(m->w, m->w->seen.last.request_id, rows, &count) || !CHECK_INT(count, due->count))
    return;
  for (size_t i = 0; i < due->count; i++) {
    check_row(rows[i], c, &due->attempts[i], request_bytes);
    sum += rows[i]->billable ? rows[i]->cost.total : 0;
    wanted += i == due->answering ? due_cost(c, &due->attempts[i], request_bytes) : 0;
  }
  CHECK_INT(sum, wanted); /* nothing but the one answer is billed */
}

static inline void check_record(struct matrix *m, const struct cell *c, const struct due *due, size_t request_bytes) {
  const struct telemetry_exchange *e = &m->w->seen.last;
  const struct due_attempt *a = &due->attempts[due->answering];
  struct names n = names_of(c);
  CHECK_TEXT(text_of(e->outcome), text_of(due->outcome));
  CHECK_TEXT(e->error, text_of(due->error));
  CHECK_INT(e->status, due->status);
  CHECK_INT(e->attempts, due->count);
  CHECK_INT(e->failovers, due->failovers);
  CHECK_INT(e->rounds, due->rounds);
  CHECK_INT(e->hedged, due->hedged);
  CHECK_INT(e->hedge_won, due->hedge_won);
  CHECK_INT(e->streamed, c->stream);
  CHECK_TEXT(e->provider, text_of(a->letter == 'f' ? n.f : n.g));
  CHECK_INT(e->cost.total, due_cost(c, a, request_bytes));
  CHECK_INT(e->response_bytes, m->w->c->body_len);
}

static inline void check_headers(struct world *w, const struct cell *c, const struct due *due) {
  const struct due_attempt *a = &due->attempts[due->answering];
  const struct row *r = c->row;
  struct names n = names_of(c);
  char attempts[12];
  /* What of a race ends behind the first byte is counted in it too: it had begun. */
  (void)snprintf(attempts, sizeof(attempts), "%zu", due->count);
  CHECK_HEADER(w, "x-weir-provider", a->letter == 'f' ? n.f : n.g);
  CHECK_HEADER(w, "x-weir-model", a->letter == 'f' ? "m" : n.g_model);
  CHECK_HEADER(w, "x-weir-attempts", attempts);
  CHECK_TEXT(wire_header(w->c, "x-weir-request-id"), w->seen.last.request_id);
  CHECK_INT(text_is_empty(wire_header(w->c, "server-timing")), 0);
  if (due->is_stream)
    CHECK_HAS(arena_copy(&w->arena, wire_header(w->c, "content-type")).at, "text/event-stream");
  if (!due->is_whole && r->headers && strncmp(r->headers, "retry-after", 11) == 0)
    CHECK_INT(text_is_empty(wire_header(w->c, strstr(r->headers, "-ms") ? "retry-after-ms" : "retry-after")), 0);
}

static inline void check_breaker(struct matrix *m, const char *name, const struct breaker_view *before,
                                 unsigned failures, unsigned successes) {
  struct breaker_view now = look(m, name);
  CHECK_INT(now.failures - before->failures, failures);
  CHECK_INT(now.successes - before->successes, successes);
  CHECK_INT(now.failures_in_window, successes > 0 ? 0 : failures);
  CHECK_INT(now.state, BREAKER_CLOSED);
}

static inline void check_nothing_is_held(struct matrix *m) {
  world_rest(m->w);
  CHECK_INT(loads_in_flight(m->w->gateway.state.loads), 0);
  CHECK_INT(atomic_load(&m->w->gateway.streams), 0);
  CHECK_INT(atomic_load(&m->memory.used), 0);
}

static inline void show(const struct cell *c) {
  (void)fprintf(stderr, "  in: %s; %s; %s; %c client, %c then %c; %s; %d retries\n", c->row->name,
                layout_names[c->layout], c->stream ? "streamed" : "plain", dialect_letters[c->client],
                dialect_letters[c->first], dialect_letters[c->second], strategy_names[c->strategy], c->retries);
}

static inline void forget_failures(struct matrix *m, const struct names *n) {
  breaker_set_force(breaker_of(m, n->f), BREAKER_AUTOMATIC, NULL, loop_clock_us());
  breaker_set_force(breaker_of(m, n->g), BREAKER_AUTOMATIC, NULL, loop_clock_us());
}

/* The scene is set; this is what is due. */
static inline void check_cell(struct matrix *m, const struct cell *c, const struct due *due) {
  struct world *w = m->w;
  const struct names n = names_of(c);
  int failures_before = check_failures;
  unsigned records_before = w->seen.count;
  size_t request_bytes = 0;
  forget_failures(m, &n);
  prefer_f(m, c, &n);
  struct breaker_view f_before = look(m, n.f), g_before = look(m, n.g);
  struct ledger_stats stats = ledger_stats(w->ledger);
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_cell(m, c, &n, &request_bytes), due->status);
  CHECK_INT(loop_clock_us() - before_us >= due->least_us, 1);
  prefer_nobody(m, c, &n);
  check_nothing_is_held(m);
  CHECK_INT(w->seen.count - records_before, 1);
  CHECK_INT(ledger_stats(w->ledger).reserved - stats.reserved, due->count);
  CHECK_INT(ledger_stats(w->ledger).settled - stats.settled, due->count);
  check_heard(&w->arena, wire_text(w->c), c, due);
  CHECK_INT(w->c->held_len, 0); /* nothing behind the answer */
  check_headers(w, c, due);
  check_record(m, c, due, request_bytes);
  check_ledger(m, c, due, request_bytes);
  check_breaker(m, n.f, &f_before, due->failures[0], due->successes[0]);
  check_breaker(m, n.g, &g_before, due->failures[1], due->successes[1]);
  m->cells++;
  m->failed += check_failures > failures_before;
  if (check_failures > failures_before)
    show(c);
  arena_done(&w->arena);
  arena_init(&w->arena);
}

static inline void run_cell(struct matrix *m, const struct cell *c) {
  const struct due due = due_of(c);
  if (m->failed >= SHOWN_MOST)
    return;
  set_scene(m, c);
  check_cell(m, c, &due);
}

#endif
