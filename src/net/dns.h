/* Names to addresses: getaddrinfo on the offload pool, with a small cache shared by all workers (positive 30 s,
 * negative 2 s, at most 1024 names) and one look-up in flight a name and loop. IP literals never leave the thread. */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "fiber/offload.h"
#include "net/addr.h"

#define DNS_MAX_ADDRS 8

struct dns;
struct dns *dns_new(struct offload *pool);
void dns_free(struct dns *d); /* after the loops that used it have ended; NULL is fine */
/* Up to DNS_MAX_ADDRS stream addresses, families interleaved with IPv6 first (RFC 8305 section 4). Waits. ERR_DNS
 * (reason in f), ERR_TIMEOUT, ERR_CANCELLED. */
enum err dns_lookup(struct dns *d, struct text host, uint16_t port, int64_t deadline_us, struct addr out[DNS_MAX_ADDRS],
                    size_t *out_count, struct fault *f) MUST_CHECK;

#endif
