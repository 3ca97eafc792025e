/* Counting and exporting. Each worker has a block of its own, so counting never contends; a scrape adds the blocks up.
 * Histogram bounds are powers of four in microseconds: 13 buckets from 1 us to 16 s tell 50 us of overhead from 200 us,
 * which is what they are for. */
#include "telemetry/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BUCKETS 13

enum metric {
#define METRIC(field, name, labels, help) METRIC_##field,
#include "telemetry/metrics.def"
#undef METRIC
  METRIC_COUNT
};

static const struct {
  const char *name, *labels, *help;
} rows[METRIC_COUNT] = {
#define METRIC(field, name, labels, help) {name, labels, help},
#include "telemetry/metrics.def"
#undef METRIC
};

struct histogram {
  _Atomic uint64_t bucket[BUCKETS + 1], sum;
};

struct block {
  _Alignas(64) _Atomic uint64_t counter[METRIC_COUNT];
  struct histogram overhead, first_token, duration;
};

struct metrics {
  unsigned workers;
  struct block *blocks;
};

struct metrics *metrics_new(unsigned workers) {
  struct metrics *m = calloc(1, sizeof(*m));
  void *blocks = NULL;
  if (!m || posix_memalign(&blocks, 64, workers * sizeof(struct block)) != 0)
    abort();
  memset(blocks, 0, workers * sizeof(struct block));
  m->workers = workers;
  m->blocks = blocks;
  return m;
}

void metrics_free(struct metrics *m) {
  if (!m)
    return;
  free(m->blocks);
  free(m);
}

/* One writer a block: a plain load and store would do, but the reader must see whole words. */
static void add(struct block *b, enum metric which, uint64_t n) {
  uint64_t now = atomic_load_explicit(&b->counter[which], memory_order_relaxed);
  atomic_store_explicit(&b->counter[which], now + n, memory_order_relaxed);
}

static void observe(struct histogram *h, int64_t us) {
  if (us < 0)
    return;
  size_t i = 0;
  for (int64_t bound = 1; i < BUCKETS && us > bound; bound *= 4)
    i++;
  atomic_store_explicit(&h->bucket[i], atomic_load_explicit(&h->bucket[i], memory_order_relaxed) + 1,
                        memory_order_relaxed);
  atomic_store_explicit(&h->sum, atomic_load_explicit(&h->sum, memory_order_relaxed) + (uint64_t)us,
                        memory_order_relaxed);
}

static enum metric outcome_of(const char *outcome) {
  switch (outcome[0]) {
  case 'o': return METRIC_requests_ok;
  case 'r': return METRIC_requests_refused;
  case 'c': return outcome[1] == 'u' ? METRIC_requests_cut : METRIC_requests_cancelled;
  default: return METRIC_requests_error;
  }
}

void metrics_count(struct metrics *m, unsigned worker, const struct telemetry_exchange *e) {
  struct block *b = &m->blocks[worker];
  add(b, outcome_of(e->outcome), 1);
  if (e->status >= 200 && e->status < 600)
    add(b, METRIC_responses_2xx + (enum metric)(e->status / 100 - 2), 1);
  add(b, METRIC_attempts, e->attempts);
  add(b, METRIC_failovers, e->failovers);
  add(b, METRIC_rounds, e->rounds);
  add(b, METRIC_hedges, e->hedged);
  add(b, METRIC_hedges_won, e->hedge_won);
  add(b, METRIC_tokens_input, e->usage.input);
  add(b, METRIC_tokens_output, e->usage.output);
  add(b, METRIC_tokens_write_5m, e->usage.cache_write_5m);
  add(b, METRIC_tokens_write_1h, e->usage.cache_write_1h);
  add(b, METRIC_tokens_read, e->usage.cache_read);
  if (e->cost.known)
    add(b, METRIC_cost_nano, (uint64_t)e->cost.total);
  else if (usage_total(&e->usage) > 0)
    add(b, METRIC_unpriced, 1);
  add(b, METRIC_request_bytes, e->request_bytes);
  add(b, METRIC_response_bytes, e->response_bytes);
  observe(&b->overhead, e->overhead_us);
  observe(&b->first_token, e->first_token_us);
  observe(&b->duration, e->duration_us);
}

void metrics_write_one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value) {
  buf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static void write_counters(const struct metrics *m, struct buf *out) {
  for (size_t i = 0; i < METRIC_COUNT; i++) {
    uint64_t sum = 0;
    for (unsigned w = 0; w < m->workers; w++)
      sum += atomic_load_explicit(&m->blocks[w].counter[i], memory_order_relaxed);
    if (rows[i].help[0])
      buf_add_format(out, "# HELP %s %s\n# TYPE %s counter\n", rows[i].name, rows[i].help, rows[i].name);
    if (rows[i].labels[0])
      buf_add_format(out, "%s{%s} %" PRIu64 "\n", rows[i].name, rows[i].labels, sum);
    else
      buf_add_format(out, "%s %" PRIu64 "\n", rows[i].name, sum);
  }
}

static void write_histogram(const struct metrics *m, struct buf *out, const char *name, const char *help,
                            size_t offset) {
  uint64_t so_far = 0, sum = 0;
  int64_t bound = 1;
  buf_add_format(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
  for (size_t i = 0; i <= BUCKETS; i++, bound *= 4) {
    for (unsigned w = 0; w < m->workers; w++) {
      const struct histogram *h = (const struct histogram *)((const char *)&m->blocks[w] + offset);
      so_far += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
      if (i == 0)
        sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
    }
    if (i < BUCKETS)
      buf_add_format(out, "%s_bucket{le=\"%" PRId64 "\"} %" PRIu64 "\n", name, bound, so_far);
    else
      buf_add_format(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, so_far);
  }
  buf_add_format(out, "%s_sum %" PRIu64 "\n%s_count %" PRIu64 "\n", name, sum, name, so_far);
}

void metrics_write(const struct metrics *m, struct buf *out) {
  write_counters(m, out);
  write_histogram(m, out, "weir_overhead_microseconds", "Weir's own time a request.", offsetof(struct block, overhead));
  write_histogram(m, out, "weir_first_token_microseconds", "From the request to the first content of its answer.",
                  offsetof(struct block, first_token));
  write_histogram(m, out, "weir_duration_microseconds", "From the request to the end of its answer.",
                  offsetof(struct block, duration));
}
