/* Taking over from the process that started this one. What comes is believed, for it comes from there; what does not
 * fit (an address that is not in the configuration any more, another data_dir) is found by whoever uses it. Called by
 * app.c.
 */
#include "app/takeover.h"

#include "app/handover.h"
#include "app/life.h"
#include "app/state.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BEGIN_US   INT64_C(30000000)
#define SEND_US    INT64_C(5000000)
#define RELEASE_US INT64_C(5000000)
#define NO_LIMIT   INT64_MAX

static struct handover_record record;

static enum err say(struct app *a, const char *line) {
  return handover_send(a->takeover, text_of(line), -1, loop_clock_us() + SEND_US);
}

static enum err await(struct app *a, int64_t deadline_us, struct text *out_lines, struct fault *f) {
  enum err e;
  while ((e = handover_receive(a->takeover, &record)) == ERR_AGAIN) {
    e = life_wait(a, a->takeover, deadline_us);
    if (e != ERR_OK)
      return fault_set(f, e, NULL,
                       e == ERR_CANCELLED ? "told to end before it had taken over"
                                          : "the process to be replaced does not say what it hands over");
  }
  if (e != ERR_OK)
    return fault_set(f, e, NULL, "the process to be replaced has gone before it had handed over");
  *out_lines = (struct text){record.bytes, record.len};
  return ERR_OK;
}

static enum err disorder(struct fault *f) {
  return fault_set(f, ERR_PROTOCOL, NULL, "the process to be replaced does not keep to the order of a handover");
}

/* The descriptor of the record that was received, whoever needs it; what nobody takes is closed. */
static int take_fd(void) {
  int fd = record.fd;
  record.fd = -1;
  return fd;
}

static enum err take_process(struct app *a, struct text arguments, struct fault *f) {
  struct predecessor p = {.link = a->takeover};
  int64_t pid;
  if (!handover_u64(&arguments, &a->generation) || !handover_u64(&arguments, &p.generation) ||
      !handover_i64(&arguments, &pid) || !handover_u64(&arguments, &p.boot))
    return disorder(f);
  p.pid = (pid_t)pid;
  succession_add(&a->succession, &p);
  return ERR_OK;
}

static enum err take_socket(struct app *a, struct text arguments, struct fault *f) {
  struct text kind, address;
  struct addr asked;
  if (!text_cut(arguments, ' ', &kind, &address))
    return disorder(f);
  enum err e = addr_parse(address, &asked, f);
  return e == ERR_OK ? sockets_offer(&a->sockets, take_fd(), &asked, text_equal(kind, TEXT("external")), f) : e;
}

static enum err take_first(struct app *a, struct text verb, struct text arguments, struct fault *f) {
  if (text_equal(verb, TEXT("process")))
    return take_process(a, arguments, f);
  if (text_equal(verb, TEXT("socket")))
    return take_socket(a, arguments, f);
  if (text_equal(verb, TEXT("lock")))
    a->held_lock = take_fd();
  else if (text_equal(verb, TEXT("control")))
    a->local.fd = take_fd();
  else
    return disorder(f);
  return ERR_OK;
}

/* Our end of the link, if the environment names one that can be it. */
static enum err find_link(struct app *a, struct fault *f) {
  const char *number = getenv(HANDOVER_VARIABLE);
  uint64_t fd;
  int kind = 0;
  socklen_t len = sizeof(kind);
  if (!number)
    return ERR_OK;
  bool good = text_to_u64(text_of(number), &fd) && fd > 2 && fd <= INT32_MAX &&
              getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &kind, &len) == 0 && kind == SOCK_SEQPACKET;
  unsetenv(HANDOVER_VARIABLE);
  if (!good)
    return fault_set(f, ERR_PROTOCOL, NULL, HANDOVER_VARIABLE " is for a process that weir itself starts: unset it");
  a->takeover = (int)fd;
  (void)fcntl(a->takeover, F_SETFD, FD_CLOEXEC);
  return ERR_OK;
}

enum err takeover_begin(struct app *a, struct fault *f) {
  char hello[80];
  struct text lines, verb, arguments;
  int64_t deadline_us = loop_clock_us() + BEGIN_US;
  enum err e = find_link(a, f);
  if (e != ERR_OK || a->takeover < 0)
    return e;
  snprintf(hello, sizeof(hello), "weir-handover %d %s\n", HANDOVER_VERSION, WEIR_VERSION);
  if (say(a, hello) != ERR_OK)
    return fault_set(f, ERR_NETWORK, NULL, "the process to be replaced is gone");
  for (bool more = true; more && e == ERR_OK;) {
    e = await(a, deadline_us, &lines, f);
    if (e == ERR_OK && !handover_next(&lines, &verb, &arguments))
      e = disorder(f);
    more = e == ERR_OK && !text_equal(verb, TEXT("end"));
    if (more)
      e = take_first(a, verb, arguments, f);
    int unused = e == ERR_OK ? take_fd() : -1;
    if (unused >= 0)
      close(unused);
  }
  return e == ERR_OK && (a->succession.old_count == 0 || a->held_lock == 0) ? disorder(f) : e;
}

static enum err take_predecessor(struct app *a, struct text arguments, struct fault *f) {
  struct predecessor p = {.link = take_fd()};
  int64_t pid, ended;
  if (!handover_u64(&arguments, &p.generation) || !handover_i64(&arguments, &pid) ||
      !handover_u64(&arguments, &p.boot) || !handover_i64(&arguments, &ended)) {
    if (p.link >= 0)
      close(p.link);
    return disorder(f);
  }
  p.pid = (pid_t)pid;
  p.ended = ended != 0;
  succession_add(&a->succession, &p);
  return ERR_OK;
}

static enum err take_last(struct app *a, struct text verb, struct text arguments, struct fault *f) {
  struct limiter_account account;
  struct limiter_report report;
  struct breaker_news news;
  uint64_t process;
  bool for_all;
  if (text_equal(verb, TEXT("breaker")) && handover_read_breaker(arguments, &news, &for_all))
    breakers_import(a->gateway.state.breakers, &news, for_all, loop_clock_us());
  else if (text_equal(verb, TEXT("account")) && handover_read_account(arguments, &account))
    limiter_import(a->limiter, a->succession.old[0].generation, &account);
  else if (text_equal(verb, TEXT("share")) && handover_read_share(arguments, &process, &report))
    limiter_import_share(a->limiter, process, &report);
  else if (text_equal(verb, TEXT("predecessor")))
    return take_predecessor(a, arguments, f);
  else
    return disorder(f);
  return ERR_OK;
}

enum err takeover_wait(struct app *a, struct fault *f) {
  struct text lines, verb, arguments;
  enum err e = ERR_OK;
  if (a->takeover < 0)
    return ERR_OK;
  if (say(a, "ready\n") != ERR_OK)
    return fault_set(f, ERR_NETWORK, NULL, "the process to be replaced is gone");
  for (bool go = false; !go && e == ERR_OK;) {
    e = await(a, NO_LIMIT, &lines, f);
    while (e == ERR_OK && !go && handover_next(&lines, &verb, &arguments)) {
      go = text_equal(verb, TEXT("go"));
      if (!go)
        e = take_last(a, verb, arguments, f);
    }
    int unused = e == ERR_OK ? take_fd() : -1;
    if (unused >= 0)
      close(unused);
  }
  return e;
}

/* Until the old process has let go systemd would not listen to this one. */
void takeover_done(struct app *a) {
  struct text lines;
  struct fault f = {0};
  if (a->takeover < 0)
    return;
  ledger_hold(a->ledger);
  enum err e = say(a, "serving\n");
  if (e == ERR_OK)
    e = await(a, loop_clock_us() + RELEASE_US, &lines, &f);
  if (e != ERR_OK)
    LOG_WARN("predecessor_silent", log_str("detail", f.text[0] ? f.text : err_text(e)));
  a->takeover = -1; /* the link is its predecessor's now */
}

void takeover_fail(struct app *a, const struct fault *f) {
  char line[sizeof(f->text) + 16];
  if (a->takeover < 0)
    return;
  snprintf(line, sizeof(line), "failed %s\n", fault_text(f));
  (void)!say(a, line);
}
