/* The request log on any driver: pages of ledger rows with filters, newest settlement first. Which index answers is
 * chosen here by what was asked for, because a prepared statement's plan does not know it. Asked by `weir ledger list`;
 * what the rows add up to is not its business. */
#include "store/store_usage.h"

#include "store/ledger_columns.h"

struct page {
  const struct usage_log_ask *ask;
  struct arena *arena;
  struct ledger_row *rows;
  size_t count;
};

/* Failures are few among all, one hopes. */
static enum sql statement_of(const struct usage_log_ask *ask) {
  return ask->outcome.len && !text_equal(ask->outcome, TEXT("ok")) ? SQL_LOG_FAILURES : SQL_LOG;
}

static void bind_ask(struct driver_link *l, const struct usage_log_ask *ask) {
  const struct driver *d = l->driver;
  int64_t below_us = ask->until_us ? ask->until_us : INT64_MAX, below_id = INT64_MIN;
  if (ask->below_us && (ask->below_us < below_us || !ask->until_us)) {
    below_us = ask->below_us;
    below_id = ask->below_id;
  }
  d->bind(l, 1, below_us);
  d->bind(l, 2, below_id);
  d->bind(l, 3, ask->since_us ? ask->since_us : INT64_MIN);
  d->bind(l, 4, ask->max > INT64_MAX ? INT64_MAX : (int64_t)ask->max);
  d->bind(l, 5, ask->key_id);
  d->bind_text(l, 6, ask->user);
  d->bind_text(l, 7, ask->workspace);
  d->bind_text(l, 8, ask->provider);
  d->bind_text(l, 9, ask->model);
  d->bind_text(l, 10, ask->outcome);
  d->bind(l, 11, ask->org_id);
}

static enum err read_page(struct driver_link *l, void *args, struct fault *f) {
  struct page *w = args;
  enum err e = l->driver->prepare(l, statement_of(w->ask), f);
  if (e)
    return e;
  bind_ask(l, w->ask);
  e = ledger_columns_list(l, w->arena, &w->rows, &w->count, "reading the request log", f);
  l->driver->reset(l);
  return e;
}

enum err store_usage_log(struct store *s, const struct usage_log_ask *ask, struct arena *a, struct ledger_row **out,
                         size_t *out_count, struct fault *f) {
  struct page w = {.ask = ask, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, read_page, &w, f);
  if (!e) {
    *out = w.rows;
    *out_count = w.count;
  }
  return e;
}
