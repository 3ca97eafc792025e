/* The port of the store: keys and the ledger's rows. Every function blocks and is called from a thread that may (the
 * offload pool, the ledger's writer, the command line); an adapter is safe for calls from several threads. Errors:
 * ERR_STORE (reason in f), ERR_STORE_FULL, ERR_STORE_BUSY, ERR_STORE_CORRUPT, ERR_STORE_CONFLICT, ERR_NOT_FOUND. */
#ifndef PORTS_STORE_H
#define PORTS_STORE_H

#include "base/arena.h"
#include "llm/price.h"
#include "ports/store_answers.h"
#include "ports/store_catalogues.h"
#include "ports/store_events.h"
#include "ports/store_jobs.h"
#include "ports/store_keys.h"
#include "ports/store_replicas.h"

#define LEDGER_METADATA_MAX 512

/* One settled attempt: a row of the append-only ledger. Texts are at most 256 bytes each. */
struct ledger_row {
  int64_t id;                      /* time-ordered, unique among all processes on the database */
  int64_t reserved_us, settled_us; /* wall clock */
  struct text request_id;          /* ours */
  uint32_t attempt;                /* 1, 2, ... within the request */
  int64_t key_id;                  /* a stored key's id; declared keys: a negative id derived from the name; 0 none */
  struct text key_name, user, workspace; /* workspace "" when none, and in rows of before it was kept */
  struct text wire, operation, provider, credential, model, upstream_model, upstream_request_id;
  struct text outcome; /* "ok" "error" "cancelled" "cut" "recovered" ... */
  struct text error;   /* err_name or provider class, "" when ok */
  /* What the provider reports beside, an object of JSON (llm/facts.h) of at most LEDGER_METADATA_MAX bytes; "" for
   * none, NULL in the database. */
  struct text provider_metadata;
  int status; /* sent to the client, 0 when nothing was */
  int upstream_status;
  bool streamed, billable;
  struct usage usage;
  struct cost cost;
  uint32_t price_version;
  int64_t reserved_nano;
  int64_t first_token_us, duration_us, overhead_us; /* durations; -1 unknown */
};

struct ledger_totals {
  uint64_t rows, keys;
  uint64_t archived; /* of rows: those that have left for a file and are there as sums */
  int64_t cost_nano;
  uint64_t mismatched_keys;   /* balances that differ from the sum of their rows */
  struct text first_mismatch; /* a sentence, or empty */
};

struct store;
struct audit_actor;
struct store_audit_ops;
struct store_people_ops;
struct store_persons_ops;
struct store_usage_ops;
struct store_vault_ops;
struct store_service_secrets_ops;
struct store_credentials_ops;
struct store_signin_ops;
struct store_entities_ops;
struct store_ops {
  const char *name; /* "sqlite", "memory", "postgres" */
  bool is_shared;   /* processes of several machines may work on it at the same time */
  void (*close)(struct store *s);
  enum err (*health)(struct store *s, struct fault *f);
  /* Whether every standby that lists are read from is used; which is not, and why. anew: asks each that is due, which
   * waits; else from what is known. NULL: it never has any. */
  enum err (*standbys_check)(struct store *s, bool anew, struct fault *f);
  /* How far what lists are read from must have come so that it has all that was written here; 0: there is nothing else
   * to read from. And: it must have come so far too, for somebody who has written elsewhere. A number from a stranger
   * does no harm. NULL: lists are never behind. */
  int64_t (*written)(struct store *s);
  void (*catch_up)(struct store *s, int64_t place);

  const struct store_audit_ops *audit;     /* ports/store_audit.h */
  const struct store_people_ops *people;   /* ports/store_people.h */
  const struct store_persons_ops *persons; /* ports/store_persons.h */

  /* A change of a key names who makes it and adds an entry to the audit log in the same transaction. ERR_BAD_REQUEST,
   * field "workspace": it is none of the key's organisation; one of the first need not be made before. */
  enum err (*key_create)(struct store *s, const struct store_key *k, const struct audit_actor *by, int64_t *out_id,
                         struct fault *f);
  /* Also by a hash from before a rotation, whether its time is over or not. */
  enum err (*key_find)(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a, struct store_key *out,
                       struct fault *f); /* ERR_NOT_FOUND */
  /* By the first STORE_ACCESS_BYTES of the hash, which are the id of the key's pair for signing. */
  enum err (*key_find_by_access_id)(struct store *s, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                    struct store_key *out, struct fault *f); /* ERR_NOT_FOUND */
  enum err (*key_find_by_name)(struct store *s, struct text name, struct arena *a, struct store_key *out,
                               struct fault *f); /* ERR_NOT_FOUND */
  /* Oldest first, ids above after_id; at most max. */
  enum err (*key_list)(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                       size_t *out_count, struct fault *f);
  enum err (*key_page)(struct store *s, const struct key_filter *filter, struct arena *a, struct store_key **out,
                       size_t *out_count, struct fault *f);
  /* org_id 0: of any organisation. ERR_NOT_FOUND: there is none, or it is another one's. */
  enum err (*key_get)(struct store *s, int64_t org_id, int64_t id, struct arena *a, struct store_key *out,
                      struct fault *f);
  /* Everything of *k but its id, organisation, hash, prefix and times of making and use; another `user` without
   * finds_owner makes it nobody's. version: that it has, else
   * ERR_STORE_STALE; 0: whatever it is. One that is so already is left as it is. ERR_NOT_FOUND, ERR_STORE_CONFLICT: the
   * name is taken */
  enum err (*key_update)(struct store *s, const struct store_key *k, int64_t version, const struct audit_actor *by,
                         struct fault *f);
  /* One that is so already is left as it is, without an entry. ERR_NOT_FOUND */
  enum err (*key_set_blocked)(struct store *s, int64_t id, bool blocked, const struct audit_actor *by, struct fault *f);
  /* A new hash and prefix; the old hash is good until until_us, and any older one ends now. ERR_NOT_FOUND,
   * ERR_STORE_CONFLICT, ERR_STORE_STALE */
  enum err (*key_rotate)(struct store *s, const struct key_rotation *r, const struct audit_actor *by, struct fault *f);
  enum err (*key_delete)(struct store *s, int64_t id, int64_t version, const struct audit_actor *by,
                         struct fault *f); /* version as in key_update; ERR_NOT_FOUND, ERR_STORE_STALE */
  /* Notes in the audit log the keys whose expiry has come, each once, at most max; and forgets the hashes from before a
   * rotation that ended more than STORE_OLD_HASH_KEPT_US ago. */
  enum err (*key_sweep)(struct store *s, int64_t now_us, size_t max, const struct audit_actor *by,
                        struct key_sweep *out, struct fault *f);
  enum err (*key_touch)(struct store *s, const int64_t *ids, const int64_t *last_used_us, size_t count,
                        struct fault *f);

  /* Adds the rows and moves the stream's position to `position` in one transaction; a stream's rows at or below its
   * stored position are skipped by the caller, rows whose id exists already are ignored and not added to balances
   * again. Balances per key move with the rows. An empty stream has no position to
   * move (rows recovered by a replay). */
  enum err (*ledger_append)(struct store *s, const struct ledger_row *rows, size_t count, struct text stream,
                            uint64_t position, struct fault *f);
  enum err (*ledger_position)(struct store *s, struct text stream, uint64_t *out, struct fault *f); /* 0 when unknown */
  /* Newest first, ids below before_id (0: from the end), at most max. */
  enum err (*ledger_list)(struct store *s, int64_t before_id, size_t max, struct arena *a, struct ledger_row **out,
                          size_t *out_count, struct fault *f);
  /* Sum of cost_nano of billable rows of the key settled at or after since_us. */
  enum err (*ledger_spent)(struct store *s, int64_t key_id, int64_t since_us, int64_t *out_nano, struct fault *f);
  /* Recomputes every balance from the rows. */
  enum err (*ledger_verify)(struct store *s, struct arena *a, struct ledger_totals *out, struct fault *f);

  const struct store_answers_ops *answers;
  const struct store_catalogues_ops *catalogues;
  const struct store_jobs_ops *jobs; /* ports/store_jobs.h */
  const struct store_replicas_ops *replicas;
  const struct store_events_ops *events;
  const struct store_usage_ops *usage;   /* ports/store_usage.h */
  const struct store_signin_ops *signin; /* ports/store_signin.h */
  const struct store_vault_ops *vault;   /* ports/store_vault.h */
  const struct store_service_secrets_ops *service_secrets;
  const struct store_credentials_ops *credentials; /* ports/store_credentials.h */
  const struct store_entities_ops *entities;       /* ports/store_entities.h */
};
/* The base an adapter embeds first. */
struct store {
  const struct store_ops *ops;
};

#endif
