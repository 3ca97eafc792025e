/* The commands on stored data as an operator gives them, to a whole weir with real databases: a store copied to
 * PostgreSQL and back, refused while somebody works on the data, and stopped by a signal; backups of PostgreSQL with
 * its own tools, as docs/OPERATIONS.md says. usage: operator PATH_OF_WEIR; prints TAP. */
#include "ledger/hold.h"
#include "store/store.h"

#include "../tools/run.h"
#include "../unit/store/backup_fixture.h"
#include "support/postgres.h"

#include <signal.h>
#include <sys/select.h>
#include <sys/wait.h>

static char *program;
static struct postgres_server server;
static char address[256];
static const char *bin_dir;

static int with_world(void **state) {
  test_fault = (struct fault){0};
  return make_dir(state);
}

static void need_server(void) {
  if (postgres_server_missing()) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
  if (!server.pid && !postgres_server_start(&server))
    fail_msg("%s", server.why);
  bin_dir = server.bin;
  if (!postgres_server_database(&server, false, address, sizeof address))
    fail_msg("%s", server.why);
}

static int end_server(void **state) {
  postgres_server_stop(&server);
  return 0;
}

/* A configuration whose store is this; "sqlite" for the file. */
static const char *config_of(const char *name, const char *store) {
  static char path[2][160];
  static int turn;
  char text[512];
  turn = !turn;
  snprintf(path[turn], sizeof path[turn], "%s/%s.yaml", test_dir, name);
  int n = snprintf(text, sizeof text, "data_dir: %s\nstore: \"%s\"\n", test_dir, store);
  write_bytes(path[turn], text, (size_t)n);
  return path[turn];
}

#define WEIR(...) weir((char *[]){program, __VA_ARGS__, NULL})
static const struct run_result *weir(char *argv[]) { return run_tool(argv); }
#define C (char *)(uintptr_t)

static void expect(const struct run_result *r, int status, const char *word) {
  if (r->status != status || !strstr(r->text, word))
    fail_msg("status %d, expected %d and \"%s\": %s", r->status, status, word, r->text);
}

/* The same with standard error in place of standard output. */
static const struct run_result *complaint(const char *command, const char *first, const char *second,
                                          const char *config) {
  char line[1024];
  snprintf(line, sizeof line, "exec 3>&1; \"%s\" %s %s %s -c %s 2>&3 >/dev/null", program, command, first, second,
           config);
  return run_tool((char *[]){C "/bin/sh", C "-c", line, NULL});
}

static void fill(int64_t rows) {
  struct store *s = open_store();
  for (int64_t i = 0; i < rows; i += 2000)
    add_rows(s, 1 + i, 2000);
  s->ops->close(s);
}

static void a_store_goes_to_postgresql_and_back(void **state) {
  need_server();
  const char *file = config_of("file", "sqlite"), *server_config = config_of("server", address);
  fill(4000);
  expect(WEIR(C "key", C "create", C "--name", C "anna", C "-c", C file), 0, "weir_");
  expect(WEIR(C "store", C "copy", C "--to", address, C "-c", C file), 0,
         "4000 calls of 3 keys, $0.000400000; all of it was read back");
  expect(WEIR(C "key", C "list", C "-c", C server_config), 0, "anna");
  expect(WEIR(C "ledger", C "verify", C "-c", C server_config), 0, "every balance is the sum of its rows");
  expect(complaint("store", "copy --to", address, file), 1, "not empty");
  expect(complaint("store", "copy --to", test_db, server_config), 1, "exists already");
  assert_int_equal(unlink(test_db), 0);
  expect(WEIR(C "store", C "copy", C "--to", test_db, C "-c", C server_config), 0, "4000 calls of 3 keys");
  assert_int_equal(totals_of(test_db).rows, 4000);
  expect(WEIR(C "key", C "list", C "-c", C file), 0, "anna");
}

static void a_store_somebody_works_on_is_not_copied(void **state) {
  struct hold *h = NULL;
  const char *file = config_of("file", "sqlite");
  char target[128];
  snprintf(target, sizeof target, "%s/other.db", test_dir);
  fill(2000);
  EXPECT_OK(hold_take(test_dir, &h, &test_fault));
  expect(complaint("store", "copy --to", target, file), 1, "is in use by another weir");
  hold_release(h);
  expect(WEIR(C "store", C "copy", C "--to", target, C "-c", C file), 0, "2000 calls");
  unlink(target);
}

static void what_is_no_target_is_said_without_the_password(void **state) {
  const char *file = config_of("file", "sqlite");
  fill(2000);
  const struct run_result *r = complaint("store", "copy --to", "postgres://u:sec@ret@host/d", file);
  expect(r, 1, "--to must be an address");
  assert_null(strstr(r->text, "sec"));
  expect(complaint("store", "copy", "", file), 2, "usage");
  expect(complaint("store", "move", "", file), 2, "usage");
  unlink(test_db);
  expect(complaint("store", "copy --to", "x.db", file), 1, "there is no database");
  expect(complaint("store", "copy --to", "x.db", config_of("memory", "memory")), 1, "memory");
}

static void a_postgresql_store_is_not_backed_up_by_weir(void **state) {
  const char *config = config_of("server", "postgres://nobody@127.0.0.1:1/none");
  expect(complaint("backup", "b", "", config), 1, "pg_dump");
  expect(complaint("restore", "b", "", config), 1, "pg_restore");
}

/* The signal comes at a moment that nothing tells; whichever it is, there is a whole backup or none. */
static void a_backup_that_is_interrupted_leaves_nothing_half(void **state) {
  const char *file = config_of("file", "sqlite");
  char backup[128];
  unsigned stopped = 0;
  snprintf(backup, sizeof backup, "%s/b", test_dir);
  fill(60000);
  for (int i = 0; i < 12; i++) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
      int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
      dup2(nowhere, STDERR_FILENO);
      execl(program, program, "backup", backup, "-c", file, NULL);
      _exit(127);
    }
    const struct timespec moment = {.tv_nsec = (long)(i + 1) * 12000000};
    pselect(0, NULL, NULL, NULL, &moment, NULL);
    kill(pid, i % 2 ? SIGINT : SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool whole = access(backup, F_OK) == 0;
    assert_true(whole == (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    stopped += WIFEXITED(status) && WEXITSTATUS(status) == 1;
    assert_false(exists("b.partial-db"));
    assert_false(exists("b.partial"));
    unlink(backup);
  }
  print_message("# %u of 12 were stopped in their work\n", stopped);
}

/* One of PostgreSQL's own programs, found beside the server's or in the path. */
static int tool(const char *name, const char *arguments) {
  char line[1200];
  snprintf(line, sizeof line, "PATH=\"%s:$PATH\"; exec %s %s", bin_dir, name, arguments);
  return run_tool((char *[]){C "/bin/sh", C "-c", line, NULL})->status;
}

static void a_dump_of_postgresql_is_restored_into_a_new_database(void **state) {
  need_server();
  char first[256], arguments[700];
  if (tool("pg_dump", "--version") != 0 || tool("pg_restore", "--version") != 0) {
    print_message("# there is no pg_dump on this machine\n");
    skip();
  }
  snprintf(first, sizeof first, "%s", address);
  fill(4000);
  expect(WEIR(C "key", C "create", C "--name", C "anna", C "-c", C config_of("file", "sqlite")), 0, "weir_");
  expect(WEIR(C "store", C "copy", C "--to", first, C "-c", C config_of("file", "sqlite")), 0, "4000 calls");
  snprintf(arguments, sizeof arguments, "--format=custom --no-owner --file=%s/weir.dump '%s'", test_dir, first);
  assert_int_equal(tool("pg_dump", arguments), 0);
  /* What comes after the dump is not in it. */
  expect(WEIR(C "key", C "create", C "--name", C "late", C "-c", C config_of("old", first)), 0, "weir_");
  need_server(); /* a new database */
  snprintf(arguments, sizeof arguments, "--single-transaction --exit-on-error --no-owner --dbname='%s' %s/weir.dump",
           address, test_dir);
  assert_int_equal(tool("pg_restore", arguments), 0);
  const char *fresh = config_of("fresh", address);
  expect(WEIR(C "migrate", C "status", C "-c", C fresh), 0, "applied");
  expect(WEIR(C "ledger", C "verify", C "-c", C fresh), 0, "4000 rows, 3 keys");
  const struct run_result *r = WEIR(C "key", C "list", C "-c", C fresh);
  expect(r, 0, "anna");
  assert_null(strstr(r->text, "late"));
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, with_world, drop_all)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      WITH_WORLD(a_store_goes_to_postgresql_and_back),
      WITH_WORLD(a_store_somebody_works_on_is_not_copied),
      WITH_WORLD(what_is_no_target_is_said_without_the_password),
      WITH_WORLD(a_postgresql_store_is_not_backed_up_by_weir),
      WITH_WORLD(a_backup_that_is_interrupted_leaves_nothing_half),
      WITH_WORLD(a_dump_of_postgresql_is_restored_into_a_new_database),
  };
  if (argc < 2)
    return 2;
  program = argv[1];
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, end_server);
}
