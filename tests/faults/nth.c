/* The n-th call fails, for n = 1, 2, 3 ... until a run sees no fault: calls of the journal to the operating system,
 * then calls of the ledger to the store. Each run replays what an earlier process left, works, closes, and opens once
 * more without faults: then everything acknowledged is in the real store exactly once, and no file is left over. Prints
 * TAP. Leaks are the sanitizer's to find. */
#include "ledger/ledger.h"
#include "store/store.h"

#include "../unit/ledger/faulty_sys.h"

#include <ftw.h>
#include <unistd.h>

#define WORKERS   2
#define CALLS     120
#define LEFT_OPEN 5

/* The store under test, of which the n-th call fails. */
struct faulty_store {
  struct store base;
  struct store *inner;
  _Atomic uint64_t calls, fail_at;
};

static bool store_fails(struct store *s) {
  struct faulty_store *w = (struct faulty_store *)s;
  return atomic_fetch_add(&w->calls, 1) + 1 == atomic_load(&w->fail_at);
}

static struct store *inner(struct store *s) { return ((struct faulty_store *)s)->inner; }

static enum err faulty_append(struct store *s, const struct ledger_row *rows, size_t count, struct text stream,
                              uint64_t position, struct fault *f) {
  if (store_fails(s))
    return fault_set(f, ERR_STORE, NULL, "injected");
  return inner(s)->ops->ledger_append(inner(s), rows, count, stream, position, f);
}

static enum err faulty_position(struct store *s, struct text stream, uint64_t *out, struct fault *f) {
  if (store_fails(s))
    return fault_set(f, ERR_STORE_BUSY, NULL, "injected");
  return inner(s)->ops->ledger_position(inner(s), stream, out, f);
}

static enum err faulty_list(struct store *s, int64_t before_id, size_t max, struct arena *a, struct ledger_row **out,
                            size_t *out_count, struct fault *f) {
  if (store_fails(s))
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "injected");
  return inner(s)->ops->ledger_list(inner(s), before_id, max, a, out, out_count, f);
}

static enum err faulty_agree(struct store *s, struct text name, struct text value, struct arena *a, struct text *out,
                             struct fault *f) {
  if (store_fails(s))
    return fault_set(f, ERR_STORE, NULL, "injected");
  return inner(s)->ops->replicas->agree(inner(s), name, value, a, out, f);
}

static enum err faulty_agreed(struct store *s, struct text name, struct arena *a, struct text *out, struct fault *f) {
  if (store_fails(s))
    return fault_set(f, ERR_STORE_BUSY, NULL, "injected");
  return inner(s)->ops->replicas->agreed(inner(s), name, a, out, f);
}

static const struct store_replicas_ops faulty_replicas = {.agree = faulty_agree, .agreed = faulty_agreed};
static const struct store_ops faulty_ops = {.name = "faulty",
                                            .ledger_append = faulty_append,
                                            .ledger_position = faulty_position,
                                            .ledger_list = faulty_list,
                                            .replicas = &faulty_replicas};

struct expected {
  int64_t id;
  bool settled;
};

struct run {
  char dir[64];
  struct faulty_store store;
  struct expected expected[4 * CALLS];
  size_t count, refused;
  char problem[256];
};

static void problem(struct run *r, const char *what, const struct fault *f) {
  if (!r->problem[0])
    snprintf(r->problem, sizeof r->problem, "%s: %.180s", what, f ? f->text : "");
}

static enum err run_open(struct run *r, struct ledger **out, struct fault *f) {
  uint64_t recovered;
  struct ledger_options o = {.data_dir = r->dir,
                             .workers = WORKERS,
                             .sync_interval_ms = 1,
                             .flush_interval_ms = 1,
                             .segment_bytes = 64 * 1024,
                             .sys = &faulty_sys};
  return ledger_open(&o, &r->store.base, out, &recovered, f);
}

/* Attempts on both workers; the last few stay open, as a crash would leave them. */
static void run_work(struct run *r, struct ledger *l) {
  static char long_text[200];
  struct fault f = {0};
  memset(long_text, 'x', sizeof long_text);
  for (unsigned i = 0; i < CALLS; i++) {
    struct ledger_row row = {.request_id = TEXT("req"), .attempt = 1, .key_id = i % 3, .billable = true};
    row.user = row.model = row.upstream_model = (struct text){long_text, sizeof long_text};
    if (ledger_reserve(l, i % WORKERS, &row, &f)) {
      r->refused++;
      continue;
    }
    struct expected *e = &r->expected[r->count++];
    *e = (struct expected){row.id, i < CALLS - LEFT_OPEN};
    row.cost = (struct cost){.output = 7, .total = 7, .known = true};
    if (i % 4 == 0)
      ledger_note(l, i % WORKERS, &row);
    row.outcome = TEXT("ok");
    if (e->settled)
      ledger_settle(l, i % WORKERS, &row);
  }
}

static void run_check(struct run *r) {
  struct arena a;
  struct ledger_row *rows = NULL;
  struct ledger_totals totals = {0};
  struct fault f = {0};
  struct store *s = r->store.inner;
  size_t count = 0;
  arena_init(&a);
  if (s->ops->ledger_list(s, 0, 10000, &a, &rows, &count, &f) || s->ops->ledger_verify(s, &a, &totals, &f))
    problem(r, "the store cannot be read", &f);
  if (count != r->count)
    problem(r, count < r->count ? "rows are lost" : "there are rows too many", NULL);
  for (size_t i = 0; i < r->count; i++) {
    size_t found = 0;
    for (size_t k = 0; k < count; k++)
      if (rows[k].id == r->expected[i].id)
        found += text_equal(rows[k].outcome, r->expected[i].settled ? TEXT("ok") : TEXT("recovered"));
    if (found != 1)
      problem(r, "a row is missing or wrong", NULL);
  }
  if (totals.mismatched_keys)
    problem(r, "balances are wrong", NULL);
  arena_done(&a);
}

static void set_faults(struct run *r, uint64_t sys_at, uint64_t store_at) {
  atomic_store(&sys_calls, 0);
  atomic_store(&r->store.calls, 0);
  atomic_store(&sys_fail_at, sys_at);
  atomic_store(&r->store.fail_at, store_at);
}

/* One opening with work and closing. Without faults it must succeed. */
static void run_session(struct run *r, bool work, bool may_fail) {
  struct ledger *l = NULL;
  struct fault f = {0};
  enum err e = run_open(r, &l, &f);
  if (e) {
    if (!may_fail || !f.text[0])
      problem(r, "the ledger does not open", &f);
    return;
  }
  if (work)
    run_work(r, l);
  ledger_close(l, 5000);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) { return remove(path); }

static size_t journal_files;
static int count_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  journal_files += kind == FTW_F;
  return 0;
}

static void check_directory(struct run *r) {
  char path[96];
  snprintf(path, sizeof path, "%s/journal", r->dir);
  journal_files = 0;
  nftw(path, count_one, 8, FTW_PHYS);
  if (journal_files)
    problem(r, "files are left in the journal", NULL);
}

/* True when the fault was met. */
static bool run_once(uint64_t sys_at, uint64_t store_at, const char *name) {
  static unsigned number;
  struct run *r = calloc(1, sizeof *r);
  struct fault f = {0};
  char path[96];
  snprintf(r->dir, sizeof r->dir, "/tmp/weir-nth-XXXXXX");
  if (!r || !mkdtemp(r->dir))
    exit(1);
  snprintf(path, sizeof path, "%s/weir.db", r->dir);
  r->store.base.ops = &faulty_ops;
  if (store_open_sqlite(path, &r->store.inner, &f)) {
    printf("Bail out! %s\n", f.text);
    exit(1);
  }
  run_session(r, true, false);
  set_faults(r, sys_at, store_at);
  run_session(r, true, true);
  bool met = sys_at ? atomic_load(&sys_calls) >= sys_at : atomic_load(&r->store.calls) >= store_at;
  set_faults(r, 0, 0);
  run_session(r, false, false);
  run_check(r);
  check_directory(r);
  r->store.inner->ops->close(r->store.inner);
  nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  printf("%s %u - %s call %llu%s, %zu refused%s%s\n", r->problem[0] ? "not ok" : "ok", ++number, name,
         (unsigned long long)(sys_at + store_at), met ? " fails" : ": no fault", r->refused, r->problem[0] ? " # " : "",
         r->problem);
  fflush(stdout);
  free(r);
  return met;
}

int main(void) {
  uint64_t runs = 0;
  for (uint64_t n = 1; run_once(n, 0, "system") && n < 400; n++)
    runs++;
  for (uint64_t n = 1; run_once(0, n, "store") && n < 400; n++)
    runs++;
  printf("1..%llu\n", (unsigned long long)runs + 2);
  return 0;
}
