/* The port of the audit log: who changed what, when, and how it was before. Entries form a chain of hashes
 * (store/audit_chain.h) in which a change, a removal, an insertion, a new order and a missing end are found. A change
 * adds its entry in its own transaction; what is here reads the log, proves it, and adds entries about what is not in
 * the store. Every function blocks. Errors as in ports/store.h. */
#ifndef PORTS_STORE_AUDIT_H
#define PORTS_STORE_AUDIT_H

#include "ports/store.h"

#define AUDIT_HASH_BYTES    32
#define AUDIT_SALT_BYTES    32
#define AUDIT_NAME_MAX      256       /* bytes of actor, origin, action and subject; longer ones are cut */
#define AUDIT_JSON_MAX      (1 << 18) /* of before and after; ERR_LIMIT */
#define AUDIT_KEEP_DAYS_MIN 365

/* Who makes a change. Every change of the store that is audited takes one. */
struct audit_actor {
  struct text actor;  /* "local:" and the OS user, "job:" and the kind */
  struct text origin; /* the way it came: "cli", "job", "start" */
};

struct audit_entry {
  struct text action;        /* "key.block": what it is about, a dot, what was done */
  struct text subject;       /* "key:12"; never a person's name */
  struct text before, after; /* JSON, without secrets and hashes; empty: null */
  int64_t org_id;            /* whose thing it is; 0 and 1: the first organisation's, or the installation's */
};

struct audit_row {
  int64_t id, at_us; /* ids are 1, 2, 3, ... without a gap */
  struct text actor, origin, action, subject, before, after;
  bool is_erased; /* something personal was taken out */
  int64_t org_id; /* whose thing it is about; 0: the first organisation's, or the installation's */
  uint8_t salt[AUDIT_SALT_BYTES], personal_sum[AUDIT_HASH_BYTES], prev_hash[AUDIT_HASH_BYTES], hash[AUDIT_HASH_BYTES];
};

/* Which entries. Empty texts and zeros ask for nothing. */
struct audit_filter {
  int64_t since_us, until_us; /* at or after; before */
  struct text actor, action, subject;
  int64_t org_id;    /* of this organisation alone; of 1: what is the installation's too; 0: of all */
  int64_t before_id; /* newest first, ids below it; 0: from the newest */
  size_t max;
};

/* One end of the chain, to be written down elsewhere and compared later. */
struct audit_end {
  int64_t id;
  uint8_t hash[AUDIT_HASH_BYTES];
};

struct audit_verdict {
  uint64_t rows, erased;
  struct audit_end anchor, head; /* anchor: the last entry removed by retention; id 0 when none was */
  int64_t bad_id;                /* the first entry that is wrong, or where one is missing; 0 when all is well */
  struct text why;               /* a sentence, or empty */
};

struct store_audit_ops {
  /* One entry in a transaction of its own. *out_id may be NULL. */
  enum err (*add)(struct store *s, const struct audit_actor *by, const struct audit_entry *entry, int64_t *out_id,
                  struct fault *f);
  enum err (*list)(struct store *s, const struct audit_filter *filter, struct arena *a, struct audit_row **out,
                   size_t *out_count, struct fault *f);
  /* Oldest first, ids above after_id, at most max: for an export. */
  enum err (*page)(struct store *s, int64_t after_id, size_t max, struct arena *a, struct audit_row **out,
                   size_t *out_count, struct fault *f);
  /* Reads every entry at one moment and recomputes the chain. seen: an end written down earlier, which must still be a
   * part of it; NULL for none. A broken chain is ERR_OK with bad_id set. */
  enum err (*verify)(struct store *s, const struct audit_end *seen, struct arena *a, struct audit_verdict *out,
                     struct fault *f);
  /* Removes the oldest entries that were made before before_us, at most max, never the newest one, and adds an entry
   * that says so. ERR_BAD_REQUEST when before_us is less than AUDIT_KEEP_DAYS_MIN days before now_us. */
  enum err (*purge)(struct store *s, const struct audit_actor *by, int64_t before_us, int64_t now_us, size_t max,
                    uint64_t *out_removed, struct fault *f);
};

#endif
