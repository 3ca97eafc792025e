/* What the files about people share: the parts of a change that happen inside its transaction. Not for other rooms;
 * they use ports/store_people.h. */
#ifndef STORE_STORE_PEOPLE_H
#define STORE_STORE_PEOPLE_H

#include "ports/store_audit.h"
#include "ports/store_people.h"
#include "store/driver.h"

/* A change of people, for people_run. */
struct people_change {
  enum people_kind kind;
  int64_t org_id, id, version;
  const struct people_row *row;
  const struct people_grant *grant;
  int64_t user_id; /* of team_put */
  bool is_member;
  struct text external;
  const struct audit_actor *by;
  int64_t out_id;
  struct arena *arena;
  enum err (*make)(struct driver_link *l, struct people_change *c, struct fault *f);
};

/* Has make called inside a transaction. once: not again after a commit in doubt. */
enum err people_run(struct store *s, struct people_change *c, bool once, struct fault *f) MUST_CHECK;

/* Runs a statement that takes numbers, ?1 and ?2, and yields no row. */
enum err people_tell(struct driver_link *l, enum sql which, int64_t first, const int64_t *second,
                     struct fault *f) MUST_CHECK;
enum err people_next_id(struct driver_link *l, const char *sequence, int64_t *out, struct fault *f) MUST_CHECK;
/* Reads the current row of a statement that yields a people_row. */
void people_read(struct driver_link *l, struct arena *a, struct people_row *out);
/* The row, if the organisation may see it (0: all may); ERR_NOT_FOUND. */
enum err people_get_on(struct driver_link *l, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                       struct people_row *out, struct fault *f) MUST_CHECK;
/* The same, with its organisation locked: nothing in it changes by others until the transaction ends. Whatever changes
 * people locks their organisation first, so that what a change has looked at still holds when it commits. */
enum err people_lock_on(struct driver_link *l, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                        struct people_row *out, struct fault *f) MUST_CHECK;
/* Locks an organisation. ERR_NOT_FOUND */
enum err people_lock_org_on(struct driver_link *l, int64_t org_id, struct fault *f) MUST_CHECK;

/* How many ways there are to be an owner of the organisation who can sign in: 0 means that nobody is. */
enum err people_owners_on(struct driver_link *l, int64_t org_id, int64_t *out, struct fault *f) MUST_CHECK;
/* After a change: ERR_STORE_CONFLICT when there were owners before it and now there is none. */
enum err people_keep_owner_on(struct driver_link *l, int64_t org_id, int64_t before, struct fault *f) MUST_CHECK;

/* Takes away every grant to one of a kind, in a workspace, or of a custom role, each with its entry. */
enum err people_revoke_all_on(struct driver_link *l, enum people_kind kind, int64_t id, const struct audit_actor *by,
                              struct arena *a, struct fault *f) MUST_CHECK;

/* The last steps of a change: the entry in the audit log (before and after may be NULL), and the event. */
enum err people_note_row_on(struct driver_link *l, const struct people_change *c, const char *done,
                            const struct people_row *before, const struct people_row *after,
                            struct fault *f) MUST_CHECK;
enum err people_note_grant_on(struct driver_link *l, const struct audit_actor *by, const struct people_grant *before,
                              const struct people_grant *after, struct fault *f) MUST_CHECK;
enum err people_note_member_on(struct driver_link *l, const struct people_change *c, int64_t org_id,
                               struct fault *f) MUST_CHECK;
enum err people_note_external_on(struct driver_link *l, const struct people_change *c, const struct people_row *user,
                                 struct fault *f) MUST_CHECK;

/* The port's functions that are not in store_people.c. */
enum err store_people_team_put(struct store *s, int64_t org_id, int64_t team_id, int64_t user_id, bool is_member,
                               const struct audit_actor *by, struct fault *f) MUST_CHECK;
enum err store_people_grant(struct store *s, const struct people_grant *g, const struct audit_actor *by,
                            int64_t *out_id, struct fault *f) MUST_CHECK;
enum err store_people_follow(struct store *s, int64_t user_id, struct text role, struct text origin,
                             const struct audit_actor *by, struct fault *f) MUST_CHECK;
enum err store_people_revoke(struct store *s, int64_t org_id, int64_t grant_id, const struct audit_actor *by,
                             struct fault *f) MUST_CHECK;
enum err store_people_grants(struct store *s, const struct grant_filter *filter, struct arena *a,
                             struct people_grant **out, size_t *out_count, struct fault *f) MUST_CHECK;
enum err store_people_rights(struct store *s, enum people_kind kind, int64_t id, struct arena *a,
                             struct people_row *out_who, struct people_right **out, size_t *out_count,
                             struct fault *f) MUST_CHECK;

#endif
