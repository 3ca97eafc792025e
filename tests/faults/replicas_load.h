/* The load on several replicas and what is remembered of it: clients that go round the replicas as a load balancer
 * would, the outages that are made meanwhile, and for every call how it ended and whether it might end so. */
#ifndef TESTS_FAULTS_REPLICAS_LOAD_H
#define TESTS_FAULTS_REPLICAS_LOAD_H

#include "whole.h"

#define REPLICAS    3
#define CLIENTS     8
#define OUTAGES_MAX 400
#define PAUSE_MS    25
#define KEPT_AT_SIM 10000

/* What is not there for a while: a replica by its number, or one of these. */
enum { OUTAGE_STORE = REPLICAS, OUTAGE_REDIS };

struct outage {
  int what;
  int64_t from_ms, to_ms; /* INT64_MAX while it lasts */
};

struct visit {
  enum call_kind kind;
  enum reply_end end;
  int status, replica;
  bool stored_key, answered;
  int64_t from_ms, to_ms; /* 0: it was not made */
  char said[120];
};

static struct load {
  struct replica replicas[REPLICAS];
  unsigned replica_count;
  char key[80]; /* of the store, for some of the calls */
  pthread_t clients[CLIENTS];
  _Atomic unsigned next;
  _Atomic bool stops;
  pthread_mutex_t lock; /* protects the outages */
  struct outage outages[OUTAGES_MAX];
  size_t outage_count;
  struct visit visits[CALLS_MAX];
} load = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline size_t outage_begin(int what) {
  pthread_mutex_lock(&load.lock);
  size_t n = load.outage_count++;
  if (n >= OUTAGES_MAX)
    bail("too many outages");
  load.outages[n] = (struct outage){what, clock_ms(), INT64_MAX};
  pthread_mutex_unlock(&load.lock);
  return n;
}

static inline void outage_end(size_t n) {
  pthread_mutex_lock(&load.lock);
  load.outages[n].to_ms = clock_ms();
  pthread_mutex_unlock(&load.lock);
}

/* Did the visit fall into one, also in part? For when nothing changes any more. */
static inline bool met_outage(const struct visit *v, int what) {
  for (size_t i = 0; i < load.outage_count; i++)
    if (load.outages[i].what == what && load.outages[i].from_ms <= v->to_ms && v->from_ms <= load.outages[i].to_ms)
      return true;
  return false;
}

/* A call that found nobody goes to the next replica, as a load balancer would have it. */
static inline void visit_make(unsigned n) {
  struct visit *v = &load.visits[n];
  struct reply r = {.end = REPLY_REFUSED};
  v->kind = n % 4 == 0 ? CALL_STREAM : n % 4 == 1 ? CALL_CHAT : CALL_PLAIN;
  v->stored_key = n % 5 == 2;
  v->from_ms = clock_ms();
  for (unsigned i = 0; i < load.replica_count && r.end == REPLY_REFUSED; i++) {
    v->replica = (int)((n / 4 + n + i) % load.replica_count);
    reply_done(&r);
    call(load.replicas[v->replica].process.port, v->kind, n, v->stored_key ? load.key : NULL, &r);
  }
  v->end = r.end;
  v->status = r.status;
  v->answered = is_answered(&r, v->kind);
  if (!v->answered)
    snprintf(v->said, sizeof v->said, "%.119s", r.body ? r.body : "");
  v->to_ms = clock_ms();
  reply_done(&r);
}

static inline void *client_run(void *arg) {
  (void)arg;
  while (!atomic_load(&load.stops)) {
    unsigned n = atomic_fetch_add(&load.next, 1);
    if (n >= CALLS_MAX)
      break;
    visit_make(n);
    wait_ms(PAUSE_MS);
  }
  return NULL;
}

static inline void load_start(void) {
  for (unsigned i = 0; i < CLIENTS; i++)
    if (pthread_create(&load.clients[i], NULL, client_run, NULL))
      bail("a thread");
}

static inline unsigned load_stop(void) {
  atomic_store(&load.stops, true);
  for (unsigned i = 0; i < CLIENTS; i++)
    pthread_join(load.clients[i], NULL);
  unsigned n = atomic_load(&load.next);
  return n < CALLS_MAX ? n : CALLS_MAX;
}

/* May this call have ended as it did? An answer always may. A replica that is killed takes its connections with it. A
 * key of the store may have to be asked of a store that is not there. */
static inline bool may_fail(const struct visit *v) {
  if (met_outage(v, v->replica) && (v->end == REPLY_CUT || v->end == REPLY_REFUSED))
    return true;
  return v->stored_key && met_outage(v, OUTAGE_STORE) && v->end == REPLY_WHOLE && v->status == 503 &&
         strchr(v->said, '{') && !strstr(v->said, "hush") && !strstr(v->said, "127.0.0.1");
}

struct ends {
  unsigned answered, cut, refused, wrong;
};

static inline struct ends check_ends(unsigned count) {
  struct ends e = {0};
  for (unsigned i = 0; i < count; i++) {
    const struct visit *v = &load.visits[i];
    e.answered += v->answered;
    e.cut += !v->answered && v->end != REPLY_WHOLE;
    e.refused += !v->answered && v->end == REPLY_WHOLE;
    if (v->answered || may_fail(v) || e.wrong++ > 10)
      continue;
    printf("# call %u to replica %d: end %d, status %d, kind %d, %s key, took %lld ms: %s\n", i, v->replica, v->end,
           v->status, v->kind, v->stored_key ? "stored" : "declared", (long long)(v->to_ms - v->from_ms), v->said);
  }
  return e;
}

/* A row for each call that reached the provider, and no two: what the client, the provider and the ledger know agrees.
 * Calls to replicas that were killed may have been reserved and not sent. */
static inline unsigned check_rows(const struct known *k, unsigned count) {
  unsigned wrong = 0;
  bool sees_all = count < KEPT_AT_SIM;
  for (unsigned i = 0; i < count; i++) {
    const struct visit *v = &load.visits[i];
    bool was_killed = met_outage(v, v->replica);
    bool right = k->rows[i] <= 1 && (!v->answered || k->rows[i] == 1) && (k->ok[i] || !v->answered || was_killed);
    if (sees_all)
      right = right && k->seen[i] <= k->rows[i] && (k->seen[i] == k->rows[i] || was_killed);
    if (!right && wrong++ < 10)
      printf("# call %u to replica %d%s: %s, %u rows (%u ok), %u at the provider\n", i, v->replica,
             was_killed ? ", which was killed" : "", v->answered ? "answered" : "not answered", k->rows[i], k->ok[i],
             k->seen[i]);
  }
  return wrong;
}

#endif
