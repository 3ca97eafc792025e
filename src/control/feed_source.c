/* Where the rows of the live feed come from: what this process has stored, as its ledger says, and what others have, by
 * reading the newest rows of the request log. Both overlap, and rows reach the log a little out of order, so each id is
 * remembered for a while and passed on once. A thread of its own, which blocks for the store. Started by feed.c. */
#include "control/feed_inner.h"

#include "ports/store_people.h"
#include "ports/store_usage.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS    1000
#define PAGE_ROWS  500
#define PAGES_MAX  40
#define SEEN_IDS   32768 /* more than PAGE_ROWS * PAGES_MAX, and what is stored meanwhile */
#define SEEN_SLOTS (2 * SEEN_IDS)
#define NAMES      64
#define UNKNOWN_US INT64_C(1000000) /* a name that nobody has yet may be given */

/* A name of a workspace, and whose calls those with it are. */
struct name {
  char at[260];
  size_t len;
  int64_t org_id, until_us;
};

struct source {
  struct feed *feed;
  uint64_t epoch;
  int64_t since_us; /* when the first reader of this epoch came */
  int64_t newest_us;
  int64_t looked_us;                        /* monotonic */
  int64_t slots[SEEN_SLOTS], ids[SEEN_IDS]; /* 0: none */
  size_t id_at;
  struct name names[NAMES];
  size_t name_at;
  struct feed_item *batch[FEED_INBOX];
  size_t count;
  uint64_t lost;
};

static void *memory(size_t count, size_t size) {
  void *at = calloc(count, size);
  if (!at)
    abort();
  return at;
}

static size_t slot_of(int64_t id) { return (size_t)((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15) >> 32) % SEEN_SLOTS; }

static size_t find(const struct source *s, int64_t id) {
  size_t n = slot_of(id);
  while (s->slots[n] != 0 && s->slots[n] != id)
    n = (n + 1) % SEEN_SLOTS;
  return n;
}

/* Moves up what the slot that became free was in the way of. */
static void drop(struct source *s, int64_t id) {
  size_t hole = find(s, id);
  for (size_t n = (hole + 1) % SEEN_SLOTS; s->slots[n] != 0; n = (n + 1) % SEEN_SLOTS) {
    size_t home = slot_of(s->slots[n]);
    if ((n + SEEN_SLOTS - home) % SEEN_SLOTS < (n + SEEN_SLOTS - hole) % SEEN_SLOTS)
      continue;
    s->slots[hole] = s->slots[n];
    hole = n;
  }
  s->slots[hole] = 0;
}

/* Whether it was seen before; it is now. */
static bool has_seen(struct source *s, int64_t id) {
  size_t n = find(s, id);
  if (s->slots[n] == id)
    return true;
  if (s->ids[s->id_at] != 0)
    drop(s, s->ids[s->id_at]);
  s->ids[s->id_at] = id;
  s->id_at = (s->id_at + 1) % SEEN_IDS;
  s->slots[find(s, id)] = id;
  return false;
}

static struct name *name_of(struct source *s, struct text workspace, int64_t now_us) {
  for (size_t n = 0; n < NAMES; n++) {
    struct name *at = &s->names[n];
    if (at->until_us > now_us && text_equal((struct text){at->at, at->len}, workspace))
      return at;
  }
  return NULL;
}

/* Whose call it is. A name is one organisation's for ever. */
static int64_t org_of(struct source *s, struct text workspace) {
  struct store *store = s->feed->store;
  int64_t now_us = loop_clock_us(), org = 0;
  bool is_known = false;
  if (workspace.len == 0)
    return 1;
  struct name *found = name_of(s, workspace, now_us);
  if (found)
    return found->org_id;
  if (store->ops->people->workspace_org(store, workspace, &org, &is_known, &(struct fault){0}) != ERR_OK)
    return -1;
  struct name *to = &s->names[s->name_at];
  if (workspace.len > sizeof(to->at))
    return org;
  s->name_at = (s->name_at + 1) % NAMES;
  memcpy(to->at, workspace.at, workspace.len);
  to->len = workspace.len;
  to->org_id = org;
  to->until_us = is_known ? INT64_MAX : now_us + UNKNOWN_US;
  return org;
}

static void pass_on(struct source *s, struct feed_item *i) {
  if (has_seen(s, i->id)) {
    feed_item_unref(i);
    return;
  }
  i->org_id = org_of(s, i->workspace);
  feed_publish(s->feed, i);
}

/* From the oldest on. What was over before anybody listened is only remembered. */
static void take_rows(struct source *s, const struct ledger_row *rows, size_t count) {
  for (size_t n = count; n > 0; n--) {
    const struct ledger_row *r = &rows[n - 1];
    if (r->settled_us > s->newest_us && r->settled_us <= loop_wall_us())
      s->newest_us = r->settled_us;
    if (r->settled_us < s->since_us)
      (void)has_seen(s, r->id);
    else if (s->slots[find(s, r->id)] != r->id)
      pass_on(s, feed_item_new(r));
  }
}

struct page {
  struct ledger_row *rows;
  size_t count;
};

/* The newest rows of the log, whoever has stored them. A store that does not answer is asked again. */
static void look(struct source *s) {
  struct store *store = s->feed->store;
  struct usage_log_ask ask = {.since_us = s->newest_us - FEED_OVERLAP_US, .max = PAGE_ROWS};
  struct page pages[PAGES_MAX];
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  bool more = true;
  while (more && count < PAGES_MAX) {
    struct page *p = &pages[count];
    *p = (struct page){0};
    if (store->ops->usage->log(store, &ask, &a, &p->rows, &p->count, &(struct fault){0}) != ERR_OK || p->count == 0)
      break;
    ask.below_us = p->rows[p->count - 1].settled_us;
    ask.below_id = p->rows[p->count - 1].id;
    more = p->count == PAGE_ROWS;
    count++;
  }
  for (size_t n = count; n > 0; n--)
    take_rows(s, pages[n - 1].rows, pages[n - 1].count);
  arena_done(&a);
}

static void begin_epoch(struct source *s) {
  memset(s->slots, 0, sizeof s->slots);
  memset(s->ids, 0, sizeof s->ids);
  s->newest_us = s->since_us;
  s->looked_us = 0;
}

static int64_t next_look_us(const struct source *s) { return s->looked_us + (int64_t)LOOK_MS * 1000; }

/* Under the lock: waits for something to do. */
static void nap(struct source *s) {
  struct feed *f = s->feed;
  while (!f->stops && f->inbox_count == 0 && f->inbox_lost == 0) {
    bool listening = f->reader_count > 0;
    int64_t at_us = next_look_us(s);
    struct timespec until = {at_us / 1000000, at_us % 1000000 * 1000};
    if (listening && (f->epoch != s->epoch || loop_clock_us() >= at_us))
      return;
    if (listening)
      (void)pthread_cond_timedwait(&f->news, &f->lock, &until);
    else
      (void)pthread_cond_wait(&f->news, &f->lock);
  }
}

/* False when it is time to end. */
static bool next(struct source *s) {
  struct feed *f = s->feed;
  pthread_mutex_lock(&f->lock);
  nap(s);
  bool goes_on = !f->stops, is_new = f->epoch != s->epoch;
  s->epoch = f->epoch;
  s->since_us = f->since_us;
  memcpy(s->batch, f->inbox, f->inbox_count * sizeof s->batch[0]);
  s->count = f->inbox_count;
  s->lost = f->inbox_lost;
  f->inbox_count = 0;
  f->inbox_lost = 0;
  pthread_mutex_unlock(&f->lock);
  if (is_new)
    begin_epoch(s);
  return goes_on;
}

void *feed_source_run(void *feed) {
  struct source *s = memory(1, sizeof *s);
  s->feed = feed;
  while (next(s)) {
    if (s->lost > 0)
      feed_lose(s->feed, s->lost);
    for (size_t n = 0; n < s->count; n++)
      pass_on(s, s->batch[n]);
    s->count = 0;
    if (s->epoch > 0 && loop_clock_us() >= next_look_us(s)) {
      look(s);
      s->looked_us = loop_clock_us();
    }
  }
  while (s->count > 0)
    feed_item_unref(s->batch[--s->count]);
  free(s);
  return NULL;
}
