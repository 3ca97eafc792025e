/* For tests of TLS: certificates made on the spot, written as PEM files into a folder of their own, and pairs of TLS
 * streams. */
#ifndef TLS_FIXTURE_H
#define TLS_FIXTURE_H

#include "net/tls.h"
#include "net_fixture.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct identity {
  EVP_PKEY *key;
  X509 *cert;
};
struct identity_options {
  const char *names; /* subjectAltName, NULL: none */
  long from_s, to_s; /* validity relative to now; 0, 0: yesterday until tomorrow */
  bool is_ca, rsa;
};

static inline void add_extension(X509 *cert, int nid, const char *value) {
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  assert_non_null(e);
  assert_int_equal(X509_add_ext(cert, e, -1), 1);
  X509_EXTENSION_free(e);
}

/* issuer NULL: self-signed. */
static inline struct identity identity_new(const char *name, const struct identity *issuer,
                                           const struct identity_options *o) {
  static long serial = 1000;
  struct identity id = {o->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), X509_new()};
  X509_NAME *subject = X509_get_subject_name(id.cert);
  bool is_default = o->from_s == 0 && o->to_s == 0;
  assert_non_null(id.key);
  X509_set_version(id.cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(id.cert), is_default ? -86400 : o->from_s);
  X509_gmtime_adj(X509_getm_notAfter(id.cert), is_default ? 86400 : o->to_s);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(id.cert, issuer != NULL ? X509_get_subject_name(issuer->cert) : subject);
  X509_set_pubkey(id.cert, id.key);
  add_extension(id.cert, NID_basic_constraints, o->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (o->names != NULL)
    add_extension(id.cert, NID_subject_alt_name, o->names);
  assert_true(X509_sign(id.cert, issuer != NULL ? issuer->key : id.key, EVP_sha256()) > 0);
  return id;
}
static inline void identity_free(struct identity *id) {
  X509_free(id->cert);
  EVP_PKEY_free(id->key);
}

static char tls_folder[64];
static inline const char *tls_path(const char *name) {
  static char paths[8][128];
  static unsigned next;
  char *path = paths[next++ % 8];
  (void)snprintf(path, sizeof(paths[0]), "%s/%s", tls_folder, name);
  return path;
}
static inline void tls_folder_make(void) {
  (void)snprintf(tls_folder, sizeof(tls_folder), "/tmp/weir-tls-XXXXXX");
  assert_non_null(mkdtemp(tls_folder));
}
static inline void tls_folder_remove(void) {
  static const char *const names[] = {"ca.pem", "cert.pem", "key.pem", "other.pem", "text.pem"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    (void)unlink(tls_path(names[i]));
  assert_int_equal(rmdir(tls_folder), 0);
}
static inline void write_cert(const char *name, X509 *cert) {
  FILE *f = fopen(tls_path(name), "we");
  assert_int_equal(PEM_write_X509(f, cert), 1);
  fclose(f);
}
static inline void write_key(const char *name, EVP_PKEY *key, const char *passphrase) {
  FILE *f = fopen(tls_path(name), "we");
  assert_int_equal(PEM_write_PrivateKey(f, key, passphrase != NULL ? EVP_aes_256_cbc() : NULL,
                                        (const unsigned char *)passphrase,
                                        passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
                   1);
  fclose(f);
}
static inline void write_text(const char *name, const char *text) {
  FILE *f = fopen(tls_path(name), "we");
  (void)fputs(text, f);
  fclose(f);
}

/* A CA, a server with a certificate made as told, and a client that trusts the CA. */
struct tls_world {
  struct identity ca, leaf;
  struct tls_context *server, *client;
};
static inline struct tls_world tls_world_new(const struct identity_options *leaf, bool is_self_signed) {
  const struct identity_options ca = {.is_ca = true};
  struct tls_world w = {0};
  struct fault f = {0};
  tls_folder_make();
  w.ca = identity_new("Test CA", NULL, &ca);
  w.leaf = identity_new("leaf", is_self_signed ? NULL : &w.ca, leaf);
  write_cert("ca.pem", w.ca.cert);
  write_cert("cert.pem", w.leaf.cert);
  write_key("key.pem", w.leaf.key, NULL);
  assert_int_equal(tls_server_context_new(tls_path("cert.pem"), tls_path("key.pem"), &w.server, &f), ERR_OK);
  assert_int_equal(tls_client_context_new(tls_path("ca.pem"), &w.client, &f), ERR_OK);
  return w;
}
static inline void tls_world_free(struct tls_world *w) {
  tls_context_unref(w->server);
  tls_context_unref(w->client);
  identity_free(&w->leaf);
  identity_free(&w->ca);
  tls_folder_remove();
}

struct tls_side {
  struct tls_context *context;
  struct stream *plain, *out;
  enum err result;
  struct fault f;
  bool is_done;
};
static inline void accept_side(void *arg) {
  struct tls_side *s = arg;
  s->result = tls_accept(s->context, s->plain, after(5 * SECOND_US), &s->out, &s->f);
  s->is_done = true;
}
/* Both handshakes over a socket pair. */
struct tls_pair {
  struct tls_side server, client;
};
static inline void tls_pair_connect(struct tls_pair *p, const struct tls_world *w, const char *host, int buffer_bytes) {
  struct pair sockets = stream_pair(buffer_bytes);
  *p = (struct tls_pair){.server = {.context = w->server, .plain = sockets.b}, .client = {.context = w->client}};
  start(accept_side, &p->server);
  p->client.result =
      tls_connect(w->client, sockets.a, text_of(host), after(5 * SECOND_US), &p->client.out, &p->client.f);
  for (int i = 0; i < 20000 && !p->server.is_done; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(p->server.is_done, 1);
}
static inline void tls_pair_close(struct tls_pair *p) {
  stream_close(p->client.out, false);
  stream_close(p->server.out, false);
}

#endif
