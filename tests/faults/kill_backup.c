/* Kills a process in the middle of a backup, and of a restore, at random moments. A backup that existed before is whole
 * afterwards, the old one or the new; a database is the old one or the restored one, each exact, and what is left over
 * is no hindrance to the next try. usage: kill_backup [cycles] [seed]; prints TAP, one line a cycle. */
#include "store/restore.h"
#include "store/store.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD_ROWS 3000
#define NEW_ROWS 9000

static char dir[64], database[96], backup[96], kept[96], unpacked[96];
static uint64_t random_state;
static unsigned killed_in_work;

/* A process is to be killed in the middle of something: nothing tells when, only time does. */
static void let_pass(int64_t us) {
  struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  pselect(0, NULL, NULL, NULL, &t, NULL);
}

static uint64_t next_random(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return z ^ (z >> 31);
}

static void die(const char *what, const struct fault *f) {
  printf("Bail out! %s: %s\n", what, fault_text(f));
  exit(1);
}

static void database_make(const char *path, int64_t rows) {
  static struct ledger_row batch[500];
  struct store *s = NULL;
  struct fault f = {0};
  enum err e = store_open_sqlite(path, &s, &f);
  for (int64_t at = 0; !e && at < rows; at += 500) {
    for (int64_t i = 0; i < 500; i++)
      batch[i] = (struct ledger_row){.id = at + i + 1,
                                     .settled_us = 1790000000000000 + at + i,
                                     .request_id = TEXT("request"),
                                     .model = TEXT("claude"),
                                     .key_id = i % 5,
                                     .billable = true,
                                     .cost = {.total = i, .known = true}};
    e = s->ops->ledger_append(s, batch, 500, TEXT("journal/0/1"), (uint64_t)at + 1, &f);
  }
  if (e)
    die("making a database", &f);
  s->ops->close(s);
}

/* Rows of an exact database, or -1 after saying what is wrong with it. */
static int64_t rows_of(const char *path) {
  struct store *s = NULL;
  struct fault f = {0};
  struct ledger_totals t = {0};
  struct arena a;
  if (store_open_sqlite(path, &s, &f)) {
    printf("# %s: %s\n", path, fault_text(&f));
    return -1;
  }
  arena_init(&a);
  enum err e = s->ops->ledger_verify(s, &a, &t, &f);
  if (e || t.mismatched_keys)
    printf("# %s: %s %.*s\n", path, fault_text(&f), TEXT_ARGS(t.first_mismatch));
  arena_done(&a);
  s->ops->close(s);
  return e || t.mismatched_keys ? -1 : (int64_t)t.rows;
}

static void do_backup(void) {
  struct backup_request r = {.database = database, .path = backup, .out = -1, .replace = true};
  struct backup_made made;
  struct fault f = {0};
  if (backup_make(&r, &made, &f))
    die("backup", &f);
}

static enum err do_restore(struct fault *f) {
  struct restore_found found;
  bool was_kept;
  int in = open(backup, O_RDONLY | O_CLOEXEC);
  enum err e = restore_prepare(in, &(struct restore_database){.path = database}, TEXT_NONE, &found, f);
  close(in);
  return e ? e : restore_put(&(struct restore_database){.path = database}, kept, &was_kept, f);
}

/* Runs work in a process of its own and kills it after a while, most often before its end. */
static void run_and_kill(void (*work)(void), int64_t within_us) {
  int status = 0;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    work();
    _exit(0);
  }
  let_pass((int64_t)(next_random() % (uint64_t)within_us));
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  killed_in_work += WIFSIGNALED(status);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    printf("Bail out! the work failed by itself\n");
    exit(1);
  }
}

static void restore_work(void) {
  struct fault f = {0};
  if (do_restore(&f))
    _exit(1);
}

static int64_t rows_in_backup(void) {
  struct backup_content found;
  struct fault f = {0};
  int in = open(backup, O_RDONLY | O_CLOEXEC), out = open(unpacked, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  enum err e = backup_stream_read(in, TEXT_NONE, UINT64_C(1) << 32, out, &found, &f);
  close(in);
  close(out);
  if (e)
    printf("# the backup: %s\n", fault_text(&f));
  int64_t rows = e ? -1 : rows_of(unpacked);
  unlink(unpacked);
  return rows;
}

static bool backup_cycle(int64_t within_us) {
  run_and_kill(do_backup, within_us);
  return rows_in_backup() == NEW_ROWS && rows_of(database) == NEW_ROWS;
}

static bool restore_cycle(int64_t within_us) {
  struct fault f = {0};
  unlink(database);
  unlink(kept);
  database_make(database, OLD_ROWS);
  run_and_kill(restore_work, within_us);
  int64_t rows = rows_of(database);
  bool right = rows == OLD_ROWS || (rows == NEW_ROWS && rows_of(kept) == OLD_ROWS);
  unlink(kept); /* it may be there from the moment before the exchange */
  if (right && do_restore(&f))
    printf("# restoring again: %s\n", fault_text(&f));
  return right && f.err == ERR_OK && rows_of(database) == NEW_ROWS;
}

static int64_t time_of(void (*work)(void)) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  work();
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000 + 1000;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

int main(int argc, char **argv) {
  unsigned cycles = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 25, failed = 0;
  random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
  snprintf(dir, sizeof dir, "/tmp/weir-kill-backup-XXXXXX");
  if (!mkdtemp(dir))
    return 1;
  snprintf(database, sizeof database, "%s/weir.db", dir);
  snprintf(backup, sizeof backup, "%s/backup", dir);
  snprintf(kept, sizeof kept, "%s/weir.db.before", dir);
  snprintf(unpacked, sizeof unpacked, "%s/unpacked.db", dir);
  printf("1..%u\n# seed %llu\n", 2 * cycles, (unsigned long long)random_state);
  database_make(database, NEW_ROWS);
  int64_t within_us = time_of(do_backup);
  for (unsigned i = 0; i < cycles; i++) {
    bool right = backup_cycle(within_us);
    failed += !right;
    printf("%sok %u - a killed backup\n", right ? "" : "not ", i + 1);
  }
  within_us = time_of(restore_work);
  for (unsigned i = 0; i < cycles; i++) {
    bool right = restore_cycle(within_us);
    failed += !right;
    printf("%sok %u - a killed restore\n", right ? "" : "not ", cycles + i + 1);
  }
  printf("# %u were killed in the middle\n", killed_in_work);
  nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  return failed > 0 || killed_in_work == 0;
}
