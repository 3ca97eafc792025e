/* What the files about stored keys share. Not for other rooms. */
#ifndef STORE_STORE_KEYS_H
#define STORE_STORE_KEYS_H

#include "ports/store_audit.h"
#include "store/driver.h"

#define STORE_KEY_COLUMNS 25

/* Reads the current row of a statement that yields the columns of a key, into the arena. */
void store_key_read(struct driver_link *l, struct arena *a, struct store_key *out);
/* The last step of every change: how the key was and is goes into the audit log (NULL: it was not, or is not any more),
 * and other processes are told to forget what they know of it. */
enum err store_key_note_on(struct driver_link *l, const char *action, const struct audit_actor *by,
                           const struct store_key *before, const struct store_key *after, struct fault *f) MUST_CHECK;
/* Deletes a key's row and the hashes from before its rotations, and says nothing of it. */
enum err store_key_drop_on(struct driver_link *l, int64_t id, struct fault *f) MUST_CHECK;

#endif
