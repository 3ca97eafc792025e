/* The store under load, through its port: how fast rows go into the ledger and what that costs in processor time of
 * this program and of the database's server; how long adding up takes, pages of the request log and questions about
 * usage; how long a ledger of an older version takes to be brought up. Prints NAME=VALUE words. Called by store.sh;
 * knows nothing of the gateway. */
#include "store/store.h"

#include "base/calendar.h"
#include "common.h"
#include "ports/store_usage.h"
#include "store/migrate.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DAY_US   (86400LL * 1000000)
#define EPOCH_MS 1704067200000LL /* of ids */
#define RARE_KEY 500             /* of 10,000,000 rows in 30 days one an hour */
#define RARELY   13889

static uint64_t seed = 42;

static unsigned long long random_below(uint64_t n) {
  seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  return (seed >> 33) % n;
}

static void check(enum err e, const struct fault *f) {
  if (e) {
    fprintf(stderr, "bench_store: %s\n", f->text);
    exit(1);
  }
}

/* Few make most of the traffic, as it is. */
static unsigned long long skewed_below(uint64_t n) {
  unsigned long long a = random_below(n), b = random_below(n);
  return a < b ? a : b;
}

__attribute__((format(printf, 3, 4))) static struct text word(char *room, size_t cap, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(room, cap, format, args);
  va_end(args);
  return (struct text){room, (size_t)len};
}

struct texts {
  char request[40], key[16], user[32], workspace[16], model[32], provider[16], upstream[40];
};

static struct ledger_row make_row(struct texts *t, uint64_t i, int64_t at_us) {
  /* Of 500 keys some 60 are at work in an hour, each mostly with a model of its own. */
  unsigned long long key = ((uint64_t)(at_us / 3600000000LL) * 7 + skewed_below(60)) % 500;
  unsigned long long model = random_below(5) ? key % 12 : skewed_below(12);
  int64_t input = (int64_t)random_below(20000), output = (int64_t)random_below(2000);
  bool bad = random_below(40) == 0;
  if (i % RARELY == 0)
    key = RARE_KEY; /* and with it a person and a workspace of its own */
  return (struct ledger_row){
      .id = (int64_t)((uint64_t)(at_us / 1000 - EPOCH_MS) << 22 | (i & 0x3fffff)),
      .reserved_us = at_us - 1200000,
      .settled_us = at_us,
      .request_id = word(t->request, sizeof t->request, "req_0193c2e4a7b27c55a2f0%012llx", (unsigned long long)i),
      .attempt = 1,
      .key_id = (int64_t)key + 1,
      .key_name = word(t->key, sizeof t->key, "team-%llu", key),
      .user = word(t->user, sizeof t->user, "person%llu@example.com", key / 2),
      .workspace = word(t->workspace, sizeof t->workspace, "space-%llu", key / 20),
      .wire = TEXT("anthropic"),
      .operation = TEXT("messages"),
      .provider = word(t->provider, sizeof t->provider, "provider-%llu", model / 3),
      .credential = TEXT("main"),
      .model = word(t->model, sizeof t->model, "claude-sonnet-%llu", model),
      .upstream_model = TEXT("claude-sonnet-4-5-20250929"),
      .upstream_request_id =
          word(t->upstream, sizeof t->upstream, "req_011CSHoEeqs5C35K2%010llx", (unsigned long long)i),
      .outcome = bad ? TEXT("error") : TEXT("ok"),
      .error = bad ? TEXT("overloaded") : TEXT(""),
      .status = bad ? 529 : 200,
      .upstream_status = bad ? 529 : 200,
      .streamed = true,
      .billable = true,
      .usage = {.input = (uint64_t)input, .output = (uint64_t)output, .cache_read = random_below(50000), .known = true},
      .cost = {.input = input * 3000, .output = output * 15000, .total = input * 3000 + output * 15000, .known = true},
      .price_version = 7,
      .reserved_nano = 400000000,
      .first_token_us = 400000 + (int64_t)random_below(400000),
      .duration_us = 1200000,
      .overhead_us = 90,
  };
}

/* user and system time of a process and of those it has waited for, in clock ticks; NAME may hold spaces. */
static long ticks_of(const char *pid, long *out_parent) {
  char path[300], line[1024];
  long own = 0, waited = 0, system = 0, waited_system = 0;
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f)
    return 0;
  size_t n = fread(line, 1, sizeof line - 1, f);
  fclose(f);
  line[n] = 0;
  const char *at = strrchr(line, ')');
  if (!at || sscanf(at + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", out_parent, &own, &system,
                    &waited, &waited_system) != 5)
    return 0;
  return own + system + waited + waited_system;
}

/* Processor time of the database's server and its children, microseconds. */
static int64_t server_us(uint64_t server) {
  long ticks = 0, parent = 0;
  DIR *proc = server ? opendir("/proc") : NULL;
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
      continue;
    long used = ticks_of(entry->d_name, &parent);
    if (strtoull(entry->d_name, NULL, 10) == server || (uint64_t)parent == server)
      ticks += used;
  }
  if (proc)
    closedir(proc);
  return ticks * (1000000 / sysconf(_SC_CLK_TCK));
}

/* The same of those that live, in nanoseconds and finer than ticks: for single questions. */
static int64_t server_ns(uint64_t server) {
  int64_t sum = 0;
  long parent = 0;
  DIR *proc = server ? opendir("/proc") : NULL;
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    char path[300];
    long long ns = 0;
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
      continue;
    ticks_of(entry->d_name, &parent);
    if (strtoull(entry->d_name, NULL, 10) != server && (uint64_t)parent != server)
      continue;
    snprintf(path, sizeof path, "/proc/%s/schedstat", entry->d_name);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%lld", &ns) == 1)
      sum += ns;
    if (f)
      fclose(f);
  }
  if (proc)
    closedir(proc);
  return sum;
}

static int64_t own_us(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (int64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

struct load {
  const char *sqlite, *postgres;
  uint64_t server, rows, batch, days, age_days, times;
  bool quiet;
};

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* rows spread evenly over days, which end age_days ago: what the gateway's writer does, as fast as it goes. */
static void fill(struct store *s, const struct load *o) {
  struct ledger_row *rows = calloc(o->batch, sizeof *rows);
  struct texts *texts = calloc(o->batch, sizeof *texts);
  struct fault f = {0};
  if (!rows || !texts)
    bench_fail("memory");
  int64_t end_us = now_us() - (int64_t)o->age_days * DAY_US;
  int64_t start_us = end_us - (int64_t)o->days * DAY_US, span_us = end_us - start_us;
  int64_t began = bench_now_ns(), own = own_us(), theirs = server_us(o->server);
  for (uint64_t done = 0; done < o->rows;) {
    size_t n = 0;
    for (; n < o->batch && done < o->rows; n++, done++)
      rows[n] = make_row(&texts[n], done, start_us + (int64_t)((double)span_us * (double)done / (double)o->rows));
    check(s->ops->ledger_append(s, rows, n, TEXT("bench"), done, &f), &f);
  }
  double seconds = (double)(bench_now_ns() - began) / 1e9;
  if (!o->quiet)
    printf("rows=%llu seconds=%.2f rows_per_s=%.0f own_us_per_row=%.2f server_us_per_row=%.2f\n",
           (unsigned long long)o->rows, seconds, (double)o->rows / seconds, (double)(own_us() - own) / (double)o->rows,
           (double)(server_us(o->server) - theirs) / (double)o->rows);
  free(rows);
  free(texts);
}

static int64_t cpu_us(const struct load *o) { return own_us() + server_us(o->server); }

static int by_time(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Times of a question asked again and again: on the wall, and of the processors here and in the server. */
struct times {
  const struct load *of;
  int64_t *wall_ns, *cpu_ns;
  int64_t began_ns, own_ns, theirs_ns, used_us;
  size_t count;
  uint64_t found;
};

static int64_t own_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct times times_begin(const struct load *o) {
  struct times t = {.of = o, .wall_ns = calloc(o->times, sizeof(int64_t)), .cpu_ns = calloc(o->times, sizeof(int64_t))};
  if (!t.wall_ns || !t.cpu_ns)
    bench_fail("memory");
  t.used_us = cpu_us(o);
  return t;
}

static void times_start(struct times *t) {
  t->theirs_ns = server_ns(t->of->server);
  t->own_ns = own_ns();
  t->began_ns = bench_now_ns();
}

static void times_stop(struct times *t, uint64_t found) {
  t->wall_ns[t->count] = bench_now_ns() - t->began_ns;
  t->cpu_ns[t->count] = own_ns() - t->own_ns;
  t->cpu_ns[t->count++] += server_ns(t->of->server) - t->theirs_ns;
  t->found += found;
}

static void times_print(struct times *t, const char *name) {
  size_t n = t->count;
  qsort(t->wall_ns, n, sizeof *t->wall_ns, by_time);
  qsort(t->cpu_ns, n, sizeof *t->cpu_ns, by_time);
  printf("case=%s times=%zu cpu_p50_ms=%.2f cpu_p99_ms=%.2f p50_ms=%.2f p99_ms=%.2f most_ms=%.2f rows_each=%.1f\n",
         name, n, (double)t->cpu_ns[n / 2] / 1e6, (double)t->cpu_ns[n * 99 / 100] / 1e6,
         (double)t->wall_ns[n / 2] / 1e6, (double)t->wall_ns[n * 99 / 100] / 1e6, (double)t->wall_ns[n - 1] / 1e6,
         (double)t->found / (double)n);
  free(t->wall_ns);
  free(t->cpu_ns);
}

/* As the job asks with the default configuration. */
static struct usage_roll_up_ask roll_up_ask(void) {
  return (struct usage_roll_up_ask){.zone = TEXT("UTC"), .minutes_since_us = now_us() - 7 * DAY_US, .max = 500};
}

/* Everything that was marked, then again what one more batch marks. */
static void add_up(struct store *s, const struct load *o) {
  struct fault f = {0};
  const struct usage_roll_up_ask ask = roll_up_ask();
  int64_t began = bench_now_ns(), own = own_us(), theirs = server_us(o->server);
  uint64_t all = 0;
  for (size_t minutes = 1; minutes; all += minutes)
    check(s->ops->usage->roll_up(s, &ask, &minutes, &f), &f);
  double seconds = (double)(bench_now_ns() - began) / 1e9;
  printf("minutes=%llu seconds=%.2f own_seconds=%.2f server_seconds=%.2f\n", (unsigned long long)all, seconds,
         (double)(own_us() - own) / 1e6, (double)(server_us(o->server) - theirs) / 1e6);
}

static void add_up_again(struct store *s, const struct load *o) {
  struct fault f = {0};
  const struct usage_roll_up_ask ask = roll_up_ask();
  struct times t = times_begin(o);
  struct load few = *o;
  few.rows = few.batch = 100;
  few.days = 0;
  few.quiet = true;
  for (size_t i = 0; i < o->times; i++) {
    size_t minutes = 0;
    seed += i;
    fill(s, &few);
    times_start(&t);
    check(s->ops->usage->roll_up(s, &ask, &minutes, &f), &f);
    times_stop(&t, minutes);
  }
  times_print(&t, "roll-up-of-a-minute");
}

/* What one looks for in the log. */
static void set_filters(struct usage_log_ask *ask, const char *kind, struct texts *t) {
  unsigned long long key = strstr(kind, "rare") ? RARE_KEY : random_below(500);
  if (strstr(kind, "key"))
    ask->key_id = (int64_t)key + 1;
  if (strstr(kind, "user"))
    ask->user = word(t->user, sizeof t->user, "person%llu@example.com", key / 2);
  if (strstr(kind, "nobody"))
    ask->user = TEXT("nobody@example.com");
  if (strstr(kind, "workspace"))
    ask->workspace = word(t->workspace, sizeof t->workspace, "space-%llu", key / 20);
  if (strstr(kind, "model"))
    ask->model = word(t->model, sizeof t->model, "claude-sonnet-%llu", random_below(12));
  if (strstr(kind, "failed"))
    ask->outcome = TEXT(USAGE_LOG_FAILED);
}

/* A page of 50 with a filter, from the newest row or, every other time, from the end of a random day. */
static void read_pages(struct store *s, const struct load *o, const char *kind) {
  struct fault f = {0};
  struct times t = times_begin(o);
  char name[64];
  for (size_t i = 0; i < o->times; i++) {
    struct texts texts;
    struct usage_log_ask ask = {.max = 50};
    struct ledger_row *rows = NULL;
    struct arena a;
    size_t count = 0;
    if (i % 2)
      ask.until_us = now_us() - (int64_t)random_below(o->days ? o->days : 1) * DAY_US;
    set_filters(&ask, kind, &texts);
    arena_init(&a);
    times_start(&t);
    check(s->ops->usage->log(s, &ask, &a, &rows, &count, &f), &f);
    times_stop(&t, count);
    arena_done(&a);
  }
  snprintf(name, sizeof name, "log-%s", kind);
  times_print(&t, name);
}

static void ask_usage(struct store *s, const struct load *o, const char *name, struct usage_ask ask, int64_t back_us) {
  struct fault f = {0};
  struct times t = times_begin(o);
  for (size_t i = 0; i < o->times; i++) {
    struct usage_sum *sums = NULL;
    struct arena a;
    size_t count = 0;
    ask.since_us = now_us() - back_us;
    arena_init(&a);
    times_start(&t);
    check(s->ops->usage->sums(s, &ask, &a, &sums, &count, &f), &f);
    times_stop(&t, count);
    arena_done(&a);
  }
  times_print(&t, name);
}

static void ask_all(struct store *s, const struct load *o) {
  static const char *const kinds[] = {
      "all",    "key",   "user",   "workspace",  "rare-key",    "rare-user", "rare-workspace",
      "nobody", "model", "failed", "key-failed", "user-failed", "user-model"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    read_pages(s, o, kinds[i]);
  ask_usage(s, o, "usage-30d-by-day-and-model", (struct usage_ask){.every = USAGE_EVERY_DAY, .by = USAGE_BY_MODEL},
            30 * DAY_US);
  ask_usage(s, o, "usage-30d-by-user", (struct usage_ask){.by = USAGE_BY_USER}, 30 * DAY_US);
  ask_usage(s, o, "usage-30d-by-key", (struct usage_ask){.by = USAGE_BY_KEY}, 30 * DAY_US);
  ask_usage(s, o, "usage-30d-by-user-and-model", (struct usage_ask){.by = USAGE_BY_USER | USAGE_BY_MODEL}, 30 * DAY_US);
  ask_usage(s, o, "usage-30d-of-one-user",
            (struct usage_ask){.every = USAGE_EVERY_DAY, .by = USAGE_BY_MODEL, .user = TEXT("person7@example.com")},
            30 * DAY_US);
  ask_usage(s, o, "usage-24h-by-hour", (struct usage_ask){.every = USAGE_EVERY_HOUR, .by = USAGE_BY_PROVIDER}, DAY_US);
  ask_usage(s, o, "usage-1h-by-minute", (struct usage_ask){.every = USAGE_EVERY_MINUTE, .by = USAGE_BY_OUTCOME},
            DAY_US / 24);
}

/* As a database is that has been running for a while. */
static void settle(const struct load *o) {
  PGconn *db = o->postgres ? PQconnectdb(o->postgres) : NULL;
  PGresult *r = db ? PQexec(db, "VACUUM ANALYZE") : NULL;
  if (db && PQresultStatus(r) != PGRES_COMMAND_OK)
    bench_fail(PQerrorMessage(db));
  PQclear(r);
  PQfinish(db);
}

/* Back to the schema of version 4, which knew nothing of logs and roll-ups, and up again. */
static void bring_up(const struct store_place *place) {
  struct fault f = {0};
  struct migration_status *status = NULL;
  struct arena a;
  size_t known = 0;
  unsigned count = 0;
  arena_init(&a);
  check(migrate_status(place, &a, &status, &known, &f), &f);
  arena_done(&a);
  int64_t began = bench_now_ns();
  check(migrate_down(place, (unsigned)known - 4, &count, &f), &f);
  int64_t between = bench_now_ns();
  check(migrate_up(place, &count, &f), &f);
  printf("migrations=%u down_seconds=%.2f up_seconds=%.2f\n", count, (double)(between - began) / 1e9,
         (double)(bench_now_ns() - between) / 1e9);
}

int main(int argc, char **argv) {
  struct load o = {.rows = 200000, .batch = 1000, .days = 30, .times = 200};
  const struct bench_option options[] = {
      {"--sqlite", NULL, 0, &o.sqlite},           {"--postgres", NULL, 0, &o.postgres},
      {"--server-pid", &o.server, 1 << 30, NULL}, {"--rows", &o.rows, 1000000000, NULL},
      {"--batch", &o.batch, 100000, NULL},        {"--days", &o.days, 3650, NULL},
      {"--age-days", &o.age_days, 3650, NULL},    {"--times", &o.times, 100000, NULL}};
  struct store *s = NULL;
  struct fault f = {0};
  bench_options(argc, argv, 2, options, sizeof options / sizeof *options);
  const char *command = argc > 1 ? argv[1] : "";
  const struct store_place place = {.kind = o.postgres ? STORE_POSTGRES
                                            : o.sqlite ? STORE_SQLITE
                                                       : STORE_MEMORY,
                                    .path = o.sqlite,
                                    .postgres = {.url = text_of(o.postgres ? o.postgres : ""),
                                                 .pool = 5,
                                                 .overflow = 5,
                                                 .wait_ms = 30000,
                                                 .recycle_ms = 1800000,
                                                 .statement_timeout_ms = 600000,
                                                 .lock_timeout_ms = 60000,
                                                 .connect_timeout_ms = 5000}};
  if (o.batch == 0 || o.times == 0)
    check(fault_set(&f, ERR_CONFIG, NULL, "--batch and --times are above 0"), &f);
  calendar_set_zone(TEXT("UTC"));
  if (strcmp(command, "migrate") == 0 || strcmp(command, "settle") == 0) {
    if (command[0] == 'm')
      bring_up(&place);
    else
      settle(&o);
    return 0;
  }
  check(store_open(&place, &s, &f), &f);
  if (strcmp(command, "fill") == 0)
    fill(s, &o);
  else if (strcmp(command, "roll-up") == 0)
    add_up(s, &o);
  else if (strcmp(command, "roll-up-again") == 0)
    add_up_again(s, &o);
  else if (strcmp(command, "ask") == 0)
    ask_all(s, &o);
  else
    check(fault_set(&f, ERR_CONFIG, NULL, "fill, roll-up, roll-up-again, settle, ask or migrate"), &f);
  s->ops->close(s);
  return 0;
}
