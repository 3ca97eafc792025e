/* Starting a successor and handing over to it. The order is what matters: everything that may fail in the new process
 * comes before "ready"; between "go" and "serving" clients wait in the queues of sockets that both have; only "serving"
 * ends this process's part. Called by life.c. */
#include "app/upgrade.h"

#include "app/handover.h"
#include "app/life.h"
#include "app/state.h"
#include "base/log.h"
#include "fiber/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEND_US      INT64_C(5000000)
#define SERVE_US     INT64_C(5000000) /* from "go" to "serving", while nobody accepts */
#define EXIT_WAIT_MS 2000             /* for a process that has given up to end by itself */
#define ARGS_MAX     (64 * 1024)

extern char **environ;

/* --- the program --- */

static enum err read_arguments(struct program *p) {
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  p->bytes = calloc(1, ARGS_MAX + 1);
  if (!p->bytes)
    abort();
  size_t len = 0, count = 0;
  ssize_t n = 0;
  while (fd >= 0 && len < ARGS_MAX && (n = read(fd, p->bytes + len, ARGS_MAX - len)) > 0)
    len += (size_t)n;
  if (fd >= 0)
    close(fd);
  for (size_t i = 0; i < len; i++)
    count += p->bytes[i] == '\0';
  p->argv = calloc(count + 1, sizeof(char *));
  if (!p->argv)
    abort();
  char *at = p->bytes;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
    p->argv[i] = at;
  return fd >= 0 && n == 0 && count > 0 ? ERR_OK : ERR_SYSTEM;
}

static bool is_running_file(const char *path) {
  struct stat here, running;
  return stat(path, &here) == 0 && stat("/proc/self/exe", &running) == 0 && here.st_dev == running.st_dev &&
         here.st_ino == running.st_ino;
}

/* As the shell found it: the name from the working directory, or in one of PATH's. */
static bool find_by_name(struct program *p) {
  char cwd[2048];
  const char *name = p->argv[0], *path = getenv("PATH");
  if (strchr(name, '/')) {
    bool absolute = name[0] == '/';
    int n = absolute || getcwd(cwd, sizeof(cwd))
                ? snprintf(p->path, sizeof(p->path), "%s%s%s", absolute ? "" : cwd, absolute ? "" : "/", name)
                : -1;
    return n > 0 && (size_t)n < sizeof(p->path) && is_running_file(p->path);
  }
  struct text rest = text_of(path), folder;
  while (rest.len > 0) {
    folder = rest;
    struct text after = TEXT_NONE;
    (void)text_cut(rest, ':', &folder, &after);
    rest = after;
    int n = snprintf(p->path, sizeof(p->path), "%.*s/%s", TEXT_ARGS(folder), name);
    if (folder.len > 0 && folder.at[0] == '/' && n > 0 && (size_t)n < sizeof(p->path) && is_running_file(p->path))
      return true;
  }
  return false;
}

enum err program_remember(struct program *p, struct fault *f) {
  enum err e = read_arguments(p);
  if (e == ERR_OK && !find_by_name(p)) {
    ssize_t n = readlink("/proc/self/exe", p->path, sizeof(p->path) - 1);
    e = n > 0 && (size_t)n < sizeof(p->path) - 1 ? ERR_OK : ERR_SYSTEM;
    p->path[n > 0 ? n : 0] = '\0';
  }
  return e == ERR_OK ? e : fault_set(f, e, NULL, "cannot read how this program was started: is /proc mounted?");
}

void program_forget(struct program *p) {
  free(p->argv);
  free(p->bytes);
  *p = (struct program){.path = ""};
}

/* The environment with the number of the link in it. */
static char **make_environment(char *variable) {
  size_t count = 0, kept = 0;
  while (environ[count])
    count++;
  char **env = calloc(count + 2, sizeof(char *));
  if (!env)
    abort();
  for (size_t i = 0; i < count; i++) {
    if (strncmp(environ[i], HANDOVER_VARIABLE "=", sizeof(HANDOVER_VARIABLE)) != 0)
      env[kept++] = environ[i];
  }
  env[kept] = variable;
  return env;
}

/* Every other descriptor is CLOEXEC; this one becomes ordinary in the new process only. */
static int spawn(struct app *a, int link, pid_t *out) {
  char variable[sizeof(HANDOVER_VARIABLE) + 16];
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t ignored;
  snprintf(variable, sizeof(variable), HANDOVER_VARIABLE "=%d", link);
  char **env = make_environment(variable);
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, link, link);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &a->signals_before);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  int problem = posix_spawn(out, a->program.path, &files, &attributes, a->program.argv, env);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  free(env);
  return problem;
}

/* --- the talk --- */

/* One upgrade while it is undecided. */
struct attempt {
  struct app *app;
  pid_t pid;
  int link;
  int64_t deadline_us;
  bool paused;
  enum err lost; /* the first send that failed */
  struct buf lines;
};

/* The next record, or what is in its place: ERR_END when the other side is gone. */
static enum err await(struct attempt *t, struct handover_record *r) {
  enum err e;
  while ((e = handover_receive(t->link, r)) == ERR_AGAIN) {
    e = life_wait(t->app, t->link, t->deadline_us);
    if (e != ERR_OK)
      return e;
  }
  if (e == ERR_OK && r->fd >= 0)
    close(r->fd);
  return e;
}

/* Waits for the record that begins with this word; one that says "failed" has its reason in f. */
static enum err await_word(struct attempt *t, struct text word, struct text *out_arguments, struct fault *f) {
  static struct handover_record r;
  struct text verb, arguments, lines;
  enum err e = await(t, &r);
  if (e != ERR_OK)
    return e;
  lines = (struct text){r.bytes, r.len};
  if (!handover_next(&lines, &verb, &arguments))
    return ERR_PROTOCOL;
  if (text_equal(verb, TEXT("failed")))
    return fault_set(f, ERR_SYSTEM, NULL, "the new process says: %.*s", TEXT_ARGS(arguments));
  if (!text_equal(verb, word))
    return ERR_PROTOCOL;
  if (out_arguments)
    *out_arguments = arguments;
  return ERR_OK;
}

static void send_lines(struct attempt *t, int fd) {
  if (t->lost == ERR_OK && t->lines.len > 0)
    t->lost = handover_send(t->link, buf_text(&t->lines), fd, loop_clock_us() + SEND_US);
  buf_reset(&t->lines);
}

static void send_socket(struct attempt *t, const struct listening *l) {
  char asked[ADDR_TEXT_MAX];
  buf_add_format(&t->lines, "socket %s %s", l->external ? "external" : "own",
                 addr_format(&l->asked, asked, sizeof(asked)));
  send_lines(t, l->fd);
}

/* Everything the new process needs to make itself ready. */
static enum err introduce(struct attempt *t, struct fault *f) {
  struct app *a = t->app;
  struct text arguments;
  int64_t version = 0;
  enum err e = await_word(t, TEXT("weir-handover"), &arguments, f);
  if (e == ERR_OK && (!handover_i64(&arguments, &version) || version != HANDOVER_VERSION))
    return fault_set(f, ERR_PROTOCOL, NULL, "the new program hands over in another way (version %lld): restart instead",
                     (long long)version);
  if (e != ERR_OK)
    return e;
  buf_add_format(&t->lines, "process %llu %llu %lld %llu\n", (unsigned long long)a->generation + 1,
                 (unsigned long long)a->generation, (long long)getpid(), (unsigned long long)ledger_boot(a->ledger));
  send_lines(t, -1);
  buf_add(&t->lines, TEXT("lock\n"));
  send_lines(t, ledger_lock(a->ledger));
  if (a->local.fd >= 0) {
    buf_add(&t->lines, TEXT("control\n"));
    send_lines(t, a->local.fd);
  }
  for (size_t i = 0; i < a->sockets.count; i++)
    send_socket(t, &a->sockets.at[i]);
  buf_add(&t->lines, TEXT("end\n"));
  send_lines(t, -1);
  return t->lost;
}

static void see_account(void *ctx, const struct limiter_account *account) {
  struct attempt *t = ctx;
  handover_put_account(&t->lines, account);
  if (t->lines.len > HANDOVER_RECORD_MAX - 512)
    send_lines(t, -1);
}

static void see_share(void *ctx, uint64_t process, const struct limiter_report *r) {
  struct attempt *t = ctx;
  handover_put_share(&t->lines, process, r);
  if (t->lines.len > HANDOVER_RECORD_MAX - 512)
    send_lines(t, -1);
}

static void see_breaker(void *ctx, const struct breaker_news *news, bool for_all) {
  struct attempt *t = ctx;
  struct buf line;
  buf_init(&line, HANDOVER_RECORD_MAX);
  handover_put_breaker(&line, news, for_all);
  if (buf_check(&line) == ERR_OK && t->lines.len + line.len > HANDOVER_RECORD_MAX)
    send_lines(t, -1);
  if (buf_check(&line) == ERR_OK) /* one whose names are longer than a record is learned anew */
    buf_add(&t->lines, buf_text(&line));
  buf_done(&line);
}

/* The last things, and the word. Who comes from here on is the new process's, so that the accounts say nearly all there
 * is. Nothing of the older processes is read between their shares and their links. */
static enum err hand_over(struct attempt *t, struct fault *f) {
  struct app *a = t->app;
  t->paused = true;
  app_pause(a);
  limiter_hand_over(a->limiter, see_account, t);
  limiter_shares(a->limiter, see_share, t);
  send_lines(t, -1);
  breakers_export(a->gateway.state.breakers, loop_clock_us(), see_breaker, t);
  send_lines(t, -1);
  for (size_t i = 0; i < a->succession.old_count; i++) {
    const struct predecessor *p = &a->succession.old[i];
    buf_add_format(&t->lines, "predecessor %llu %lld %llu %d\n", (unsigned long long)p->generation, (long long)p->pid,
                   (unsigned long long)p->boot, p->ended);
    send_lines(t, p->link);
  }
  buf_add(&t->lines, TEXT("go\n"));
  send_lines(t, -1);
  t->deadline_us = loop_clock_us() + SERVE_US;
  return t->lost == ERR_OK ? await_word(t, TEXT("serving"), NULL, f) : t->lost;
}

/* --- the end of it --- */

/* Waits a little for the process to end by itself, then ends it. Returns its status. */
static int reap(const struct attempt *t, bool at_once) {
  int status = 0;
  for (int ms = 0; !at_once && ms < EXIT_WAIT_MS; ms += 10) {
    if (waitpid(t->pid, &status, WNOHANG) == t->pid)
      return status;
    (void)poll(NULL, 0, 10);
  }
  kill(t->pid, SIGKILL);
  while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

/* What to say of a process that is not there any more. */
static enum err describe_end(int status, struct fault *f) {
  if (WIFEXITED(status))
    return fault_set(f, ERR_SYSTEM, NULL, "the new process ended with status %d before it served", WEXITSTATUS(status));
  return fault_set(f, ERR_SYSTEM, NULL, "the new process was ended by signal %d before it served", WTERMSIG(status));
}

/* This process accepts again and decides over its keys. */
static void resume(struct app *a) {
  struct fault f = {0};
  limiter_take_back(a->limiter);
  if (app_listen(a, &f) == ERR_OK)
    return;
  LOG_ERROR("cannot_go_on", log_str("detail", fault_text(&f)));
  a->signals.end = true;
}

/* The new process will not serve: it goes. */
static enum err give_up(struct attempt *t, enum err e, int64_t timeout_ms, struct fault *f) {
  bool is_gone = e == ERR_END || e == ERR_NETWORK;
  int status = reap(t, !is_gone && f->text[0] == '\0');
  close(t->link);
  if (t->paused)
    resume(t->app);
  if (f->text[0])
    return e;
  switch (e) {
  case ERR_END:
  case ERR_NETWORK: return describe_end(status, f);
  case ERR_TIMEOUT:
    return fault_set(f, e, NULL, "the new process %s within %lld ms and was ended",
                     t->paused ? "was ready but did not serve" : "was not ready",
                     (long long)(t->paused ? SERVE_US / 1000 : timeout_ms));
  case ERR_CANCELLED: return fault_set(f, e, NULL, "this process was told to end");
  default: return fault_set(f, ERR_PROTOCOL, NULL, "the new process did not keep to the order of a handover");
  }
}

static enum err refuse(struct app *a, struct fault *f) {
  if (a->handed_over || atomic_load(&a->draining))
    return fault_set(f, ERR_UNAVAILABLE, NULL, "this process is ending");
  if (!app_data_dir(a))
    return fault_set(f, ERR_UNSUPPORTED, "store",
                     "with `store: memory` an upgrade would lose what the store holds: restart instead");
  if (getpid() == 1)
    return fault_set(f, ERR_UNSUPPORTED, NULL,
                     "this is process 1 of its container, which ends with it: replace the container instead");
  if (a->succession.old_count + 2 > SUCCESSION_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "%zu replaced processes still finish their calls; at most %d may",
                     a->succession.old_count, SUCCESSION_MAX - 1);
  return ERR_OK;
}

static enum err start(struct attempt *t, struct fault *f) {
  int ends[2];
  if (handover_open(ends) != ERR_OK)
    return fault_set(f, ERR_SYSTEM, NULL, "cannot make a link: %s", strerror(errno));
  int problem = spawn(t->app, ends[1], &t->pid);
  close(ends[1]);
  t->link = ends[0];
  if (problem == 0)
    return ERR_OK;
  close(ends[0]);
  return fault_set(f, ERR_SYSTEM, NULL, "cannot start %s: %s", t->app->program.path, strerror(problem));
}

static enum err try(struct app *a, int64_t timeout_ms, struct upgrade_result *out, struct fault *f) {
  struct attempt t = {.app = a, .deadline_us = loop_clock_us() + timeout_ms * 1000};
  enum err e = refuse(a, f);
  if (e == ERR_OK)
    e = start(&t, f);
  if (e != ERR_OK)
    return e;
  LOG_INFO("upgrade_begun", log_i64("pid", t.pid), log_str("program", a->program.path));
  buf_init(&t.lines, HANDOVER_RECORD_MAX);
  e = introduce(&t, f);
  if (e == ERR_OK)
    e = await_word(&t, TEXT("ready"), NULL, f);
  if (e == ERR_OK)
    e = hand_over(&t, f);
  buf_done(&t.lines);
  if (e != ERR_OK)
    return give_up(&t, e, timeout_ms, f);
  *out = (struct upgrade_result){t.pid, a->generation + 1};
  systemd_notify(&a->systemd, "MAINPID=%lld", (long long)t.pid);
  life_hand_over(a, t.link);
  return ERR_OK;
}

enum err upgrade_run(struct app *a, int64_t timeout_ms, struct upgrade_result *out, struct fault *f) {
  struct fault why = {0};
  enum err e = try(a, timeout_ms, out, &why);
  if (e == ERR_OK) {
    LOG_INFO("upgraded", log_i64("pid", out->pid), log_u64("generation", out->generation));
    return e;
  }
  LOG_ERROR("upgrade_failed", log_str("detail", fault_text(&why)));
  *f = why;
  return e;
}

/* --- fibers that ask --- */

struct upgrade_ask {
  struct mailbox_message done;
  struct loop *loop;
  struct fiber *fiber;
  bool is_done;
  int64_t timeout_ms;
  enum err result;
  struct upgrade_result *out;
  struct fault *fault;
};

void upgrade_desk_init(struct upgrade_desk *d) {
  *d = (struct upgrade_desk){0};
  pthread_mutex_init(&d->lock, NULL);
}

static void answered(struct mailbox_message *m) {
  struct upgrade_ask *ask = (struct upgrade_ask *)m;
  ask->is_done = true;
  fiber_wake(ask->fiber);
}

enum err upgrade_ask(struct app *a, int64_t timeout_ms, struct upgrade_result *out, struct fault *f) {
  struct upgrade_ask ask = {.done = {answered, NULL},
                            .loop = loop_current(),
                            .fiber = fiber_self(),
                            .timeout_ms = timeout_ms,
                            .out = out,
                            .fault = f};
  pthread_mutex_lock(&a->desk.lock);
  bool taken = a->desk.ask == NULL && !a->desk.closed;
  if (taken)
    a->desk.ask = &ask;
  pthread_mutex_unlock(&a->desk.lock);
  if (!taken)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "an upgrade is under way, or this process is ending");
  life_wake(a);
  /* Whoever asks may go away; the answer still comes here. */
  while (!ask.is_done) {
    if (fiber_park(FIBER_NO_DEADLINE) == ERR_CANCELLED)
      fiber_clear_cancel();
  }
  return ask.result;
}

bool upgrade_is_asked(struct app *a) {
  pthread_mutex_lock(&a->desk.lock);
  bool asked = a->desk.ask != NULL;
  pthread_mutex_unlock(&a->desk.lock);
  return asked;
}

/* The desk is free again before the fiber goes on: its next question must find it so. */
static void answer(struct app *a, struct upgrade_ask *ask, enum err e) {
  pthread_mutex_lock(&a->desk.lock);
  a->desk.ask = NULL;
  pthread_mutex_unlock(&a->desk.lock);
  ask->result = e;
  mailbox_post(ask->loop, &ask->done);
}

void upgrade_answer(struct app *a) {
  struct upgrade_ask *ask = a->desk.ask;
  answer(a, ask, upgrade_run(a, ask->timeout_ms, ask->out, ask->fault));
}

void upgrade_desk_close(struct app *a) {
  pthread_mutex_lock(&a->desk.lock);
  struct upgrade_ask *ask = a->desk.ask;
  a->desk.closed = true;
  pthread_mutex_unlock(&a->desk.lock);
  if (ask)
    answer(a, ask, fault_set(ask->fault, ERR_UNAVAILABLE, NULL, "this process is ending"));
}
