/* The part of the store's port about signing in: passwords, second factors, sessions, links that are good once, and
 * attempts. What is secret comes as a hash or sealed; the store compares bytes and decides nothing but what has to be
 * decided in the transaction of the change. A change that names who makes it adds an entry to the audit log, and one
 * that ends sessions an event `session`. Rows of a user are removed with the user. Blocks; errors as in ports/store.h.
 */
#ifndef PORTS_STORE_SIGNIN_H
#define PORTS_STORE_SIGNIN_H

#include "ports/store.h"

#define SIGNIN_HASH_BYTES     32
#define SIGNIN_SCOPE_BYTES    16
#define SIGNIN_PASSWORD_MAX   256 /* bytes of a hash's text */
#define SIGNIN_SECRET_MAX     1024
#define SIGNIN_CODES_MAX      16
#define SIGNIN_SCOPES_MAX     4
#define SIGNIN_AGENT_MAX      256 /* of address and agent; longer ones are cut */
#define SIGNIN_SESSIONS_SHOWN 100

struct signin_totp {
  int64_t version; /* of the secret, as it is sealed */
  struct text secret;
  int64_t confirmed_us; /* 0: not yet, and it protects nothing */
  int64_t last_step;
};

struct signin_session {
  int64_t id, user_id, org_id;
  uint8_t refresh[SIGNIN_HASH_BYTES]; /* not in lists */
  int64_t created_us, rotated_us, expires_us, ended_us;
  struct text way, address, agent; /* way: "password", "password+totp", "link", "oidc:NAME" */
};

/* Those that live at now_us, newest first. */
struct signin_session_filter {
  int64_t org_id, user_id; /* 0: of all */
  int64_t before_id;       /* ids below it; 0: from the newest */
  int64_t now_us, max;
};

/* What is to be done when a token is to be replaced. */
struct signin_refresh {
  int64_t id;
  uint8_t token[SIGNIN_HASH_BYTES], next[SIGNIN_HASH_BYTES];
  int64_t now_us;
  int64_t grace_us; /* for so long after it was replaced, a token is not held against the session */
};
enum signin_refreshed {
  SIGNIN_REFRESHED, /* next is the session's now */
  SIGNIN_GRACED,    /* it was replaced a moment ago, by another tab: nothing has changed */
  SIGNIN_REUSED,    /* it was replaced before: somebody has a copy, and the session has ended */
  SIGNIN_OVER       /* there is no such session, or not any more */
};

/* How often it went wrong for one scope: somebody, somewhere, or both. */
struct signin_attempts {
  int64_t failures, last_us, known_us;
};

struct signin_link {
  struct text kind; /* "setup" "invite" "reset" "magic" */
  int64_t user_id;  /* 0: of setup */
  uint8_t hash[SIGNIN_HASH_BYTES];
  int64_t created_us, expires_us;
};

struct store_signin_ops {
  /* ERR_NOT_FOUND: there is none. */
  enum err (*password_get)(struct store *s, int64_t user_id, struct arena *a, struct text *out_hash, struct fault *f);
  /* Ends the user's sessions but keep_session (0: all), and links that would set it again. */
  enum err (*password_set)(struct store *s, int64_t user_id, struct text hash, int64_t keep_session, int64_t now_us,
                           const struct audit_actor *by, struct fault *f);
  /* When it was set last; 0 for somebody who has none. */
  enum err (*password_changed)(struct store *s, int64_t user_id, int64_t *out_us, struct fault *f);
  /* The same password under new parameters: only if `from` is still what is there. */
  enum err (*password_upgrade)(struct store *s, int64_t user_id, struct text from, struct text to, struct fault *f);

  enum err (*totp_get)(struct store *s, int64_t user_id, struct arena *a, struct signin_totp *out,
                       struct fault *f); /* ERR_NOT_FOUND */
  /* A secret to be confirmed. ERR_STORE_CONFLICT: there is one that has been. */
  enum err (*totp_put)(struct store *s, int64_t user_id, int64_t version, struct text sealed, struct fault *f);
  /* With the code's step and the hashes of new recovery codes, at most SIGNIN_CODES_MAX. ERR_STORE_STALE: another
   * secret is there now, or it has been confirmed. */
  enum err (*totp_confirm)(struct store *s, int64_t user_id, int64_t version, int64_t step, int64_t now_us,
                           const uint8_t (*codes)[SIGNIN_HASH_BYTES], size_t count, const struct audit_actor *by,
                           struct fault *f);
  /* Takes a step, once. ERR_STORE_STALE: it, or a later one, was taken. */
  enum err (*totp_step)(struct store *s, int64_t user_id, int64_t step, struct fault *f);
  enum err (*totp_drop)(struct store *s, int64_t user_id, const struct audit_actor *by,
                        struct fault *f); /* ERR_NOT_FOUND */
  /* Takes a recovery code, once. ERR_NOT_FOUND: none like it is left. */
  enum err (*recovery_use)(struct store *s, int64_t user_id, const uint8_t code[SIGNIN_HASH_BYTES], int64_t now_us,
                           const struct audit_actor *by, struct fault *f);
  enum err (*recovery_left)(struct store *s, int64_t user_id, int64_t *out, struct fault *f);

  enum err (*session_add)(struct store *s, const struct signin_session *n, const struct audit_actor *by,
                          int64_t *out_id, struct fault *f);
  enum err (*session_get)(struct store *s, int64_t id, struct arena *a, struct signin_session *out,
                          struct fault *f); /* ERR_NOT_FOUND */
  /* Of a user, those that live at now_us, newest first, at most SIGNIN_SESSIONS_SHOWN. */
  enum err (*session_list)(struct store *s, int64_t user_id, int64_t now_us, struct arena *a,
                           struct signin_session **out, size_t *out_count, struct fault *f);
  enum err (*session_page)(struct store *s, const struct signin_session_filter *filter, struct arena *a,
                           struct signin_session **out, size_t *out_count, struct fault *f);
  /* The caller has made sure that the token is one of this session, of whatever time. */
  enum err (*session_refresh)(struct store *s, const struct signin_refresh *r, const struct audit_actor *by,
                              enum signin_refreshed *out, struct fault *f);
  /* user_id 0: whoever's. One that has ended is ERR_NOT_FOUND. why: "logout", "revoked", ... */
  enum err (*session_end)(struct store *s, int64_t user_id, int64_t id, const char *why, int64_t now_us,
                          const struct audit_actor *by, struct fault *f);
  /* All of a user's but one (0: all). */
  enum err (*session_end_all)(struct store *s, int64_t user_id, int64_t but_id, const char *why, int64_t now_us,
                              const struct audit_actor *by, struct fault *f);

  /* Removes the links of this kind and user that were made before keep_from_us. */
  enum err (*link_add)(struct store *s, const struct signin_link *l, int64_t keep_from_us, struct fault *f);
  /* Takes a link, once, and with it all of its kind and user: of two that come at the same time one gets it.
   * ERR_NOT_FOUND: there is none, or its time is over. */
  enum err (*link_take)(struct store *s, struct text kind, const uint8_t hash[SIGNIN_HASH_BYTES], int64_t now_us,
                        int64_t *out_user_id, struct fault *f);
  /* Whether link_take would succeed. */
  enum err (*link_look)(struct store *s, struct text kind, const uint8_t hash[SIGNIN_HASH_BYTES], int64_t now_us,
                        int64_t *out_user_id, struct fault *f);

  /* Zeros for a scope that nothing is known of. At most SIGNIN_SCOPES_MAX. */
  enum err (*attempts_get)(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                           struct signin_attempts *out, struct fault *f);
  /* Puts next in the place of seen, of all scopes or of none. ERR_STORE_STALE: one has changed meanwhile. Scopes are
   * given in the same order by everybody. */
  enum err (*attempts_put)(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                           const struct signin_attempts *seen, const struct signin_attempts *next, struct fault *f);

  /* Sessions, links and attempts whose time was over before before_us, at most max of each. */
  enum err (*purge)(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);
};

#endif
