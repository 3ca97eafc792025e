/* Where a Redis is, as a URL: redis://[[user]:password@]host[:port][/database], rediss:// for TLS. Pure. */
#ifndef NET_RESP_URL_H
#define NET_RESP_URL_H

#include "base/arena.h"

struct resp_url {
  bool tls;
  struct text host; /* IPv6 without brackets */
  uint16_t port;    /* 6379 when not given */
  uint32_t database;
  struct text user, password; /* "" when not given; percent-decoded */
};

/* Texts are the arena's. A user without a password is refused, and so are a query, a fragment and any other scheme,
 * redis+cluster:// and redis+sentinel:// by name. ERR_CONFIG with the reason in f, which quotes nothing of the URL: a
 * password may stand anywhere in one that is wrong. */
enum err resp_url_parse(struct text t, struct arena *a, struct resp_url *out, struct fault *f) MUST_CHECK;

#endif
