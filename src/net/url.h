/* URLs of upstreams: scheme, host, port, base path (RFC 3986). Pure. */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/text.h"

/* scheme://host[:port][/path] with scheme http or https; userinfo, query and fragment are refused. Slices of the input.
 * path has no trailing slash ("" for none); IPv6 hosts come without brackets. */
struct url {
  bool tls;
  struct text host;
  uint16_t port; /* default filled in */
  struct text path;
};
/* ERR_BAD_REQUEST with the reason in f; no value of the URL but the part at fault is quoted. */
enum err url_parse(struct text t, struct url *out, struct fault *f) MUST_CHECK;

#endif
