/* Where a Redis is, as a URL: redis://[[user]:password@]host[:port][/database], rediss:// for TLS; and a cluster by
 * some of its nodes: redis+cluster://[[user]:password@]host[:port][,host[:port]...][/], rediss+cluster:// for TLS.
 * Pure. */
#ifndef NET_RESP_URL_H
#define NET_RESP_URL_H

#include "base/arena.h"

#define RESP_URL_HOSTS_MAX 16

struct resp_place {
  struct text host; /* IPv6 without brackets */
  uint16_t port;
};

struct resp_url {
  bool tls, is_cluster;
  struct resp_place hosts[RESP_URL_HOSTS_MAX]; /* port 6379 when not given */
  size_t host_count;                           /* 1 unless it is a cluster */
  uint32_t database;                           /* 0 for a cluster, which has no others */
  struct text user, password;                  /* "" when not given; percent-decoded */
};

/* Texts are the arena's. A user without a password is refused, and so are a query, a fragment, a cluster's database,
 * more than RESP_URL_HOSTS_MAX hosts and any other scheme, redis+sentinel:// by name. ERR_CONFIG with the reason in f,
 * which quotes nothing of the URL: a password may stand anywhere in one that is wrong. */
enum err resp_url_parse(struct text t, struct arena *a, struct resp_url *out, struct fault *f) MUST_CHECK;

#endif
