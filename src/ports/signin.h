/* The port of signing in, towards the control API: setting up, passwords, second factors, sessions, and links that are
 * good once. Texts that are given back live in the visit's arena; Set-Cookie values in a result are sent as they are.
 * Every function blocks: for the store, and for its turn to work on a password. Errors beside those of the store:
 * ERR_UNAUTHENTICATED, ERR_FORBIDDEN, ERR_RATE_LIMITED (f says when to try again), ERR_UNAVAILABLE, ERR_BAD_REQUEST
 * with the field at fault. */
#ifndef PORTS_SIGNIN_H
#define PORTS_SIGNIN_H

#include "ports/caller.h"
#include "ports/store_signin.h"

#define SIGNIN_EMAIL_MAX   254
#define SIGNIN_CHOSEN_MIN  12   /* characters of a password that is chosen */
#define SIGNIN_CHOSEN_MAX  1024 /* bytes of it */
#define SIGNIN_COOKIES_MAX 5    /* of a session, of the browser, and the end of an attempt at an identity provider */
#define SIGNIN_RECOVERY    10
#define SIGNIN_MAIL        "mail" /* the kind of job */
#define SIGNIN_MAILS       "invite|reset|magic"

/* Who is at the door, and what their browser shows. */
struct signin_visit {
  struct text address, agent;
  struct text cookie, csrf; /* the headers Cookie and x-weir-csrf; "" */
  int64_t now_us;           /* wall clock */
  struct arena *arena;
  struct text *turn; /* NULL, or where a Set-Cookie value goes with ERR_RATE_LIMITED: who shows it after the wait is not
                        kept out by others who try the same account */
};

struct signin_result {
  bool needs_code; /* the password was right, and a second factor is asked for: nobody is signed in yet */
  int64_t user_id, session_id, access_expires_us, session_expires_us;
  struct text email, name;
  struct text csrf;
  struct text way; /* of a session that was ended now: how it began, such as "oidc:NAME"; else "" */
  struct text cookies[SIGNIN_COOKIES_MAX];
  size_t cookie_count;
};

struct signin_factor {
  bool is_on;
  int64_t codes_left; /* recovery codes */
};

struct signin {
  /* Whether there is no user yet, and somebody who has the link may become the first. */
  enum err (*needs_setup)(struct signin *self, bool *out, struct fault *f);
  /* Makes the first owner and signs them in. Of two at the same time one succeeds. */
  enum err (*setup)(struct signin *self, const struct signin_visit *v, struct text token, struct text email,
                    struct text name, struct text password, struct signin_result *out, struct fault *f);
  /* code: of the second factor, or a recovery code; "" for none. The same words, and the same work, whether there is
   * such a user or not. */
  enum err (*login)(struct signin *self, const struct signin_visit *v, struct text email, struct text password,
                    struct text code, struct signin_result *out, struct fault *f);
  /* The next access token, and the next refresh token in the place of this one, which must not come again. */
  enum err (*refresh)(struct signin *self, const struct signin_visit *v, struct signin_result *out, struct fault *f);
  /* Ends the session of the cookies, and says how it began and whose it was; without one it only takes the cookies
   * away. ERR_FORBIDDEN: csrf is not its. */
  enum err (*logout)(struct signin *self, const struct signin_visit *v, struct signin_result *out, struct fault *f);
  /* A link that was given to somebody: they choose a password and are signed in. */
  enum err (*accept)(struct signin *self, const struct signin_visit *v, struct text token, struct text name,
                     struct text password, struct signin_result *out, struct fault *f);

  /* The caller's own: CALLER_USER, else ERR_NOT_FOUND. A password that is changed ends their other sessions. */
  enum err (*set_password)(struct signin *self, const struct signin_visit *v, const struct caller *c, struct text old,
                           struct text password, struct fault *f);
  enum err (*factor)(struct signin *self, const struct caller *c, struct signin_factor *out, struct fault *f);
  /* A new secret, to be confirmed by a code; *out_uri is for an app to read. ERR_STORE_CONFLICT: there is one. */
  enum err (*factor_begin)(struct signin *self, const struct signin_visit *v, const struct caller *c,
                           struct text password, struct text *out_secret, struct text *out_uri, struct fault *f);
  enum err (*factor_confirm)(struct signin *self, const struct signin_visit *v, const struct caller *c,
                             struct text code, struct text out_codes[SIGNIN_RECOVERY], struct fault *f);
  enum err (*factor_end)(struct signin *self, const struct signin_visit *v, const struct caller *c,
                         struct text password, struct text code, struct fault *f);

  /* For another user: a link with which they choose a password, good once and for three days; "invite" for somebody who
   * has none yet, "reset" else. And taking a lost second factor away. ERR_FORBIDDEN: that user may do more than the
   * caller. */
  enum err (*link)(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                   struct text *out_kind, struct text *out_url, int64_t *out_expires_us, struct fault *f);
  enum err (*factor_drop)(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                          struct fault *f);

  /* By mail; ERR_NOT_FOUND in the first two: no mail server is configured. The links are made when the mail is sent, by
   * a job of the kind `mail`, which calls mail_deliver; nothing of them is kept anywhere else. */
  /* For another user, as `link`; nobody but them sees it. */
  enum err (*mail_link)(struct signin *self, const struct signin_visit *v, const struct caller *c, int64_t user_id,
                        struct text *out_kind, struct fault *f);
  /* Somebody asks for a link with which they are signed in. The same answer, and the same work, whether there is such a
   * user or not. */
  enum err (*magic_ask)(struct signin *self, const struct signin_visit *v, struct text email, struct fault *f);
  /* Takes it. code: of the second factor, where there is one; a link without it is not used up. */
  enum err (*magic_finish)(struct signin *self, const struct signin_visit *v, struct text token, struct text code,
                           struct signin_result *out, struct fault *f);
  /* kind: SIGNIN_MAILS. A user who is gone or disabled gets none, which is no error. */
  enum err (*mail_deliver)(struct signin *self, struct text kind, int64_t user_id, int64_t now_us, struct fault *f);
};

#endif
