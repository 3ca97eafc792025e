/* The part of the store's port about people and what they may do: organisations, workspaces, teams, users, service
 * accounts, custom roles, and grants of roles. Every row of them belongs to one organisation, and every function takes
 * the organisation that may be seen (0: all): a row of another one is ERR_NOT_FOUND, as if it were not there. A change
 * names who makes it, adds an entry to the audit log and an event `access` in its transaction, and, where a version is
 * given that is not the row's, is ERR_STORE_STALE. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_PEOPLE_H
#define PORTS_STORE_PEOPLE_H

#include "ports/store.h"

enum people_kind {
  PEOPLE_ORGANISATION,
  PEOPLE_WORKSPACE,
  PEOPLE_TEAM,
  PEOPLE_USER,
  PEOPLE_SERVICE, /* a service account */
  PEOPLE_ROLE     /* a custom role */
};

/* One row of any kind: what they have in common, and what some have. */
struct people_row {
  int64_t id, org_id;   /* an organisation's org_id is its id */
  int64_t version;      /* 1, and one more with every change */
  struct text name;     /* unique in the organisation among its kind; of a user what they are called, not unique */
  struct text text;     /* a description; a user's email, in lower case, unique everywhere; a role's permissions */
  struct text external; /* of a user: "issuer\nsubject" of their identity provider, unique; "" */
  struct text timezone, week_start; /* of an organisation: "UTC"; "monday" "sunday" "saturday" */
  bool is_disabled;                 /* of users and service accounts */
  bool is_invited;                  /* of users: has never signed in */
  int64_t created_us, last_seen_us;
  int64_t email_us; /* of a user: since when they have their email; 0: since they were made. The store's to set */
};

/* The order of a list. Of names without regard to case, by their first PEOPLE_SORT_CHARS, and of equal ones by id. */
enum people_order { PEOPLE_BY_ID, PEOPLE_BY_NAME, PEOPLE_BY_NAME_DOWN, PEOPLE_BY_ID_DOWN };
#define PEOPLE_SORT_CHARS 100

struct people_filter {
  int64_t org_id; /* 0: all */
  enum people_order order;
  int64_t after_id;       /* behind this one in the order; 0: from the beginning */
  struct text after_name; /* its name, by which the place is found even when it is gone; with the orders of names */
  size_t max;
  struct text search;               /* in name and text, whatever the case; "" */
  int64_t team_id;                  /* users of this team only; 0 */
  bool only_disabled, only_enabled; /* of users */
  struct text role;                 /* users to whom it is given themselves, wherever; "" */
};

/* A role given to somebody, in the whole organisation or in one workspace. */
enum grant_to { GRANT_TO_USER, GRANT_TO_SERVICE, GRANT_TO_TEAM };
struct people_grant {
  int64_t id, org_id;
  enum grant_to to;
  int64_t to_id;
  int64_t workspace_id; /* 0: the whole organisation */
  struct text role;     /* a built-in role's name, which the caller has looked up; or "role:" and a custom one's id */
  int64_t created_us;   /* of a new one 0: now */
  struct text origin;   /* "": given here; "oidc:NAME": what that identity provider said */
};
const char *grant_to_name(enum grant_to to); /* "user" "service" "team" */

struct grant_filter {
  int64_t org_id;   /* 0: all */
  int64_t after_id; /* ids above it, lowest first */
  size_t max;
  int64_t to_id; /* 0: of everybody; else of this one of that kind */
  enum grant_to to;
  struct text role;     /* "": any */
  int64_t workspace_id; /* those that hold in this one only; 0: any, and in the whole organisation */
};

/* What somebody's grants, and those of their teams, come to. */
struct people_right {
  int64_t workspace_id;    /* 0: the whole organisation */
  struct text workspace;   /* its name */
  struct text role;        /* as in a grant */
  struct text permissions; /* of a custom role, names separated by spaces; "" for a built-in one */
};

struct store_people_ops {
  enum err (*create)(struct store *s, enum people_kind kind, const struct people_row *r, const struct audit_actor *by,
                     int64_t *out_id, struct fault *f); /* ERR_STORE_CONFLICT: the name, or the email, is taken */
  enum err (*get)(struct store *s, enum people_kind kind, int64_t org_id, int64_t id, struct arena *a,
                  struct people_row *out, struct fault *f);
  enum err (*list)(struct store *s, enum people_kind kind, const struct people_filter *filter, struct arena *a,
                   struct people_row **out, size_t *out_count, struct fault *f);
  /* Everything of *r but id, org_id, external and times. Keys of a user go on under another email. version: of the row
   * as it was read; 0: whatever it is. ERR_STORE_CONFLICT: as create; another name for a workspace, by which keys and
   * the ledger know it; the last owner disabled. */
  enum err (*update)(struct store *s, enum people_kind kind, const struct people_row *r, int64_t version,
                     const struct audit_actor *by, struct fault *f);
  /* With grants, memberships, sessions, keys and credentials that were theirs. ERR_STORE_CONFLICT: a workspace with
   * keys, an organisation with anything in it or the first one, the last owner. */
  enum err (*remove)(struct store *s, enum people_kind kind, int64_t org_id, int64_t id, int64_t version,
                     const struct audit_actor *by, struct fault *f);
  enum err (*find_user)(struct store *s, struct text email, struct arena *a, struct people_row *out, struct fault *f);
  enum err (*find_external)(struct store *s, struct text external, struct arena *a, struct people_row *out,
                            struct fault *f);
  /* Binds a user to an identity provider's subject. ERR_STORE_CONFLICT */
  enum err (*set_external)(struct store *s, int64_t user_id, struct text external, const struct audit_actor *by,
                           struct fault *f);
  /* A user or service account was there, which is no change: without version, entry and event. Who was invited is that
   * no longer. */
  enum err (*seen)(struct store *s, enum people_kind kind, int64_t id, int64_t now_us, struct fault *f);

  /* What is so already is left as it is, without an entry. ERR_STORE_CONFLICT: the last owner. */
  enum err (*team_put)(struct store *s, int64_t org_id, int64_t team_id, int64_t user_id, bool is_member,
                       const struct audit_actor *by, struct fault *f);

  enum err (*grant)(struct store *s, const struct people_grant *g, const struct audit_actor *by, int64_t *out_id,
                    struct fault *f); /* one that is there already keeps its id */
  enum err (*revoke)(struct store *s, int64_t org_id, int64_t grant_id, const struct audit_actor *by,
                     struct fault *f); /* ERR_STORE_CONFLICT: the last owner's */
  /* The role that an identity provider says a user has in the whole organisation, a built-in one or "" for none: given
   * with that origin unless they have it anyway, and what any origin gave before is taken away, at once.
   * ERR_STORE_CONFLICT: the last owner's. */
  enum err (*follow)(struct store *s, int64_t user_id, struct text role, struct text origin,
                     const struct audit_actor *by, struct fault *f);
  enum err (*grants)(struct store *s, const struct grant_filter *filter, struct arena *a, struct people_grant **out,
                     size_t *out_count, struct fault *f);
  /* Whose calls those with this workspace's name are: of the organisation that has, or had, a workspace named so; of
   * the first one when none ever did, and *out_is_known is false. */
  enum err (*workspace_org)(struct store *s, struct text name, int64_t *out_org, bool *out_is_known, struct fault *f);
  /* Of a user or a service account. */
  enum err (*rights)(struct store *s, enum people_kind kind, int64_t id, struct arena *a, struct people_row *out_who,
                     struct people_right **out, size_t *out_count, struct fault *f);
};

#endif
