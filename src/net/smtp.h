/* Sending one message to a mail server (RFC 5321) through libcurl. Blocks, so it is for threads of the background. */
#ifndef NET_SMTP_H
#define NET_SMTP_H

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

struct smtp_server {
  struct text url;               /* smtp://host[:port] or smtps://host[:port] */
  struct text user;              /* "": nobody signs in */
  const struct secret *password; /* may be NULL without a user */
  struct text ca_file;           /* PEM; "": the system's */
  int64_t connect_ms, total_ms;
};

/* Whether it is such a URL, and nothing more. */
bool smtp_is_url(struct text url);
/* Whether the server is this machine: only then may the line be without TLS. */
bool smtp_is_local(struct text url);
/* message: as mail_write makes it. The server's certificate is checked; over smtp:// the line is encrypted before
 * anything is said (STARTTLS), or nothing is. ERR_NETWORK, ERR_TLS, ERR_TIMEOUT, ERR_DNS; ERR_FORBIDDEN: the server
 * does not know the user; ERR_BAD_REQUEST: it refuses the message or an address. f never holds the password. */
enum err smtp_send(const struct smtp_server *s, struct text from, struct text to, struct text message,
                   struct fault *f) MUST_CHECK;

#endif
