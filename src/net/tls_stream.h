/* TLS records over a socket: the stream that tls_accept and tls_connect hand out. For files of net only. */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include "base/buf.h"
#include "net/tls_context.h"

struct tls_stream {
  struct stream base; /* first; its watch is the socket's */
  struct tls_context *context;
  SSL *ssl;
  char *host;          /* clients: what was checked, for resuming; else NULL */
  struct buf unsent;   /* records the socket has not taken; no memory while empty */
  size_t sealed;       /* plaintext bytes inside unsent that no write has reported as taken */
  bool may_hold_input; /* OpenSSL may hold bytes: reading can have news without the socket */
  bool has_ended;      /* every further read gives `end` */
  enum err end;
  enum err socket_failed; /* how reading the socket ended, ERR_OK so far */
};

/* Takes over `plain` (also on failure) with what its owner set in the watch. ERR_SYSTEM. */
enum err tls_stream_new(struct tls_context *c, struct stream *plain, struct tls_stream **out) MUST_CHECK;
/* Sends what OpenSSL has written. ERR_OK when all has left, ERR_AGAIN (wait until writable), ERR_NETWORK. */
enum err tls_stream_flush(struct tls_stream *t) MUST_CHECK;
/* OpenSSL's new-session callback of client contexts. */
int tls_stream_keep_session(SSL *ssl, SSL_SESSION *session);

#endif
