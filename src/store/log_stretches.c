/* Stretches of the ledger's order by subject: made from the rows by whoever adds up (store_rollup.c, store_archive.c),
 * walked by the request log (store_log.c), which reads the rows in them itself. Why they are not an index:
 * docs/decisions/0019. */
#include "store/log_stretches.h"

#include <stdio.h>

/* As they stand in the table. */
enum kind { KIND_NONE, KIND_KEY, KIND_USER, KIND_WORKSPACE, KIND_PROVIDER, KIND_MODEL, KIND_FAILED = 10 };

static const char making[] = "adding up usage", walking[] = "reading the request log";

static enum err on_range(struct driver_link *l, enum sql which, int64_t from_us, int64_t to_us, struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind(l, 1, from_us);
  l->driver->bind(l, 2, to_us);
  return driver_finish(l, making, NULL, f);
}

enum err log_stretches_make_on(struct driver_link *l, int64_t from_us, int64_t to_us, struct fault *f) {
  enum err e = on_range(l, SQL_STRETCHES_CLEAR, from_us, to_us, f);
  if (!e)
    e = on_range(l, SQL_STRETCHES_MAKE, from_us, to_us, f);
  return e ? e : on_range(l, SQL_STRETCHES_MAKE_FAILURES, from_us, to_us, f);
}

enum err log_stretches_drop_on(struct driver_link *l, int64_t before_us, struct fault *f) {
  return on_range(l, SQL_STRETCHES_CLEAR, INT64_MIN, before_us, f);
}

/* The one that the fewest rows are of, as a rule. */
static enum kind kind_of(const struct usage_log_ask *ask) {
  return ask->key_id          ? KIND_KEY
         : ask->user.len      ? KIND_USER
         : ask->workspace.len ? KIND_WORKSPACE
         : ask->model.len     ? KIND_MODEL
         : ask->provider.len  ? KIND_PROVIDER
                              : KIND_NONE;
}

static struct text subject_of(struct log_walk *w, const struct usage_log_ask *ask, enum kind kind) {
  switch (kind) {
  case KIND_USER: return ask->user;
  case KIND_WORKSPACE: return ask->workspace;
  case KIND_PROVIDER: return ask->provider;
  case KIND_MODEL: return ask->model;
  default:
    return (struct text){w->number, (size_t)snprintf(w->number, sizeof w->number, "%lld", (long long)ask->key_id)};
  }
}

bool log_walk_init(struct log_walk *w, struct driver_link *l, const struct usage_log_ask *ask, int64_t below_us) {
  enum kind kind = kind_of(ask);
  bool failed = ask->outcome.len && !text_equal(ask->outcome, TEXT("ok"));
  int64_t before_us = below_us == INT64_MAX ? below_us : below_us + 1;
  if (kind == KIND_NONE)
    return false;
  *w = (struct log_walk){.link = l,
                         .kind = kind + (failed ? KIND_FAILED : 0),
                         .before_us = before_us,
                         .since_us = ask->since_us ? ask->since_us : INT64_MIN};
  w->subject = subject_of(w, ask, kind);
  w->marked.width_us = TALLY_MINUTE_US;
  w->open.width_us = TALLY_SLOT_US;
  w->of_subject.before_us = w->marked.before_us = w->open.before_us = before_us;
  return true;
}

/* Stretches that touch become one. */
static void take(struct log_stretch_list *list, struct log_stretch s) {
  struct log_stretch *last = list->count ? &list->items[list->count - 1] : NULL;
  if (last && s.last_us + 1 == last->first_us)
    last->first_us = s.first_us;
  else
    list->items[list->count++] = s;
}

static void bind_fill(const struct log_walk *w, const struct log_stretch_list *list) {
  const struct driver *d = w->link->driver;
  int at = 1;
  if (list == &w->of_subject) {
    d->bind(w->link, at++, w->kind);
    d->bind_text(w->link, at++, w->subject);
  }
  d->bind(w->link, at++, list->before_us);
  d->bind(w->link, at, LOG_STRETCHES_AHEAD);
}

static enum err fill(struct log_walk *w, struct log_stretch_list *list, enum sql which, struct fault *f) {
  const struct driver *d = w->link->driver;
  size_t found = 0;
  bool row = false;
  enum err e = d->prepare(w->link, which, f);
  if (e)
    return e;
  bind_fill(w, list);
  list->at = list->count = 0;
  for (; !(e = d->step(w->link, &row, walking, f)) && row; found++) {
    int64_t first_us = d->number(w->link, 0);
    take(list, (struct log_stretch){first_us, list->width_us ? first_us + list->width_us - 1 : d->number(w->link, 1)});
  }
  d->reset(w->link);
  if (list->count)
    list->before_us = list->items[list->count - 1].first_us;
  list->ended = found < LOG_STRETCHES_AHEAD;
  return e;
}

/* The first of the list that has a part in what is left of the time; NULL: none. */
static enum err first_of(struct log_walk *w, struct log_stretch_list *list, enum sql which,
                         const struct log_stretch **out, struct fault *f) {
  enum err e = ERR_OK;
  *out = NULL;
  for (;; list->at++) {
    if (list->at == list->count && !list->ended)
      e = fill(w, list, which, f);
    if (e || list->at == list->count || list->items[list->at].last_us < w->since_us)
      return e;
    if (list->items[list->at].first_us >= w->before_us)
      continue;
    *out = &list->items[list->at];
    return ERR_OK;
  }
}

/* By turns whichever reaches furthest; what others of the same time have beyond it comes in their turn. */
enum err log_walk_next(struct log_walk *w, struct log_stretch *out, bool *out_any, struct fault *f) {
  struct log_stretch_list *const lists[] = {&w->of_subject, &w->marked, &w->open};
  static const enum sql statements[] = {SQL_STRETCHES, SQL_STRETCHES_MARKED, SQL_STRETCHES_OPEN};
  const struct log_stretch *best = NULL;
  for (int i = 0; i < 3 && w->before_us > w->since_us; i++) {
    const struct log_stretch *first = NULL;
    enum err e = first_of(w, lists[i], statements[i], &first, f);
    if (e)
      return e;
    if (first && (!best || first->last_us > best->last_us))
      best = first;
  }
  *out_any = best != NULL;
  if (!best)
    return ERR_OK;
  out->last_us = best->last_us < w->before_us ? best->last_us : w->before_us - 1;
  out->first_us = best->first_us > w->since_us ? best->first_us : w->since_us;
  w->before_us = out->first_us;
  return ERR_OK;
}
