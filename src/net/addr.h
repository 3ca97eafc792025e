/* Socket addresses as text and back: "127.0.0.1:8080", "[::1]:80", ":8080", "unix:/run/weir.sock"; and URLs of
 * upstreams (url.h). Pure. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/text.h"
#include "net/url.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
  } as;
  socklen_t len;
};

/* Longest text addr_format writes, with its zero. */
#define ADDR_TEXT_MAX 128

/* Numeric hosts only (no DNS): "HOST:PORT", "[V6]:PORT", ":PORT" (all interfaces, IPv6 and IPv4), "localhost:PORT"
 * (127.0.0.1), "unix:PATH". ERR_BAD_REQUEST with the reason in f. */
enum err addr_parse(struct text t, struct addr *out, struct fault *f) MUST_CHECK;
/* An IPv4 or IPv6 literal, without brackets or zone. False: it is something else. */
bool addr_from_ip(struct text host, uint16_t port, struct addr *out) MUST_CHECK;
bool addr_is_ip(struct text host);
/* Writes e.g. "127.0.0.1:8080" into out (zero-terminated, cut to fit); returns out. IPv4-mapped addresses read as IPv4;
 * an unnamed unix socket as "unix". */
char *addr_format(const struct addr *a, char *out, size_t cap);
bool addr_is_unix(const struct addr *a);
uint16_t addr_port(const struct addr *a);          /* 0 for unix */
void addr_set_port(struct addr *a, uint16_t port); /* no-op for unix */
/* Turns an IPv4-mapped IPv6 address (::ffff:1.2.3.4) into the IPv4 address it means; leaves others alone. */
void addr_unmap(struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);

#endif
