/* TLS handshakes, for both sides, and what a person is told when one fails.
 *
 * Called by the dialler and the HTTP server. Contexts are made in tls_context.c; after the handshake tls_stream.c
 * carries the bytes. */
#include "net/tls.h"

#include "net/addr.h"
#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX_BYTES 253

static const char *verify_reason(long result) {
  switch (result) {
  case X509_V_ERR_CERT_HAS_EXPIRED: return "has expired";
  case X509_V_ERR_CERT_NOT_YET_VALID: return "is not valid yet";
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "is self-signed";
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return "is signed by an unknown authority";
  case X509_V_ERR_HOSTNAME_MISMATCH: return "is for another host name";
  case X509_V_ERR_IP_ADDRESS_MISMATCH: return "is for another IP address";
  case X509_V_ERR_CERT_REVOKED: return "has been revoked";
  default: return NULL;
  }
}

static const char *handshake_reason(void) {
  unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL)
    return tls_reason();
  switch (ERR_GET_REASON(code)) {
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_HTTP_REQUEST:
  case SSL_R_PACKET_LENGTH_TOO_LONG: return "the peer does not speak TLS on this port";
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "no common TLS version (1.2 and 1.3 are spoken here)";
  case SSL_R_NO_SHARED_CIPHER:
  case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return "no common cipher suite";
  default: return tls_reason();
  }
}

/* The side of the peer in messages: its name for clients, nothing for servers, which have only strangers. */
static enum err fail(const struct tls_stream *t, enum err e, struct fault *f, const char *reason) {
  if (t->host == NULL)
    return fault_set(f, e, NULL, "TLS handshake: %s", reason);
  return fault_set(f, e, NULL, "TLS handshake with %s: %s", t->host, reason);
}

static enum err explain(const struct tls_stream *t, struct fault *f) {
  long verified = SSL_get_verify_result(t->ssl);
  const char *reason = verify_reason(verified);
  if (t->host != NULL && reason != NULL)
    return fault_set(f, ERR_TLS, NULL, "TLS handshake with %s: its certificate %s", t->host, reason);
  if (t->host != NULL && verified != X509_V_OK)
    return fail(t, ERR_TLS, f, X509_verify_cert_error_string(verified));
  if (t->socket_failed != ERR_OK)
    return fail(t, ERR_NETWORK, f, "the peer closed the connection");
  return fail(t, ERR_TLS, f, handshake_reason());
}

static enum err explain_wait(const struct tls_stream *t, enum err e, struct fault *f) {
  if (e == ERR_TIMEOUT)
    return fail(t, e, f, "timed out");
  if (e == ERR_NETWORK)
    return fail(t, e, f, "the connection failed");
  return fault_set(f, e, NULL, "%s", "");
}

static enum err flush_all(struct tls_stream *t, int64_t deadline_us) {
  enum err e;
  while ((e = tls_stream_flush(t)) == ERR_AGAIN) {
    e = loop_wait_writable(&t->base.watch, deadline_us);
    if (e != ERR_OK)
      return e;
  }
  return e;
}

static enum err handshake(struct tls_stream *t, int64_t deadline_us, struct fault *f) {
  for (;;) {
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    if (result != 1 && SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ) {
      enum err e = explain(t, f);
      ERR_clear_error();
      (void)!tls_stream_flush(t); /* the alert that tells the peer why */
      return e;
    }
    enum err e = flush_all(t, deadline_us);
    if (e == ERR_OK && result != 1)
      e = loop_wait_readable(&t->base.watch, deadline_us);
    if (e != ERR_OK)
      return explain_wait(t, e, f);
    if (result == 1)
      break;
  }
  t->may_hold_input = SSL_has_pending(t->ssl);
  return ERR_OK;
}

static enum err finish(struct tls_stream *t, enum err e, struct stream **out) {
  if (e != ERR_OK) {
    stream_close(&t->base, false);
    return e;
  }
  *out = &t->base;
  return ERR_OK;
}

enum err tls_accept(struct tls_context *c, struct stream *plain, int64_t deadline_us, struct stream **out,
                    struct fault *f) {
  struct tls_stream *t = NULL;
  enum err e = tls_stream_new(c, plain, &t);
  if (e != ERR_OK)
    return fault_set(f, e, NULL, "the connection cannot be watched");
  SSL_set_accept_state(t->ssl);
  return finish(t, handshake(t, deadline_us, f), out);
}

/* Whose certificate is expected: an IP address must stand in it as one (RFC 9110 section 4.3.5) and is never sent as
 * SNI (RFC 6066 section 3). */
static bool expect_host(SSL *ssl, const char *host) {
  if (addr_is_ip(text_of(host)))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static void offer_session(struct tls_stream *t) {
  SSL_SESSION *session = tls_sessions_get(t->context->sessions, text_of(t->host));
  if (session != NULL)
    (void)SSL_set_session(t->ssl, session);
  SSL_SESSION_free(session);
}

enum err tls_connect(struct tls_context *c, struct stream *plain, struct text host, int64_t deadline_us,
                     struct stream **out, struct fault *f) {
  struct tls_stream *t = NULL;
  if (text_ends(host, TEXT("."))) /* a fully qualified name; certificates and SNI have none */
    host.len--;
  if (host.len == 0 || host.len > HOST_MAX_BYTES || text_find_char(host, '\0') >= 0) {
    stream_close(plain, false);
    return fault_set(f, ERR_TLS, NULL, "the host name cannot be checked against a certificate");
  }
  enum err e = tls_stream_new(c, plain, &t);
  if (e != ERR_OK)
    return fault_set(f, e, NULL, "the connection cannot be watched");
  t->host = calloc(1, host.len + 1);
  if (t->host == NULL)
    abort();
  memcpy(t->host, host.at, host.len);
  SSL_set_connect_state(t->ssl);
  if (!expect_host(t->ssl, t->host))
    return finish(t, fail(t, ERR_TLS, f, "the host name cannot be checked against a certificate"), out);
  offer_session(t);
  return finish(t, handshake(t, deadline_us, f), out);
}

bool tls_speaks_http2(const struct stream *s) {
  const unsigned char *name = NULL;
  unsigned len = 0;
  SSL_get0_alpn_selected(((const struct tls_stream *)s)->ssl, &name, &len);
  return text_equal((struct text){(const char *)name, len}, TEXT("h2"));
}
