/* Socket addresses as text and back: "127.0.0.1:8080", "[::1]:80", ":8080", "unix:/run/weir.sock"; and URLs of upstreams. Pure. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/text.h"

#include <sys/socket.h>
#include <sys/un.h>

struct addr {
  union {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
  } as;
  socklen_t len;
};

/* Numeric hosts only (no DNS): "HOST:PORT", "[V6]:PORT", ":PORT" (all interfaces), "localhost:PORT" (127.0.0.1), "unix:PATH". */
enum err addr_parse(struct text t, struct addr *out, struct fault *f) MUST_CHECK;
/* Writes e.g. "127.0.0.1:8080" into out (zero-terminated, cut to fit); returns out. */
char *addr_format(const struct addr *a, char *out, size_t cap);
bool addr_is_unix(const struct addr *a);
uint16_t addr_port(const struct addr *a); /* 0 for unix */
bool addr_equal(const struct addr *a, const struct addr *b);

/* scheme://host[:port][/path] with scheme http or https (RFC 3986); userinfo, query and fragment are refused. Slices of the input.
 * path has no trailing slash ("" for none); IPv6 hosts come without brackets. */
struct url {
  bool tls;
  struct text host;
  uint16_t port; /* default filled in */
  struct text path;
};
enum err url_parse(struct text t, struct url *out, struct fault *f) MUST_CHECK;

#endif
