/* The request log on any driver: pages of ledger rows with filters, newest settlement first. Which index answers is
 * chosen here by what was asked for, because a prepared statement's plan does not know it; the rows of one key, person,
 * workspace, provider or model are read stretch by stretch (log_stretches.h). Asked by `weir ledger list`; what the
 * rows add up to is not its business. */
#include "store/store_usage.h"

#include "store/ledger_columns.h"
#include "store/log_stretches.h"

struct page {
  const struct usage_log_ask *ask;
  struct arena *arena;
  int64_t below_us, below_id; /* where the page begins */
  struct log_walk walk;
  struct ledger_row *rows;
  size_t count;
};

/* Failures are few among all, one hopes. */
static bool wants_failures(const struct usage_log_ask *ask) {
  return ask->outcome.len && !text_equal(ask->outcome, TEXT("ok"));
}

static void page_begin(struct page *w) {
  const struct usage_log_ask *ask = w->ask;
  w->below_us = ask->until_us ? ask->until_us : INT64_MAX;
  w->below_id = INT64_MIN;
  if (ask->below_us && (ask->below_us < w->below_us || !ask->until_us)) {
    w->below_us = ask->below_us;
    w->below_id = ask->below_id;
  }
  w->rows = NULL;
  w->count = 0;
}

/* What is still wanted of the rows of a stretch. */
static void bind_ask(struct driver_link *l, const struct page *w, const struct log_stretch *s) {
  const struct usage_log_ask *ask = w->ask;
  const struct driver *d = l->driver;
  size_t left = ask->max - w->count;
  bool ends_before = s->last_us < w->below_us;
  d->bind(l, 1, ends_before ? s->last_us + 1 : w->below_us);
  d->bind(l, 2, ends_before ? INT64_MIN : w->below_id);
  d->bind(l, 3, s->first_us);
  d->bind(l, 4, left > INT64_MAX ? INT64_MAX : (int64_t)left);
  d->bind(l, 5, ask->key_id);
  d->bind_text(l, 6, ask->user);
  d->bind_text(l, 7, ask->workspace);
  d->bind_text(l, 8, ask->provider);
  d->bind_text(l, 9, ask->model);
  d->bind_text(l, 10, ask->outcome);
  d->bind(l, 11, ask->org_id);
}

static enum err read_rows(struct driver_link *l, struct page *w, enum sql which, const struct log_stretch *s,
                          struct fault *f) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  bind_ask(l, w, s);
  if (which == SQL_LOG_STRETCH || which == SQL_LOG_STRETCH_FAILURES)
    l->driver->bind(l, 12, s->last_us);
  e = ledger_columns_list(l, w->arena, &rows, &count, "reading the request log", f);
  l->driver->reset(l);
  for (size_t i = 0; i < count && !e; i++) {
    w->rows = driver_more(w->arena, w->rows, w->count, sizeof *w->rows);
    w->rows[w->count++] = rows[i];
  }
  return e;
}

static enum err read_stretches(struct driver_link *l, struct page *w, struct fault *f) {
  enum sql which = wants_failures(w->ask) ? SQL_LOG_STRETCH_FAILURES : SQL_LOG_STRETCH;
  struct log_stretch s;
  bool any = true;
  enum err e = ERR_OK;
  while (!e && any && w->count < w->ask->max) {
    e = log_walk_next(&w->walk, &s, &any, f);
    if (!e && any)
      e = read_rows(l, w, which, &s, f);
  }
  return e;
}

/* One transaction, so that stretches, marks and rows are of one moment. */
static enum err read_subject(struct driver_link *l, struct page *w, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_READ, f);
  if (e)
    return e;
  e = read_stretches(l, w, f);
  return l->driver->end(l, e, f);
}

static enum err read_page(struct driver_link *l, void *args, struct fault *f) {
  struct page *w = args;
  const struct log_stretch all = {w->ask->since_us ? w->ask->since_us : INT64_MIN, INT64_MAX};
  page_begin(w);
  if (log_walk_init(&w->walk, l, w->ask, w->below_us))
    return read_subject(l, w, f);
  return read_rows(l, w, wants_failures(w->ask) ? SQL_LOG_FAILURES : SQL_LOG, &all, f);
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
