/* Tests of whole programs: a simulator, gateways with folders of their own, calls that carry a number from the client
 * to the provider and into the ledger, and what the ledger and the simulator know of them afterwards. Lines of TAP come
 * from check(). */
#ifndef TESTS_FAULTS_WHOLE_H
#define TESTS_FAULTS_WHOLE_H

#include "support/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE_KEY        "wk-whole-program-0001"
#define CALLS_MAX        60000
#define CALL_PATIENCE_MS 60000

struct replica {
  struct process process;
  char dir[80], data[96], config[96]; /* of its own; its data_dir; its configuration */
};

static struct whole {
  char dir[64];
  const char *weir, *weir_sim;
  struct process sim;
  int number;
  bool failed;
} whole;

static void check(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void check(bool good, const char *fmt, ...) {
  va_list args;
  printf("%s %d - ", good ? "ok" : "not ok", ++whole.number);
  va_start(args, fmt);
  vprintf(fmt, args);
  va_end(args);
  printf("\n");
  fflush(stdout);
  whole.failed |= !good;
}

static void bail(const char *what) {
  printf("Bail out! %s: %s\n", what, strerror(errno));
  exit(1);
}

/* --- programs --- */

static inline bool sim_start(void) {
  char listen[32];
  snprintf(listen, sizeof listen, "127.0.0.1:%d", whole.sim.port);
  const char *const argv[] = {whole.weir_sim, "--listen", listen, "--keep", "10000", NULL};
  return process_start(&whole.sim, argv, NULL);
}

/* usage: PROGRAM PATH_OF_WEIR PATH_OF_WEIR_SIM ... */
static inline void whole_open(int argc, char **argv) {
  const char *tmp = getenv("TMPDIR");
  if (argc < 3)
    exit(2);
  whole.weir = argv[1];
  whole.weir_sim = argv[2];
  snprintf(whole.dir, sizeof whole.dir, "%.30s/weir-whole-XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(whole.dir))
    bail("a folder");
  snprintf(whole.sim.log, sizeof whole.sim.log, "%s/sim.log", whole.dir);
  if (!sim_start())
    bail("the simulator");
}

static inline int whole_remove(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static inline int whole_close(void) {
  check(process_stop(&whole.sim) == 0, "the simulator ends");
  printf("1..%d\n", whole.number);
  if (whole.failed)
    file_show(whole.sim.log, "sim");
  nftw(whole.dir, whole_remove, 16, FTW_DEPTH | FTW_PHYS);
  return whole.failed;
}

/* A gateway "name" with two kinds of models: plain-NUMBER is answered at once, stream-NUMBER takes about 0.8 s. more:
 * further lines of its configuration. */
static inline void replica_init(struct replica *r, const char *name, const char *more) {
  *r = (struct replica){0};
  snprintf(r->dir, sizeof r->dir, "%s/%.10s", whole.dir, name);
  snprintf(r->data, sizeof r->data, "%s/data", r->dir);
  snprintf(r->config, sizeof r->config, "%s/weir.yaml", r->dir);
  snprintf(r->process.log, sizeof r->process.log, "%s/log", r->dir);
  mkdir(r->dir, 0755);
  mkdir(r->data, 0700);
  r->process.port = port_free();
  FILE *f = fopen(r->config, "we");
  if (!f)
    bail(r->config);
  fprintf(
      f,
      "listen: 127.0.0.1:%d\ndata_dir: %s\n"
      "retry: { attempts: 0 }\nbreaker: { failures: 1000000 }\n"
      "timeouts: { connect: 20s, first_byte: 60s, between_bytes: 60s, drain: 20s }\n"
      "providers:\n  - { name: sim, kind: anthropic, base_url: \"http://127.0.0.1:%d\", credentials: [ { name: main, "
      "api_key: key } ] }\n"
      "models:\n  - { name: \"plain-*\", targets: [ { provider: sim, model: sim-text } ] }\n"
      "  - { name: \"stream-*\", targets: [ { provider: sim, model: sim-long-30+drip-25 } ] }\n"
      "prices:\n  - { provider: sim, model: \"*\", input: 3.00, output: 15.00 }\n"
      "keys:\n  - { name: all, value: \"" WHOLE_KEY "\" }\n%s",
      r->process.port, r->data, whole.sim.port, more);
  fclose(f);
}

static inline bool replica_start(struct replica *r, int *out_code) {
  const char *const argv[] = {whole.weir, "serve", "-c", r->config, NULL};
  return process_start(&r->process, argv, out_code);
}

/* --- calls --- */

enum call_kind { CALL_PLAIN, CALL_STREAM, CALL_CHAT /* the other dialect */ };

/* One call, numbered. key NULL: the declared one. */
static inline void call(int port, enum call_kind kind, unsigned number, const char *key, struct reply *out) {
  char body[1024], headers[256];
  /* A long name makes long records in the journal. */
  static const char padding[] = "-with-a-name-as-long-as-a-name-can-be-so-that-the-journal-fills-up-soon-with-records-"
                                "that-are-long-because-of-it-and-of-nothing-else-at-all-in-this-call-of-many-and-so-"
                                "on-and-so-forth-until-it-is-enough-for-the-purpose";
  snprintf(headers, sizeof headers, "x-api-key: %s\r\nauthorization: Bearer %s\r\ncontent-type: application/json\r\n",
           key ? key : WHOLE_KEY, key ? key : WHOLE_KEY);
  snprintf(body, sizeof body,
           "{\"model\":\"%s-%06u%s\",\"max_tokens\":50,%s\"messages\":[{\"role\":\"user\",\"content\":"
           "\"weir-call-%06u\"}]}",
           kind == CALL_STREAM ? "stream" : "plain", number, padding, kind == CALL_STREAM ? "\"stream\":true," : "",
           number);
  ask(port, "POST", kind == CALL_CHAT ? "/v1/chat/completions" : "/v1/messages", headers, body, CALL_PATIENCE_MS, out);
}

/* An answer with all that belongs to it. */
static inline bool is_answered(const struct reply *r, enum call_kind kind) {
  return r->end == REPLY_WHOLE && r->status == 200 && (kind != CALL_STREAM || strstr(r->body, "message_stop"));
}

/* --- what is known afterwards --- */

struct known {
  unsigned char rows[CALLS_MAX], ok[CALLS_MAX], seen[CALLS_MAX]; /* by number: rows of the ledger; calls at the sim */
  size_t row_count, ok_count, seen_count, doubled; /* doubled: rows whose id or (request, attempt) was there before */
  char verdict[200];                               /* what `weir ledger verify` said */
  int code;                                        /* and its exit status */
};

static inline int line_compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline size_t doubles(char **lines, size_t count, const char *name) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    lines[i] = strstr(lines[i], name) ? strstr(lines[i], name) : lines[i];
  qsort(lines, count, sizeof *lines, line_compare);
  for (size_t i = 1; i < count; i++) {
    size_t a = strcspn(lines[i - 1], ","), b = strcspn(lines[i], ",");
    n += a == b && strncmp(lines[i - 1], lines[i], a) == 0;
  }
  return n;
}

static inline void know_row(struct known *k, const char *line) {
  const char *model = strstr(line, "\"model\":\"");
  const char *digits = model ? strchr(model + 9, '-') : NULL;
  unsigned long n = digits ? strtoul(digits + 1, NULL, 10) : CALLS_MAX;
  k->row_count++;
  if (n >= CALLS_MAX)
    return;
  bool ok = strstr(line, "\"outcome\":\"ok\"") != NULL;
  k->rows[n]++;
  k->ok[n] = (unsigned char)(k->ok[n] + ok);
  k->ok_count += ok;
}

static inline void know_ledger(struct known *k, const struct replica *r) {
  char *said = NULL, *rest, **lines = calloc(CALLS_MAX, sizeof *lines);
  size_t count = 0;
  const char *const list[] = {whole.weir, "ledger", "list", "--json", "--max", "100000", "-c", r->config, NULL};
  const char *const verify[] = {whole.weir, "ledger", "verify", "-c", r->config, NULL};
  k->code = process_run(verify, &said);
  snprintf(k->verdict, sizeof k->verdict, "%s", said);
  for (char *c = k->verdict; *c; c++)
    *c = *c == '\n' ? ' ' : *c;
  free(said);
  if (process_run(list, &said) != 0 || !lines)
    printf("# %s\n", said);
  rest = said;
  for (char *line = strsep(&rest, "\n"); line && lines && count < CALLS_MAX; line = strsep(&rest, "\n"))
    if (line[0] == '{') {
      know_row(k, line);
      lines[count++] = line;
    }
  if (lines) { /* by id first: what stands before it is cut off afterwards */
    k->doubled = doubles(lines, count, "\"id\":");
    k->doubled += doubles(lines, count, "\"request_id\":");
  }
  free(lines);
  free(said);
}

static inline void know_sim(struct known *k) {
  struct reply r;
  ask(whole.sim.port, "GET", "/__stats", "", NULL, 60000, &r);
  for (const char *at = r.body ? r.body : ""; (at = strstr(at, "weir-call-")); at += 10) {
    unsigned long n = strtoul(at + 10, NULL, 10);
    if (n < CALLS_MAX) {
      k->seen[n]++;
      k->seen_count++;
    }
  }
  reply_done(&r);
}

/* Polls for a condition. */
static inline bool eventually(bool (*holds)(void *), void *ctx, int within_ms) {
  for (int64_t until = clock_ms() + within_ms; clock_ms() < until; wait_ms(50))
    if (holds(ctx))
      return true;
  return false;
}

/* A gauge is at 0. */
static inline bool is_at_rest(void *replica) {
  const struct replica *r = replica;
  return metric_of(r->process.port, "weir_ledger_open") == 0 && metric_of(r->process.port, "weir_ledger_pending") == 0;
}

#endif
