/* Another master key for everything that is sealed. While it goes on, the store holds the two keys, each sealed under
 * the other, so that a process with either reads every record, whenever the work stops; it goes on where it was left.
 * No secret is opened: only the data keys are wrapped anew. */
#ifndef IDENTITY_REWRAP_H
#define IDENTITY_REWRAP_H

#include "identity/keeper.h"
#include "identity/sealed.h"
#include "ports/store.h"
#include "ports/store_audit.h"
#include "ports/store_vault.h"

struct rewrap_options {
  struct store *store;
  struct keeper *from; /* has the master key that is in force */
  struct keeper *to;   /* has the one to come; NULL: `from` makes it (a file, KMS) */
  const struct audit_actor *by;
  int64_t grace_ms; /* how long other processes are given to hear of it before the first pass */
  /* Asked between two records, with how many are done; an error from it stops the work where it is. NULL: nobody. */
  enum err (*go_on)(void *data, uint64_t done, struct fault *f);
  void *data;
};

struct rewrap_result {
  uint64_t records; /* wrapped anew by this call */
  bool was_begun;   /* by an earlier call, which did not come to its end */
};

/* Blocks. ERR_NOT_FOUND: nothing is sealed yet, or there is no key to come. ERR_CONFIG: the key of `from` is not the
 * one in force, or that of `to` is the same. ERR_STORE_CORRUPT: a record cannot be opened; it stays, and the work is
 * not ended. Errors of the keepers and the store. */
enum err rewrap_run(const struct rewrap_options *o, struct rewrap_result *out, struct fault *f) MUST_CHECK;

/* The two keys of store_vault_state.next and the parts it is made of. */
struct rewrap_link {
  struct text forth, back; /* the key to come under the one in force; that one under it: sealed */
  struct text kept;        /* for the service of the key to come */
};
/* Appends. ERR_LIMIT. */
enum err rewrap_link_write(const uint8_t now[SEALED_KEY_BYTES], const uint8_t next[SEALED_KEY_BYTES], struct text kept,
                           struct buf *out, struct fault *f) MUST_CHECK;
/* ERR_STORE_CORRUPT */
enum err rewrap_link_read(struct text link, struct arena *a, struct rewrap_link *out, struct fault *f) MUST_CHECK;
/* The other key of the two, opened with the one that is known. */
enum err rewrap_link_open(const struct rewrap_link *l, bool is_next, const struct sealed_key *known,
                          uint8_t out[SEALED_KEY_BYTES], struct fault *f) MUST_CHECK;

#endif
