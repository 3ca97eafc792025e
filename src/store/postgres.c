/* The PostgreSQL driver: prepared statements with bound parameters, transactions. Numbers and bytes travel in
 * PostgreSQL's binary format both ways, so nothing is quoted or parsed. Connections come from postgres_pool.c, waiting
 * and errors are in postgres_link.c, the bulk ways in postgres_batch.c. */
#include "store/postgres.h"

#include "store/postgres_copy.h"

#include <endian.h>

#define MIGRATE_PATIENCE_MS 3600000               /* a large ledger takes its time */
#define MIGRATE_WAIT_MS     600000                /* for another program that migrates */
#define MIGRATE_LOCK        "6298370371890279794" /* pg_advisory_xact_lock; "Weir" and a number of our own */
#define STATEMENT_MAX       8192

static const char doing_transaction[] = "writing to the store";

static struct postgres_link *link_of(struct driver_link *l) { return (struct postgres_link *)l; }

static void reset(struct driver_link *base) {
  struct postgres_link *l = link_of(base);
  for (int i = 0; i < SQL_PARAMETERS_MAX; i++) {
    free(l->cleaned[i]);
    l->cleaned[i] = NULL;
    l->values[i] = NULL;
    l->lengths[i] = 0;
  }
  PQclear(l->result);
  l->result = NULL;
  l->row = -1;
  l->parameter_count = 0;
}

/* "?1" is "$1" here. */
static bool send_prepare(PGconn *db, const char *name, const char *text) {
  struct buf b;
  buf_init(&b, STATEMENT_MAX);
  for (; *text; text++)
    buf_add_char(&b, *text == '?' ? '$' : *text);
  buf_add_char(&b, '\0');
  bool sent = !buf_check(&b) && PQsendPrepare(db, name, b.at, 0, NULL);
  buf_done(&b);
  return sent;
}

/* A statement without a name is forgotten with the next one, and its plan with it. */
static void statement_name(enum sql which, char out[16]) {
  if (which == SQL_COUNT || sql_is_planned_anew(which))
    out[0] = '\0';
  else
    snprintf(out, 16, "weir_%d", (int)which);
}

static enum err send_and_wait(struct postgres_link *l, const char *name, const char *text, struct fault *f) {
  static const char doing[] = "preparing a statement";
  PGresult *r = NULL;
  if (!send_prepare(l->db, name, text))
    return postgres_fail(l, NULL, doing, f);
  enum err e = postgres_answer(l, doing, &r, f);
  if (!e)
    PQclear(r);
  return e;
}

static enum err prepare(struct driver_link *base, enum sql which, struct fault *f) {
  struct postgres_link *l = link_of(base);
  char name[16];
  reset(base);
  l->current = which;
  if (l->prepared[which])
    return ERR_OK;
  statement_name(which, name);
  enum err e = send_and_wait(l, name, sql_text(which, SQL_POSTGRES), f);
  if (!e)
    l->prepared[which] = !sql_is_planned_anew(which);
  return e;
}

static enum err prepare_text(struct driver_link *base, const char *sql, struct fault *f) {
  struct postgres_link *l = link_of(base);
  reset(base);
  l->current = SQL_COUNT;
  return send_and_wait(l, "", sql, f);
}

static void put(struct postgres_link *l, int at, const char *value, size_t len) {
  l->values[at - 1] = value;
  l->lengths[at - 1] = (int)(len > INT32_MAX ? INT32_MAX : len);
  if (l->parameter_count < at)
    l->parameter_count = at;
}

static void bind(struct driver_link *base, int at, int64_t n) {
  struct postgres_link *l = link_of(base);
  uint64_t wire = htobe64((uint64_t)n);
  memcpy(l->numbers[at - 1], &wire, sizeof wire);
  put(l, at, l->numbers[at - 1], sizeof wire);
}

static void bind_bytes(struct driver_link *base, int at, struct text t) {
  put(link_of(base), at, t.len ? t.at : "", t.len);
}

static void bind_text(struct driver_link *base, int at, struct text t) {
  struct postgres_link *l = link_of(base);
  free(l->cleaned[at - 1]);
  l->cleaned[at - 1] = postgres_clean(t);
  put(l, at, l->cleaned[at - 1] ? l->cleaned[at - 1] : t.len ? t.at : "", t.len);
}

char *postgres_clean(struct text t) {
  if (text_is_utf8(t) && (t.len == 0 || !memchr(t.at, 0, t.len)))
    return NULL;
  char *clean = malloc(t.len);
  if (!clean)
    abort();
  for (size_t i = 0; i < t.len;) {
    size_t step = text_utf8_step(text_skip(t, i));
    if (step == 0 || t.at[i] == 0)
      clean[i++] = '?';
    else
      for (; step > 0; step--, i++)
        clean[i] = t.at[i];
  }
  return clean;
}

static enum err run(struct postgres_link *l, const char *doing, struct fault *f) {
  static const int binary[SQL_PARAMETERS_MAX] = {[0 ... SQL_PARAMETERS_MAX - 1] = 1};
  char name[16];
  statement_name(l->current, name);
  if (!PQsendQueryPrepared(l->db, name, l->parameter_count, l->values, l->lengths, binary, 1))
    return postgres_fail(l, NULL, doing, f);
  return postgres_answer(l, doing, &l->result, f);
}

static enum err step(struct driver_link *base, bool *out_row, const char *doing, struct fault *f) {
  struct postgres_link *l = link_of(base);
  enum err e = l->result ? ERR_OK : run(l, doing, f);
  if (!e)
    *out_row = ++l->row < PQntuples(l->result);
  return e;
}

static int64_t number(struct driver_link *base, int column) {
  const struct postgres_link *l = link_of(base);
  const char *at = PQgetvalue(l->result, l->row, column);
  int len = PQgetlength(l->result, l->row, column);
  uint64_t wide;
  uint32_t narrow;
  if (len == (int)sizeof wide) {
    memcpy(&wide, at, sizeof wide);
    return (int64_t)be64toh(wide);
  }
  if (len != (int)sizeof narrow)
    return 0; /* NULL */
  memcpy(&narrow, at, sizeof narrow);
  return (int32_t)be32toh(narrow);
}

static struct text bytes(struct driver_link *base, int column) {
  const struct postgres_link *l = link_of(base);
  return (struct text){PQgetvalue(l->result, l->row, column), (size_t)PQgetlength(l->result, l->row, column)};
}

static bool is_null(struct driver_link *base, int column) {
  const struct postgres_link *l = link_of(base);
  return PQgetisnull(l->result, l->row, column);
}

static int64_t changes(struct driver_link *base) {
  int64_t n = 0;
  return text_to_i64(text_of(PQcmdTuples(link_of(base)->result)), &n) ? n : 0;
}

static void roll_back(struct postgres_link *l) {
  l->made_batch = false;
  if (l->broken || PQtransactionStatus(l->db) == PQTRANS_IDLE)
    return;
  if (postgres_exec(l, "ROLLBACK", doing_transaction, NULL) != ERR_OK)
    l->broken = true; /* and with it goes the transaction */
}

static enum err begin(struct driver_link *base, enum driver_use use, struct fault *f) {
  struct postgres_link *l = link_of(base);
  char sql[320];
  if (use == DRIVER_READ)
    return postgres_exec(l, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "reading the store", f);
  int n = snprintf(sql, sizeof sql, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
  if (use == DRIVER_MIGRATE) {
    l->patience_ms = MIGRATE_PATIENCE_MS + POSTGRES_GRACE_MS;
    snprintf(sql + n, sizeof sql - (size_t)n,
             "; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; SELECT pg_advisory_xact_lock(%s); "
             "SET LOCAL lock_timeout = %lld",
             MIGRATE_PATIENCE_MS, MIGRATE_WAIT_MS, MIGRATE_LOCK, (long long)l->options->lock_timeout_ms);
  }
  enum err e = postgres_exec(l, sql, doing_transaction, f);
  if (e)
    roll_back(l);
  return e;
}

static enum err end(struct driver_link *base, enum err e, struct fault *f) {
  struct postgres_link *l = link_of(base);
  if (!e) {
    l->committing = true;
    e = postgres_exec(l, "COMMIT", doing_transaction, f);
    l->committing = false;
  }
  if (e)
    roll_back(l);
  l->has_batch = l->has_batch || l->made_batch;
  l->made_batch = false;
  l->patience_ms = l->options->statement_timeout_ms + POSTGRES_GRACE_MS;
  return e;
}

static enum err exec(struct driver_link *base, const char *sql, struct fault *f) {
  return postgres_exec(link_of(base), sql, "setting up the store", f);
}

const struct driver postgres_driver = {.dialect = SQL_POSTGRES,
                                       .take = postgres_take,
                                       .give = postgres_give,
                                       .begin = begin,
                                       .end = end,
                                       .exec = exec,
                                       .prepare = prepare,
                                       .prepare_text = prepare_text,
                                       .bind = bind,
                                       .bind_text = bind_text,
                                       .bind_bytes = bind_bytes,
                                       .step = step,
                                       .number = number,
                                       .bytes = bytes,
                                       .is_null = is_null,
                                       .changes = changes,
                                       .reset = reset,
                                       .add_rows = postgres_add_rows,
                                       .add_balances = postgres_add_balances,
                                       .add_spends = postgres_add_spends,
                                       .add_marks = postgres_add_marks,
                                       .load_begin = postgres_load_begin,
                                       .load_row = postgres_load_row,
                                       .load_end = postgres_load_end,
                                       .clean = postgres_clean};
