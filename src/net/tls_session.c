/* The client's memory of TLS sessions, so that the next connection to a host skips the certificate and a round of
 * signatures.
 *
 * Called by tls.c only. It keeps nothing across restarts. */
#include "net/tls_session.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

#define MAX_HOSTS 1024

struct tls_sessions {
  pthread_mutex_t lock;
  struct map *by_host; /* SSL_SESSION */
};

struct tls_sessions *tls_sessions_new(void) {
  struct tls_sessions *s = calloc(1, sizeof(*s));
  if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0)
    abort();
  s->by_host = map_new(MAX_HOSTS);
  return s;
}

void tls_sessions_free(struct tls_sessions *s) {
  if (s == NULL)
    return;
  size_t cursor = 0;
  struct text host;
  void *session = NULL;
  while (map_next(s->by_host, &cursor, &host, &session))
    SSL_SESSION_free(session);
  map_free(s->by_host);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

void tls_sessions_put(struct tls_sessions *s, struct text host, SSL_SESSION *session) {
  void *old = NULL;
  pthread_mutex_lock(&s->lock);
  enum err e = map_set(s->by_host, host, session, &old);
  pthread_mutex_unlock(&s->lock);
  SSL_SESSION_free(e == ERR_OK ? old : session);
}

SSL_SESSION *tls_sessions_get(struct tls_sessions *s, struct text host) {
  pthread_mutex_lock(&s->lock);
  SSL_SESSION *session = map_get(s->by_host, host);
  if (session != NULL && !SSL_SESSION_is_resumable(session)) {
    (void)map_remove(s->by_host, host);
    SSL_SESSION_free(session);
    session = NULL;
  }
  if (session != NULL)
    SSL_SESSION_up_ref(session);
  pthread_mutex_unlock(&s->lock);
  return session;
}
