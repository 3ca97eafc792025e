/* The adapter behind ports/signin.h: people sign in with an email and a password, and a second factor if they have one;
 * a session is a row of the store, of which the browser holds an access token of minutes (mint.h) and a refresh token
 * that is replaced with each use. Nothing that would let somebody in is in the store: hashes only, and sealed secrets.
 * Safe from any thread. */
#ifndef IDENTITY_SIGNIN_H
#define IDENTITY_SIGNIN_H

#include "base/secret.h"
#include "identity/mint.h"
#include "identity/password.h"
#include "identity/rights.h"
#include "ports/mailer.h"
#include "ports/signin.h"

#define SIGNIN_GRACE_US   INT64_C(10000000) /* two tabs that refresh at the same time */
#define SIGNIN_LINK_US    INT64_C(259200000000)
#define SIGNIN_SETUP_US   INT64_C(86400000000) /* links of other replicas that started before stay so long */
#define SIGNIN_MAGIC_US   INT64_C(900000000)
#define SIGNIN_CSRF_BYTES 32
#define SIGNIN_URL_MAX    2048

struct signin_times {
  int64_t access_us;  /* how long an access token lasts, */
  int64_t idle_us;    /* a session that nobody uses, */
  int64_t session_us; /* and any */
};

struct signin_options {
  struct store *store;
  struct vault *vault;
  struct mint *mint;
  struct rights *rights;
  const struct secret *server_secret;
  struct text public_url;
  struct password_cost cost;
  struct signin_times times;
  struct mailer *mailer; /* NULL: no mail is sent */
};

struct signin_desk;

/* Everything in *o but the texts must outlive it. */
struct signin_desk *signin_new(const struct signin_options *o);
void signin_free(struct signin_desk *d); /* NULL is fine */
struct signin *signin_port(struct signin_desk *d);
/* Other costs and times, from the next use on (a reload). */
void signin_adjust(struct signin_desk *d, const struct password_cost *cost, const struct signin_times *times);

/* While there is no user: a new link for setting up in *out, else "". It is good until it is used, and takes the place
 * of that of an earlier start. Blocks. */
enum err signin_setup_url(struct signin_desk *d, int64_t now_us, struct arena *a, struct text *out,
                          struct fault *f) MUST_CHECK;

/* A link for a user, from whoever runs the installation: they choose a password with it, as with that of
 * ports/signin.h's `link`. ERR_NOT_FOUND; ERR_STORE_CONFLICT: the user is disabled. Blocks. */
enum err signin_user_url(struct signin_desk *d, int64_t user_id, int64_t now_us, const struct audit_actor *by,
                         struct arena *a, struct text *out, struct fault *f) MUST_CHECK;

/* A user of the configuration. */
struct signin_declared {
  struct text email, name, password, role; /* a built-in role, in the first organisation */
};
/* Makes those that are not there, and sees to it that each has this password and at least this role. Blocks. */
enum err signin_declare(struct signin_desk *d, const struct signin_declared *users, size_t count, int64_t now_us,
                        struct fault *f) MUST_CHECK;

/* Whether cookies of this site are for TLS only: unless it is http on this machine itself. */
bool signin_is_secure(struct text public_url);
/* The proof that a request comes from a page of ours, for this session. */
void signin_csrf(const struct secret *server_secret, int64_t session_id, char out[SIGNIN_CSRF_BYTES]);

#endif
