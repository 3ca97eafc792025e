/* The audit log on any driver: adding an entry to the chain, reading it in pages, proving it, removing its oldest
 * entries. What the chain is made of stands in audit_chain.h, how it is proved in audit_proof.c. */
#include "store/store_audit.h"

#include "base/buf.h"
#include "base/random.h"
#include "store/audit_chain.h"
#include "store/audit_proof.h"

#define PAGE      500
#define DAY_US    86400000000
#define NOTHING   TEXT("null")

#define FIRST_ORG 1

static const char doing_add[] = "adding to the audit log", doing_read[] = "reading the audit log";

/* UTF-8 without control characters, at most AUDIT_NAME_MAX bytes: what the database gives back is what was summed. */
static struct text clean(struct arena *a, struct text t) {
  struct text head = text_head(t, AUDIT_NAME_MAX);
  char *out = arena_alloc(a, head.len + 1);
  size_t n = 0;
  while (n < head.len) {
    size_t step = text_utf8_step(text_skip(head, n));
    if (step < 1 || (unsigned char)head.at[n] < 0x20) {
      out[n++] = '?';
      continue;
    }
    memcpy(out + n, head.at + n, step);
    n += step;
  }
  return (struct text){out, n};
}

static void bytes_of(struct text t, uint8_t *out, size_t n) {
  memset(out, 0xff, n); /* of another length: it agrees with nothing */
  if (t.len == n)
    memcpy(out, t.at, n);
}

void audit_row_read(struct driver_link *l, struct audit_row *out) {
  const struct driver *d = l->driver;
  struct text salt = d->bytes(l, 8);
  *out = (struct audit_row){.id = d->number(l, 0),
                            .at_us = d->number(l, 1),
                            .actor = d->bytes(l, 2),
                            .origin = d->bytes(l, 3),
                            .action = d->bytes(l, 4),
                            .subject = d->bytes(l, 5),
                            .before = d->bytes(l, 6),
                            .after = d->bytes(l, 7),
                            .is_erased = salt.len == 0};
  bytes_of(salt, out->salt, sizeof out->salt);
  bytes_of(d->bytes(l, 9), out->personal_sum, sizeof out->personal_sum);
  bytes_of(d->bytes(l, 10), out->prev_hash, sizeof out->prev_hash);
  bytes_of(d->bytes(l, 11), out->hash, sizeof out->hash);
  out->org_id = d->number(l, 12);
}

/* One more entry: its id, and the hash of the one before. Others wait here until the transaction ends. */
static enum err next_end(struct driver_link *l, struct audit_row *row, struct fault *f) {
  static const uint8_t none[AUDIT_HASH_BYTES];
  bool found = false;
  enum err e = l->driver->prepare(l, SQL_AUDIT_NEXT, f);
  if (e)
    return e;
  l->driver->bind_bytes(l, 1, (struct text){(const char *)none, sizeof none});
  e = l->driver->step(l, &found, doing_add, f);
  if (!e && found) {
    row->id = l->driver->number(l, 0);
    bytes_of(l->driver->bytes(l, 1), row->prev_hash, sizeof row->prev_hash);
  }
  l->driver->reset(l);
  return e || found ? e : fault_set(f, ERR_STORE, NULL, "%s: it has no head", doing_add);
}

static enum err insert(struct driver_link *l, const struct audit_row *row, struct fault *f) {
  const struct driver *d = l->driver;
  enum err e = d->prepare(l, SQL_AUDIT_INSERT, f);
  if (e)
    return e;
  d->bind(l, 1, row->id);
  d->bind(l, 2, row->at_us);
  d->bind_text(l, 3, row->actor);
  d->bind_text(l, 4, row->origin);
  d->bind_text(l, 5, row->action);
  d->bind_text(l, 6, row->subject);
  d->bind_text(l, 7, row->before);
  d->bind_text(l, 8, row->after);
  d->bind_bytes(l, 9, (struct text){(const char *)row->salt, sizeof row->salt});
  d->bind_bytes(l, 10, (struct text){(const char *)row->personal_sum, sizeof row->personal_sum});
  d->bind_bytes(l, 11, (struct text){(const char *)row->prev_hash, sizeof row->prev_hash});
  d->bind_bytes(l, 12, (struct text){(const char *)row->hash, sizeof row->hash});
  d->bind(l, 13, row->org_id);
  return driver_finish(l, doing_add, NULL, f);
}

static enum err set_end(struct driver_link *l, struct text name, int64_t id, const uint8_t hash[AUDIT_HASH_BYTES],
                        struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_AUDIT_SET_END, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  l->driver->bind(l, 2, id);
  l->driver->bind_bytes(l, 3, (struct text){(const char *)hash, AUDIT_HASH_BYTES});
  return driver_finish(l, doing_add, NULL, f);
}

static enum err add_row(struct driver_link *l, struct audit_row *row, struct fault *f) {
  enum err e = next_end(l, row, f);
  if (e)
    return e;
  audit_chain_personal(row, row->personal_sum);
  audit_chain_hash(row, row->hash);
  e = insert(l, row, f);
  return e ? e : set_end(l, TEXT("head"), row->id, row->hash, f);
}

enum err audit_add_on(struct driver_link *l, const struct audit_actor *by, const struct audit_entry *entry,
                      int64_t *out_id, struct fault *f) {
  struct arena a;
  if (entry->before.len > AUDIT_JSON_MAX || entry->after.len > AUDIT_JSON_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "an audit entry holds at most %d bytes", AUDIT_JSON_MAX);
  arena_init(&a);
  struct audit_row row = {.at_us = driver_now_us(),
                          .actor = clean(&a, by->actor),
                          .origin = clean(&a, by->origin),
                          .action = clean(&a, entry->action),
                          .subject = clean(&a, entry->subject),
                          .before = entry->before.len ? entry->before : NOTHING,
                          .after = entry->after.len ? entry->after : NOTHING,
                          .org_id = entry->org_id > FIRST_ORG ? entry->org_id : 0};
  random_bytes(row.salt, sizeof row.salt);
  enum err e = add_row(l, &row, f);
  arena_done(&a);
  if (!e && out_id)
    *out_id = row.id;
  return e;
}

struct add {
  const struct audit_actor *by;
  const struct audit_entry *entry;
  int64_t id;
};

static enum err add(struct driver_link *l, void *args, struct fault *f) {
  struct add *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = audit_add_on(l, w->by, w->entry, &w->id, f);
  return l->driver->end(l, e, f);
}

static enum err store_audit_add(struct store *s, const struct audit_actor *by, const struct audit_entry *entry,
                                int64_t *out_id, struct fault *f) {
  struct add w = {by, entry, 0};
  enum err e = driver_run(s, DRIVER_WRITE, true, add, &w, f);
  if (!e && out_id)
    *out_id = w.id;
  return e;
}

struct list {
  const struct audit_filter *filter; /* NULL: a page */
  int64_t after_id;
  size_t max;
  struct arena *arena;
  struct audit_row *rows;
  size_t count;
};

static void copy_row(struct arena *a, const struct audit_row *from, struct audit_row *to) {
  *to = *from;
  to->actor = arena_copy(a, from->actor);
  to->origin = arena_copy(a, from->origin);
  to->action = arena_copy(a, from->action);
  to->subject = arena_copy(a, from->subject);
  to->before = arena_copy(a, from->before);
  to->after = arena_copy(a, from->after);
}

static enum err list_read(struct driver_link *l, struct list *w, struct fault *f) {
  bool found = false;
  enum err e;
  w->count = 0;
  w->rows = NULL;
  while (!(e = l->driver->step(l, &found, doing_read, f)) && found) {
    struct audit_row row;
    w->rows = driver_more(w->arena, w->rows, w->count, sizeof *w->rows);
    audit_row_read(l, &row);
    copy_row(w->arena, &row, &w->rows[w->count++]);
  }
  return e;
}

static void bind_filter(struct driver_link *l, const struct audit_filter *filter, int64_t max) {
  const struct driver *d = l->driver;
  d->bind(l, 1, filter->before_id ? filter->before_id : INT64_MAX);
  d->bind_text(l, 2, filter->subject);
  d->bind_text(l, 3, filter->actor);
  d->bind_text(l, 4, filter->action);
  d->bind(l, 5, filter->since_us);
  d->bind(l, 6, filter->until_us ? filter->until_us : INT64_MAX);
  d->bind(l, 7, max);
  d->bind(l, 8, filter->org_id == 0 ? -1 : filter->org_id == FIRST_ORG ? 0 : filter->org_id);
}

static enum sql which_list(const struct audit_filter *filter) {
  if (!filter)
    return SQL_AUDIT_PAGE;
  if (filter->subject.len > 0)
    return SQL_AUDIT_LIST_SUBJECT;
  return filter->org_id ? SQL_AUDIT_LIST_ORG : SQL_AUDIT_LIST;
}

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  const struct audit_filter *filter = w->filter;
  int64_t max = w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max;
  enum err e = l->driver->prepare(l, which_list(filter), f);
  if (e)
    return e;
  if (filter) {
    bind_filter(l, filter, max);
  } else {
    l->driver->bind(l, 1, w->after_id);
    l->driver->bind(l, 2, max);
  }
  e = list_read(l, w, f);
  l->driver->reset(l);
  return e;
}

static enum err list_run(struct store *s, struct list *w, struct audit_row **out, size_t *out_count, struct fault *f) {
  enum err e = driver_run(s, DRIVER_LIST, false, list, w, f);
  if (!e) {
    *out = w->rows;
    *out_count = w->count;
  }
  return e;
}

static enum err store_audit_list(struct store *s, const struct audit_filter *filter, struct arena *a,
                                 struct audit_row **out, size_t *out_count, struct fault *f) {
  struct list w = {.filter = filter, .max = filter->max, .arena = a};
  return list_run(s, &w, out, out_count, f);
}

static enum err store_audit_page(struct store *s, int64_t after_id, size_t max, struct arena *a, struct audit_row **out,
                                 size_t *out_count, struct fault *f) {
  struct list w = {.after_id = after_id, .max = max, .arena = a};
  return list_run(s, &w, out, out_count, f);
}

/* Zeros when the log never had that end. */
static enum err end_read(struct driver_link *l, enum sql which, struct text name, struct audit_end *out,
                         struct fault *f) {
  bool found = false;
  enum err e = l->driver->prepare(l, which, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, name);
  e = l->driver->step(l, &found, doing_read, f);
  if (!e) {
    *out = (struct audit_end){0};
    if (found) {
      out->id = l->driver->number(l, 0);
      bytes_of(l->driver->bytes(l, 1), out->hash, sizeof out->hash);
    }
  }
  l->driver->reset(l);
  return e;
}

enum err audit_lock_on(struct driver_link *l, struct fault *f) {
  struct audit_end ignored;
  return end_read(l, SQL_AUDIT_LOCK, TEXT("head"), &ignored, f);
}

struct verify {
  const struct audit_end *seen;
  struct arena *arena;
  struct audit_verdict verdict;
};

static enum err prove_page(struct driver_link *l, struct audit_proof *p, int64_t *after, bool *more, struct fault *f) {
  size_t count = 0;
  bool found = false, sound = true;
  enum err e = l->driver->prepare(l, SQL_AUDIT_PAGE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, *after);
  l->driver->bind(l, 2, PAGE);
  while (sound && !(e = l->driver->step(l, &found, "proving the audit log", f)) && found) {
    struct audit_row row;
    audit_row_read(l, &row);
    *after = row.id;
    count++;
    sound = audit_proof_add(p, &row);
  }
  l->driver->reset(l);
  *more = sound && count == PAGE;
  return e;
}

/* From the smallest number on, and not from the anchor, so that an entry before it is found too. */
static enum err prove(struct driver_link *l, struct verify *w, struct fault *f) {
  struct audit_end anchor, head;
  int64_t after = INT64_MIN;
  bool more = true;
  enum err e = end_read(l, SQL_AUDIT_END, TEXT("anchor"), &anchor, f);
  if (!e)
    e = end_read(l, SQL_AUDIT_END, TEXT("head"), &head, f);
  if (e)
    return e;
  struct audit_proof *p = audit_proof_new(&anchor, w->seen);
  while (!e && more)
    e = prove_page(l, p, &after, &more, f);
  if (!e)
    w->verdict = audit_proof_end(p, &head, w->arena);
  audit_proof_free(p);
  return e;
}

static enum err verify(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_READ, f);
  if (e)
    return e;
  e = prove(l, args, f);
  return l->driver->end(l, e, f);
}

static enum err store_audit_verify(struct store *s, const struct audit_end *seen, struct arena *a,
                                   struct audit_verdict *out, struct fault *f) {
  struct verify w = {.seen = seen, .arena = a};
  enum err e = driver_run(s, DRIVER_LIST, false, verify, &w, f);
  if (!e)
    *out = w.verdict;
  return e;
}

struct purge {
  const struct audit_actor *by;
  int64_t before_us;
  size_t max;
  uint64_t removed;
};

/* How far the oldest entries are all older than before_us. */
static enum err purge_reach(struct driver_link *l, struct purge *w, struct audit_end *out, struct fault *f) {
  bool found = false, old = true;
  enum err e = l->driver->prepare(l, SQL_AUDIT_PAGE, f);
  if (e)
    return e;
  w->removed = 0;
  l->driver->bind(l, 1, INT64_MIN);
  l->driver->bind(l, 2, w->max > INT64_MAX ? INT64_MAX : (int64_t)w->max);
  while (old && !(e = l->driver->step(l, &found, doing_read, f)) && found) {
    struct audit_row row;
    audit_row_read(l, &row);
    old = row.at_us < w->before_us;
    if (!old)
      break;
    out->id = row.id;
    memcpy(out->hash, row.hash, sizeof out->hash);
    w->removed++;
  }
  l->driver->reset(l);
  return e;
}

static enum err purge_to(struct driver_link *l, const struct purge *w, const struct audit_end *to, struct fault *f) {
  char hex[2 * AUDIT_HASH_BYTES], after[256];
  enum err e = l->driver->prepare(l, SQL_AUDIT_DELETE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, to->id);
  e = driver_finish(l, "removing old audit entries", NULL, f);
  if (!e)
    e = set_end(l, TEXT("anchor"), to->id, to->hash, f);
  if (e)
    return e;
  text_hex(to->hash, AUDIT_HASH_BYTES, hex);
  snprintf(after, sizeof after, "{\"through\":%lld,\"hash\":\"%.*s\",\"removed\":%llu}", (long long)to->id,
           (int)sizeof hex, hex, (unsigned long long)w->removed);
  return audit_add_on(
      l, w->by, &(struct audit_entry){.action = TEXT("audit.purge"), .subject = TEXT("audit"), .after = text_of(after)},
      NULL, f);
}

/* The head is locked first: of two programs that purge, the second sees what the first has left. */
static enum err purge(struct driver_link *l, void *args, struct fault *f) {
  struct purge *w = args;
  struct audit_end to = {0};
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = audit_lock_on(l, f);
  if (!e)
    e = purge_reach(l, w, &to, f);
  if (!e && w->removed)
    e = purge_to(l, w, &to, f);
  return l->driver->end(l, e, f);
}

static enum err store_audit_purge(struct store *s, const struct audit_actor *by, int64_t before_us, int64_t now_us,
                                  size_t max, uint64_t *out_removed, struct fault *f) {
  struct purge w = {by, before_us, max, 0};
  if (before_us > now_us - AUDIT_KEEP_DAYS_MIN * DAY_US)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "audit entries are kept for at least %d days", AUDIT_KEEP_DAYS_MIN);
  enum err e = driver_run(s, DRIVER_WRITE, false, purge, &w, f);
  if (!e)
    *out_removed = w.removed;
  return e;
}

const struct store_audit_ops store_audit_ops = {.add = store_audit_add,
                                                .list = store_audit_list,
                                                .page = store_audit_page,
                                                .verify = store_audit_verify,
                                                .purge = store_audit_purge};
