/* Several replicas (whole processes with their own folders) on one PostgreSQL and one Redis, under load, while each
 * part is killed or frozen in turn. Calls go on; which may fail, and how, is in replicas_load.h. Afterwards every call
 * that reached the provider is in the ledger exactly once, balances are the sum of their rows, and nothing is held.
 * usage: replicas PATH_OF_WEIR PATH_OF_WEIR_SIM COUNT [SECONDS SEED]: COUNT replicas; with SECONDS, what happens and
 * when is drawn from SEED. Prints TAP. */
#include "replicas_load.h"

#include "support/postgres.h"
#include "support/redis_server.h"

static struct postgres_server postgres;
static struct redis_server redis;
static char database[256];
static struct known known;
static int64_t stored_key_id;

/* --- parts --- */

static struct replica *replica_of(unsigned n) { return &load.replicas[n]; }

static void copy_secret(const struct replica *from, const struct replica *to) {
  char source[128], target[128], bytes[64];
  snprintf(source, sizeof source, "%s/server.key", from->data);
  snprintf(target, sizeof target, "%s/server.key", to->data);
  int in = open(source, O_RDONLY | O_CLOEXEC), out = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ssize_t n = in >= 0 ? read(in, bytes, sizeof bytes) : -1;
  if (out < 0 || n <= 0 || write(out, bytes, (size_t)n) != n)
    bail(target);
  close(in);
  close(out);
}

static void start_replica(unsigned n, const char *when) {
  int code = -1;
  bool started = replica_start(replica_of(n), &code);
  check(started, "replica %u starts %s", n, when);
  if (started)
    return;
  printf("# it ended with %d\n", code);
  file_show(replica_of(n)->process.log, "replica");
  exit(1);
}

/* 200 whatever becomes of the database; the body tells how it stands. */
static bool all_are(const char *word) {
  char says[48];
  snprintf(says, sizeof says, "{\"status\":\"%s\"", word);
  for (unsigned i = 0; i < load.replica_count; i++) {
    struct reply r;
    ask(replica_of(i)->process.port, "GET", "/health/ready", "", NULL, 20000, &r);
    bool right = r.status == 200 && strstr(r.body, says);
    reply_done(&r);
    if (!right)
      return false;
  }
  return true;
}
static bool all_ready(void *ctx) { return all_are("ok"); }
static bool all_degraded(void *ctx) { return all_are("degraded"); }

static bool redis_seen(bool connected) {
  for (unsigned i = 0; i < load.replica_count; i++)
    if (metric_of(replica_of(i)->process.port, "weir_redis_connected") != (connected ? 1 : 0))
      return false;
  return true;
}
static bool redis_is_seen(void *ctx) { return redis_seen(true); }
static bool redis_is_missed(void *ctx) { return redis_seen(false); }

static void check_eventually(bool (*holds)(void *), const char *what) {
  int64_t from = clock_ms();
  bool held = eventually(holds, NULL, PROCESSES_PATIENCE_MS);
  check(held, "%s after %lld ms", what, (long long)(clock_ms() - from));
}

/* Until so many more calls have been made: the load has gone on. */
static void let_calls_go_on(unsigned more) {
  unsigned until = atomic_load(&load.next) + more;
  int64_t from = clock_ms();
  while (atomic_load(&load.next) < until && clock_ms() - from < PROCESSES_PATIENCE_MS)
    wait_ms(20);
  check(atomic_load(&load.next) >= until, "%u calls go on", more);
}

/* --- what happens --- */

static void kill_replica(unsigned n) {
  size_t outage = outage_begin((int)n);
  process_kill(&replica_of(n)->process);
  let_calls_go_on(30);
  start_replica(n, "after it was killed");
  outage_end(outage);
}

static void kill_redis(void) {
  size_t outage = outage_begin(OUTAGE_REDIS);
  redis_server_kill(&redis);
  check_eventually(redis_is_missed, "the replicas miss Redis");
  let_calls_go_on(40);
  redis_server_run(&redis);
  check_eventually(redis_is_seen, "and find it again");
  outage_end(outage);
}

static void freeze_redis(void) {
  size_t outage = outage_begin(OUTAGE_REDIS);
  redis_server_pause(&redis);
  let_calls_go_on(60);
  redis_server_resume(&redis);
  check_eventually(redis_is_seen, "after it was frozen Redis is there for all");
  outage_end(outage);
}

static void kill_postgres(void) {
  size_t outage = outage_begin(OUTAGE_STORE);
  postgres_server_kill(&postgres);
  let_calls_go_on(60);
  check_eventually(all_degraded, "no replica is taken out: all are ready, and say what is missing");
  check(postgres_server_restart(&postgres), "PostgreSQL starts again %s", postgres.why);
  check_eventually(all_ready, "all replicas are ready again");
  outage_end(outage);
}

static void freeze_postgres(unsigned calls) {
  size_t outage = outage_begin(OUTAGE_STORE);
  postgres_server_freeze(&postgres);
  let_calls_go_on(calls);
  check_eventually(all_degraded, "no replica is taken out: all are ready, and say what is missing");
  postgres_server_thaw(&postgres);
  check_eventually(all_ready, "after PostgreSQL was frozen all replicas are ready");
  outage_end(outage);
}

/* With nothing to start on a replica says so and ends; what it had in its journal waits. */
static void kill_replica_and_postgres(unsigned n) {
  int code = -1;
  size_t store = outage_begin(OUTAGE_STORE), outage = outage_begin((int)n);
  postgres_server_kill(&postgres);
  let_calls_go_on(30);
  process_kill(&replica_of(n)->process);
  bool started = replica_start(replica_of(n), &code);
  check(!started && code == 1, "without its store a replica does not start and ends with 1: %d", code);
  check(postgres_server_restart(&postgres), "PostgreSQL starts again %s", postgres.why);
  start_replica(n, "with it");
  check_eventually(all_ready, "all replicas are ready");
  outage_end(outage);
  outage_end(store);
}

/* --- a key is blocked --- */

/* When a replica last let it in: the moment the call was sent. *slowest_ms: how long the machine takes for a call. */
static int64_t last_accepted_ms(unsigned n, const char *key, int64_t until_ms, int64_t *slowest_ms) {
  int64_t last = 0;
  for (int refused = 0; refused < 3 && clock_ms() < until_ms;) {
    struct reply r;
    int64_t now = clock_ms();
    ask(replica_of(n)->process.port, "GET", "/v1/models", key, NULL, 20000, &r);
    refused = r.status == 401 || r.status == 403 ? refused + 1 : 0;
    if (r.status == 200)
      last = now;
    if (clock_ms() - now > *slowest_ms)
      *slowest_ms = clock_ms() - now;
    reply_done(&r);
    wait_ms(10);
  }
  return last;
}

static void make_key(const char *name, char *out, size_t cap, int64_t *out_id) {
  char *said = NULL;
  const char *const create[] = {whole.weir, "key", "create", "--name", name, "-c", replica_of(0)->config, NULL};
  const char *const list[] = {whole.weir, "key", "list", "-c", replica_of(0)->config, NULL};
  int code = process_run(create, &said);
  char *at = strstr(said, "weir_");
  while (at && strcspn(at, " \n\t\"") < 40)
    at = strstr(at + 5, "weir_");
  check(code == 0 && at, "a key is made: %d", code);
  snprintf(out, cap, "%.*s", at ? (int)strcspn(at, " \n\t\"") : 0, at ? at : "");
  free(said);
  process_run(list, &said);
  at = strstr(said, name);
  while (at && at > said && at[-1] != '\n')
    at--;
  *out_id = at ? strtol(at, NULL, 10) : 0;
  free(said);
}

static void block_key(void) {
  char key[80], header[128], id[24], *said = NULL;
  int64_t key_id = 0, from_ms = 0, last = 0, slowest_ms = 0;
  static unsigned number;
  char name[24];
  snprintf(name, sizeof name, "blocked%u", number++);
  make_key(name, key, sizeof key, &key_id);
  snprintf(header, sizeof header, "x-api-key: %s\r\n", key);
  snprintf(id, sizeof id, "%lld", (long long)key_id);
  for (unsigned i = 0; i < load.replica_count; i++) { /* so that every replica holds it in its map */
    struct reply r;
    ask(replica_of(i)->process.port, "GET", "/v1/models", header, NULL, 20000, &r);
    check(r.status == 200, "replica %u takes a key of the store: %d", i, r.status);
    reply_done(&r);
  }
  const char *const block[] = {whole.weir, "key", "block", id, "-c", replica_of(0)->config, NULL};
  int code = process_run(block, &said);
  from_ms = clock_ms();
  check(code == 0, "it is blocked: %s", said);
  free(said);
  for (unsigned i = 0; i < load.replica_count; i++) {
    int64_t at = last_accepted_ms(i, header, from_ms + PROCESSES_PATIENCE_MS, &slowest_ms);
    last = at > last ? at : last;
  }
  int64_t took = last ? last - from_ms : 0;
  /* A second, and what a machine that is starved adds to it. */
  check(took <= 1000 + 4 * slowest_ms,
        "and refused by every replica within a second: the last was taken after %lld ms, a call takes up to %lld ms",
        (long long)took, (long long)slowest_ms);
}

/* --- afterwards --- */

static bool all_at_rest(void *ctx) {
  static const char *const gauges[] = {"weir_ledger_open",      "weir_ledger_pending", "weir_streams",
                                       "weir_held_bytes",       "weir_upstream_calls", "weir_queued_requests",
                                       "weir_admitted_requests"};
  for (unsigned i = 0; i < load.replica_count; i++)
    for (size_t g = 0; g < sizeof gauges / sizeof *gauges; g++)
      if (metric_of(replica_of(i)->process.port, gauges[g]) != 0)
        return false;
  return true;
}

static const char *const known_errors[] = {"ledger_store_failing", "redis_lost", "request_not_possible"};

/* The errors that are none of these, as comments of TAP. */
static void show_unknown(const char *path) {
  static char line[4096];
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f)) {
    bool is_known = !strstr(line, "\"level\":\"error\"") && !strstr(line, "\"level\":\"fatal\"");
    for (size_t i = 0; i < sizeof known_errors / sizeof *known_errors; i++)
      is_known |= strstr(line, known_errors[i]) != NULL;
    if (!is_known)
      printf("# %s", line);
  }
  if (f)
    fclose(f);
}

/* Errors in a log that belong to no outage. */
static void check_log(unsigned n) {
  const char *path = replica_of(n)->process.log;
  size_t errors = file_count(path, "\"level\":\"error\"", 0), fatal = file_count(path, "\"level\":\"fatal\"", 0),
         told = 0;
  for (size_t i = 0; i < sizeof known_errors / sizeof *known_errors; i++) {
    char text[64];
    snprintf(text, sizeof text, "\"level\":\"error\",\"event\":\"%s\"", known_errors[i]);
    told += file_count(path, text, 0);
  }
  check(errors == told && fatal == 0 && file_count(path, "Sanitizer", 0) == 0 && file_count(path, "hush", 0) == 0,
        "the log of replica %u tells of the outages and nothing else: %zu errors, %zu known", n, errors, told);
  if (errors != told || fatal > 0)
    show_unknown(path);
}

static void check_all(unsigned count) {
  struct ends ends = check_ends(count);
  check(ends.wrong == 0, "of %u calls %u were answered, %u cut and %u refused, as they may; %u were not", count,
        ends.answered, ends.cut, ends.refused, ends.wrong);
  check(ends.answered > count / 2, "most were answered");
  check_eventually(all_at_rest, "nothing is held");
  for (unsigned i = 0; i < load.replica_count; i++) {
    check(process_stop(&replica_of(i)->process) == 0, "replica %u ends", i);
    check_log(i);
  }
  know_sim(&known);
  know_ledger(&known, replica_of(0));
  unsigned wrong = check_rows(&known, count);
  check(wrong == 0 && known.doubled == 0,
        "every call that reached the provider is in the ledger once: %zu rows, %zu calls seen, %u wrong, %zu doubled",
        known.row_count, known.seen_count, wrong, known.doubled);
  check(known.code == 0, "the ledger is exact: %s", known.verdict);
}

static void in_turn(void) {
  kill_replica(load.replica_count > 1 ? 1 : 0);
  kill_redis();
  kill_postgres();
  block_key();
  freeze_postgres(120);
  freeze_redis();
  kill_replica_and_postgres(load.replica_count - 1);
  kill_replica(0);
}

static uint64_t drawn(uint64_t *state, uint64_t n) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return n ? (z ^ (z >> 31)) % n : 0;
}

static void at_random(int64_t seconds, uint64_t seed) {
  printf("# seed %llu\n", (unsigned long long)seed);
  for (int64_t until = clock_ms() + seconds * 1000; clock_ms() < until && load.outage_count < OUTAGES_MAX - 2;) {
    unsigned n = (unsigned)drawn(&seed, load.replica_count);
    switch (drawn(&seed, 7)) {
    case 0: kill_redis(); break;
    case 1: freeze_redis(); break;
    case 2: kill_postgres(); break;
    case 3: freeze_postgres(50 + (unsigned)drawn(&seed, 300)); break;
    case 4: kill_replica_and_postgres(n); break;
    case 5: block_key(); break;
    default: kill_replica(n); break;
    }
    let_calls_go_on((unsigned)drawn(&seed, 50));
  }
}

static void open_all(unsigned count) {
  char more[600];
  load.replica_count = count;
  if (!postgres_server_start(&postgres) || !postgres_server_database(&postgres, false, database, sizeof database)) {
    printf("Bail out! %s\n", postgres.why);
    exit(1);
  }
  redis_server_start(&redis, NULL);
  snprintf(more, sizeof more,
           "store: \"%s\"\npostgres: { pool: 3, overflow: 3, wait: 2s, connect_timeout: 2s, statement_timeout: 5s }\n"
           "redis: \"redis://127.0.0.1:%d/0\"\nworkers: 1\n",
           database, redis.port);
  for (unsigned i = 0; i < load.replica_count; i++) {
    char name[12];
    snprintf(name, sizeof name, "replica%u", i);
    replica_init(replica_of(i), name, more);
    if (i > 0)
      copy_secret(replica_of(0), replica_of(i));
    start_replica(i, "the first time");
  }
  make_key("shared", load.key, sizeof load.key, &stored_key_id);
}

int main(int argc, char **argv) {
  if (postgres_server_missing() || !redis_server_is_there()) {
    printf("1..0 # SKIP %s\n", postgres_server_missing() ? postgres_server_missing() : "there is no redis-server");
    return 0;
  }
  unsigned count = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
  if (count < 1 || count > REPLICAS)
    return 2;
  whole_open(argc, argv);
  open_all(count);
  load_start();
  let_calls_go_on(100);
  if (argc > 5)
    at_random(strtol(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
  else
    in_turn();
  let_calls_go_on(100);
  check_all(load_stop());
  if (whole.failed && getenv("WEIR_SHOW_LOGS"))
    for (unsigned i = 0; i < load.replica_count; i++)
      file_show(replica_of(i)->process.log, replica_of(i)->dir);
  redis_server_end(&redis);
  postgres_server_stop(&postgres);
  return whole_close();
}
