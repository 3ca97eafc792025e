/* Connects to a host: DNS, then happy eyeballs (RFC 8305: a next address every 250 ms, first to connect wins), then TLS
 * where asked. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/dns.h"
#include "net/tls.h"

/* TCP_NODELAY is set. dns may be NULL when host is an IP literal. tls NULL: plain. Faults say which step failed and the
 * address ("connect 127.0.0.1:9: connection refused"). Waits until deadline. */
enum err dial(struct dns *dns, struct tls_context *tls, struct text host, uint16_t port, int64_t deadline_us,
              struct stream **out, struct fault *f) MUST_CHECK;
/* The same for a host that somebody named over the network: ERR_FORBIDDEN, before anything is sent, when any address it
 * has is one of base/link_local.h. What is connected to are the addresses that were looked at, so that a name cannot
 * change its meaning in between. */
enum err dial_confined(struct dns *dns, struct tls_context *tls, struct text host, uint16_t port, int64_t deadline_us,
                       struct stream **out, struct fault *f) MUST_CHECK;

#endif
