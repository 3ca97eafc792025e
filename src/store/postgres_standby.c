/* Standbys of the primary: which of them a list may be read from. One is used only when it is a standby of this very
 * cluster and has come as far in the write-ahead log as is asked; one that cannot be reached, is no standby, or is
 * another cluster's is left alone for a while that grows, and why is kept for whoever asks. Called by postgres_store.c,
 * and through the port by /health. */
#include "store/postgres.h"

#define AVOID_FIRST_US 5000000
#define AVOID_LAST_US  60000000
#define PATIENCE_MS    1000     /* for a question that takes a standby no time; the primary answers meanwhile */
#define STOPPED_US     60000000 /* a standby that moves on is only late */

#define REPLAYED                                                                                                       \
  "SELECT CASE WHEN pg_is_in_recovery() THEN COALESCE((pg_last_wal_replay_lsn() - '0/0')::bigint, 0) ELSE -1 END"
#define CLUSTER "SELECT system_identifier FROM pg_control_system()"
#define MAY_ASK "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')::int"

enum err postgres_ask_number(struct postgres_link *l, const char *sql, int64_t patience_ms, int64_t *out,
                             struct fault *f) {
  static const char doing[] = "asking how far the database has come";
  PGresult *r = NULL;
  int64_t usual_ms = l->patience_ms, number = 0;
  if (!PQsendQuery(l->db, sql))
    return postgres_fail(l, NULL, doing, f);
  l->patience_ms = patience_ms;
  enum err e = postgres_answer(l, doing, &r, f);
  l->patience_ms = usual_ms;
  if (e)
    return e;
  bool good = PQntuples(r) == 1 && text_to_i64(text_of(PQgetvalue(r, 0, 0)), &number);
  PQclear(r);
  if (!good)
    return fault_set(f, ERR_STORE, NULL, "%s: no answer", doing);
  *out = number;
  return ERR_OK;
}

/* Of which cluster it is; 0 where this user may not ask. */
static enum err ask_cluster(struct postgres_link *l, int64_t *out, struct fault *f) {
  enum err e = postgres_ask_number(l, MAY_ASK, PATIENCE_MS, out, f);
  return !e && *out ? postgres_ask_number(l, CLUSTER, PATIENCE_MS, out, f) : e;
}

/* The primary's; 0 when it does not say (then standbys are believed). */
static int64_t cluster_of_primary(struct postgres_store *s) {
  int64_t cluster = atomic_load(&s->cluster);
  struct postgres_link *l = NULL;
  struct fault ignored = {0};
  if (cluster != 0 || postgres_pool_take(&s->primary, false, &l, &ignored) != ERR_OK)
    return cluster;
  if (ask_cluster(l, &cluster, &ignored) == ERR_OK)
    atomic_store(&s->cluster, cluster);
  postgres_pool_give(l);
  return cluster;
}

/* Once for each connection. */
static enum err check_kin(struct postgres_store *s, struct postgres_link *l, struct fault *f) {
  int64_t cluster = cluster_of_primary(s), its = 0;
  if (l->is_kin)
    return ERR_OK;
  enum err e = ask_cluster(l, &its, f);
  if (e)
    return e;
  if (cluster != 0 && its != 0 && its != cluster)
    return fault_set(f, ERR_STORE, NULL, "it is not a standby of the database in `store`, but of another one");
  l->is_kin = true;
  return ERR_OK;
}

static enum err ask_standby(struct postgres_store *s, struct postgres_pool *p, struct postgres_link **out,
                            int64_t *out_replayed, struct fault *f) {
  struct postgres_link *l = NULL;
  int64_t replayed = -1;
  enum err e = postgres_pool_take(p, false, &l, f);
  if (e)
    return e;
  e = check_kin(s, l, f);
  if (!e)
    e = postgres_ask_number(l, REPLAYED, PATIENCE_MS, &replayed, f);
  if (!e && replayed < 0)
    e = fault_set(f, ERR_STORE, NULL, "it is no standby, but takes changes itself");
  if (e) {
    postgres_pool_give(l);
    return e;
  }
  *out = l;
  *out_replayed = replayed;
  return ERR_OK;
}

/* What was found last. f NULL: it is well. */
static void note(struct postgres_pool *p, const struct fault *f) {
  pthread_mutex_lock(&p->lock);
  snprintf(p->why, sizeof p->why, "%s", f ? fault_text(f) : "");
  if (!f)
    p->avoid_us = 0;
  else if (p->avoid_us == 0)
    p->avoid_us = AVOID_FIRST_US;
  else
    p->avoid_us = p->avoid_us * 2 < AVOID_LAST_US ? p->avoid_us * 2 : AVOID_LAST_US;
  if (f)
    atomic_store(&p->avoid_until_us, postgres_clock_us() + p->avoid_us);
  pthread_mutex_unlock(&p->lock);
}

/* It answers; whether it has come far enough. One that moves on is only late; one that stands still has stopped. */
static bool is_far_enough(struct postgres_pool *p, int64_t replayed, int64_t needed) {
  int64_t now_us = postgres_clock_us();
  bool has_stopped = false;
  struct fault f = {0};
  pthread_mutex_lock(&p->lock);
  if (replayed >= needed) {
    p->missed_place = 0;
  } else if (p->missed_place == 0 || replayed >= p->missed_place) {
    p->missed_place = needed;
    p->missed_since_us = now_us;
  } else {
    has_stopped = now_us - p->missed_since_us > STOPPED_US;
  }
  pthread_mutex_unlock(&p->lock);
  if (has_stopped)
    fault_set(&f, ERR_STORE, NULL, "it has not moved on for more than %d s", STOPPED_US / 1000000);
  if (has_stopped || replayed >= needed)
    note(p, has_stopped ? &f : NULL);
  return replayed >= needed;
}

/* A connection to one that has come to `needed`. */
static struct postgres_link *try_standby(struct postgres_store *s, struct postgres_pool *p, int64_t needed) {
  struct postgres_link *l = NULL;
  struct fault f = {0};
  int64_t replayed = 0;
  if (ask_standby(s, p, &l, &replayed, &f) != ERR_OK) {
    note(p, &f);
    return NULL;
  }
  if (is_far_enough(p, replayed, needed))
    return l;
  postgres_pool_give(l);
  return NULL;
}

struct postgres_link *postgres_take_standby(struct postgres_store *s, int64_t needed) {
  if (s->replica_count == 0 || needed == INT64_MAX)
    return NULL;
  struct postgres_pool *p = &s->replicas[atomic_fetch_add(&s->turn, 1) % s->replica_count];
  return postgres_clock_us() < atomic_load(&p->avoid_until_us) ? NULL : try_standby(s, p, needed);
}

static void look_at(struct postgres_store *s, struct postgres_pool *p) {
  int64_t needed = atomic_load(&s->written);
  struct postgres_link *l = NULL;
  if (needed != INT64_MAX && postgres_clock_us() >= atomic_load(&p->avoid_until_us))
    l = try_standby(s, p, needed);
  if (l)
    postgres_pool_give(l);
}

enum err postgres_check_standbys(struct store *store, bool anew, struct fault *f) {
  struct postgres_store *s = (struct postgres_store *)store;
  for (size_t i = 0; i < s->replica_count; i++) {
    struct postgres_pool *p = &s->replicas[i];
    char why[sizeof p->why];
    if (anew)
      look_at(s, p);
    pthread_mutex_lock(&p->lock);
    memcpy(why, p->why, sizeof why);
    pthread_mutex_unlock(&p->lock);
    if (why[0] == 0)
      continue;
    fault_set(f, ERR_STORE, NULL, "the standby %s is left out: %s", p->address.place, why);
    return fault_set_brief(f, ERR_STORE, "a standby is left out");
  }
  return ERR_OK;
}
