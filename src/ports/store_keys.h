/* The part of the store's port about virtual keys: what one is, which are asked for, how one is rotated. The functions
 * are in ports/store.h, which includes this. Texts live in the arena they were read into. */
#ifndef PORTS_STORE_KEYS_H
#define PORTS_STORE_KEYS_H

#include "base/arena.h"

#define STORE_HASH_BYTES       32
#define STORE_ACCESS_BYTES     8
#define STORE_OLD_HASH_KEPT_US INT64_C(604800000000) /* a week */

/* The id of a key that the configuration declares under this name, in the ledger and wherever keys are told apart:
 * negative. A stored one's is positive. In identity/principal.c. */
int64_t store_key_declared_id(struct text name);

struct store_key {
  int64_t id;
  struct text name, prefix, user, workspace; /* user, workspace "" when none */
  struct text policy;                        /* the name of one, "" when none */
  /* Said with a change: the policy is an entry of the store, not of the file. Then it has to be there when the change
   * is committed: ERR_STORE_CONFLICT. */
  bool policy_is_stored;
  uint8_t hash[STORE_HASH_BYTES]; /* HMAC-SHA-256 of the key under the server's secret */
  int64_t old_until_us;           /* 0; found by a hash from before a rotation, which hash then is: its end */
  struct text models;             /* globs separated by '\n'; "*" for all */
  int64_t rpm, tpm, concurrency;  /* 0: no limit */
  int64_t budget_nano;            /* 0: no limit */
  struct text budget_period;      /* "day" "week" "month", "" without budget */
  int64_t created_us, expires_us; /* expires_us 0: never */
  int64_t last_used_us;           /* 0: never */
  bool blocked;
  int64_t org_id;  /* the organisation it is of; made with 0: the one its workspace is of, else the first */
  int64_t version; /* 1, and one more with every change; made with 0 */
  /* Where it may be used, each a list of entries separated by '\n', "" for no restriction: names of wires and mounts,
   * networks such as "10.0.0.0/8", origins of browsers such as "https://example.org". */
  struct text routes, allow_ips, cors_origins;
  /* Whose it is, by number: a user, or a service account; 0: nobody's that is known here. They keep it when their
   * address changes, it is refused while they are disabled (is_owner_away, as it was read), and goes with them. */
  int64_t owner_user, owner_service;
  bool is_owner_away;
  /* Said with a change, or of a new one: it is whose `user` names in the organisation, by email or as "service:3". */
  bool finds_owner;
};

/* Which keys. Empty texts and zeros ask for nothing. */
struct key_filter {
  int64_t org_id;
  struct text user, workspace;
  struct text search;                /* in the name, whatever the case of ASCII letters */
  bool only_blocked, only_open;      /* at most one of them */
  int64_t owner_user, owner_service; /* only those of this user, or of this service account; */
  bool only_unowned;                 /* only those of neither */
  bool newest_first;
  int64_t after_id; /* of the page before; 0: from the beginning */
  size_t max;
};

struct key_rotation {
  int64_t id;
  uint8_t hash[STORE_HASH_BYTES]; /* the new one */
  struct text prefix;
  int64_t now_us, until_us;
  int64_t version; /* that it has; 0: whatever it is */
};

struct key_sweep {
  uint64_t expired, forgotten;
};

#endif
