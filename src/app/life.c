/* The main thread after the start. It sleeps in one poll for signals, for other threads that woke it and for the links
 * to other processes of this Weir, and looks around at least every few seconds. The drain is not a place where it waits
 * but a state it is in. Called by app.c; upgrade.c and takeover.c wait through life_wait. */
#include "app/life.h"

#include "app/handover.h"
#include "app/news.h"
#include "app/share.h"
#include "app/state.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUSEKEEPING_US INT64_C(5000000)
#define REPORT_US       INT64_C(1000000)
#define ORPHAN_US       INT64_C(250000)
/* Beyond its deadline a worker has this long to unwind what it cancels. */
#define END_SLACK_US INT64_C(5000000)

enum err life_prepare(struct app *a, struct fault *f) {
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
    sigaddset(&set, signals[i]);
  pthread_sigmask(SIG_BLOCK, &set, &a->signals_before);
  sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return a->signal_fd >= 0 && a->wake_fd >= 0 ? ERR_OK
                                              : fault_set(f, ERR_SYSTEM, NULL, "cannot start: %s", strerror(errno));
}

void life_wake(struct app *a) {
  ssize_t ignored = write(a->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
  (void)ignored;
}

static void read_signals(struct app *a) {
  struct signalfd_siginfo info;
  while (read(a->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    a->signals.end |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    a->signals.reload |= info.ssi_signo == SIGHUP;
    a->signals.upgrade |= info.ssi_signo == SIGUSR2;
  }
}

/* Only while every worker's loop turns; one that hangs leaves it to systemd to start anew. */
static void show_life(struct app *a) {
  int64_t now_us = loop_clock_us();
  bool all = true;
  if (a->systemd.watchdog_us == 0 || a->handed_over || now_us < a->life.watchdog_us)
    return;
  a->life.watchdog_us = now_us + a->systemd.watchdog_us / 2;
  for (unsigned w = 0; w < a->worker_count; w++) {
    if (!worker_ping(a->workers[w])) {
      LOG_ERROR("worker_hangs", log_u64("worker", w));
      all = false;
    }
  }
  if (all)
    systemd_notify(&a->systemd, "WATCHDOG=1");
}

static int64_t earlier(int64_t a_us, int64_t b_us) { return a_us < b_us ? a_us : b_us; }

static int until_ms(int64_t at_us) {
  int64_t us = at_us - loop_clock_us();
  return us <= 0 ? 0 : us > 60000000 ? 60000 : (int)(us / 1000) + 1;
}

static int64_t watchdog_due_us(const struct app *a) {
  return a->systemd.watchdog_us > 0 && !a->handed_over ? a->life.watchdog_us : INT64_MAX;
}

enum err life_wait(struct app *a, int fd, int64_t deadline_us) {
  for (;;) {
    struct pollfd at[] = {{fd, POLLIN, 0}, {a->signal_fd, POLLIN, 0}};
    (void)poll(at, 2, until_ms(earlier(deadline_us, watchdog_due_us(a))));
    read_signals(a);
    if (a->worker_count > 0 && a->workers[0])
      show_life(a);
    if (a->signals.end)
      return ERR_CANCELLED;
    if (at[0].revents != 0)
      return ERR_OK;
    if (loop_clock_us() >= deadline_us)
      return ERR_TIMEOUT;
  }
}

static void drain(struct app *a, bool patient, int64_t within_ms) {
  feed_end(a->feed);
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_drain(a->workers[w], patient, loop_clock_us() + within_ms * 1000);
  int64_t by_us = loop_clock_us() + within_ms * 1000 + END_SLACK_US;
  a->life.stop_by_us = a->life.stop_by_us > 0 ? earlier(a->life.stop_by_us, by_us) : by_us;
}

void life_hand_over(struct app *a, int link) {
  int64_t handover_ms = a->config->timeouts.handover_ms;
  a->handed_over = true;
  runner_end(a->runner); /* the successor runs the jobs now */
  a->signals.upgrade = false;
  share_resign(a);
  sockets_close(&a->sockets, false);
  local_close(&a->local, false);
  ledger_let_go(a->ledger);
  succession_pass_on(&a->succession);
  a->succession.successor = link;
  (void)!handover_send(link, TEXT("released\n"), -1, loop_clock_us() + REPORT_US);
  a->life.lease_end_us = loop_clock_us() + a->config->timeouts.idle_ms * 1000;
  LOG_INFO("finishing", log_i64("deadline_ms", handover_ms));
  drain(a, true, handover_ms);
}

/* The first TERM or INT begins the drain of the whole service, the second ends its patience. */
static void end(struct app *a) {
  int64_t within_ms = a->life.end_was_asked ? 0 : a->config->timeouts.drain_ms;
  if (a->life.end_was_asked)
    LOG_WARN("drain_cut_short", log_bool("asked", true));
  else
    LOG_INFO("draining", log_i64("deadline_ms", within_ms));
  a->life.end_was_asked = true;
  runner_end(a->runner);
  upgrade_desk_close(a);
  if (!a->handed_over) {
    systemd_notify(&a->systemd, "STOPPING=1\nSTATUS=draining");
    atomic_store(&a->draining, true);
    share_resign(a);
    sockets_close(&a->sockets, true);
    succession_hurry(a, within_ms);
  }
  drain(a, false, within_ms);
}

static void reload(struct app *a) {
  if (a->handed_over || atomic_load(&a->draining)) {
    LOG_INFO("reload_ignored", log_str("detail", "this process is ending"));
    return;
  }
  systemd_notify_reloading(&a->systemd);
  app_reload(a);
  systemd_notify(&a->systemd, "READY=1\nSTATUS=serving");
}

static void upgrade_by_signal(struct app *a) {
  struct upgrade_result result;
  struct fault f = {0};
  enum err told = upgrade_run(a, UPGRADE_TIMEOUT_MS, &result, &f);
  (void)told; /* upgrade_run has told the log */
}

/* A process that only finishes its calls wants no right to probe. */
static void tick_breakers(struct app *a) {
  struct breaker_rule rule = routes_breaker_rule(a->config);
  if (!a->handed_over && !atomic_load(&a->draining))
    breakers_tick(a->gateway.state.breakers, &rule, loop_clock_us());
}

static void housekeep(struct app *a) {
  struct fault f = {0};
  a->life.housekeeping_us = loop_clock_us() + HOUSEKEEPING_US;
  tick_breakers(a);
  if (apikey_identity_flush(a->identity, &f) != ERR_OK)
    LOG_WARN("key_use_not_written", log_str("detail", fault_text(&f)));
  struct ledger_stats s = ledger_stats(a->ledger);
  if (s.store_failing != a->ledger_was_failing) {
    if (s.store_failing)
      LOG_ERROR("ledger_store_failing", log_u64("pending", s.pending), log_str("detail", s.store_fault));
    else
      LOG_INFO("ledger_store_recovered", log_u64("stored", s.stored));
  }
  a->ledger_was_failing = s.store_failing;
  if (s.journal_failing && !a->journal_was_failing)
    LOG_ERROR("journal_failing", log_str("detail", s.store_fault));
  else if (!s.journal_failing && a->journal_was_failing)
    LOG_INFO("journal_recovered", log_u64("open", s.open));
  a->journal_was_failing = s.journal_failing;
  if (a->entities_are_old && !events_stats(a->events).is_failing)
    reload(a);
  if (!a->handed_over && !s.store_failing)
    (void)succession_adopt(a);
}

/* The side of the succession that is ours: we follow, or are followed. */
static void follow(struct app *a) {
  int64_t within_ms;
  if (!a->handed_over) {
    succession_heed(a);
    return;
  }
  if (succession_is_hurried(a, &within_ms)) {
    LOG_INFO("hurried", log_i64("deadline_ms", within_ms));
    drain(a, false, within_ms);
  }
  if (loop_clock_us() >= a->life.lease_end_us) {
    limiter_end_leases(a->limiter);
    a->life.lease_end_us = INT64_MAX;
  }
  succession_report(a);
  (void)waitpid(-1, NULL, WNOHANG); /* a successor that has ended before us */
}

static bool has_orphan(const struct app *a) {
  for (size_t i = 0; i < a->succession.old_count; i++) {
    if (a->succession.old[i].link < 0)
      return true;
  }
  return false;
}

static void sleep_until_news(struct app *a) {
  struct pollfd at[SUCCESSION_MAX + 3] = {{a->signal_fd, POLLIN, 0}, {a->wake_fd, POLLIN, 0}};
  nfds_t count = 2;
  uint64_t ignored;
  int64_t until_us = earlier(a->life.housekeeping_us, watchdog_due_us(a));
  for (size_t i = 0; i < a->succession.old_count; i++) {
    if (a->succession.old[i].link >= 0)
      at[count++] = (struct pollfd){a->succession.old[i].link, POLLIN, 0};
  }
  if (a->succession.successor >= 0)
    at[count++] = (struct pollfd){a->succession.successor, POLLIN, 0};
  if (a->handed_over)
    until_us = earlier(until_us, loop_clock_us() + REPORT_US);
  if (has_orphan(a))
    until_us = earlier(until_us, loop_clock_us() + ORPHAN_US);
  /* What came while an upgrade was waited for has been read already. */
  bool pending = a->signals.end || a->signals.reload || a->signals.upgrade;
  (void)poll(at, count, pending ? 0 : until_ms(until_us));
  (void)!read(a->wake_fd, &ignored, sizeof(ignored));
  read_signals(a);
}

static bool all_are_drained(const struct app *a) {
  for (unsigned w = 0; w < a->worker_count; w++) {
    if (!worker_is_drained(a->workers[w]))
      return false;
  }
  return true;
}

/* The service has ended with the last of its processes; who is left long after the deadline is left to itself. */
static bool is_over(const struct app *a) {
  bool late = a->life.stop_by_us > 0 && loop_clock_us() >= a->life.stop_by_us;
  bool alone = a->handed_over || a->succession.old_count == 0 || late;
  return alone && all_are_drained(a);
}

void life_run(struct app *a) {
  a->life.housekeeping_us = loop_clock_us() + HOUSEKEEPING_US;
  while (!is_over(a)) {
    sleep_until_news(a);
    struct app_signals signals = a->signals;
    a->signals = (struct app_signals){0};
    if (news_wants_reload(a) || signals.reload)
      reload(a);
    if (credential_desk_has_news(a->credentials))
      app_renew(a);
    if (signals.upgrade)
      upgrade_by_signal(a);
    if (upgrade_is_asked(a))
      upgrade_answer(a);
    if (signals.end || a->signals.end) {
      a->signals.end = false;
      end(a);
    }
    follow(a);
    show_life(a);
    if (loop_clock_us() >= a->life.housekeeping_us)
      housekeep(a);
  }
  upgrade_desk_close(a);
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_finish(a->workers[w]);
  for (unsigned w = 0; w < a->worker_count; w++)
    worker_wait(a->workers[w]);
  if (a->handed_over)
    succession_bye(a);
}
