/* TLS sessions a client may resume, by host name; at most 1024 hosts, the newest session each. Any thread; the lock is
 * held only to look. For files of net only. A session is kept only after its certificate was accepted for that very
 * host, so resuming needs no second check. */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include "base/text.h"

#include <openssl/ssl.h>

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void);
void tls_sessions_free(struct tls_sessions *s); /* NULL is fine */
/* Takes session over. */
void tls_sessions_put(struct tls_sessions *s, struct text host, SSL_SESSION *session);
/* A reference the caller frees, or NULL. */
SSL_SESSION *tls_sessions_get(struct tls_sessions *s, struct text host);

#endif
