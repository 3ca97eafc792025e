/* Connecting to a host.
 *
 * Called by the HTTP client. One fiber runs the whole race between addresses: each attempt is a connecting socket whose
 * events wake it, so a cancel or a deadline ends everything at one place. Proxies are not spoken to. */
#include "net/dial.h"

#include "base/link_local.h"
#include "fiber/fiber.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NEXT_ATTEMPT_US (250 * 1000) /* RFC 8305 section 5 */

struct attempt {
  struct loop_watch watch;
  struct race *race;
  int fd; /* -1: over */
};

struct race {
  struct fiber *fiber;
  struct loop *loop;
  const struct addr *addrs;
  size_t count, started, active;
  struct attempt attempts[DNS_MAX_ADDRS];
  struct fault *f;
};

static enum err connect_fault(const struct addr *a, int number, struct fault *f) {
  char name[ADDR_TEXT_MAX], why[96];
  const char *text = strerror_r(number, why, sizeof(why));
  return fault_set(f, ERR_NETWORK, NULL, "connect %s: %c%s", addr_format(a, name, sizeof(name)),
                   tolower((unsigned char)text[0]), text + 1);
}

static void on_attempt_event(struct loop_watch *w) {
  const struct attempt *a = (struct attempt *)((char *)w - offsetof(struct attempt, watch));
  fiber_wake(a->race->fiber);
}

/* Stops watching; the socket is the caller's. */
static int attempt_take(struct attempt *a) {
  int fd = a->fd;
  loop_watch_remove(&a->watch);
  a->fd = -1;
  a->race->active--;
  return fd;
}

static void race_close(struct race *r) {
  for (size_t i = 0; i < r->started; i++)
    if (r->attempts[i].fd >= 0)
      (void)close(attempt_take(&r->attempts[i]));
}

static int open_socket(const struct addr *a) {
  int fd = socket(a->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  if (fd >= 0)
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

/* ERR_OK: connected at once, *out_fd is the socket. ERR_AGAIN: under way. ERR_NETWORK: over already, said in the fault.
 */
static enum err start_next(struct race *r, int *out_fd) {
  struct attempt *a = &r->attempts[r->started];
  const struct addr *to = &r->addrs[r->started++];
  a->race = r;
  a->fd = -1;
  int fd = open_socket(to);
  if (fd < 0)
    return connect_fault(to, errno, r->f);
  if (connect(fd, &to->as.any, to->len) == 0) {
    *out_fd = fd;
    return ERR_OK;
  }
  int number = errno;
  if (number == EINPROGRESS && loop_watch_add(r->loop, &a->watch, fd, false) == ERR_OK) {
    a->watch.on_event = on_attempt_event;
    a->fd = fd;
    r->active++;
    return ERR_AGAIN;
  }
  (void)close(fd);
  return connect_fault(to, number == EINPROGRESS ? ENOMEM : number, r->f);
}

/* A second connect says how the first one stands: 0 or EISCONN, EALREADY, or its error. */
static enum err check(struct race *r, size_t i, int *out_fd) {
  struct attempt *a = &r->attempts[i];
  int number = connect(a->fd, &r->addrs[i].as.any, r->addrs[i].len) == 0 ? 0 : errno;
  if (number == EALREADY || number == EINPROGRESS || number == EINTR) {
    a->watch.writable = a->watch.readable = false;
    return ERR_AGAIN;
  }
  int fd = attempt_take(a);
  if (number == 0 || number == EISCONN) {
    *out_fd = fd;
    return ERR_OK;
  }
  (void)close(fd);
  return connect_fault(&r->addrs[i], number, r->f);
}

static enum err check_all(struct race *r, int *out_fd) {
  for (size_t i = 0; i < r->started; i++) {
    const struct attempt *a = &r->attempts[i];
    if (a->fd >= 0 && (a->watch.writable || a->watch.hung_up) && check(r, i, out_fd) == ERR_OK)
      return ERR_OK;
  }
  return ERR_AGAIN;
}

/* ERR_OK with the first socket that connects; the others are closed. */
static enum err race_run(struct race *r, int64_t deadline_us, int *out_fd) {
  int64_t next_us = 0;
  for (;;) {
    int64_t now_us = loop_now_us(r->loop);
    bool has_next = r->started < r->count;
    if (!has_next && r->active == 0)
      return ERR_NETWORK;
    if (has_next && (r->active == 0 || now_us >= next_us)) {
      enum err e = start_next(r, out_fd);
      next_us = now_us + NEXT_ATTEMPT_US;
      if (e == ERR_OK)
        return ERR_OK;
      continue;
    }
    size_t active = r->active;
    int64_t until_us = has_next && next_us < deadline_us ? next_us : deadline_us;
    enum err e = fiber_park(until_us);
    if (e == ERR_CANCELLED || (e == ERR_TIMEOUT && until_us == deadline_us))
      return e;
    if (check_all(r, out_fd) == ERR_OK)
      return ERR_OK;
    if (r->active < active)
      next_us = 0; /* one failed: the next need not wait, RFC 8305 section 5 */
  }
}

static enum err connect_any(const struct addr *addrs, size_t count, int64_t deadline_us, struct stream **out,
                            struct fault *f) {
  struct race r = {.fiber = fiber_self(), .loop = loop_current(), .addrs = addrs, .count = count, .f = f};
  int fd = -1;
  enum err e = race_run(&r, deadline_us, &fd);
  race_close(&r);
  if (e != ERR_OK)
    return e;
  e = stream_plain_new(r.loop, fd, out);
  return e == ERR_OK ? e : fault_set(f, e, NULL, "the connection cannot be watched");
}

static enum err connect_host(struct tls_context *tls, struct text host, const struct addr *addrs, size_t count,
                             int64_t deadline_us, struct stream **out, struct fault *f) {
  struct stream *plain = NULL;
  enum err e = connect_any(addrs, count, deadline_us, &plain, f);
  if (e == ERR_TIMEOUT)
    return fault_set(f, e, NULL, "connect %.*s:%u: timed out", TEXT_ARGS(host), addr_port(&addrs[0]));
  if (e != ERR_OK)
    return e;
  if (tls != NULL)
    return tls_connect(tls, plain, host, deadline_us, out, f);
  *out = plain;
  return ERR_OK;
}

enum err dial(struct dns *dns, struct tls_context *tls, struct text host, uint16_t port, int64_t deadline_us,
              struct stream **out, struct fault *f) {
  struct addr addrs[DNS_MAX_ADDRS];
  size_t count = 0;
  enum err e = dns_lookup(dns, host, port, deadline_us, addrs, &count, f);
  return e ? e : connect_host(tls, host, addrs, count, deadline_us, out, f);
}

static bool is_link_local(const struct addr *a) {
  if (a->as.any.sa_family == AF_INET)
    return link_local_has_v4(ntohl(a->as.v4.sin_addr.s_addr));
  return a->as.any.sa_family != AF_INET6 || link_local_has_v6(a->as.v6.sin6_addr.s6_addr);
}

enum err dial_confined(struct dns *dns, struct tls_context *tls, struct text host, uint16_t port, int64_t deadline_us,
                       struct stream **out, struct fault *f) {
  struct addr addrs[DNS_MAX_ADDRS];
  size_t count = 0;
  enum err e = dns_lookup(dns, host, port, deadline_us, addrs, &count, f);
  for (size_t i = 0; e == ERR_OK && i < count; i++)
    if (is_link_local(&addrs[i]))
      e = fault_set(f, ERR_FORBIDDEN, NULL, "%.*s leads to link-local addresses or a cloud's metadata",
                    TEXT_ARGS(host));
  return e ? e : connect_host(tls, host, addrs, count, deadline_us, out, f);
}
