/* What other files of this room need of the audit log: adding an entry inside the transaction of the change that it is
 * about. Not for other rooms; they use ports/store_audit.h. */
#ifndef STORE_STORE_AUDIT_H
#define STORE_STORE_AUDIT_H

#include "ports/store_audit.h"
#include "store/driver.h"

/* Adds an entry, in the transaction that is open on l. It takes the lock of the log's head, which is held until the
 * commit, so that the entries of several programs form one chain: call it late in the transaction, behind the locks of
 * what is changed and before event_add_on. Texts that are not UTF-8 are made so. out_id may be NULL. ERR_LIMIT: before
 * or after is too long. */
enum err audit_add_on(struct driver_link *l, const struct audit_actor *by, const struct audit_entry *entry,
                      int64_t *out_id, struct fault *f) MUST_CHECK;
/* Waits for, and holds, the lock of the log's head, in the transaction that is open on l. */
enum err audit_lock_on(struct driver_link *l, struct fault *f) MUST_CHECK;
/* Reads the current row of a statement that yields the columns of the log; texts are valid until the next step. */
void audit_row_read(struct driver_link *l, struct audit_row *out);

#endif
