/* The adapter behind `struct access` of ports/caller.h: whose request of the control API this is, by the token it shows
 * in Authorization, of our own or of an external issuer whose subjects have a role, or by the cookies of a session.
 * Rights are of the moment (rights.h), and a session that has ended is refused at once in this process and within a
 * second in any. */
#ifndef IDENTITY_ACCESS_H
#define IDENTITY_ACCESS_H

#include "fiber/offload.h"
#include "identity/mint.h"
#include "identity/rights.h"
#include "identity/token.h"

#define ACCESS_KEPT_US  INT64_C(500000) /* that a session lives is believed for so long */
#define ACCESS_KEPT_MAX 4096            /* sessions */

struct access_options {
  struct store *store;
  struct mint *mint;
  struct rights *rights;
  struct token_identity *tokens; /* of external issuers; NULL: none is known here */
  struct offload *offload;       /* where it blocks; NULL: on the caller's thread */
  const struct secret *server_secret;
  struct text public_url;
};

struct access_desk;

/* Everything in *o but the text must outlive it. */
struct access_desk *access_new(const struct access_options *o);
void access_free(struct access_desk *d); /* NULL is fine */
struct access *access_port(struct access_desk *d);
/* Sessions have ended somewhere (event `session`): each is looked at again. */
void access_forget(struct access_desk *d);

#endif
