/* One connection to PostgreSQL: opening it, waiting for answers with a deadline of its own, and its errors. libpq's
 * blocking calls would wait for ever for a server that is stopped and whose kernel still acknowledges, so everything
 * after the handshake is sent and awaited here. Called by the other postgres files. */
#include "store/postgres.h"

#include <errno.h>
#include <poll.h>

static const char doing_setup[] = "setting up a connection to the database";

int64_t postgres_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* libpq's and the server's messages come in lines and end in one. */
static void one_line(const char *from, char *out, size_t cap) {
  size_t n = 0;
  for (; from && *from && n + 1 < cap; from++) {
    char c = (unsigned char)*from < 0x20 ? ' ' : *from;
    if (c != ' ' || (n > 0 && out[n - 1] != ' '))
      out[n++] = c;
  }
  while (n > 0 && out[n - 1] == ' ')
    n--;
  out[n] = '\0';
}

static enum err lose(struct postgres_link *l, const char *doing, struct fault *f) {
  l->broken = l->base.lost = true;
  l->base.in_doubt = l->committing;
  fault_set(f, ERR_STORE, NULL, "%s: the connection to the database at %s was lost%s", doing, l->place,
            l->committing ? "; the change may have been made or not" : "");
  return fault_set_brief(f, ERR_STORE, "connection lost");
}

struct state {
  char code[6];
  enum err err;
  bool is_lost;      /* another connection may do */
  const char *text;  /* NULL: the server's */
  const char *brief; /* NULL: the error's */
};

static const struct state states[] = {
    {"23505", ERR_STORE_CONFLICT, false, "it exists already", NULL},
    {"53100", ERR_STORE_FULL, false, "the disk of the database is full", NULL},
    {"53300", ERR_STORE_BUSY, false, "the database takes no more connections", "too many connections"},
    {"57014", ERR_STORE_BUSY, false, "the database did not finish within postgres.statement_timeout", "timed out"},
    {"55P03", ERR_STORE_BUSY, false, "another program holds a lock for longer than postgres.lock_timeout", "locked"},
    {"40P01", ERR_STORE_BUSY, false, "another program changed the same", "another program changed the same"},
    {"40001", ERR_STORE_BUSY, false, "another program changed the same", "another program changed the same"},
    {"XX001", ERR_STORE_CORRUPT, false, "the database is damaged; restore it from a backup", NULL},
    {"XX002", ERR_STORE_CORRUPT, false, "an index of the database is damaged; REINDEX it or restore a backup", NULL},
    {"25006", ERR_STORE, true, "the database takes no changes: it is a standby, or was set read-only", "read-only"},
    {"26000", ERR_STORE, true, NULL, NULL}, /* a prepared statement is gone: a pooler in between */
    {"0A000", ERR_STORE, true, NULL, NULL}, /* its result changed with the schema */
};

enum err postgres_fail(struct postgres_link *l, const PGresult *result, const char *doing, struct fault *f) {
  if (l->is_replica)
    l->broken = l->base.lost = true;
  const char *code = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
  char said[256];
  if (PQstatus(l->db) != CONNECTION_OK || !code || strncmp(code, "57P", 3) == 0 || strncmp(code, "08", 2) == 0)
    return lose(l, doing, f);
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    if (strcmp(code, states[i].code) != 0)
      continue;
    if (states[i].is_lost)
      l->broken = l->base.lost = true;
    if (states[i].text) {
      fault_set(f, states[i].err, NULL, "%s: %s", doing, states[i].text);
      return fault_set_brief(f, states[i].err, states[i].brief);
    }
  }
  one_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), said, sizeof said);
  return fault_set(f, ERR_STORE, NULL, "%s: %s", doing, said);
}

enum err postgres_wait(struct postgres_link *l, bool to_write, int64_t deadline_us, const char *doing,
                       struct fault *f) {
  struct pollfd p = {PQsocket(l->db), (short)(POLLIN | (to_write ? POLLOUT : 0)), 0};
  for (;;) {
    int64_t left_us = deadline_us - postgres_clock_us();
    int n = left_us <= 0 ? 0 : poll(&p, 1, (int)((left_us + 999) / 1000));
    if (n > 0)
      return PQconsumeInput(l->db) ? ERR_OK : lose(l, doing, f);
    if (n < 0 && errno != EINTR)
      return lose(l, doing, f);
    if (n == 0)
      break;
  }
  l->broken = true;
  l->base.lost = l->is_replica;
  l->base.in_doubt = l->committing;
  fault_set(f, ERR_STORE_BUSY, NULL, "%s: the database at %s did not answer within %lld ms", doing, l->place,
            (long long)l->patience_ms);
  return fault_set_brief(f, ERR_STORE_BUSY, "timed out");
}

/* The next result, NULL behind the last. */
static enum err next_result(struct postgres_link *l, int64_t deadline_us, const char *doing, PGresult **out,
                            struct fault *f) {
  enum err e = ERR_OK;
  int left;
  while (!e && (left = PQflush(l->db)) != 0)
    e = left < 0 ? lose(l, doing, f) : postgres_wait(l, true, deadline_us, doing, f);
  while (!e && PQisBusy(l->db))
    e = postgres_wait(l, false, deadline_us, doing, f);
  if (!e)
    *out = PQgetResult(l->db);
  return e;
}

static bool is_error(const PGresult *r) {
  ExecStatusType status = PQresultStatus(r);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN;
}

enum err postgres_answer(struct postgres_link *l, const char *doing, PGresult **out, struct fault *f) {
  int64_t deadline_us = postgres_clock_us() + l->patience_ms * 1000;
  PGresult *kept = NULL, *next = NULL;
  enum err e;
  while (!(e = next_result(l, deadline_us, doing, &next, f)) && next) {
    if (kept && is_error(kept)) { /* the first error tells why */
      PQclear(next);
      continue;
    }
    PQclear(kept);
    kept = next;
    if (PQresultStatus(kept) == PGRES_COPY_IN)
      break;
  }
  if (!e && (!kept || is_error(kept)))
    e = postgres_fail(l, kept, doing, f);
  if (e) {
    PQclear(kept);
    return e;
  }
  *out = kept;
  return ERR_OK;
}

enum err postgres_exec(struct postgres_link *l, const char *sql, const char *doing, struct fault *f) {
  PGresult *r = NULL;
  if (!PQsendQuery(l->db, sql))
    return lose(l, doing, f);
  enum err e = postgres_answer(l, doing, &r, f);
  if (!e)
    PQclear(r);
  return e;
}

bool postgres_link_is_alive(struct postgres_link *l, bool ask) {
  struct fault ignored;
  struct pollfd p = {PQsocket(l->db), POLLIN, 0};
  if (poll(&p, 1, 0) > 0 && !PQconsumeInput(l->db)) /* it has ended the connection, or said why it is about to */
    return false;
  if (PQstatus(l->db) != CONNECTION_OK || PQtransactionStatus(l->db) != PQTRANS_IDLE)
    return false;
  if (!ask)
    return true;
  int64_t patience_ms = l->patience_ms;
  l->patience_ms = l->options->connect_timeout_ms;
  enum err e = postgres_exec(l, "SELECT 1", "checking a connection", &ignored);
  l->patience_ms = patience_ms;
  return !e;
}

static void ignore_notice(void *arg, const PGresult *result) {}

/* libpq tells why a connection did not come about in words only. In another language than English they are classed as
 * "unreachable". */
static const struct {
  const char *word, *brief;
} refusals[] = {
    {"authentication failed", "authentication failed"},
    {"no password supplied", "authentication failed"},
    {"pg_hba.conf", "authentication failed"},
    {"permission denied", "authentication failed"},
    {"too many", "too many connections"},
    {"remaining connection slots", "too many connections"},
    {"not currently accepting connections", "refused"},
    {"starting up", "starting"},
    {"shutting down", "refused"},
    {"recovery mode", "starting"},
    {"does not exist", "no such database"},
    {"certificate", "TLS failed"},
    {"SSL", "TLS failed"},
    {"refused", "refused"},
    {"timeout", "timed out"},
    {"timed out", "timed out"},
    {"translate host name", "name not resolved"},
    {"read-only", "read-only"},
    {"closed the connection", "connection lost"},
};

const char *postgres_refusal_brief(const char *said) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (strstr(said, refusals[i].word))
      return refusals[i].brief;
  return "unreachable";
}

static enum err refuse(const struct postgres_link *l, struct fault *f) {
  char said[256];
  one_line(PQerrorMessage(l->db), said, sizeof said);
  fault_set(f, ERR_STORE, NULL, "cannot connect to the database at %s: %s", l->place, said);
  return fault_set_brief(f, ERR_STORE, postgres_refusal_brief(PQerrorMessage(l->db)));
}

/* Compiling a statement's expressions pays when it runs for many seconds, which none does that anybody waits for.
 *
 * A database that confirms commits before they are on its disk is asked not to, for what comes from us: the journal
 * forgets what was confirmed. */
static enum err set_up(struct postgres_link *l, struct fault *f) {
  char sql[512];
  int version = PQserverVersion(l->db);
  if (version < POSTGRES_OLDEST) {
    fault_set(f, ERR_STORE, NULL, "the database at %s is PostgreSQL %d; 15 or newer is needed", l->place,
              version / 10000);
    return fault_set_brief(f, ERR_STORE, "too old");
  }
  snprintf(sql, sizeof sql,
           "SET client_min_messages = warning; SET statement_timeout = %lld; SET lock_timeout = %lld; "
           "SET idle_in_transaction_session_timeout = 60000; SET jit = off; SELECT set_config('synchronous_commit', "
           "'on', false) "
           "WHERE current_setting('synchronous_commit') = 'off'",
           (long long)l->options->statement_timeout_ms, (long long)l->options->lock_timeout_ms);
  return postgres_exec(l, sql, doing_setup, f);
}

enum err postgres_link_open(const struct postgres_address *a, const struct postgres_options *o,
                            struct postgres_link **out, struct fault *f) {
  struct postgres_link *l = calloc(1, sizeof *l);
  if (!l)
    abort();
  l->base.driver = &postgres_driver;
  buf_init(&l->load, POSTGRES_COPY_MAX);
  l->options = o;
  l->place = a->place;
  l->patience_ms = o->statement_timeout_ms + POSTGRES_GRACE_MS;
  l->born_us = postgres_clock_us();
  l->db = PQconnectdbParams(a->keys, a->values, 0);
  if (!l->db)
    abort();
  PQsetNoticeReceiver(l->db, ignore_notice, NULL);
  enum err e = PQstatus(l->db) == CONNECTION_OK ? ERR_OK : refuse(l, f);
  if (!e && PQsetnonblocking(l->db, 1) != 0)
    e = refuse(l, f);
  if (!e)
    e = set_up(l, f);
  if (e) {
    postgres_link_close(l);
    return e;
  }
  *out = l;
  return ERR_OK;
}

void postgres_link_close(struct postgres_link *l) {
  if (!l)
    return;
  for (int i = 0; i < SQL_PARAMETERS_MAX; i++)
    free(l->cleaned[i]);
  buf_done(&l->load);
  PQclear(l->result);
  PQfinish(l->db);
  free(l);
}
