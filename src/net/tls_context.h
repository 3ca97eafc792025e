/* Inside of a TLS context. For files of net only; tls.h is the contract for everybody else. */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/tls.h"
#include "net/tls_session.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_context {
  SSL_CTX *ssl;
  struct tls_sessions *sessions; /* clients: what can be resumed; NULL for servers */
  atomic_size_t refs;
};

/* OpenSSL's reason for the newest error of this thread, "unknown reason" when there is none. Static text. */
const char *tls_reason(void);

#endif
