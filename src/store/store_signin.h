/* What the files about signing in share: passwords, second factors and links (store_signin.c), sessions
 * (store_sessions.c), attempts (store_attempts.c). Not for other rooms; they use ports/store_signin.h. */
#ifndef STORE_STORE_SIGNIN_H
#define STORE_STORE_SIGNIN_H

#include "ports/store_signin.h"
#include "store/driver.h"

/* Ends a user's sessions but one (0: all), in the transaction that is open on l: with an entry and an event when there
 * was any. */
enum err sessions_end_on(struct driver_link *l, int64_t user_id, int64_t but_id, const char *why, int64_t now_us,
                         const struct audit_actor *by, struct fault *f) MUST_CHECK;
/* One number to a statement, and one more when it takes two; both before anything else that it takes. */
enum err signin_tell(struct driver_link *l, enum sql which, int64_t first, const int64_t *second, const char *doing,
                     int64_t *out_changes, struct fault *f) MUST_CHECK;
/* An entry of the audit log of the user's organisation: action, what it is about, and a JSON object of one text member
 * after it (NULL: none). */
enum err signin_note(struct driver_link *l, int64_t user_id, const char *action, const char *subject, int64_t id,
                     const char *name, const char *value, const struct audit_actor *by, struct fault *f) MUST_CHECK;

/* Of the port, ports/store_signin.h, which says what they do: store_session_add, store_session_get, store_session_list,
 * store_session_page, store_session_refresh, store_session_end, store_session_end_all, store_attempts_get,
 * store_attempts_put, store_signin_purge. */
enum err store_session_add(struct store *s, const struct signin_session *n, const struct audit_actor *by,
                           int64_t *out_id, struct fault *f);
enum err store_session_page(struct store *s, const struct signin_session_filter *filter, struct arena *a,
                            struct signin_session **out, size_t *out_count, struct fault *f);
enum err store_session_get(struct store *s, int64_t id, struct arena *a, struct signin_session *out, struct fault *f);
enum err store_session_list(struct store *s, int64_t user_id, int64_t now_us, struct arena *a,
                            struct signin_session **out, size_t *out_count, struct fault *f);
enum err store_session_refresh(struct store *s, const struct signin_refresh *r, const struct audit_actor *by,
                               enum signin_refreshed *out, struct fault *f);
enum err store_session_end(struct store *s, int64_t user_id, int64_t id, const char *why, int64_t now_us,
                           const struct audit_actor *by, struct fault *f);
enum err store_session_end_all(struct store *s, int64_t user_id, int64_t but_id, const char *why, int64_t now_us,
                               const struct audit_actor *by, struct fault *f);
enum err store_attempts_get(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                            struct signin_attempts *out, struct fault *f);
enum err store_attempts_put(struct store *s, const uint8_t (*scopes)[SIGNIN_SCOPE_BYTES], size_t count,
                            const struct signin_attempts *seen, const struct signin_attempts *next, struct fault *f);
enum err store_signin_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);

#endif
