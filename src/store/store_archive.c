/* Rows that are old enough leave the ledger: into a file first, then, in one transaction with their removal, into the
 * sums that the balances and the roll-ups are checked against, so that nothing else notices. Called by the job
 * `archive` and by `weir ledger archive`; what a file looks like is archive_file.c's.
 *
 * The file is written inside the transaction. A crash before its commit leaves the rows where they are and a file that
 * nobody knows; the next one that archives removes it. */
#include "store/store_usage.h"

#include "store/archive_file.h"
#include "store/ledger_columns.h"
#include "store/log_stretches.h"

static const char doing[] = "archiving the ledger";

struct archive {
  const struct usage_archive_ask *ask;
  struct arena *arena;
  struct ledger_row *rows;
  size_t count;
  struct archive_made made;
  int64_t cost_nano;
};

struct names {
  struct usage_archive *at;
  size_t count;
};

static enum err read_archives(struct driver_link *l, struct arena *a, struct names *out, struct fault *f) {
  const struct driver *d = l->driver;
  struct names names = {NULL, 0};
  bool row = false;
  enum err e = d->prepare(l, SQL_ARCHIVES, f);
  if (e)
    return e;
  while (!(e = d->step(l, &row, "reading the list of archives", f)) && row) {
    names.at = driver_more(a, names.at, names.count, sizeof *names.at);
    names.at[names.count++] = (struct usage_archive){.name = driver_text(l, 0, a),
                                                     .entries = (uint64_t)d->number(l, 1),
                                                     .cost_nano = d->number(l, 2),
                                                     .first_us = d->number(l, 3),
                                                     .last_us = d->number(l, 4),
                                                     .bytes = (uint64_t)d->number(l, 5),
                                                     .digest = driver_text(l, 6, a),
                                                     .made_us = d->number(l, 7)};
  }
  d->reset(l);
  if (!e)
    *out = names;
  return e;
}

static bool is_known(void *data, struct text name) {
  const struct names *names = data;
  for (size_t i = 0; i < names->count; i++)
    if (text_equal(names->at[i].name, name))
      return true;
  return false;
}

static enum err sweep(struct driver_link *l, const struct archive *w, struct fault *f) {
  struct names names;
  enum err e = read_archives(l, w->arena, &names, f);
  return e ? e : archive_file_sweep(w->ask->folder, is_known, &names, f);
}

static enum err read_rows(struct driver_link *l, struct archive *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_ARCHIVE_ROWS, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->ask->before_us);
  l->driver->bind(l, 2, w->ask->max > INT64_MAX ? INT64_MAX : (int64_t)w->ask->max);
  e = ledger_columns_list(l, w->arena, &w->rows, &w->count, doing, f);
  l->driver->reset(l);
  return e;
}

/* From the first row's place to the last one's, both included. */
static void bind_range(struct driver_link *l, int at, const struct archive *w) {
  l->driver->bind(l, at, w->rows[0].settled_us);
  l->driver->bind(l, at + 1, w->rows[0].id);
  l->driver->bind(l, at + 2, w->rows[w->count - 1].settled_us);
  l->driver->bind(l, at + 3, w->rows[w->count - 1].id);
}

static enum err add_sums(struct driver_link *l, struct archive *w, struct fault *f) {
  struct tally by_key;
  enum err e = ERR_OK;
  tally_init(&by_key);
  for (size_t i = 0; i < w->count; i++) {
    tally_add(&by_key, &w->rows[i], false);
    w->cost_nano = tally_plus(w->cost_nano, w->rows[i].cost.total);
  }
  tally_sort(&by_key);
  for (size_t i = 0; i < by_key.count && !e; i++) {
    const struct tally_sum *sum = &by_key.sums[i];
    e = l->driver->prepare(l, SQL_ARCHIVE_SUM, f);
    if (e)
      break;
    l->driver->bind(l, 1, sum->key_id);
    l->driver->bind(l, 2, sum->entries);
    for (int k = 0; k < TALLY_TOKENS; k++)
      l->driver->bind(l, 3 + k, sum->tokens[k]);
    l->driver->bind(l, 9, sum->cost_nano);
    l->driver->bind(l, 10, sum->billable_nano);
    e = driver_finish(l, doing, NULL, f);
  }
  tally_done(&by_key);
  return e;
}

static enum err run_on_range(struct driver_link *l, enum sql which, const struct archive *w, int64_t *out_changes,
                             struct fault *f) {
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  bind_range(l, 1, w);
  return driver_finish(l, doing, out_changes, f);
}

/* The roll-ups' quarters are now of what is left, and of what is archived; the days stay as they are. */
static enum err move_usage(struct driver_link *l, const struct archive *w, struct fault *f) {
  int64_t first_us = tally_slot(w->rows[0].settled_us) * TALLY_SLOT_US;
  int64_t end_us = (tally_slot(w->rows[w->count - 1].settled_us) + 1) * TALLY_SLOT_US;
  enum err e = l->driver->prepare(l, SQL_ARCHIVE_CLEAR, f);
  if (e)
    return e;
  l->driver->bind(l, 1, first_us);
  l->driver->bind(l, 2, end_us);
  e = driver_finish(l, doing, NULL, f);
  if (!e)
    e = log_stretches_drop_on(l, end_us - TALLY_SLOT_US, f);
  return e ? e : usage_quarter_on(l, end_us - TALLY_SLOT_US, f); /* only of the last one anything may be left */
}

static enum err enter(struct driver_link *l, const struct archive *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_ARCHIVE_ENTER, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text_of(w->made.name));
  l->driver->bind(l, 2, (int64_t)w->count);
  l->driver->bind(l, 3, w->cost_nano);
  l->driver->bind(l, 4, w->rows[0].settled_us);
  l->driver->bind(l, 5, w->rows[w->count - 1].settled_us);
  l->driver->bind(l, 6, (int64_t)w->made.bytes);
  l->driver->bind_text(l, 7, text_of(w->made.digest));
  l->driver->bind(l, 8, driver_now_us());
  return driver_finish(l, doing, NULL, f);
}

/* A row that somebody added between the others meanwhile is not in the file: then nothing is removed. */
static enum err remove_rows(struct driver_link *l, struct archive *w, struct fault *f) {
  int64_t removed = 0;
  enum err e = add_sums(l, w, f);
  if (!e)
    e = run_on_range(l, SQL_ARCHIVE_USAGE, w, NULL, f);
  if (!e)
    e = run_on_range(l, SQL_ARCHIVE_REMOVE, w, &removed, f);
  if (!e && removed != (int64_t)w->count)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "%s: rows were added between those that leave; try again", doing);
  if (!e)
    e = move_usage(l, w, f);
  return e ? e : enter(l, w, f);
}

static enum err archive(struct driver_link *l, void *args, struct fault *f) {
  struct archive *w = args;
  w->cost_nano = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = usage_lock_on(l, f);
  if (!e)
    e = sweep(l, w, f);
  if (!e)
    e = read_rows(l, w, f);
  if (!e && w->count)
    e = archive_file_write(w->ask->folder, w->rows, w->count, &w->made, f);
  if (!e && w->count)
    e = remove_rows(l, w, f);
  return l->driver->end(l, e, f);
}

enum err store_usage_archive(struct store *s, const struct usage_archive_ask *ask, size_t *out_rows, struct fault *f) {
  struct arena a;
  struct archive w = {.ask = ask, .arena = &a};
  arena_init(&a);
  enum err e = driver_run(s, DRIVER_WRITE, true, archive, &w, f);
  arena_done(&a);
  if (!e)
    *out_rows = w.count;
  return e;
}

struct listing {
  struct arena *arena;
  struct names names;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct listing *w = args;
  return read_archives(l, w->arena, &w->names, f);
}

enum err store_usage_archives(struct store *s, struct arena *a, struct usage_archive **out, size_t *out_count,
                              struct fault *f) {
  struct listing w = {.arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, list, &w, f);
  if (!e) {
    *out = w.names.at;
    *out_count = w.names.count;
  }
  return e;
}
