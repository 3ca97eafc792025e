/* Socket addresses as text and back.
 *
 * Called by the configuration (listen addresses), by the listener, the dialler and for access lines.
 * It never asks a resolver: a host that is not numeric belongs to dns.c. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static bool to_port(struct text t, uint16_t *out) {
  uint64_t n = 0;
  if (t.len > 5 || !text_to_u64(t, &n) || n > 65535)
    return false;
  *out = (uint16_t)n;
  return true;
}

/* inet_pton wants a terminated string; longer input cannot be an address. */
static bool to_ip(int family, struct text t, void *out) {
  char name[INET6_ADDRSTRLEN];
  if (t.len == 0 || t.len >= sizeof(name) || text_find_char(t, '\0') >= 0)
    return false;
  memcpy(name, t.at, t.len);
  name[t.len] = '\0';
  return inet_pton(family, name, out) == 1;
}

bool addr_from_ip(struct text host, uint16_t port, struct addr *out) {
  struct in_addr v4;
  struct in6_addr v6;
  struct addr a = {.len = 0};
  if (to_ip(AF_INET, host, &v4)) {
    a.as.v4.sin_family = AF_INET;
    a.as.v4.sin_port = htons(port);
    a.as.v4.sin_addr = v4;
    a.len = sizeof(a.as.v4);
  } else if (to_ip(AF_INET6, host, &v6)) {
    a.as.v6.sin6_family = AF_INET6;
    a.as.v6.sin6_port = htons(port);
    a.as.v6.sin6_addr = v6;
    a.len = sizeof(a.as.v6);
  } else {
    return false;
  }
  *out = a;
  return true;
}

bool addr_is_ip(struct text host) {
  struct addr unused;
  return addr_from_ip(host, 0, &unused);
}

static enum err parse_unix(struct text path, struct addr *out, struct fault *f) {
  struct addr a = {.len = 0};
  if (path.len == 0)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the path after \"unix:\" is missing");
  if (path.len >= sizeof(a.as.un.sun_path))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the path of a unix socket has at most %zu bytes, this one has %zu",
                     sizeof(a.as.un.sun_path) - 1, path.len);
  if (text_find_char(path, '\0') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the path of the unix socket contains a NUL byte");
  a.as.un.sun_family = AF_UNIX;
  memcpy(a.as.un.sun_path, path.at, path.len);
  a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
  *out = a;
  return ERR_OK;
}

/* Splits at the last colon, so that an IPv6 host in brackets stays whole. */
static bool split_port(struct text t, struct text *out_host, struct text *out_port) {
  size_t i = t.len;
  while (i > 0 && t.at[i - 1] != ':')
    i--;
  if (i == 0)
    return false;
  *out_host = text_head(t, i - 1);
  *out_port = text_skip(t, i);
  return true;
}

static bool unbracket(struct text *host) {
  if (host->len < 2 || host->at[0] != '[' || host->at[host->len - 1] != ']')
    return false;
  *host = text_head(text_skip(*host, 1), host->len - 2);
  return true;
}

enum err addr_parse(struct text t, struct addr *out, struct fault *f) {
  if (text_starts(t, TEXT("unix:")))
    return parse_unix(text_skip(t, 5), out, f);
  struct text host, port_text;
  uint16_t port = 0;
  if (!split_port(t, &host, &port_text))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not an address: write HOST:PORT, :PORT or unix:PATH",
                     TEXT_ARGS(text_head(t, 120)));
  if (!to_port(port_text, &port))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not a port: it must be a number from 0 to 65535",
                     TEXT_ARGS(text_head(port_text, 40)));
  if (host.len == 0)
    host = TEXT("::");
  else if (text_equal_nocase(host, TEXT("localhost")))
    host = TEXT("127.0.0.1");
  else if (!unbracket(&host) && text_find_char(host, ':') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "an IPv6 address stands in brackets: [%.*s]:%u",
                     TEXT_ARGS(text_head(host, 60)), port);
  if (!addr_from_ip(host, port, out))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not an IP address (host names are not looked up here)",
                     TEXT_ARGS(text_head(host, 120)));
  return ERR_OK;
}

bool addr_is_unix(const struct addr *a) { return a->as.any.sa_family == AF_UNIX; }

uint16_t addr_port(const struct addr *a) {
  if (a->as.any.sa_family == AF_INET)
    return ntohs(a->as.v4.sin_port);
  if (a->as.any.sa_family == AF_INET6)
    return ntohs(a->as.v6.sin6_port);
  return 0;
}

void addr_set_port(struct addr *a, uint16_t port) {
  if (a->as.any.sa_family == AF_INET)
    a->as.v4.sin_port = htons(port);
  else if (a->as.any.sa_family == AF_INET6)
    a->as.v6.sin6_port = htons(port);
}

static bool is_mapped(const struct addr *a) {
  return a->as.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->as.v6.sin6_addr);
}

void addr_unmap(struct addr *a) {
  if (!is_mapped(a))
    return;
  struct addr v4 = {.len = sizeof(v4.as.v4)};
  v4.as.v4.sin_family = AF_INET;
  v4.as.v4.sin_port = a->as.v6.sin6_port;
  memcpy(&v4.as.v4.sin_addr, &a->as.v6.sin6_addr.s6_addr[12], 4);
  *a = v4;
}

/* The bytes of the path, without the zero the kernel may or may not count; empty for an unnamed socket. */
static struct text unix_path(const struct addr *a) {
  size_t head = offsetof(struct sockaddr_un, sun_path);
  if ((size_t)a->len <= head)
    return TEXT_NONE;
  return (struct text){a->as.un.sun_path, strnlen(a->as.un.sun_path, (size_t)a->len - head)};
}

char *addr_format(const struct addr *a, char *out, size_t cap) {
  char ip[INET6_ADDRSTRLEN] = "";
  struct addr plain = *a;
  addr_unmap(&plain);
  if (cap == 0)
    return out;
  switch (plain.as.any.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &plain.as.v4.sin_addr, ip, sizeof(ip));
    (void)snprintf(out, cap, "%s:%u", ip, addr_port(&plain));
    break;
  case AF_INET6:
    inet_ntop(AF_INET6, &plain.as.v6.sin6_addr, ip, sizeof(ip));
    (void)snprintf(out, cap, "[%s]:%u", ip, addr_port(&plain));
    break;
  case AF_UNIX: {
    struct text path = unix_path(&plain);
    (void)snprintf(out, cap, path.len > 0 ? "unix:%.*s" : "unix", TEXT_ARGS(path));
    break;
  }
  default: (void)snprintf(out, cap, "unknown");
  }
  return out;
}

bool addr_equal(const struct addr *a, const struct addr *b) {
  if (a->as.any.sa_family != b->as.any.sa_family)
    return false;
  switch (a->as.any.sa_family) {
  case AF_INET: return a->as.v4.sin_port == b->as.v4.sin_port && a->as.v4.sin_addr.s_addr == b->as.v4.sin_addr.s_addr;
  case AF_INET6:
    return a->as.v6.sin6_port == b->as.v6.sin6_port && a->as.v6.sin6_scope_id == b->as.v6.sin6_scope_id &&
           memcmp(&a->as.v6.sin6_addr, &b->as.v6.sin6_addr, sizeof(struct in6_addr)) == 0;
  case AF_UNIX: return text_equal(unix_path(a), unix_path(b));
  default: return false;
  }
}
