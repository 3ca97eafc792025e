/* A new master key whose process is killed (SIGKILL) before and after each of its writes, to the store and to the files
 * of the key: whenever it dies, a process that starts then opens every secret, and the work called again goes to its
 * end. Prints TAP, one line for each place it dies at. */
#include "base/random.h"
#include "identity/rewrap.h"
#include "identity/vault.h"
#include "ports/store_credentials.h"
#include "store/store.h"
#include "support/actor.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS    3
#define PLACES_MAX 400

static char dir[64], database[96];
static unsigned writes, dies_at; /* dies_at 0: never */

static void die(const char *what, const struct fault *f) {
  printf("Bail out! %s: %s\n", what, fault_text(f));
  exit(1);
}

static void at_a_write(void) {
  if (dies_at > 0 && ++writes == dies_at)
    (void)kill(getpid(), SIGKILL);
}

ssize_t __real_write(int fd, const void *at, size_t n);
ssize_t __wrap_write(int fd, const void *at, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

ssize_t __wrap_write(int fd, const void *at, size_t n) {
  at_a_write();
  return __real_write(fd, at, n);
}
int __wrap_fsync(int fd) {
  at_a_write();
  return __real_fsync(fd);
}
int __wrap_link(const char *from, const char *to) {
  at_a_write();
  return __real_link(from, to);
}
int __wrap_unlink(const char *path) {
  at_a_write();
  return __real_unlink(path);
}
int __wrap_rename(const char *from, const char *to) {
  at_a_write();
  return __real_rename(from, to);
}

static const struct store_vault_ops *real;

static enum err turn(struct store *s, const struct store_vault_state *from, const struct store_vault_state *to,
                     struct text action, const struct audit_actor *by, struct fault *f) {
  at_a_write();
  enum err e = real->turn(s, from, to, action, by, f);
  at_a_write();
  return e;
}

static enum err sealed_put(struct store *s, const struct store_sealed *was, struct text fresh, struct fault *f) {
  at_a_write();
  enum err e = real->sealed_put(s, was, fresh, f);
  at_a_write();
  return e;
}

static struct store *open_store(void) {
  struct store *s = NULL;
  struct fault f = {0};
  if (store_open_sqlite(database, &s, &f))
    die("opening the store", &f);
  return s;
}

/* The same store, whose writes for another master key are counted. */
static void count_writes(struct store *s) {
  static struct store_ops ops;
  static struct store_vault_ops vault;
  ops = *s->ops;
  real = ops.vault;
  vault = *real;
  vault.turn = turn;
  vault.sealed_put = sealed_put;
  ops.vault = &vault;
  s->ops = &ops;
}

static void secret_of(int64_t id, char out[32]) { snprintf(out, 32, "the secret of %lld", (long long)id); }

static void fill(void) {
  struct store *s = open_store();
  struct sealed_vault *v = vault_new(s, keeper_file(dir));
  struct vault *port = vault_port(v);
  struct fault f = {0};
  for (int64_t id = 1; id <= RECORDS; id++) {
    char plain[32], name[32];
    struct buf sealed;
    buf_init(&sealed, VAULT_SEALED_MAX);
    secret_of(id, plain);
    snprintf(name, sizeof name, "n%lld", (long long)id);
    const struct vault_place place = store_credential_place(id, 1);
    enum err e = port->seal(port, &place, text_of(plain), &sealed, &f);
    struct store_credential c = {.id = id,
                                 .provider = TEXT("p"),
                                 .name = text_of(name),
                                 .kind = TEXT("api_key"),
                                 .sealed = buf_text(&sealed),
                                 .sealed_version = 1,
                                 .weight = 1,
                                 .is_active = true};
    if (!e)
      e = s->ops->credentials->add(s, &c, TEST_ACTOR, &f);
    if (e)
      die("filling the store", &f);
    buf_done(&sealed);
  }
  vault_free(v);
  s->ops->close(s);
}

static enum err rewrap(struct store *s, struct fault *f) {
  struct keeper *k = keeper_file(dir);
  struct rewrap_result result;
  enum err e = rewrap_run(&(struct rewrap_options){.store = s, .from = k, .by = TEST_ACTOR}, &result, f);
  keeper_free(k);
  return e;
}

/* As a process that starts now: whether it starts, and opens everything. */
static bool opens_all(const char *when) {
  struct store *s = open_store();
  struct sealed_vault *v = vault_new(s, keeper_file(dir));
  struct vault *port = vault_port(v);
  struct store_credential *all = NULL;
  struct fault f = {0};
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  enum err e = vault_check(v, &f);
  if (!e)
    e = s->ops->credentials->list(s, &a, &all, &count, &f);
  bool good = !e && count == RECORDS;
  for (size_t i = 0; i < count && good; i++) {
    const struct vault_place place = store_credential_place(all[i].id, all[i].sealed_version);
    struct secret *plain = NULL;
    char wanted[32];
    secret_of(all[i].id, wanted);
    good = port->open(port, &place, all[i].sealed, &plain, &f) == ERR_OK &&
           text_equal(secret_reveal(plain), text_of(wanted));
    secret_free(plain);
  }
  if (!good)
    printf("# %s: %s\n", when, fault_text(&f));
  arena_done(&a);
  vault_free(v);
  s->ops->close(s);
  return good;
}

/* Nothing is left of the old key, and no key waits. */
static bool is_finished(void) {
  struct store *s = open_store();
  struct store_vault_state state;
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  bool good = s->ops->vault->state(s, &a, &state, &f) == ERR_OK && state.next.len == 0;
  arena_done(&a);
  s->ops->close(s);
  return good;
}

/* True when it died there. */
static bool run_until(unsigned place) {
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct store *s = open_store();
    struct fault f = {0};
    count_writes(s);
    dies_at = place;
    _exit(rewrap(s, &f) ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    printf("Bail out! the work failed by itself\n");
    exit(1);
  }
  return WIFSIGNALED(status);
}

static bool finish(void) {
  struct store *s = open_store();
  struct fault f = {0};
  enum err e = rewrap(s, &f);
  if (e)
    printf("# going on: %s\n", fault_text(&f));
  s->ops->close(s);
  return e == ERR_OK;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

int main(void) {
  unsigned failed = 0, place = 0;
  bool died = true;
  random_start();
  secret_start();
  while (died && place < PLACES_MAX) {
    snprintf(dir, sizeof dir, "/tmp/weir-kill-rewrap-XXXXXX");
    if (!mkdtemp(dir))
      return 1;
    snprintf(database, sizeof database, "%s/weir.db", dir);
    fill();
    died = run_until(++place);
    bool right = opens_all("after the kill") && finish() && opens_all("at the end") && is_finished();
    failed += !right;
    printf("%sok %u - %s %u\n", right ? "" : "not ", place, died ? "killed at write" : "not killed, writes before",
           place);
    (void)nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  }
  printf("1..%u\n", place);
  return failed > 0 || died || place < 4 * RECORDS;
}
