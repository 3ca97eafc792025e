/* Kills a process that is journalling as fast as it can, at random moments, and looks at what is in the store when the
 * next one has opened: every acknowledged settlement exactly once with its numbers, every acknowledged reservation
 * exactly once as settled or recovered, and nothing that was never attempted. Some cycles kill the replay itself.
 * usage: kill9 [cycles] [seed] [postgres]; prints TAP, one line a cycle. With "postgres" the store is one, in which the
 * last transaction of a killed process may still be committed after the next process has looked. */
#include "ledger/ledger.h"
#include "store/store.h"
#include "support/postgres.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS     2
#define ENTRIES_MAX 3000
#define WINDOW      64 /* reservations a worker keeps open at a time */
#define FRESH_EVERY 25 /* cycles on one database */

enum { STATE_NONE, STATE_RESERVING, STATE_RESERVED, STATE_SETTLING, STATE_SETTLED };

/* Written by the child, read by the parent after its death. */
struct entry {
  _Atomic int state;
  _Atomic int64_t id;
  _Atomic int noting, noted;
};

struct side_log {
  _Atomic int ready; /* the child's ledger is open */
  struct entry entries[WORKERS][ENTRIES_MAX];
};

static struct side_log *side_log;
static struct ledger *ledger;
static unsigned cycle;
static uint64_t random_state;
static char data_dir[64], address[256];
static struct postgres_server server;
static bool on_postgres;
static uint64_t settled_seen, recovered_seen;

/* A process is to be killed in the middle of something: nothing tells when, only time does. */
static void let_pass(int64_t us) {
  struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  pselect(0, NULL, NULL, NULL, &t, NULL);
}

static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/* What the attempt `index` of a worker looks like; known to child and parent alike. */
struct attempt {
  char request_id[48], upstream_id[48];
  struct ledger_row row;
};

static void attempt_make(struct attempt *a, unsigned worker, unsigned index) {
  uint64_t seed = (uint64_t)cycle << 40 | (uint64_t)worker << 32 | index, n = next_random(&seed);
  snprintf(a->request_id, sizeof a->request_id, "req-%u-%u-%u", cycle, worker, index);
  snprintf(a->upstream_id, sizeof a->upstream_id, "up-%u-%u-%u", cycle, worker, index);
  a->row = (struct ledger_row){.request_id = text_of(a->request_id),
                               .attempt = 1,
                               .key_id = (int64_t)(n % 7) - 2,
                               .key_name = TEXT("team"),
                               .wire = TEXT("anthropic"),
                               .operation = TEXT("messages"),
                               .provider = TEXT("sim"),
                               .model = TEXT("claude-sonnet-4-5"),
                               .billable = n % 3 != 0,
                               .reserved_nano = (int64_t)(n % 1000000)};
}

static void attempt_note(struct attempt *a) {
  a->row.usage = (struct usage){.input = (uint64_t)a->row.reserved_nano + 7, .known = true};
  a->row.cost = (struct cost){.input = a->row.reserved_nano * 3, .total = a->row.reserved_nano * 3, .known = true};
}

static void attempt_settle(struct attempt *a) {
  attempt_note(a);
  a->row.usage.output = 11;
  a->row.cost.output = a->row.reserved_nano + 5;
  a->row.cost.total += a->row.cost.output;
  a->row.status = a->row.upstream_status = 200;
  a->row.outcome = TEXT("ok");
  a->row.upstream_request_id = text_of(a->upstream_id);
  a->row.duration_us = a->row.reserved_nano + 1;
}

static void settle_entry(unsigned worker, unsigned index) {
  struct entry *e = &side_log->entries[worker][index];
  struct attempt a;
  attempt_make(&a, worker, index);
  attempt_settle(&a);
  a.row.id = atomic_load(&e->id);
  atomic_store(&e->state, STATE_SETTLING);
  ledger_settle(ledger, worker, &a.row);
  atomic_store(&e->state, STATE_SETTLED);
}

static void reserve_entry(unsigned worker, unsigned index, bool note) {
  struct entry *e = &side_log->entries[worker][index];
  struct attempt a;
  struct fault f;
  attempt_make(&a, worker, index);
  atomic_store(&e->state, STATE_RESERVING);
  if (ledger_reserve(ledger, worker, &a.row, &f))
    _exit(3);
  atomic_store(&e->id, a.row.id);
  atomic_store(&e->state, STATE_RESERVED);
  if (!note)
    return;
  attempt_note(&a);
  atomic_store(&e->noting, 1);
  ledger_note(ledger, worker, &a.row);
  atomic_store(&e->noted, 1);
}

static void *worker_run(void *arg) {
  unsigned worker = (unsigned)(uintptr_t)arg, open[WINDOW], count = 0, next = 0;
  uint64_t state = random_state + worker;
  while (next < ENTRIES_MAX) {
    uint64_t n = next_random(&state);
    if (count < WINDOW && n % 2) {
      reserve_entry(worker, next, n % 5 == 0);
      open[count++] = next++;
    } else if (count) {
      unsigned at = (unsigned)(n >> 8) % count;
      settle_entry(worker, open[at]);
      open[at] = open[--count];
    }
    /* Mostly in bursts, sometimes with time for the writer between. */
    if (n % 512 == 0)
      let_pass(1000);
  }
  return NULL;
}

static struct store *open_store(void) {
  char path[sizeof data_dir + 16];
  struct fault f = {0};
  struct store *s;
  snprintf(path, sizeof path, "%s/weir.db", data_dir);
  struct store_place place = {.kind = on_postgres ? STORE_POSTGRES : STORE_SQLITE,
                              .path = path,
                              .postgres = {.url = text_of(address),
                                           .pool = 5,
                                           .overflow = 5,
                                           .wait_ms = 30000,
                                           .recycle_ms = 1800000,
                                           .statement_timeout_ms = 30000,
                                           .lock_timeout_ms = 5000,
                                           .connect_timeout_ms = 5000}};
  if (store_open(&place, &s, &f)) {
    printf("Bail out! the store does not open: %s\n", f.text);
    exit(1);
  }
  return s;
}

static struct ledger *open_ledger(struct store *s, uint64_t *out_recovered) {
  struct fault f = {0};
  struct ledger *l;
  struct ledger_options o = {.data_dir = data_dir,
                             .workers = WORKERS,
                             .flush_interval_ms = 3,
                             .sync_interval_ms = 3,
                             .segment_bytes = cycle % 3 ? 512 * 1024 : 64 * 1024};
  if (ledger_open(&o, s, &l, out_recovered, &f)) {
    printf("Bail out! the ledger does not open: %s\n", f.text);
    exit(1);
  }
  return l;
}

static void child_run(bool only_replay) {
  pthread_t threads[WORKERS];
  uint64_t recovered;
  struct store *s = open_store();
  atomic_store(&side_log->ready, only_replay);
  ledger = open_ledger(s, &recovered);
  atomic_store(&side_log->ready, 1);
  for (unsigned i = 0; i < WORKERS && !only_replay; i++)
    if (pthread_create(&threads[i], NULL, worker_run, (void *)(uintptr_t)i))
      _exit(4);
  for (;;)
    pause();
}

/* Starts a child, lets it live for a while, kills it. */
static bool live_and_die(bool only_replay, int64_t life_us) {
  fflush(stdout);
  atomic_store(&side_log->ready, 0);
  pid_t pid = fork();
  if (pid == 0) {
    child_run(only_replay);
    _exit(5);
  }
  int status = 0;
  for (int i = 0; i < 50000 && !atomic_load(&side_log->ready); i++)
    let_pass(100);
  let_pass(life_us);
  kill(pid, SIGKILL);
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

struct check {
  struct ledger_row *rows; /* of this cycle, ids falling */
  bool *used;
  size_t count;
  char problem[200];
};

static ptrdiff_t row_find(const struct check *c, int64_t id) {
  size_t low = 0, high = c->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (c->rows[middle].id > id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < c->count && c->rows[low].id == id ? (ptrdiff_t)low : -1;
}

static bool same_numbers(const struct ledger_row *a, const struct ledger_row *b) {
  return text_equal(a->request_id, b->request_id) && text_equal(a->upstream_request_id, b->upstream_request_id) &&
         text_equal(a->key_name, b->key_name) && text_equal(a->model, b->model) && a->key_id == b->key_id &&
         a->usage.input == b->usage.input && a->usage.output == b->usage.output && a->cost.input == b->cost.input &&
         a->cost.output == b->cost.output && a->cost.total == b->cost.total && a->status == b->status &&
         a->billable == b->billable && a->reserved_nano == b->reserved_nano && a->duration_us == b->duration_us;
}

/* A recovered row must hold the reservation's numbers, or the note's when one was attempted. */
static bool recovered_right(const struct ledger_row *row, const struct entry *e, struct attempt *a) {
  if (!atomic_load(&e->noted) && same_numbers(row, &a->row))
    return true;
  attempt_note(a);
  return atomic_load(&e->noting) && same_numbers(row, &a->row);
}

static void check_row(struct check *c, const struct ledger_row *row, const struct entry *e, unsigned worker,
                      unsigned index) {
  struct attempt a;
  attempt_make(&a, worker, index);
  int state = atomic_load(&e->state);
  bool is_recovered = text_equal(row->outcome, TEXT("recovered"));
  if (is_recovered ? state == STATE_SETTLED || !recovered_right(row, e, &a)
                   : (attempt_settle(&a), state < STATE_SETTLING || !same_numbers(row, &a.row)))
    snprintf(c->problem, sizeof c->problem, "%s in state %d, note %d/%d, has a wrong row: %.*s, cost %lld, status %d",
             a.request_id, state, atomic_load(&e->noting), atomic_load(&e->noted), TEXT_ARGS(row->outcome),
             (long long)row->cost.total, row->status);
  if (is_recovered)
    recovered_seen++;
  else
    settled_seen++;
}

static void check_entry(struct check *c, unsigned worker, unsigned index) {
  const struct entry *e = &side_log->entries[worker][index];
  int state = atomic_load(&e->state);
  if (state < STATE_RESERVED)
    return;
  ptrdiff_t at = row_find(c, atomic_load(&e->id));
  if (at < 0 || c->used[at]) {
    snprintf(c->problem, sizeof c->problem, "cycle %u worker %u attempt %u in state %d %s", cycle, worker, index, state,
             at < 0 ? "is lost" : "shares its row with another");
    return;
  }
  c->used[at] = true;
  check_row(c, &c->rows[at], e, worker, index);
}

/* A row without an acknowledged reservation: only one that was being made when the process died. */
static void check_unused(struct check *c, const struct ledger_row *row) {
  unsigned of_cycle, worker, index;
  char id[64];
  snprintf(id, sizeof id, "%.*s", TEXT_ARGS(row->request_id));
  if (sscanf(id, "req-%u-%u-%u", &of_cycle, &worker, &index) == 3 && of_cycle == cycle && worker < WORKERS &&
      index < ENTRIES_MAX && atomic_load(&side_log->entries[worker][index].state) == STATE_RESERVING &&
      text_equal(row->outcome, TEXT("recovered")))
    return;
  snprintf(c->problem, sizeof c->problem, "the row of %s was never attempted", id);
}

/* Returns the number of rows the cycle added. */
static size_t check_cycle(struct store *s, int64_t above_id, uint64_t rows_before, int64_t *out_max_id,
                          struct check *c) {
  struct arena a;
  struct fault f = {0};
  struct ledger_totals totals = {0};
  arena_init(&a);
  if (s->ops->ledger_list(s, 0, (size_t)WORKERS * ENTRIES_MAX + 1, &a, &c->rows, &c->count, &f) ||
      s->ops->ledger_verify(s, &a, &totals, &f))
    snprintf(c->problem, sizeof c->problem, "%.190s", f.text);
  while (c->count && c->rows[c->count - 1].id <= above_id)
    c->count--;
  c->used = arena_zalloc(&a, c->count + 1);
  for (unsigned w = 0; w < WORKERS; w++)
    for (unsigned i = 0; i < ENTRIES_MAX; i++)
      check_entry(c, w, i);
  for (size_t i = 0; i < c->count; i++)
    if (!c->used[i])
      check_unused(c, &c->rows[i]);
  if (totals.mismatched_keys)
    snprintf(c->problem, sizeof c->problem, "%.*s", TEXT_ARGS(text_head(totals.first_mismatch, 190)));
  if (totals.rows != rows_before + c->count)
    snprintf(c->problem, sizeof c->problem, "%llu rows in all, %llu expected", (unsigned long long)totals.rows,
             (unsigned long long)(rows_before + c->count));
  if (c->count)
    *out_max_id = c->rows[0].id;
  size_t count = c->count;
  arena_done(&a);
  return count;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) { return remove(path); }

static void fresh_dir(void) {
  if (data_dir[0])
    nftw(data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  const char *tmp = getenv("TMPDIR");
  snprintf(data_dir, sizeof data_dir, "%.40s/weir-kill9-XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(data_dir)) {
    printf("Bail out! no directory: %s\n", strerror(errno));
    exit(1);
  }
  if (on_postgres && !postgres_server_database(&server, true, address, sizeof address)) {
    printf("Bail out! no database: %s\n", server.why);
    exit(1);
  }
}

static void one_cycle(int64_t *max_id, uint64_t *rows, bool *failed) {
  struct check c = {0};
  uint64_t recovered = 0;
  memset(side_log, 0, sizeof *side_log);
  random_state = next_random(&random_state);
  bool died = live_and_die(false, (int64_t)(next_random(&random_state) % 60000));
  bool replay_too = next_random(&random_state) % 4 == 0;
  if (died && replay_too)
    died = live_and_die(true, (int64_t)(next_random(&random_state) % 15000));
  struct store *s = open_store();
  ledger_close(open_ledger(s, &recovered), 10000);
  size_t count = check_cycle(s, *max_id, *rows, max_id, &c);
  s->ops->close(s);
  *rows += count;
  bool good = died && !c.problem[0];
  *failed |= !good;
  printf("%s %u - killed%s: %zu rows, %llu recovered%s%s%s\n", good ? "ok" : "not ok", cycle,
         replay_too ? " twice" : "", count, (unsigned long long)recovered, good ? "" : " # ",
         died ? "" : "the child ended by itself ", c.problem);
}

int main(int argc, char **argv) {
  unsigned cycles = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 25;
  random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  side_log = mmap(NULL, sizeof *side_log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (side_log == MAP_FAILED)
    return 1;
  on_postgres = argc > 3 && strcmp(argv[3], "postgres") == 0;
  if (on_postgres && postgres_server_missing()) {
    printf("1..0 # SKIP %s\n", postgres_server_missing());
    return 0;
  }
  if (on_postgres && !postgres_server_start(&server)) {
    printf("Bail out! %s\n", server.why);
    return 1;
  }
  printf("1..%u\n# seed %llu\n", cycles, (unsigned long long)random_state);
  int64_t max_id = 0;
  uint64_t rows = 0;
  bool failed = false;
  for (cycle = 1; cycle <= cycles; cycle++) {
    if (cycle % FRESH_EVERY == 1) {
      fresh_dir();
      rows = 0;
      max_id = 0;
    }
    one_cycle(&max_id, &rows, &failed);
  }
  printf("# %llu settled and %llu recovered rows checked\n", (unsigned long long)settled_seen,
         (unsigned long long)recovered_seen);
  nftw(data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  postgres_server_stop(&server);
  return failed;
}
