/* The chain of the audit log, byte by byte; pure but for the caller's salt. Whoever wants to check a log with a program
 * of their own needs this page only.
 *
 * Numbers are 8 bytes, two's complement, big-endian. A text is its length as such a number, then its bytes.
 *   personal_sum = HMAC-SHA-256 (RFC 2104) under the entry's 32 bytes of salt of
 *                  the 21 bytes "weir-audit-personal-1", text actor, text before, text after
 *   hash         = SHA-256 (FIPS 180-4) of
 *                  the 18 bytes "weir-audit-entry-1", the 32 bytes prev_hash, number id, number at_us,
 *                  text origin, text action, text subject, the 32 bytes personal_sum
 *                  or, where org_id is not 0, of
 *                  the 18 bytes "weir-audit-entry-2", number org_id, and then the same from prev_hash on
 * prev_hash is the hash of the entry with the id before; of entry 1 it is 32 zero bytes. before and after are JSON
 * texts as they are stored, "null" for none.
 *
 * Erasing a person changes actor, before and after of an entry and drops its salt: personal_sum stays, and with it
 * every hash, but says nothing any more about what it was made of. The entry "audit.redact" that is added then has, in
 * after,
 * {"entries":[[id,"hex"],...]} with, for every entry changed,
 *   redacted_sum = SHA-256 of the 21 bytes "weir-audit-redacted-1", number id, text actor, text before, text after
 * of what it says now; the latest one about an entry counts. "audit.purge" has {"through":id,"hash":"hex"} of the last
 * entry that retention removed: the anchor, from which the chain is then checked. */
#ifndef STORE_AUDIT_CHAIN_H
#define STORE_AUDIT_CHAIN_H

#include "ports/store_audit.h"

/* The three sums of a row. Each reads the members named above and nothing else. */
void audit_chain_personal(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]);
void audit_chain_hash(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]);
void audit_chain_redacted(const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]);

#endif
