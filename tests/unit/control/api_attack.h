/* For attacks made from the table of routes: a real connection, the way in of the network (front.h), the operator as
 * the caller, and a database in a file that is looked at from outside. Every answer is JSON, and none a failure of
 * ours. */
#ifndef TESTS_UNIT_CONTROL_API_ATTACK_H
#define TESTS_UNIT_CONTROL_API_ATTACK_H

#include "api_fixture.h"
#include "api_rows.h"

#include "control/front.h"

#include <sqlite3.h>

struct doorman {
  struct access port; /* first */
  enum err says;
  char method[32]; /* as it saw it last */
  int asked;
};

static struct doorman doorman;
static struct front front;

/* The operator, from the address that the request came from. */
static inline enum err find(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                            struct caller *out, struct fault *f) {
  struct doorman *d = (struct doorman *)self;
  d->asked++;
  snprintf(d->method, sizeof(d->method), "%.*s", TEXT_ARGS(text_head(claim->method, 31)));
  if (d->says != ERR_OK)
    return fault_set(f, d->says, NULL, "no");
  *out = api_owner;
  out->origin = claim->address;
  return ERR_OK;
}

/* As worker.c does. */
static inline void serve_front(struct site *site, struct http_request *rq) {
  struct fixture *x = site->data;
  if (front_owns(rq->path))
    front_serve(&front, &x->worker, rq);
  else
    CHECK_ERR(http_respond(rq, 404, NULL, 0, TEXT_NONE), ERR_OK);
}

static inline int64_t attempts_of(struct text kind) { return 1; }

static sqlite3 *spy;
static char folder[64], file[96];

static inline void open_store(struct fixture *x) {
  snprintf(folder, sizeof(folder), "%s", "/tmp/weir-attacks-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof(file), "%s/weir.db", folder);
  x->api.store->ops->close(x->api.store);
  CHECK_ERR(store_open_sqlite(file, &x->api.store, NULL), ERR_OK);
  CHECK_INT(sqlite3_open_v2(file, &spy, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  x->api.job_attempts = attempts_of;
  front = (struct front){&x->api, &doorman.port};
}

static inline void close_store(struct fixture *x) {
  sqlite3_close(spy);
  x->api.store->ops->close(x->api.store);
  for (const char *const *end = (const char *const[]){"", "-wal", "-shm", NULL}; *end; end++) {
    char path[128];
    snprintf(path, sizeof(path), "%s%s", file, *end);
    unlink(path);
  }
  CHECK_INT(rmdir(folder), 0);
  CHECK_ERR(store_open_memory(&x->api.store, NULL), ERR_OK); /* for the fixture to close */
}

static inline void attack(void (*test)(struct fixture *x), const char *yaml) {
  doorman = (struct doorman){.port = {find}};
  api_run(test, yaml, serve_front);
}

/* FNV-1a over everything that the statement gives. */
static inline uint64_t sum_rows(const char *sql) {
  uint64_t sum = UINT64_C(14695981039346656037);
  sqlite3_stmt *rows = NULL;
  if (sqlite3_prepare_v2(spy, sql, -1, &rows, NULL) != SQLITE_OK)
    return 0; /* it has no such column */
  while (sqlite3_step(rows) == SQLITE_ROW) {
    for (int c = 0; c < sqlite3_column_count(rows); c++) {
      const unsigned char *at = sqlite3_column_blob(rows, c);
      for (int i = 0, n = sqlite3_column_bytes(rows, c); i < n; i++)
        sum = (sum ^ at[i]) * UINT64_C(1099511628211);
      sum = (sum ^ (unsigned)(256 + sqlite3_column_type(rows, c))) * UINT64_C(1099511628211);
    }
  }
  sqlite3_finalize(rows);
  return sum;
}

static inline uint64_t sum_schema(void) { return sum_rows("SELECT type, name, sql FROM sqlite_master ORDER BY name"); }

/* Of every table: its rows that `where` chooses. */
static inline uint64_t sum_tables(const char *where) {
  uint64_t sum = sum_schema();
  sqlite3_stmt *tables = NULL;
  CHECK_INT(
      sqlite3_prepare_v2(spy, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", -1, &tables, NULL),
      SQLITE_OK);
  while (sqlite3_step(tables) == SQLITE_ROW) {
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" %s", (const char *)sqlite3_column_text(tables, 0), where);
    sum = sum * 31 + sum_rows(sql);
  }
  sqlite3_finalize(tables);
  return sum;
}
static inline uint64_t sum_all(void) { return sum_tables(""); }

static inline void complain(const char *line, const char *sent, int status, const char *wanted) {
  char said[900];
  snprintf(said, sizeof(said), "%.200s with %.200s: %d, wanted %s; %.300s", line, sent, status, wanted, body);
  CHECK_TEXT(text_of(said), TEXT(""));
}

/* Whatever is answered is JSON, and no failure of ours. */
static inline void check_answer(const char *line, const char *sent, int status) {
  struct json j;
  if (status == 0 || status >= 500)
    complain(line, sent, status, "an answer");
  if (body[0] == '\0' || strncmp(body, "the request target", 18) == 0) /* it did not come as far as the API */
    return;
  if (json_read(text_of(body), NULL, &j, NULL) != ERR_OK)
    complain(line, sent, status, "JSON");
  else
    json_done(&j);
}

static inline int try_line(struct fixture *x, const char *line, const char *more) {
  int status = ask(x, line, more, "");
  check_answer(line, more, status);
  return status;
}

static inline int try_body(struct fixture *x, const char *line, const char *json) {
  int status = send_json(x, line, "", json);
  check_answer(line, json, status);
  return status;
}

/* Two of everything that can be made; all attacks are on the first. */
static inline void make_all(struct fixture *x) {
  for (size_t i = 0; i < api_route_count; i++) {
    const struct api_route *r = &api_routes[i];
    for (int n = 0; r->status == 201 && n < 2; n++)
      (void)try_body(x, rows_line(r, -1, ""), rows_body(r->body, NULL, NULL));
  }
  CHECK_INT(get(x, "/api/v1/keys/2"), 200);
  CHECK_INT(get(x, "/api/v1/users/2"), 200);
}

static inline void check_unchanged(const struct api_route *r, uint64_t before) {
  if (sum_all() != before)
    complain(rows_line(r, -1, ""), "", 0, "a database as it was");
}

#endif
