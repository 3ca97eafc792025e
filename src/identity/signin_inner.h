/* What the files of signing in share. Not for other rooms. */
#ifndef IDENTITY_SIGNIN_INNER_H
#define IDENTITY_SIGNIN_INNER_H

#include "identity/lockout.h"
#include "identity/signin.h"
#include "identity/totp.h"

#include <pthread.h>

struct signin_desk {
  struct signin port; /* first */
  struct store *store;
  struct vault *vault;
  struct mint *mint;
  struct rights *rights;
  const struct secret *server_secret;
  struct passwords *passwords;
  struct mailer *mailer; /* NULL: none */
  char public_url[SIGNIN_URL_MAX];
  bool is_secure;
  pthread_mutex_t lock;
  struct signin_times times; /* under lock */
};

/* HMAC of a token under the server's secret, as the store knows it. */
void signin_hash(const struct signin_desk *d, const char *what, struct text token, uint8_t out[SIGNIN_HASH_BYTES]);
/* ASCII lower case, in the arena. False: it is no address of mail. */
bool signin_read_email(struct text email, struct arena *a, struct text *out);
struct audit_actor signin_actor(const struct signin_visit *v, int64_t user_id);

/* session.c. way: how they came in. Fills *out, cookies and all. */
enum err session_begin(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                       const char *way, struct signin_result *out, struct fault *f) MUST_CHECK;
enum err session_refresh(struct signin *self, const struct signin_visit *v, struct signin_result *out,
                         struct fault *f) MUST_CHECK;
enum err session_logout(struct signin *self, const struct signin_visit *v, struct signin_result *out,
                        struct fault *f) MUST_CHECK;

/* attempt.c: an attempt is counted before it is looked at; ERR_RATE_LIMITED: it is not to be looked at. */
struct attempt {
  struct signin_desk *desk;
  const struct signin_visit *visit;
  struct text email;
  int64_t session_id; /* of somebody who is signed in: counted for it alone; 0: nobody is */
  bool is_mail;       /* a mail is asked for */
  /* attempt.c's own */
  bool is_placed;
  struct text counted;
  enum lockout_lane lane;
  int64_t turn_us; /* when the turn was given */
  uint8_t scopes[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
};
enum err attempt_begin(struct attempt *a, struct fault *f) MUST_CHECK;
/* It was right. was_whole: and nothing is missing. */
void attempt_end(struct attempt *a, bool was_whole);

/* second.c */
/* ERR_NOT_FOUND: they have none that is on. */
enum err second_find(struct signin_desk *d, const struct people_row *user, struct arena *a, struct signin_totp *out,
                     struct fault *f) MUST_CHECK;
/* Takes a code of the app, or a recovery code. ERR_UNAUTHENTICATED. */
enum err second_check(struct signin_desk *d, const struct signin_visit *v, const struct people_row *user,
                      const struct signin_totp *t, struct text code, struct fault *f) MUST_CHECK;
enum err second_state(struct signin *self, const struct caller *c, struct signin_factor *out,
                      struct fault *f) MUST_CHECK;
enum err second_begin(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text password,
                      struct text *out_secret, struct text *out_uri, struct fault *f) MUST_CHECK;
enum err second_confirm(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text code,
                        struct text out_codes[SIGNIN_RECOVERY], struct fault *f) MUST_CHECK;
enum err second_end(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text password,
                    struct text code, struct fault *f) MUST_CHECK;
enum err second_drop(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                     struct fault *f) MUST_CHECK;

/* The user behind the caller, with their password: counted as an attempt. ERR_UNAUTHENTICATED, ERR_RATE_LIMITED. */
enum err signin_confirm_self(struct signin_desk *d, const struct signin_visit *v, const struct caller *c,
                             struct text password, struct people_row *out, struct fault *f) MUST_CHECK;
/* Another user of the caller's organisation who may do no more than the caller. */
enum err signin_find_lesser(struct signin_desk *d, const struct signin_visit *v, const struct caller *c,
                            int64_t user_id, struct people_row *out, struct fault *f) MUST_CHECK;

/* mailing.c */
enum err mailing_link(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                      struct text *out_kind, struct fault *f) MUST_CHECK;
enum err mailing_ask(struct signin *self, const struct signin_visit *v, struct text email, struct fault *f) MUST_CHECK;
enum err mailing_finish(struct signin *self, const struct signin_visit *v, struct text token, struct text code,
                        struct signin_result *out, struct fault *f) MUST_CHECK;
enum err mailing_deliver(struct signin *self, struct text kind, int64_t user_id, int64_t now_us,
                         struct fault *f) MUST_CHECK;

/* link.c */
/* False: it has not the form of one. */
bool link_read(const struct signin_desk *d, struct text token, uint8_t out[SIGNIN_HASH_BYTES]);
enum err link_bad(struct fault *f); /* ERR_FORBIDDEN */
/* A new one in the store; *out is "URL/PAGE?token=...". Of its user and kind none stays that was made before
 * keep_from_us. */
enum err link_add(struct signin_desk *d, struct signin_link *link, const char *page, int64_t keep_from_us,
                  struct arena *a, struct text *out, struct fault *f) MUST_CHECK;
/* For another user of the caller's organisation: "invite" for who has no password, else "reset". */
enum err link_kind(struct signin_desk *d, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                   struct text *out_kind, struct fault *f) MUST_CHECK;
enum err link_setup(struct signin *self, const struct signin_visit *v, struct text token, struct text email,
                    struct text name, struct text password, struct signin_result *out, struct fault *f) MUST_CHECK;
enum err link_accept(struct signin *self, const struct signin_visit *v, struct text token, struct text name,
                     struct text password, struct signin_result *out, struct fault *f) MUST_CHECK;
enum err link_make(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                   struct text *out_kind, struct text *out_url, int64_t *out_expires_us, struct fault *f) MUST_CHECK;
enum err link_needs_setup(struct signin *self, bool *out, struct fault *f) MUST_CHECK;

#endif
