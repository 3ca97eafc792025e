/* Proving the chain of the audit log (audit_chain.h): entries are given one at a time in order of id, and the first
 * that is not what it was is named. Reads nothing itself; store_audit.c gives it the rows. */
#ifndef STORE_AUDIT_PROOF_H
#define STORE_AUDIT_PROOF_H

#include "ports/store_audit.h"

struct audit_proof;
/* A chain that begins behind anchor. seen: an end written down earlier that the chain must go through, or NULL. */
struct audit_proof *audit_proof_new(const struct audit_end *anchor, const struct audit_end *seen);
void audit_proof_free(struct audit_proof *p); /* NULL is fine */
/* False once something is wrong: what comes then changes nothing. */
bool audit_proof_add(struct audit_proof *p, const struct audit_row *row);
/* The verdict, its sentence in the arena. head: where the chain is said to end. Call once, last. */
struct audit_verdict audit_proof_end(struct audit_proof *p, const struct audit_end *head, struct arena *a);

#endif
