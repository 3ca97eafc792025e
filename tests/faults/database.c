/* A PostgreSQL in trouble under a whole weir: read-only, refusing connections, locked, out of room, and a primary that
 * is lost and replaced by its standby. Calls with declared keys go on in all of it, /health says what is wrong without
 * telling a password, and afterwards every call that was answered is in the ledger exactly once.
 * usage: database PATH_OF_WEIR PATH_OF_WEIR_SIM; prints TAP. */
#include "disks.h"
#include "support/postgres.h"

#include <libpq-fe.h>
#include <pwd.h>

#define CALLS_A_TIME  25
#define CALLS_TO_FILL 500

static struct postgres_server primary, standby;
static struct replica weir;
static struct known known;
static char address[256], name[32];
static unsigned first_call, next_call; /* of the calls whose ledger is looked at */

/* --- the server --- */

static PGconn *session(const struct postgres_server *s, const char *database) {
  char url[256];
  snprintf(url, sizeof url, "postgres://weir:%s@127.0.0.1:%d/%s", POSTGRES_TEST_PASSWORD, s->port, database);
  return PQconnectdb(url);
}

static void run_on(PGconn *db, const char *sql) {
  PGresult *r = PQexec(db, sql);
  if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
    printf("Bail out! %s: %s\n", sql, PQerrorMessage(db));
    exit(1);
  }
  PQclear(r);
}

static void run_sql(const char *database, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void run_sql(const char *database, const char *fmt, ...) {
  char sql[400];
  va_list args;
  va_start(args, fmt);
  vsnprintf(sql, sizeof sql, fmt, args);
  va_end(args);
  PGconn *db = session(&primary, database);
  run_on(db, sql);
  PQfinish(db);
}

static void end_sessions(void) {
  run_sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", name);
}

/* --- weir on it --- */

/* Of every gateway here, because they come one after the other on one database. */
#define SERVER_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void weir_init(const char *called, const char *url) {
  char more[800];
  snprintf(
      more, sizeof more,
      "store: \"%s\"\nworkers: 1\nserver_key: \"" SERVER_KEY "\"\n"
      "postgres: { pool: 2, overflow: 2, wait: 2s, connect_timeout: 2s, statement_timeout: 5s, lock_timeout: 200ms }\n",
      url);
  replica_init(&weir, called, more);
  first_call = next_call;
}

static void check_start(void) {
  int code = -1;
  bool started = replica_start(&weir, &code);
  check(started, "weir starts (%d)", code);
  if (!started) {
    file_show(weir.process.log, "weir");
    exit(1);
  }
}

static void check_many(const char *when, unsigned count) {
  unsigned answered = 0;
  for (unsigned i = 0; i < count; i++) {
    struct reply r;
    enum call_kind kind = i == 0 ? CALL_STREAM : i % 2 ? CALL_CHAT : CALL_PLAIN;
    call(weir.process.port, kind, next_call++, NULL, &r);
    answered += is_answered(&r, kind);
    if (!is_answered(&r, kind))
      printf("# status %d: %s\n", r.status, r.body ? r.body : "");
    reply_done(&r);
  }
  check(answered == count, "%s %u of %u calls are answered", when, answered, count);
}

static void check_calls(const char *when) { check_many(when, CALLS_A_TIME); }

static const char *expected;
static bool health_says(void *ctx) {
  struct reply r;
  char *said = ctx;
  ask(weir.process.port, "GET", "/health", "", NULL, 30000, &r);
  char port[16];
  snprintf(port, sizeof port, "%d", primary.port);
  bool right = r.status == 200 && strstr(r.body, "{\"status\":\"degraded\"") && strstr(r.body, expected) &&
               !strchr(r.body, '/') && !strstr(r.body, "127.0.0.1") && !strstr(r.body, port) && !strstr(r.body, name);
  if (r.body)
    snprintf(said, 500, "%s", r.body);
  reply_done(&r);
  return right;
}

/* At once, whatever the database does: a balancer does not wait, and must leave the replica where it is. */
static void check_ready(void) {
  struct reply r;
  int64_t from = clock_ms();
  ask(weir.process.port, "GET", "/health/ready", "", NULL, 30000, &r);
  int64_t took = clock_ms() - from;
  check(r.status == 200 && strstr(r.body, "{\"status\":\"degraded\"") && took < 1000,
        "and it is ready, in %lld ms: %d %s", (long long)took, r.status, r.body ? r.body : "");
  reply_done(&r);
}

static void check_health(const char *says) {
  char said[500] = "";
  expected = says;
  bool right = eventually(health_says, said, PROCESSES_PATIENCE_MS);
  check(right, "health says \"%s\" and nothing of where: %s", says, said);
  check_ready();
}

static bool at_rest(void *ctx) { return is_at_rest(&weir); }

static void check_rest(void) {
  check(eventually(at_rest, NULL, PROCESSES_PATIENCE_MS), "all calls reach the store by themselves");
}

static void check_ledger(void) {
  size_t wrong = 0;
  memset(&known, 0, sizeof known);
  know_ledger(&known, &weir);
  for (unsigned i = first_call; i < next_call; i++)
    if (known.rows[i] != 1 && wrong++ < 5)
      printf("# call %u has %u rows\n", i, known.rows[i]);
  check(wrong == 0 && known.doubled == 0 && known.code == 0, "%u calls are in the ledger once each: %zu rows, %s",
        next_call - first_call, known.row_count, known.verdict);
}

/* A command that changes the store is refused in words. */
static void check_command(const char *says) {
  char *said = NULL;
  const char *const create[] = {whole.weir, "key", "create", "--name", "another", "-c", weir.config, NULL};
  int code = process_run(create, &said);
  check(code == 1 && strstr(said, says) && !strstr(said, "hush"), "a command says \"%s\": %d %s", says, code, said);
  free(said);
}

/* The operator is told where, and waits for no database. */
static void check_status(const char *says) {
  char *said = NULL;
  const char *const status[] = {whole.weir, "status", "-c", weir.config, NULL};
  int code = process_run(status, &said);
  check(code == 0 && strstr(said, says) && strstr(said, "127.0.0.1") && !strstr(said, "hush"),
        "the operator's status says \"%s\": %d %s", says, code, said);
  free(said);
}

static void check_end(void) {
  check(process_stop(&weir.process) == 0, "weir ends");
  check(file_count(weir.process.log, "hush", 0) == 0, "its log tells no password");
}

/* --- troubles --- */

static void read_only(void) {
  run_sql("postgres", "ALTER DATABASE %s SET default_transaction_read_only = on", name);
  end_sessions();
  check_calls("while the database is read-only");
  check_health("read-only");
  check_command("read-only");
  run_sql("postgres", "ALTER DATABASE %s RESET default_transaction_read_only", name);
  check_rest(); /* also on connections that were made meanwhile */
}

static void refusing(void) {
  run_sql("postgres", "ALTER DATABASE %s ALLOW_CONNECTIONS false", name);
  end_sessions();
  check_calls("while the database takes no connections");
  check_health("refused");
  check_status("not currently accepting connections");
  check_command("not currently accepting connections");
  run_sql("postgres", "ALTER DATABASE %s ALLOW_CONNECTIONS true", name);
  check_rest();
}

/* Every connection the server allows is somebody else's. */
static void crowded(void) {
  PGconn *taken[200];
  size_t n = 0;
  for (; n < 200; n++) {
    taken[n] = session(&primary, "postgres");
    if (PQstatus(taken[n]) != CONNECTION_OK)
      break;
  }
  check(n > 10 && n < 200, "the server is crowded by %zu sessions", n);
  check_command("too many clients");
  check_calls("while the server is crowded");
  for (size_t i = 0; i <= n && i < 200; i++)
    PQfinish(taken[i]);
  check_rest();
}

static void locked(void) {
  PGconn *db = session(&primary, name);
  run_on(db, "BEGIN");
  run_on(db, "LOCK TABLE weir_ledger IN ACCESS EXCLUSIVE MODE");
  check_calls("while the ledger's table is locked");
  check_health("locked");
  run_on(db, "ROLLBACK");
  PQfinish(db);
  check_rest();
}

/* It takes connections and says nothing: no statement is waited for longer than statement_timeout and 2 seconds. */
static void frozen(void) {
  postgres_server_freeze(&primary);
  check_calls("while the server is frozen");
  check_health("\"store\":{\"status\":\"degraded\""); /* no answer, or by then no connection is left */
  check_calls("and then");
  postgres_server_thaw(&primary);
  check_rest();
}

/* --- no room --- */

static void full(void) {
  char folder[96], create[200], url[256];
  const struct passwd *owner = getpwnam("postgres");
  snprintf(folder, sizeof folder, "%s/space", primary.dir);
  if (!owner || mkdir(folder, 0700) != 0) {
    check(false, "a folder for a tablespace");
    return;
  }
  disk_size(folder, "32m", 0);
  if (chown(folder, owner->pw_uid, owner->pw_gid) != 0)
    bail(folder);
  snprintf(create, sizeof create, "CREATE TABLESPACE small LOCATION '%s'", folder);
  run_sql("postgres", "%s", create);
  run_sql("postgres", "CREATE DATABASE full_one TABLESPACE small");
  snprintf(url, sizeof url, "postgres://weir:%s@127.0.0.1:%d/full_one", POSTGRES_TEST_PASSWORD, primary.port);
  weir_init("full", url);
  check_start();
  check_calls("with room");
  check_rest();
  disk_fill(folder);
  check_many("on a full tablespace", CALLS_TO_FILL);
  check_health("full");
  disk_free(folder);
  check_rest();
  check_ledger();
  check_end();
  run_sql("postgres", "DROP DATABASE full_one WITH (FORCE)");
  run_sql("postgres", "DROP TABLESPACE small"); /* a standby could not have it in the same place */
  umount(folder);
}

/* --- the primary is lost --- */

static bool caught_up(void *ctx) {
  return postgres_server_ask(&standby, "postgres", "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint") >=
         postgres_server_ask(&primary, "postgres", "SELECT (pg_current_wal_lsn() - '0/0')::bigint");
}

static void start_pair(void) {
  char url[400];
  check(postgres_server_follow(&standby, &primary), "a standby follows %s", standby.why);
  snprintf(url, sizeof url,
           "postgres://weir:%s@127.0.0.1:%d,127.0.0.1:%d/%s\"\n"
           "store_replicas: \"postgres://weir:%s@127.0.0.1:%d/%s",
           POSTGRES_TEST_PASSWORD, primary.port, standby.port, name, POSTGRES_TEST_PASSWORD, standby.port, name);
  weir_init("pair", url);
  check_start();
}

static void fail_over(void) {
  start_pair();
  check_calls("with a primary and a standby");
  check_rest();
  check(eventually(caught_up, NULL, PROCESSES_PATIENCE_MS), "the standby has all of it");
  postgres_server_kill(&primary);
  check_calls("while there is no primary");
  check_health("\"store\":{\"status\":\"degraded\"");
  check(postgres_server_promote(&standby), "the standby is promoted %s", standby.why);
  check_rest();
  check_calls("with the new primary");
  check_rest();
  check_ledger();
}

/* What the standby never got is gone with the primary, for PostgreSQL had confirmed it. The journal still has what is
 * in the segments it has not given up: a weir that is killed then, and not ended, carries it over when it starts. */
static void fail_over_behind(void) {
  start_pair();
  check_calls("with a primary and a standby");
  check_rest();
  check(eventually(caught_up, NULL, PROCESSES_PATIENCE_MS), "the standby has all of it");
  postgres_server_freeze(&standby);
  check_calls("while the standby is behind");
  check_rest();
  process_kill(&weir.process);
  postgres_server_kill(&primary);
  postgres_server_thaw(&standby);
  check(postgres_server_promote(&standby), "the standby is promoted %s", standby.why);
  check_start();
  check_rest();
  check_ledger();
  check_end();
}

int main(int argc, char **argv) {
  if (postgres_server_missing()) {
    printf("1..0 # SKIP %s\n", postgres_server_missing());
    return 0;
  }
  bool can_mount = geteuid() == 0 && own_mounts();
  whole_open(argc, argv);
  if (!postgres_server_start(&primary) || !postgres_server_database(&primary, false, address, sizeof address)) {
    printf("Bail out! %s\n", primary.why);
    return 1;
  }
  snprintf(name, sizeof name, "%s", strrchr(address, '/') + 1);
  weir_init("weir", address);
  check_start();
  check_calls("at first");
  read_only();
  refusing();
  crowded();
  locked();
  frozen();
  check_ledger();
  check_end();
  if (can_mount)
    full();
  else
    check(true, "a database without room # SKIP it takes root");
  fail_over();
  check_end();
  postgres_server_stop(&primary);
  primary = standby; /* and once more the other way round */
  standby = (struct postgres_server){0};
  fail_over_behind();
  if (whole.failed)
    file_show(weir.process.log, "weir");
  postgres_server_stop(&standby);
  postgres_server_stop(&primary);
  return whole_close();
}
