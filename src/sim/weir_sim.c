/* The program weir-sim: arguments, signals and the loop around the simulator. TERM and INT drain for up to ten seconds;
 * a second one ends at once. Exit code 0 good, 1 failed, 2 wrong usage. */
#include "base/random.h"
#include "base/secret.h"
#include "fiber/fiber.h"
#include "sim/sim.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_US      (10LL * 1000 * 1000)
#define KEEP_REQUESTS 100

static const char usage[] =
    "usage: weir-sim [--listen ADDR] [--keep N]\n"
    "\n"
    "Simulates on one port: Anthropic (/v1/messages), OpenAI (/v1/chat/completions, /v1/responses, /v1/embeddings),\n"
    "Azure (/openai/deployments/NAME/...), OpenRouter (/api/v1/...) and AWS Bedrock (/model/ID/invoke, converse,\n"
    "the streams of both, count-tokens). Any key is accepted except \"invalid\". Signatures are checked against the\n"
    "access key AKIASIMULATOR0000000, or ASIASIMULATOR0000000 with the token sim-session-token; the secret of both\n"
    "is sim-secret-access-key.\n"
    "\n"
    "  --listen ADDR   where to listen (127.0.0.1:9090; port 0: any free port; unix:PATH works)\n"
    "  --keep N        how many requests GET /__stats shows (100; 0 is cheapest)\n"
    "  -h, --help      this text\n"
    "\n"
    "The model name, or the header x-sim-behaviour, says how to answer. Parts may be joined with '+'; a vendor, a\n"
    "region and a version around the name do not matter (us.anthropic.sim-text-v1:0, openai/sim-text):\n"
    "  content   sim-text sim-tools (two calls at once, also sim-tools2) sim-thinking sim-redacted sim-image sim-json\n"
    "            sim-long-N sim-empty sim-refuse sim-filter sim-cache sim-nousage\n"
    "  timing    sim-slow-MS sim-drip-MS sim-hang sim-frame-N sim-merge sim-gzip\n"
    "  failure   sim-fail-STATUS sim-usage-limit sim-garbage sim-reset-after-N sim-cut-after-N sim-half-after-N\n"
    "            sim-badcrc-after-N sim-garbage-after-N sim-error-after-N sim-throttle-after-N sim-internal-after-N\n"
    "            sim-invalid-after-N sim-unavailable-after-N sim-failed-after-N\n"
    "GET /__stats tells what was received, POST /__reset forgets it.\n";

struct program {
  struct loop *loop;
  struct sim *sim;
  struct loop_watch signals;
  struct loop_timer deadline;
  bool draining;
};

struct arguments {
  struct text listen;
  uint64_t keep;
};

static void on_deadline(struct loop_timer *t) {
  struct program *p = (struct program *)((char *)t - offsetof(struct program, deadline));
  sim_close(p->sim);
}

static void on_signal(struct loop_watch *w) {
  struct program *p = (struct program *)((char *)w - offsetof(struct program, signals));
  struct signalfd_siginfo info;
  while (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    if (p->draining) {
      loop_timer_stop(p->loop, &p->deadline);
      sim_close(p->sim);
      continue;
    }
    p->draining = true;
    sim_drain(p->sim);
    loop_timer_start(p->loop, &p->deadline, loop_clock_us() + DRAIN_US);
    loop_stop(p->loop);
  }
  w->readable = false;
}

static bool watch_signals(struct program *p) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)sigaction(SIGPIPE, &ignore, NULL);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
    return false;
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  p->signals.on_event = on_signal;
  return fd >= 0 && loop_watch_add(p->loop, &p->signals, fd, false) == ERR_OK;
}

/* Thousands of streams need thousands of descriptors. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum err start(struct program *p, const struct arguments *args, struct fault *f) {
  struct addr addr;
  const struct sim_options options = {.keep_requests = args->keep};
  enum err e = addr_parse(args->listen, &addr, f);
  if (e)
    return e;
  e = loop_new(NULL, &p->loop);
  if (e)
    return fault_set(f, e, NULL, "the event loop cannot be started");
  if (!watch_signals(p))
    return fault_set(f, ERR_SYSTEM, NULL, "signals cannot be watched");
  return sim_start(p->loop, &addr, &options, &p->sim, f);
}

static int run(const struct arguments *args) {
  static struct program p;
  struct fault f = {0};
  char where[128];
  p.deadline = (struct loop_timer)LOOP_TIMER_INIT(on_deadline);
  if (start(&p, args, &f) != ERR_OK) {
    fprintf(stderr, "weir-sim: %s\n", fault_text(&f));
    sim_free(p.sim);
    return 1;
  }
  struct addr bound = sim_addr(p.sim);
  printf("weir-sim: ready on %s%s\n", addr_is_unix(&bound) ? "" : "http://", addr_format(&bound, where, sizeof(where)));
  fflush(stdout);
  loop_run(p.loop);
  loop_timer_stop(p.loop, &p.deadline);
  sim_free(p.sim);
  loop_watch_remove(&p.signals);
  (void)close(p.signals.fd);
  loop_free(p.loop);
  return 0;
}

/* 0: go on; else the exit code + 1. */
static int read_arguments(int argc, char **argv, struct arguments *out) {
  int i = 1;
  while (i < argc) {
    struct text name = text_of(argv[i]), value = text_of(i + 1 < argc ? argv[i + 1] : NULL);
    if (text_equal(name, TEXT("-h")) || text_equal(name, TEXT("--help"))) {
      fputs(usage, stdout);
      return 1;
    }
    bool is_listen = text_equal(name, TEXT("--listen"));
    bool is_good = is_listen ? value.len > 0 : text_equal(name, TEXT("--keep")) && text_to_u64(value, &out->keep);
    if (!is_good || out->keep > 10000) {
      fprintf(stderr, "weir-sim: do not understand '%s'\n%s", argv[i], usage);
      return 3;
    }
    if (is_listen)
      out->listen = value;
    i += 2;
  }
  return 0;
}

int main(int argc, char **argv) {
  struct arguments args = {TEXT("127.0.0.1:9090"), KEEP_REQUESTS};
  int code = read_arguments(argc, argv, &args);
  if (code > 0)
    return code - 1;
  random_start();
  secret_start();
  raise_descriptor_limit();
  return run(&args);
}
