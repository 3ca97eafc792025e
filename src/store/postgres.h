/* What the files of the PostgreSQL driver share: the address, one connection, the pool. Not for other rooms. */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include "base/buf.h"
#include "store/driver.h"
#include "store/postgres_options.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

#define POSTGRES_OLDEST       150000 /* server_version_num */
#define POSTGRES_SETTINGS_MAX 64
#define POSTGRES_COPY_MAX     (80 << 20) /* one row more than a chunk */
#define POSTGRES_GRACE_MS     2000       /* the server's own time-outs come first */

/* Where the server is, as libpq wants to be told. Holds the password. */
struct postgres_address {
  PQconninfoOption *given;
  const char *keys[POSTGRES_SETTINGS_MAX + 1], *values[POSTGRES_SETTINGS_MAX + 1]; /* NULL at the end */
  size_t count;
  char connect_timeout[24];
  char place[160]; /* "host:5432/db", for people */
};

/* Reads an address and adds what it leaves open: TLS is `prefer` for this machine and `verify-full` with the system's
 * authorities for any other, sessions must be able to write (unless it is a replica's), dead peers are noticed.
 * ERR_CONFIG for what is not an address; nothing of it is ever in f, because a mistyped one may have the password
 * anywhere. */
enum err postgres_address_read(struct text url, bool is_replica, int64_t connect_timeout_ms,
                               struct postgres_address *out, struct fault *f) MUST_CHECK;
void postgres_address_done(struct postgres_address *a); /* wipes */

struct postgres_pool;

struct postgres_link {
  struct driver_link base;
  PGconn *db;
  struct postgres_pool *pool; /* whose it is */
  bool is_replica;            /* whatever fails here may be tried at the primary */
  bool is_kin;                /* a replica's: it is known to be of the primary's cluster */
  bool wrote;                 /* lent for writing */
  const struct postgres_options *options;
  const char *place;
  struct postgres_link *next; /* among the idle ones */
  int64_t born_us, idle_since_us;
  int64_t patience_ms; /* for one answer */
  bool broken;         /* not to be used again */
  bool committing;
  bool has_batch, made_batch; /* the temporary table; made in the open transaction */
  bool prepared[SQL_COUNT];
  enum sql current; /* SQL_COUNT: the one without a name, which is not in the table */
  int parameter_count;
  const char *values[SQL_PARAMETERS_MAX];
  int lengths[SQL_PARAMETERS_MAX];
  char numbers[SQL_PARAMETERS_MAX][8];
  char *cleaned[SQL_PARAMETERS_MAX];
  PGresult *result; /* of the current statement, once it ran */
  struct buf load;  /* rows on their way into a table */
  int row;
};

extern const struct driver postgres_driver;

/* Connects and sets the session up; a server older than 15 is refused. Waits at most connect_timeout a host. */
enum err postgres_link_open(const struct postgres_address *a, const struct postgres_options *o,
                            struct postgres_link **out, struct fault *f) MUST_CHECK;
void postgres_link_close(struct postgres_link *l); /* NULL is fine; never waits */
/* False when the server has gone. ask: also send it a question, which takes a round trip. */
bool postgres_link_is_alive(struct postgres_link *l, bool ask);
/* Sends what is queued and waits for the answer to its end, at most patience_ms; COPY's answer is its invitation. The
 * caller clears *out. On failure the link may have become broken. */
enum err postgres_answer(struct postgres_link *l, const char *doing, PGresult **out, struct fault *f) MUST_CHECK;
/* One or more statements without parameters. */
enum err postgres_exec(struct postgres_link *l, const char *sql, const char *doing, struct fault *f) MUST_CHECK;
/* Waits until the socket takes or gives more. ERR_STORE_BUSY past the deadline, and the link is broken. */
enum err postgres_wait(struct postgres_link *l, bool to_write, int64_t deadline_us, const char *doing,
                       struct fault *f) MUST_CHECK;
/* The error libpq or the server reported, as one of the port's. result may be NULL. */
enum err postgres_fail(struct postgres_link *l, const PGresult *result, const char *doing, struct fault *f);
/* Why a connection did not come about, from libpq's words for it, in words that may be told to anybody. */
const char *postgres_refusal_brief(const char *said);
int64_t postgres_clock_us(void);
/* PostgreSQL takes no text that is not UTF-8 or holds a zero byte: the same with '?' in their place in memory of its
 * own (free it), or NULL when t is fine as it is. */
char *postgres_clean(struct text t);

/* The connections to one server. Each function may be called from several threads. */
struct postgres_pool {
  const struct postgres_options *options;
  struct postgres_address address;
  bool is_replica;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct postgres_link *idle; /* newest first */
  size_t idle_count, total;
  /* Of a replica (postgres_standby.c), under the lock but the first: left alone until then, the next time for so long;
   * the place it had not come to, 0 for none, and when that was. */
  _Atomic int64_t avoid_until_us;
  int64_t avoid_us, missed_place, missed_since_us;
  char why[200];
};

/* Reads the address; makes no connection. pool_done is due after it in any case. options must live as long. */
enum err postgres_pool_init(struct postgres_pool *p, const struct postgres_options *options, struct text url,
                            bool is_replica, struct fault *f) MUST_CHECK;
void postgres_pool_done(struct postgres_pool *p); /* all its connections must have been given back */
/* fresh: closes the idle ones and connects. */
enum err postgres_pool_take(struct postgres_pool *p, bool fresh, struct postgres_link **out,
                            struct fault *f) MUST_CHECK;
void postgres_pool_give(struct postgres_link *l);

struct postgres_store {
  struct database base;
  struct postgres_options options; /* without the addresses */
  struct postgres_pool primary;
  struct postgres_pool replicas[POSTGRES_REPLICAS_MAX];
  size_t replica_count;
  _Atomic size_t turn;
  /* The place in the primary's write-ahead log that a replica must have reached: INT64_MAX while it is not known. */
  _Atomic int64_t written;
  _Atomic unsigned doubts; /* how often it became unknown */
  _Atomic int64_t cluster; /* system_identifier of the primary; 0: not asked yet */
};

/* A question whose answer is one number, not waited for longer than that. */
enum err postgres_ask_number(struct postgres_link *l, const char *sql, int64_t patience_ms, int64_t *out,
                             struct fault *f) MUST_CHECK;
/* A connection to a standby that has come as far as `needed` in the log, in turn; NULL: ask the primary. */
struct postgres_link *postgres_take_standby(struct postgres_store *s, int64_t needed);
/* The port's standbys_check. */
enum err postgres_check_standbys(struct store *s, bool anew, struct fault *f);

/* Reads the addresses and makes the first connection to the primary. Errors as store_open's. */
enum err postgres_store_open(const struct postgres_options *o, struct database **out, struct fault *f) MUST_CHECK;
/* The driver's take, give, add_rows, add_balances and add_spends: see driver.h. */
enum err postgres_take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f);
void postgres_give(struct database *d, struct driver_link *l);
enum err postgres_add_rows(struct driver_link *l, const struct ledger_row *const *rows, size_t count, bool *out_new,
                           struct fault *f);
enum err postgres_add_balances(struct driver_link *l, const struct tally *by_key, struct fault *f);
enum err postgres_add_spends(struct driver_link *l, const struct tally *by_slot, struct fault *f);
enum err postgres_add_marks(struct driver_link *l, const struct tally *by_minute, struct fault *f);

#endif
