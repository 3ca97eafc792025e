/* Following the processes this one has replaced, and being followed. An old process that ends says so ("bye"), and then
 * its reports were exact. One that is killed says nothing: once its lock is free its journal is replayed, and what the
 * keys have spent is asked from the store anew. Called by life.c. */
#include "app/succession.h"

#include "app/handover.h"
#include "app/state.h"
#include "base/log.h"
#include "fiber/loop.h"

#include <poll.h>
#include <unistd.h>

#define SEND_US            INT64_C(1000000)
#define FLUSH_WAIT_US      INT64_C(2000000)
#define FLUSH_STEP_US      5000
#define REPORT_LINES_BYTES (HANDOVER_RECORD_MAX - 256)

void succession_init(struct succession *s) {
  *s = (struct succession){.successor = -1};
  pthread_mutex_init(&s->lock, NULL);
}

void succession_add(struct succession *s, const struct predecessor *p) {
  pthread_mutex_lock(&s->lock);
  if (s->old_count < SUCCESSION_MAX)
    s->old[s->old_count++] = *p;
  pthread_mutex_unlock(&s->lock);
}

size_t succession_list(struct succession *s, struct predecessor *out) {
  pthread_mutex_lock(&s->lock);
  size_t count = s->old_count;
  if (out)
    memcpy(out, s->old, count * sizeof(*out));
  pthread_mutex_unlock(&s->lock);
  return count;
}

static void close_link(struct succession *s, struct predecessor *p) {
  pthread_mutex_lock(&s->lock);
  if (p->link >= 0)
    close(p->link);
  p->link = -1;
  pthread_mutex_unlock(&s->lock);
}

static void remove_at(struct succession *s, size_t i) {
  close_link(s, &s->old[i]);
  pthread_mutex_lock(&s->lock);
  s->old[i] = s->old[--s->old_count];
  pthread_mutex_unlock(&s->lock);
}

static void note_end(struct succession *s, struct predecessor *p) {
  pthread_mutex_lock(&s->lock);
  p->ended = true;
  pthread_mutex_unlock(&s->lock);
}

static void take_record(struct app *a, struct predecessor *p, struct text lines) {
  struct text verb, arguments;
  struct limiter_report report;
  while (handover_next(&lines, &verb, &arguments)) {
    if (text_equal(verb, TEXT("report")) && handover_read_report(arguments, &report))
      limiter_heed(a->limiter, p->generation, &report);
    else if (text_equal(verb, TEXT("bye")))
      note_end(&a->succession, p);
  }
}

/* False when its end of the link is closed. */
static bool read_all(struct app *a, struct predecessor *p) {
  static struct handover_record record;
  enum err e;
  while ((e = handover_receive(p->link, &record)) == ERR_OK) {
    if (record.fd >= 0)
      close(record.fd);
    take_record(a, p, (struct text){record.bytes, record.len});
  }
  return e == ERR_AGAIN;
}

/* Everything settled so far is in the store; false when the store does not take it for now. */
static bool flush(struct app *a) {
  uint64_t settled = ledger_stats(a->ledger).settled;
  for (int64_t until_us = loop_clock_us() + FLUSH_WAIT_US; loop_clock_us() < until_us;) {
    if (ledger_stats(a->ledger).stored >= settled)
      return true;
    (void)poll(NULL, 0, FLUSH_STEP_US / 1000);
  }
  return false;
}

static bool recount(struct app *a) {
  struct limiter_key *keys = NULL;
  bool good = true;
  limiter_recount_begin(a->limiter);
  if (!flush(a))
    return false;
  size_t count = limiter_recount_keys(a->limiter, &keys);
  for (size_t i = 0; i < count && good; i++) {
    int64_t spent_nano = 0;
    good = a->store->ops->ledger_spent(a->store, keys[i].key_id, keys[i].period_start_us, &spent_nano, NULL) == ERR_OK;
    if (good)
      limiter_recount_end(a->limiter, keys[i], spent_nano);
  }
  free(keys);
  return good;
}

bool succession_adopt(struct app *a) {
  struct fault f = {0};
  uint64_t recovered = 0;
  if (ledger_adopt(a->ledger, &recovered, &f) != ERR_OK) {
    LOG_ERROR("journal_not_adopted", log_str("detail", fault_text(&f)));
    return false;
  }
  if (recovered > 0)
    LOG_WARN("ledger_recovered", log_u64("attempts", recovered));
  return true;
}

/* One that was killed: everything it left must be in the store before its keys are counted anew. */
static bool bury(struct app *a, struct predecessor *p) {
  if (ledger_is_living(a->ledger, p->boot) || !succession_adopt(a) || !recount(a))
    return false;
  limiter_forget(a->limiter, p->generation);
  return true;
}

void succession_heed(struct app *a) {
  struct succession *s = &a->succession;
  for (size_t i = s->old_count; i-- > 0;) {
    struct predecessor *p = &s->old[i];
    if (p->link >= 0 && read_all(a, p))
      continue;
    if (p->link >= 0 && !p->ended)
      LOG_WARN("predecessor_lost", log_i64("pid", p->pid), log_u64("generation", p->generation));
    close_link(s, p);
    if (!p->ended && !bury(a, p))
      continue;
    LOG_INFO("predecessor_ended", log_i64("pid", p->pid), log_u64("generation", p->generation));
    limiter_forget(a->limiter, p->generation);
    remove_at(s, i);
  }
}

void succession_hurry(struct app *a, int64_t within_ms) {
  char line[40];
  snprintf(line, sizeof(line), "hurry %lld\n", (long long)within_ms);
  for (size_t i = 0; i < a->succession.old_count; i++) {
    if (a->succession.old[i].link >= 0 &&
        handover_send(a->succession.old[i].link, text_of(line), -1, loop_clock_us() + SEND_US) != ERR_OK)
      LOG_WARN("predecessor_not_told", log_i64("pid", a->succession.old[i].pid));
  }
}

void succession_pass_on(struct succession *s) {
  while (s->old_count > 0)
    remove_at(s, s->old_count - 1);
}

static void drop_successor(struct app *a) {
  if (a->succession.successor >= 0)
    close(a->succession.successor);
  a->succession.successor = -1;
}

static void send_lines(struct app *a, struct buf *lines) {
  if (a->succession.successor >= 0 && lines->len > 0 &&
      handover_send(a->succession.successor, buf_text(lines), -1, loop_clock_us() + SEND_US) != ERR_OK) {
    LOG_WARN("successor_lost", log_str("detail", "this process finishes its calls all the same"));
    drop_successor(a);
  }
  buf_reset(lines);
}

struct reporting {
  struct app *app;
  struct buf lines;
};

static void see_report(void *ctx, const struct limiter_report *r) {
  struct reporting *to = ctx;
  handover_put_report(&to->lines, r);
  if (to->lines.len > REPORT_LINES_BYTES)
    send_lines(to->app, &to->lines);
}

static void report(struct app *a, struct text last) {
  struct reporting to = {.app = a};
  if (a->succession.successor < 0)
    return;
  buf_init(&to.lines, HANDOVER_RECORD_MAX);
  limiter_report(a->limiter, see_report, &to);
  buf_add(&to.lines, last);
  send_lines(a, &to.lines);
  buf_done(&to.lines);
}

void succession_report(struct app *a) { report(a, TEXT_NONE); }

void succession_bye(struct app *a) {
  limiter_end_leases(a->limiter);
  report(a, TEXT("bye\n"));
}

bool succession_is_hurried(struct app *a, int64_t *out_within_ms) {
  static struct handover_record record;
  struct text lines, verb, arguments;
  bool hurried = false;
  enum err e = ERR_AGAIN;
  while (a->succession.successor >= 0 && (e = handover_receive(a->succession.successor, &record)) == ERR_OK) {
    lines = (struct text){record.bytes, record.len};
    while (handover_next(&lines, &verb, &arguments))
      hurried |= text_equal(verb, TEXT("hurry")) && handover_i64(&arguments, out_within_ms);
    if (record.fd >= 0)
      close(record.fd);
  }
  if (e != ERR_AGAIN)
    drop_successor(a);
  return hurried;
}
