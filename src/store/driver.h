/* The drivers' interface: connections, statements and transactions, so that the operations of the store are written
 * once (store_keys.c, store_ledger.c, store_verify.c, migrate.c). A driver knows its database's dialect, errors and
 * connections and nothing of keys or ledgers, but for the bulk ways into the ledger's tables. Everything blocks. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "ports/store.h"
#include "store/sql.h"
#include "store/tally.h"

enum driver_use {
  DRIVER_READ,
  DRIVER_LIST, /* a read that may come from a replica; it sees at least what this store has written, and what was there
                  when it was opened */
  DRIVER_WRITE,
  DRIVER_MIGRATE /* to begin with: as the only one who changes the schema, and with the patience that takes */
};

struct driver;

/* One value of a row of any table, as copying moves it. */
enum driver_cell_kind { DRIVER_CELL_NULL, DRIVER_CELL_NUMBER, DRIVER_CELL_TEXT, DRIVER_CELL_BYTES };
struct driver_cell {
  enum driver_cell_kind kind;
  int64_t number;
  struct text bytes; /* of a text too */
};

/* A connection, lent to one thread at a time. */
struct driver_link {
  const struct driver *driver;
  bool lost;      /* it died: nothing of an open transaction stands, and the work may be tried on another one */
  bool in_doubt;  /* it died while a commit was on its way, which may stand or not */
  bool has_event; /* the work on it has added an event (store_events.h) */
};

/* Who is told, in this process, that an event was committed by it. */
struct driver_ear {
  void (*fn)(void *data); /* NULL: nobody */
  void *data;
};

/* What the store of any driver begins with. */
struct database {
  struct store base;
  const struct driver *driver;
  struct driver_ear ear;
};

/* In all of these the link is lent to the caller. A link has one current statement, from prepare to reset. */
struct driver {
  enum sql_dialect dialect;
  /* Lends a connection, waiting for one as long as the driver allows (ERR_STORE_BUSY). fresh: a new one, because an old
   * one was found lost. */
  enum err (*take)(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f);
  void (*give)(struct database *d, struct driver_link *l);
  enum err (*begin)(struct driver_link *l, enum driver_use use, struct fault *f);
  /* Commits when e is ERR_OK, otherwise (or when the commit fails) rolls back; returns what stands in the end. */
  enum err (*end)(struct driver_link *l, enum err e, struct fault *f);
  /* Statements without parameters and rows, separated by ';'. Zero-terminated. */
  enum err (*exec)(struct driver_link *l, const char *sql, struct fault *f);
  /* Makes it the current statement, without parameters. */
  enum err (*prepare)(struct driver_link *l, enum sql which, struct fault *f);
  /* The same for one that is not in the table of statements, because it is made for any table (copy_table.c). Never
   * with anything in it that a user has given. sql need not live on. */
  enum err (*prepare_text)(struct driver_link *l, const char *sql, struct fault *f);
  void (*bind)(struct driver_link *l, int at, int64_t n);               /* at: 1, 2, ... */
  void (*bind_text)(struct driver_link *l, int at, struct text t);      /* must live until reset */
  void (*bind_bytes)(struct driver_link *l, int at, struct text bytes); /* must live until reset */
  /* The next row, if there is one. doing: "adding ledger rows", for f. */
  enum err (*step)(struct driver_link *l, bool *out_row, const char *doing, struct fault *f);
  int64_t (*number)(struct driver_link *l, int column);    /* from 0; 0 for NULL */
  struct text (*bytes)(struct driver_link *l, int column); /* valid until the next step or reset */
  bool (*is_null)(struct driver_link *l, int column);
  int64_t (*changes)(struct driver_link *l); /* rows the statement changed; before reset */
  void (*reset)(struct driver_link *l);
  /* Faster ways into the ledger's tables; NULL: row by row. add_rows adds to the tallies what was new and nothing else;
   * count is above 0 and no id occurs twice. The sums are sorted (tally_sort). */
  enum err (*add_rows)(struct driver_link *l, const struct ledger_row *const *rows, size_t count, bool *out_new,
                       struct fault *f);
  enum err (*add_balances)(struct driver_link *l, const struct tally *by_key, struct fault *f);
  enum err (*add_spends)(struct driver_link *l, const struct tally *by_slot, struct fault *f);
  enum err (*add_marks)(struct driver_link *l, const struct tally *by_minute, struct fault *f); /* slots: minutes */
  /* A faster way into any table; NULL: by INSERT. columns: their names with commas between, the order of the cells.
   * From load_begin to load_end, or to the first failure, the link does nothing else. Texts must have been cleaned. */
  enum err (*load_begin)(struct driver_link *l, const char *table, const char *columns, struct fault *f);
  enum err (*load_row)(struct driver_link *l, const struct driver_cell *cells, size_t count, struct fault *f);
  enum err (*load_end)(struct driver_link *l, struct fault *f);
  /* What the database takes instead of this text: memory of its own (free it), of the same length, or NULL when the
   * text is fine. NULL: it takes any. */
  char *(*clean)(struct text t);
};

/* Takes a link, has the work done, gives the link back. Work whose connection was lost is done once more on a fresh
 * one, from its beginning: that is right for work that is one statement, or one transaction, and for a transaction that
 * may have been committed only when doing it twice is the same as once; `once` says that it is not. */
enum err driver_run(struct store *s, enum driver_use use, bool once,
                    enum err (*work)(struct driver_link *l, void *args, struct fault *f), void *args,
                    struct fault *f) MUST_CHECK;
/* The port's events->on_added. */
void driver_listen(struct store *s, void (*fn)(void *data), void *data);
/* Steps through a statement that yields no row, and resets it. out_changes may be NULL. */
enum err driver_finish(struct driver_link *l, const char *doing, int64_t *out_changes, struct fault *f) MUST_CHECK;
/* Prepares a statement without parameters and gives the number in its first row; 0 when it has none. */
enum err driver_number(struct driver_link *l, enum sql which, const char *doing, int64_t *out,
                       struct fault *f) MUST_CHECK;
struct text driver_text(struct driver_link *l, int column, struct arena *a);
/* Room in the arena for one more item behind count of them: the list itself, or a larger copy of it. For lists that are
 * bounded by a maximum which may be far above what there is; begin with NULL and 0. */
void *driver_more(struct arena *a, void *items, size_t count, size_t size);
/* Wall clock, microseconds since 1970. */
int64_t driver_now_us(void);

/* The port's operations on any driver, for a store_ops. */
extern const struct store_audit_ops store_audit_ops;
extern const struct store_people_ops store_people;
extern const struct store_persons_ops store_persons_ops;
#define DRIVER_OPS                                                                                                     \
  .audit = &store_audit_ops, .people = &store_people, .persons = &store_persons_ops, .health = store_health,           \
  .key_create = store_key_create, .key_find = store_key_find, .key_find_by_access_id = store_key_find_by_access_id,    \
  .key_list = store_key_list, .key_set_blocked = store_key_set_blocked, .key_find_by_name = store_key_find_by_name,    \
  .key_rotate = store_key_rotate, .key_delete = store_key_delete, .key_sweep = store_key_sweep,                        \
  .key_touch = store_key_touch, .ledger_append = store_ledger_append, .ledger_position = store_ledger_position,        \
  .ledger_list = store_ledger_list, .ledger_spent = store_ledger_spent, .ledger_verify = store_ledger_verify,          \
  .key_page = store_key_page, .key_get = store_key_get, .key_update = store_key_update, .answers = &store_answers,     \
  .catalogues = &store_catalogues, .jobs = &store_jobs, .usage = &store_usage, .replicas = &store_replicas,            \
  .signin = &store_signin, .vault = &store_vault, .service_secrets = &store_service_secrets,                           \
  .credentials = &store_credentials, .entities = &store_entities
extern const struct store_answers_ops store_answers;
extern const struct store_catalogues_ops store_catalogues;
extern const struct store_jobs_ops store_jobs;
extern const struct store_usage_ops store_usage;
extern const struct store_signin_ops store_signin;
extern const struct store_vault_ops store_vault;
extern const struct store_service_secrets_ops store_service_secrets;
extern const struct store_credentials_ops store_credentials;
extern const struct store_entities_ops store_entities;
enum err store_health(struct store *s, struct fault *f);
enum err store_key_create(struct store *s, const struct store_key *k, const struct audit_actor *by, int64_t *out_id,
                          struct fault *f);
enum err store_key_find(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a, struct store_key *out,
                        struct fault *f);
enum err store_key_find_by_access_id(struct store *s, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                     struct store_key *out, struct fault *f);
enum err store_key_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                        size_t *out_count, struct fault *f);
enum err store_key_set_blocked(struct store *s, int64_t id, bool blocked, const struct audit_actor *by,
                               struct fault *f);
enum err store_key_find_by_name(struct store *s, struct text name, struct arena *a, struct store_key *out,
                                struct fault *f);
enum err store_key_rotate(struct store *s, const struct key_rotation *r, const struct audit_actor *by, struct fault *f);
enum err store_key_page(struct store *s, const struct key_filter *filter, struct arena *a, struct store_key **out,
                        size_t *out_count, struct fault *f);
enum err store_key_get(struct store *s, int64_t org_id, int64_t id, struct arena *a, struct store_key *out,
                       struct fault *f);
enum err store_key_update(struct store *s, const struct store_key *k, int64_t version, const struct audit_actor *by,
                          struct fault *f);
enum err store_key_delete(struct store *s, int64_t id, int64_t version, const struct audit_actor *by, struct fault *f);
enum err store_key_sweep(struct store *s, int64_t now_us, size_t max, const struct audit_actor *by,
                         struct key_sweep *out, struct fault *f);
enum err store_key_touch(struct store *s, const int64_t *ids, const int64_t *last_used_us, size_t count,
                         struct fault *f);
enum err store_ledger_append(struct store *s, const struct ledger_row *rows, size_t count, struct text stream,
                             uint64_t position, struct fault *f);
enum err store_ledger_position(struct store *s, struct text stream, uint64_t *out, struct fault *f);
enum err store_ledger_list(struct store *s, int64_t before_id, size_t max, struct arena *a, struct ledger_row **out,
                           size_t *out_count, struct fault *f);
enum err store_ledger_spent(struct store *s, int64_t key_id, int64_t since_us, int64_t *out_nano, struct fault *f);
enum err store_ledger_verify(struct store *s, struct arena *a, struct ledger_totals *out, struct fault *f);
extern const struct store_replicas_ops store_replicas;
extern const struct store_events_ops store_events, store_events_with_bell;
/* The same inside the link's open transaction, for what is not committed yet. */
enum err store_ledger_verify_on(struct driver_link *l, struct arena *a, struct ledger_totals *out,
                                struct fault *f) MUST_CHECK;
/* Drops positions of journals that have not moved since before_us. */
enum err store_ledger_forget(struct store *s, int64_t before_us, struct fault *f) MUST_CHECK;

#endif
