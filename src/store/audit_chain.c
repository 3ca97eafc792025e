/* The sums of the audit log's chain, in the form that the header gives byte by byte. Nothing here reads or writes the
 * store; store_audit.c makes entries with it, audit_proof.c checks them.
 * house: tested-by tests/unit/store/test_audit_proof.c */
#include "store/audit_chain.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_hash_sha256_BYTES == AUDIT_HASH_BYTES, "the chain is made with SHA-256");
_Static_assert(crypto_auth_hmacsha256_BYTES == AUDIT_HASH_BYTES, "personal parts are summed with HMAC-SHA-256");

static void add_number(crypto_hash_sha256_state *s, int64_t n) {
  uint64_t wide = htobe64((uint64_t)n);
  crypto_hash_sha256_update(s, (const unsigned char *)&wide, sizeof wide);
}

static void add_bytes(crypto_hash_sha256_state *s, const void *at, size_t n) {
  if (n)
    crypto_hash_sha256_update(s, at, n);
}

static void add_text(crypto_hash_sha256_state *s, struct text t) {
  add_number(s, (int64_t)t.len);
  add_bytes(s, t.at, t.len);
}

static void mac_text(crypto_auth_hmacsha256_state *s, struct text t) {
  uint64_t wide = htobe64(t.len);
  crypto_auth_hmacsha256_update(s, (const unsigned char *)&wide, sizeof wide);
  if (t.len)
    crypto_auth_hmacsha256_update(s, (const unsigned char *)t.at, t.len);
}

void audit_chain_personal(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]) {
  static const unsigned char mark[] = "weir-audit-personal-1";
  crypto_auth_hmacsha256_state s;
  crypto_auth_hmacsha256_init(&s, row->salt, AUDIT_SALT_BYTES);
  crypto_auth_hmacsha256_update(&s, mark, sizeof mark - 1);
  mac_text(&s, row->actor);
  mac_text(&s, row->before);
  mac_text(&s, row->after);
  crypto_auth_hmacsha256_final(&s, out);
}

void audit_chain_hash(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]) {
  static const char mark[] = "weir-audit-entry-1", mark_of_org[] = "weir-audit-entry-2";
  crypto_hash_sha256_state s;
  crypto_hash_sha256_init(&s);
  add_bytes(&s, row->org_id ? mark_of_org : mark, sizeof mark - 1);
  if (row->org_id)
    add_number(&s, row->org_id);
  add_bytes(&s, row->prev_hash, AUDIT_HASH_BYTES);
  add_number(&s, row->id);
  add_number(&s, row->at_us);
  add_text(&s, row->origin);
  add_text(&s, row->action);
  add_text(&s, row->subject);
  add_bytes(&s, row->personal_sum, AUDIT_HASH_BYTES);
  crypto_hash_sha256_final(&s, out);
}

void audit_chain_redacted(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]) {
  static const char mark[] = "weir-audit-redacted-1";
  crypto_hash_sha256_state s;
  crypto_hash_sha256_init(&s);
  add_bytes(&s, mark, sizeof mark - 1);
  add_number(&s, row->id);
  add_text(&s, row->actor);
  add_text(&s, row->before);
  add_text(&s, row->after);
  crypto_hash_sha256_final(&s, out);
}
