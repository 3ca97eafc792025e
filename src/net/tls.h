/* TLS 1.2 and 1.3 on OpenSSL with memory BIOs, as a stream over a plain stream. Server: certificate chain and key from
 * PEM files, session tickets, AEAD suites only, no renegotiation, no early data, ALPN h2 before http/1.1. Client:
 * system CA store (or a given file), host name check (RFC 6125), SNI, ALPN http/1.1. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/stream.h"

struct tls_context; /* shared by threads, immutable, refcounted */

/* Faults name the file and OpenSSL's reason. ERR_CONFIG. */
enum err tls_server_context_new(const char *cert_path, const char *key_path, struct tls_context **out,
                                struct fault *f) MUST_CHECK;
/* ca_path NULL or "": the system's store. */
enum err tls_client_context_new(const char *ca_path, struct tls_context **out, struct fault *f) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* NULL is fine */

/* Takes over `plain` (also on failure) and makes the handshake, waiting until deadline. host: name to send and to check
 * (client), NULL for servers. ERR_TLS with the reason in f (wrong name, expired, unknown CA ...), or ERR_TIMEOUT,
 * ERR_NETWORK, ERR_CANCELLED. */
enum err tls_accept(struct tls_context *c, struct stream *plain, int64_t deadline_us, struct stream **out,
                    struct fault *f) MUST_CHECK;
enum err tls_connect(struct tls_context *c, struct stream *plain, struct text host, int64_t deadline_us,
                     struct stream **out, struct fault *f) MUST_CHECK;
/* Did the two sides agree on HTTP/2 (ALPN h2)? s comes from one of the two above. */
bool tls_speaks_http2(const struct stream *s);

#endif
