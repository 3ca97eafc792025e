/* What the files about people share: their common view, whose things a caller may touch, and which roles they may give.
 * For this room. */
#ifndef CONTROL_PEOPLE_VIEW_H
#define CONTROL_PEOPLE_VIEW_H

#include "control/views.h"
#include "ports/store_people.h"

struct people_view {
  uint64_t given;
  int64_t id, version, organisation;
  struct text name, description, email, timezone, week_start;
  bool disabled, invited, declared;
  int64_t created_us, last_seen_us;
};

/* A row as it is shown. */
struct people_view people_view_of(const struct api_call *c, enum people_kind kind, const struct people_row *r);

#define PEOPLE_SORTS "name|-name|created|-created"
enum people_order people_order(struct text sort); /* "": as they were made */
/* The page that the call asks for, of those the filter says: its places and length are set here. */
enum err people_page(struct api_call *c, enum people_kind kind, struct people_filter *filter, struct people_row **out,
                     size_t *out_count, struct fault *f) MUST_CHECK;

/* The organisation in which something is made: the caller's own or, for the operator, the one that is asked for or the
 * first. ERR_NOT_FOUND: another one than one's own. */
enum err people_org(const struct api_call *c, int64_t asked, int64_t *out, struct fault *f) MUST_CHECK;
/* In the whole organisation? Else ERR_FORBIDDEN, which names the permission. */
enum err people_may(const struct api_call *c, enum permission p, struct fault *f) MUST_CHECK;
/* What a role permits ("admin", "role:12"). ERR_NOT_FOUND, with "role" as its field. */
enum err people_role_permissions(struct api_call *c, int64_t org_id, struct text role, uint64_t *out,
                                 struct fault *f) MUST_CHECK;
/* Whether the caller may do all of that there themselves (workspace 0: in the whole organisation): nobody gives or
 * takes more than they have. ERR_FORBIDDEN names what they lack. */
enum err people_has_all(const struct api_call *c, uint64_t permissions, int64_t workspace_id,
                        struct fault *f) MUST_CHECK;
/* The same of everything that a user, a service account or a team may do: nobody changes who may more than they. */
enum err people_covers(struct api_call *c, enum people_kind kind, int64_t id, struct fault *f) MUST_CHECK;
/* The same of a user; what is one's own is free. */
enum err people_covers_other(struct api_call *c, int64_t user_id, struct fault *f) MUST_CHECK;

#endif
