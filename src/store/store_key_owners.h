/* Whose keys are, by number: what a change of a key, or of a user or service account, has to see to. Inside a
 * transaction; not for other rooms. Users are locked before keys, and both before the log's head, so that nobody waits
 * in a circle. */
#ifndef STORE_STORE_KEY_OWNERS_H
#define STORE_STORE_KEY_OWNERS_H

#include "ports/store_people.h"
#include "store/driver.h"

/* The key's owner is whom its `user` names in its organisation, by email or as "service:" and a number, or nobody. The
 * user's email is written as it is kept, and the user stays as they are until the transaction ends. */
enum err key_owner_find_on(struct driver_link *l, struct store_key *k, struct arena *a, struct fault *f) MUST_CHECK;

/* The key of a user is under the email that they have by now, and they stay as they are until the transaction ends. */
enum err key_owner_keep_on(struct driver_link *l, struct store_key *k, struct arena *a, struct fault *f) MUST_CHECK;

/* Keys of one user or service account, held until the transaction ends. */
struct key_owned {
  struct store_key *keys;
  size_t count;
};
/* Of other kinds of people: none. */
enum err key_owner_hold_on(struct driver_link *l, enum people_kind kind, int64_t id, struct arena *a,
                           struct key_owned *out, struct fault *f) MUST_CHECK;
/* From now on under that email, each change with its entry and event. */
enum err key_owner_rename_on(struct driver_link *l, const struct key_owned *o, struct text email,
                             const struct audit_actor *by, struct fault *f) MUST_CHECK;
/* Every process looks at them again: their owner was disabled, or is good again. */
enum err key_owner_tell_on(struct driver_link *l, const struct key_owned *o, struct fault *f) MUST_CHECK;
/* Deletes them, each with its entry and event. */
enum err key_owner_remove_on(struct driver_link *l, const struct key_owned *o, const struct audit_actor *by,
                             struct fault *f) MUST_CHECK;

#endif
