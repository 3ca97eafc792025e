/* The port of what one person may ask for: all that the store holds about them, and that it forget them. A person is
 * the user that keys name. Amounts stay when a name goes, so that sums, budgets and the audit log hold. Every function
 * blocks. Errors as in ports/store.h. */
#ifndef PORTS_STORE_PERSONS_H
#define PORTS_STORE_PERSONS_H

#include "ports/store_audit.h"

#define PERSON_NAME_MAX        200
#define PERSON_PSEUDONYM_BYTES 32 /* with the zero byte */
/* Rows of an erased person are looked out for this long; a journal that comes later is not carried over any more. */
#define PERSON_WATCHED_US INT64_C(2678400000000)
/* A call that began so long after the erasure may still have the name from a process's memory. */
#define PERSON_GRACE_US INT64_C(600000000)

/* Told of every step; ERR_CANCELLED stops there, and what is done stays. */
struct person_listener {
  enum err (*progress)(void *ctx, unsigned permille, const char *at, struct fault *f);
  void *ctx;
};

struct person_erased {
  char pseudonym[PERSON_PSEUDONYM_BYTES]; /* stands in place of the name from now on */
  uint64_t keys, ledger_rows, usage_rows, audit_entries;
};

/* Takes the lines of an export: one JSON object each, without its line's end. */
struct person_sink {
  enum err (*line)(void *ctx, struct text json, struct fault *f);
  void *ctx;
};

struct person_exported {
  uint64_t keys, ledger_rows, audit_entries;
};

struct store_persons_ops {
  /* Deletes the person's keys and puts a pseudonym in place of their name and of their keys' names wherever it stands;
   * names what it did in the audit log. Safe to run again, also after it stopped midway: then it goes on under the same
   * pseudonym. listener may be NULL. ERR_BAD_REQUEST: not a name. */
  enum err (*erase)(struct store *s, struct text user, const struct audit_actor *by,
                    const struct person_listener *listener, struct person_erased *out, struct fault *f);
  /* Everything that has the person's name, as lines {"table":T,"row":{...}}: their keys without hashes, their rows of
   * the ledger, what the audit log has about them. Not one moment: page by page. Names the export in the audit log. */
  enum err (*export)(struct store *s, struct text user, const struct audit_actor *by, const struct person_sink *sink,
                     const struct person_listener *listener, struct person_exported *out, struct fault *f);
  /* Forgets who was erased before before_us. */
  enum err (*forget)(struct store *s, int64_t before_us, struct fault *f);
};

#endif
