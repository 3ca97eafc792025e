/* TLS contexts: certificates, trust and the settings every connection shares.
 *
 * Made once per configuration by app.c and then only read. The handshake is in tls.c, the records in tls_stream.c. */
#include "net/tls_context.h"

#include "net/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* RFC 7301 section 6: length and name. Clients here speak HTTP/1.1 only; servers like HTTP/2 better (RFC 9113 section
 * 3.3). */
static const unsigned char alpn_http1[] = "\x08http/1.1", alpn_http2[] = "\x02h2";
#define ALPN_HTTP1_BYTES (sizeof(alpn_http1) - 1)
#define ALPN_HTTP2_BYTES (sizeof(alpn_http2) - 1)

const char *tls_reason(void) {
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != NULL ? reason : "unknown reason";
}

static void context_free(struct tls_context *c) {
  SSL_CTX_free(c->ssl);
  tls_sessions_free(c->sessions);
  free(c);
}

/* TLS 1.2 with forward secrecy and AEAD only (RFC 9325 section 4.2), TLS 1.3 with its defaults, which are AEAD all. */
static bool set_common(SSL_CTX *ssl) {
  SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ssl, 1); /* a whole record, or several, for one recv */
  return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK") == 1;
}

static struct tls_context *context_new(const SSL_METHOD *method) {
  ERR_clear_error();
  struct tls_context *c = calloc(1, sizeof(*c));
  if (c == NULL)
    abort();
  atomic_init(&c->refs, 1);
  c->ssl = SSL_CTX_new(method);
  if (c->ssl != NULL && set_common(c->ssl))
    return c;
  context_free(c);
  return NULL;
}

/* No terminal is there to ask for a passphrase. */
static int no_passphrase(char *into, int cap, int is_write, void *data) {
  (void)into, (void)cap, (void)is_write, (void)data;
  return -1;
}

/* entry: length and name. */
static bool find_alpn(const unsigned char *entry, size_t entry_bytes, const unsigned char *in, unsigned in_len,
                      const unsigned char **out) {
  for (unsigned i = 0; i < in_len; i += 1U + in[i]) {
    if (in_len - i < entry_bytes || memcmp(in + i, entry, entry_bytes) != 0)
      continue;
    *out = in + i + 1;
    return true;
  }
  return false;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *data) {
  (void)ssl, (void)data;
  if (!find_alpn(alpn_http2, ALPN_HTTP2_BYTES, in, in_len, out) &&
      !find_alpn(alpn_http1, ALPN_HTTP1_BYTES, in, in_len, out))
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 section 3.2 */
  *out_len = (*out)[-1];
  return SSL_TLSEXT_ERR_OK;
}

/* "No such file" says more than what OpenSSL makes of it. */
static enum err check_readable(const char *what, const char *path, struct fault *f) {
  char why[96];
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return fault_set(f, ERR_CONFIG, NULL, "cannot read the %s %s: %s", what, path, strerror_r(errno, why, sizeof(why)));
  (void)fclose(file);
  return ERR_OK;
}

static enum err load_pair(SSL_CTX *ssl, const char *cert_path, const char *key_path, struct fault *f) {
  enum err e = check_readable("certificate", cert_path, f);
  if (e == ERR_OK)
    e = check_readable("private key", key_path, f);
  if (e != ERR_OK)
    return e;
  SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(ssl, cert_path) != 1)
    return fault_set(f, ERR_CONFIG, NULL, "%s is not a PEM certificate chain that can be used: %s", cert_path,
                     tls_reason());
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey_file(ssl, key_path, SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
      return fault_set(f, ERR_CONFIG, NULL, "the private key %s does not belong to the certificate %s", key_path,
                       cert_path);
    return fault_set(f, ERR_CONFIG, NULL, "%s is not a PEM private key without passphrase: %s", key_path, tls_reason());
  }
  if (SSL_CTX_check_private_key(ssl) != 1)
    return fault_set(f, ERR_CONFIG, NULL, "the private key %s does not belong to the certificate %s", key_path,
                     cert_path);
  return ERR_OK;
}

enum err tls_server_context_new(const char *cert_path, const char *key_path, struct tls_context **out,
                                struct fault *f) {
  struct tls_context *c = context_new(TLS_server_method());
  if (c == NULL)
    return fault_set(f, ERR_CONFIG, NULL, "OpenSSL cannot start: %s", tls_reason());
  enum err e = load_pair(c->ssl, cert_path, key_path, f);
  ERR_clear_error();
  if (e != ERR_OK) {
    context_free(c);
    return e;
  }
  SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF); /* tickets carry the state; nothing is kept here */
  (void)SSL_CTX_set_num_tickets(c->ssl, 1);
  SSL_CTX_set_alpn_select_cb(c->ssl, choose_alpn, NULL);
  *out = c;
  return ERR_OK;
}

static enum err load_trust(SSL_CTX *ssl, const char *ca_path, struct fault *f) {
  struct stat st;
  if (ca_path == NULL || ca_path[0] == '\0') {
    if (SSL_CTX_set_default_verify_paths(ssl) != 1)
      return fault_set(f, ERR_CONFIG, NULL, "the system's CA store cannot be used: %s", tls_reason());
    return ERR_OK;
  }
  enum err e = check_readable("CA file", ca_path, f);
  if (e != ERR_OK)
    return e;
  bool is_folder = stat(ca_path, &st) == 0 && S_ISDIR(st.st_mode);
  if ((is_folder ? SSL_CTX_load_verify_dir(ssl, ca_path) : SSL_CTX_load_verify_file(ssl, ca_path)) != 1)
    return fault_set(f, ERR_CONFIG, NULL, "%s holds no CA certificates that can be used: %s", ca_path, tls_reason());
  return ERR_OK;
}

enum err tls_client_context_new(const char *ca_path, struct tls_context **out, struct fault *f) {
  struct tls_context *c = context_new(TLS_client_method());
  if (c == NULL)
    return fault_set(f, ERR_CONFIG, NULL, "OpenSSL cannot start: %s", tls_reason());
  enum err e = load_trust(c->ssl, ca_path, f);
  ERR_clear_error();
  if (e != ERR_OK) {
    context_free(c);
    return e;
  }
  c->sessions = tls_sessions_new();
  SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c->ssl, tls_stream_keep_session);
  if (SSL_CTX_set_alpn_protos(c->ssl, alpn_http1, ALPN_HTTP1_BYTES) != 0)
    abort(); /* only memory can fail here */
  *out = c;
  return ERR_OK;
}

struct tls_context *tls_context_ref(struct tls_context *c) {
  atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  return c;
}

void tls_context_unref(struct tls_context *c) {
  if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
    context_free(c);
}
