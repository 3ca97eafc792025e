/* Records on the link between an old and a new process. A record is one packet, so there is nothing to frame and a
 * descriptor belongs to the text it came with. Called by upgrade.c, takeover.c and succession.c. */
#include "app/handover.h"

#include "fiber/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
  struct cmsghdr head;
  char room[CMSG_SPACE(4 * sizeof(int))];
};

enum err handover_open(int out[2]) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out) == 0 ? ERR_OK : ERR_SYSTEM;
}

static void attach(struct msghdr *m, union control *c, int fd) {
  if (fd < 0)
    return;
  memset(c, 0, sizeof(*c));
  m->msg_control = c;
  m->msg_controllen = CMSG_SPACE(sizeof(int));
  struct cmsghdr *h = CMSG_FIRSTHDR(m);
  h->cmsg_level = SOL_SOCKET;
  h->cmsg_type = SCM_RIGHTS;
  h->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(h), &fd, sizeof(int));
}

/* Too many descriptors on their way (ETOOMANYREFS) is a full queue, too. */
static bool is_full(int number) { return number == EAGAIN || number == ENOBUFS || number == ETOOMANYREFS; }

enum err handover_send(int link, struct text record, int fd, int64_t deadline_us) {
  union control c;
  struct iovec piece = {(void *)(uintptr_t)record.at, record.len};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
  attach(&m, &c, fd);
  for (;;) {
    if (sendmsg(link, &m, MSG_NOSIGNAL) >= 0)
      return ERR_OK;
    if (errno != EINTR && !is_full(errno))
      return ERR_NETWORK;
    if (loop_clock_us() >= deadline_us)
      return ERR_TIMEOUT;
    struct pollfd p = {link, errno == EAGAIN ? POLLOUT : 0, 0};
    (void)poll(&p, 1, 10);
  }
}

/* Takes the first descriptor and closes any other. */
static int take_fd(struct msghdr *m) {
  int first = -1;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
      continue;
    for (size_t at = CMSG_LEN(0); at + sizeof(int) <= h->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, (char *)h + at, sizeof(int));
      if (first < 0)
        first = fd;
      else
        (void)close(fd);
    }
  }
  return first;
}

enum err handover_receive(int link, struct handover_record *out) {
  union control c;
  struct iovec piece = {out->bytes, sizeof(out->bytes)};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
  ssize_t n;
  do
    n = recvmsg(link, &m, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN ? ERR_AGAIN : ERR_END;
  out->fd = take_fd(&m);
  if (n == 0 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    if (out->fd >= 0)
      (void)close(out->fd);
    return n == 0 ? ERR_END : ERR_PROTOCOL;
  }
  out->len = (size_t)n;
  return ERR_OK;
}

bool handover_next(struct text *lines, struct text *out_verb, struct text *out_arguments) {
  struct text line = *lines, rest = TEXT_NONE, verb, arguments = TEXT_NONE;
  if (lines->len == 0)
    return false;
  (void)text_cut(*lines, '\n', &line, &rest);
  verb = line;
  (void)text_cut(line, ' ', &verb, &arguments);
  *lines = rest;
  *out_verb = verb;
  *out_arguments = arguments;
  return true;
}

static struct text next_word(struct text *arguments) {
  struct text word = *arguments, rest = TEXT_NONE;
  (void)text_cut(*arguments, ' ', &word, &rest);
  *arguments = rest;
  return word;
}

bool handover_i64(struct text *arguments, int64_t *out) { return text_to_i64(next_word(arguments), out); }

bool handover_u64(struct text *arguments, uint64_t *out) { return text_to_u64(next_word(arguments), out); }

static void put(struct buf *out, int64_t n) {
  buf_add_char(out, ' ');
  buf_add_i64(out, n);
}

static void put_report(struct buf *out, const struct limiter_report *r) {
  put(out, r->key_id);
  put(out, r->given_nano);
  put(out, r->held_nano);
  put(out, r->in_flight);
}

static bool read_report(struct text *arguments, struct limiter_report *out) {
  return handover_i64(arguments, &out->key_id) && handover_i64(arguments, &out->given_nano) &&
         handover_i64(arguments, &out->held_nano) && handover_i64(arguments, &out->in_flight);
}

void handover_put_account(struct buf *out, const struct limiter_account *a) {
  buf_add(out, TEXT("account"));
  put_report(out, &a->report);
  put(out, a->period_start_us);
  put(out, a->spent_nano);
  put(out, a->spent_is_known);
  put(out, a->rpm);
  put(out, a->rpm_level);
  put(out, a->rpm_at_us);
  put(out, a->tpm);
  put(out, a->tpm_level);
  put(out, a->tpm_at_us);
  buf_add_char(out, '\n');
}

bool handover_read_account(struct text arguments, struct limiter_account *out) {
  struct limiter_account a = {0};
  int64_t known = 0;
  int64_t *const numbers[] = {&a.period_start_us, &a.spent_nano, &known,       &a.rpm,      &a.rpm_level,
                              &a.rpm_at_us,       &a.tpm,        &a.tpm_level, &a.tpm_at_us};
  bool good = read_report(&arguments, &a.report);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && good; i++)
    good = handover_i64(&arguments, numbers[i]);
  if (!good || arguments.len > 0)
    return false;
  a.spent_is_known = known != 0;
  *out = a;
  return true;
}

void handover_put_report(struct buf *out, const struct limiter_report *r) {
  buf_add(out, TEXT("report"));
  put_report(out, r);
  buf_add_char(out, '\n');
}

bool handover_read_report(struct text arguments, struct limiter_report *out) {
  struct limiter_report r = {0};
  if (!read_report(&arguments, &r) || arguments.len > 0)
    return false;
  *out = r;
  return true;
}

void handover_put_share(struct buf *out, uint64_t process, const struct limiter_report *r) {
  buf_add(out, TEXT("share "));
  buf_add_u64(out, process);
  put_report(out, r);
  buf_add_char(out, '\n');
}

bool handover_read_share(struct text arguments, uint64_t *out_process, struct limiter_report *out) {
  uint64_t process;
  if (!handover_u64(&arguments, &process) || !handover_read_report(arguments, out))
    return false;
  *out_process = process;
  return true;
}

static bool is_control(char c) { return (unsigned char)c < ' ' || c == 127; }

static bool has_control(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    if (is_control(t.at[i]))
      return true;
  }
  return false;
}

static void put_text(struct buf *out, struct text t) {
  buf_add_char(out, '\t');
  for (size_t i = 0; i < t.len; i++)
    buf_add_char(out, is_control(t.at[i]) ? ' ' : t.at[i]);
}

void handover_put_breaker(struct buf *out, const struct breaker_news *news, bool for_all) {
  const struct breaker_name *n = &news->name;
  if (has_control(n->provider) || has_control(n->endpoint) || has_control(n->credential))
    return;
  buf_add(out, TEXT("breaker"));
  put(out, for_all);
  put(out, news->is_open);
  put(out, news->opened_ago_us);
  put(out, (int64_t)news->state_version.count);
  put(out, news->force);
  put(out, (int64_t)news->force_version.count);
  put_text(out, n->provider);
  put_text(out, n->endpoint);
  put_text(out, n->credential);
  put_text(out, news->reason);
  put_text(out, news->force_reason);
  buf_add_char(out, '\n');
}

bool handover_read_breaker(struct text arguments, struct breaker_news *out, bool *out_for_all) {
  struct breaker_news n = {0};
  struct text numbers, rest;
  int64_t for_all, is_open, state, force, said;
  struct text *const texts[] = {&n.name.provider, &n.name.endpoint, &n.name.credential, &n.reason};
  if (!text_cut(arguments, '\t', &numbers, &rest) || !handover_i64(&numbers, &for_all) ||
      !handover_i64(&numbers, &is_open) || !handover_i64(&numbers, &n.opened_ago_us) ||
      !handover_i64(&numbers, &state) || !handover_i64(&numbers, &force) || !handover_i64(&numbers, &said) ||
      numbers.len > 0 || state < 0 || said < 0 || force < BREAKER_AUTOMATIC || force > BREAKER_FORCED_CLOSED)
    return false;
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    if (!text_cut(rest, '\t', texts[i], &rest))
      return false;
  }
  n.force_reason = rest;
  n.is_open = is_open != 0;
  n.state_version.count = (uint64_t)state;
  n.force = (enum breaker_force)force;
  n.force_version.count = (uint64_t)said;
  *out = n;
  *out_for_all = for_all != 0;
  return true;
}
