/* Scheduled backups as a process makes them: with what was settled, under the settings in force, and told to health. */
#include "app/backups.h"

#include "../store/backup_fixture.h"

#include "app/source.h"
#include "config/errors.h"
#include "store/restore.h"

static struct config *first, *in_force;
static struct store *store;
static struct ledger *ledger;
static struct secret *server_key;
static struct backup_desk desk;

static struct config *get_config(void *ctx) { return config_ref(in_force); }
static enum err go_on(void *data, struct fault *f) { return ERR_OK; }
static enum err stop(void *data, struct fault *f) { return fault_set(f, ERR_CANCELLED, NULL, "enough"); }
static const struct backups_watch watch = {go_on, NULL}, stopped = {stop, NULL};

static struct config *load(const char *more) {
  static struct config_errors errors;
  struct config *c = NULL;
  char text[1024];
  int n = snprintf(text, sizeof(text), "data_dir: %s\n%s", test_dir, more);
  if (config_load_text((struct text){text, (size_t)n}, "weir.yaml", NULL, &c, &errors) != ERR_OK)
    fail_msg("%s", errors.at[0].text);
  return c;
}

static void use(const char *more) {
  config_unref(in_force);
  in_force = load(more);
}

static void start_desk(void) {
  const struct backup_desk_options o = {get_config, NULL, first, ledger, server_key};
  backup_desk_init(&desk, &o);
}

static int with_world(void **state) {
  if (make_dir(state) != 0)
    return -1;
  uint64_t recovered = 0;
  first = load("");
  in_force = config_ref(first);
  store = open_store();
  const struct ledger_options o = {.data_dir = test_dir, .workers = 1};
  EXPECT_OK(ledger_open(&o, store, &ledger, &recovered, &test_fault));
  server_key = secret_new(TEXT("0123456789abcdef0123456789abcdef"));
  start_desk();
  return 0;
}

static int end_world(void **state) {
  backup_desk_done(&desk);
  ledger_close(ledger, 1000);
  store->ops->close(store);
  secret_free(server_key);
  config_unref(first);
  config_unref(in_force);
  return drop_all(state);
}

static struct backups_made make(void) {
  struct backups_made made;
  EXPECT_OK(desk.port.make(&desk.port, &watch, &made, &test_fault));
  return made;
}

/* Rows in a backup. */
static uint64_t rows_in(const char *path, struct text passphrase) {
  struct restore_found found;
  struct path elsewhere = in_dir("elsewhere.db");
  int in = open(path, O_RDONLY | O_CLOEXEC);
  EXPECT_OK(restore_prepare(in, &(struct restore_database){.path = elsewhere.text}, passphrase, &found, &test_fault));
  close(in);
  restore_discard(elsewhere.text);
  return found.rows;
}

static void what_was_settled_is_in_it(void **state) {
  for (int i = 0; i < 50; i++) {
    struct ledger_row row = make_row(0, 7, 100, 0);
    EXPECT_OK(ledger_reserve(ledger, 0, &row, &test_fault));
    ledger_settle(ledger, 0, &row);
  }
  struct backups_made made = make();
  assert_int_equal(rows_in(made.path, TEXT_NONE), 50);
  assert_int_equal(made.kept, 1);
  assert_true(strstr(made.path, "/backups/weir-") != NULL);
  assert_true(made.stored_bytes > 100);
}

static void the_settings_in_force_count(void **state) {
  struct path p = in_dir("passphrase");
  char more[512];
  write_bytes(p.text, "correct horse\n", 14);
  snprintf(more, sizeof(more), "backup: { dir: %s/other, keep: 1, passphrase_file: %s }\n", test_dir, p.text);
  use(more);
  struct backups_made made = make();
  assert_true(strstr(made.path, "/other/weir-") != NULL);
  assert_int_equal(rows_in(made.path, TEXT("correct horse")), 0);
}

static void expect_master_key(const char *path, struct text passphrase, const char *want) {
  struct restore_found found;
  struct path elsewhere = in_dir("elsewhere.db");
  int in = open(path, O_RDONLY | O_CLOEXEC);
  EXPECT_OK(restore_prepare(in, &(struct restore_database){.path = elsewhere.text}, passphrase, &found, &test_fault));
  close(in);
  restore_discard(elsewhere.text);
  assert_memory_equal(found.content.master_key, want, BACKUP_MASTER_KEY_BYTES);
}

#define MASTER_KEY  "fedcba9876543210fEDCBA9876543210"
#define ANOTHER_KEY "fedcba9876543210fEDCBA9876543211"

static void set_master_key(const char *key) {
  struct path p = in_dir("master.key");
  unlink(p.text);
  write_bytes(p.text, key, BACKUP_MASTER_KEY_BYTES);
}

static void the_master_key_goes_into_encrypted_ones(void **state) {
  static const char none[BACKUP_MASTER_KEY_BYTES];
  struct path p = in_dir("passphrase");
  char more[512];
  set_master_key(MASTER_KEY);
  expect_master_key(make().path, TEXT_NONE, none);
  write_bytes(p.text, "correct horse battery\n", 22);
  snprintf(more, sizeof(more), "backup: { dir: %s/other, passphrase_file: %s }\n", test_dir, p.text);
  use(more);
  expect_master_key(make().path, TEXT("correct horse battery"), MASTER_KEY);
}

/* Where the configuration gives it, the operator has it. */
static void a_master_key_that_is_kept_elsewhere_stays_there(void **state) {
  static const char none[BACKUP_MASTER_KEY_BYTES];
  struct path p = in_dir("passphrase");
  char more[512];
  set_master_key(MASTER_KEY);
  write_bytes(p.text, "correct horse battery\n", 22);
  config_unref(first);
  first = load("vault: { master_key: \"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\" }\n");
  desk.options.first = first;
  snprintf(more, sizeof(more), "backup: { passphrase_file: %s }\n", p.text);
  use(more);
  expect_master_key(make().path, TEXT("correct horse battery"), none);
}

static enum err change_master_key(void *data, struct fault *f) {
  set_master_key(ANOTHER_KEY);
  return ERR_OK;
}

static void one_during_which_another_master_key_took_over_is_made_again(void **state) {
  static const struct backups_watch changing = {change_master_key, NULL};
  struct backups_made made;
  char more[512];
  set_master_key(MASTER_KEY);
  add_rows(store, 1, 100);
  EXPECT_ERR(desk.port.make(&desk.port, &changing, &made, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("another master key took over");
  snprintf(more, sizeof(more), "backup: { dir: %s/other }\n", test_dir);
  use(more);
  EXPECT_OK(desk.port.make(&desk.port, &changing, &made, &test_fault));
}

static void health_tells_of_one_that_failed_and_of_old_ones(void **state) {
  struct backups_made made;
  EXPECT_OK(backup_desk_check(&desk, &test_fault));
  assert_int_equal(backup_desk_age_s(&desk), -1);
  use("backup: { schedule: \"03:30\", passphrase_file: /nowhere/at/all }\n");
  EXPECT_OK(backup_desk_check(&desk, &test_fault));
  EXPECT_ERR(desk.port.make(&desk.port, &watch, &made, &test_fault), ERR_CONFIG);
  EXPECT_ERR(backup_desk_check(&desk, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/nowhere/at/all");
  use("backup: { schedule: \"03:30\" }\n");
  make();
  EXPECT_OK(backup_desk_check(&desk, &test_fault));
  assert_in_range(backup_desk_age_s(&desk), 0, 60);
}

static void one_that_is_stopped_says_nothing(void **state) {
  struct backups_made made;
  use("backup: { schedule: \"03:30\" }\n");
  add_rows(store, 1, 100);
  EXPECT_ERR(desk.port.make(&desk.port, &stopped, &made, &test_fault), ERR_CANCELLED);
  EXPECT_OK(backup_desk_check(&desk, &test_fault));
}

static void when_the_newest_was_made_is_known_whoever_made_it(void **state) {
  int64_t newest_us = -1;
  EXPECT_OK(desk.port.newest(&desk.port, &newest_us, &test_fault));
  assert_int_equal(newest_us, 0);
  make();
  backup_desk_done(&desk);
  start_desk();
  EXPECT_OK(desk.port.newest(&desk.port, &newest_us, &test_fault));
  assert_true(newest_us > 0);
  use("backup: { dir: /nowhere/at/all }\n");
  EXPECT_OK(desk.port.newest(&desk.port, &newest_us, &test_fault));
  assert_int_equal(newest_us, 0);
}

static void the_age_is_known_after_a_restart(void **state) {
  make();
  backup_desk_done(&desk);
  start_desk();
  assert_in_range(backup_desk_age_s(&desk), 0, 60);
}

static void postgresql_is_refused(void **state) {
  struct backups_made made;
  config_unref(first);
  first = load("store: \"postgres://u@h/d\"\n");
  desk.options.first = first;
  EXPECT_ERR(desk.port.make(&desk.port, &watch, &made, &test_fault), ERR_UNSUPPORTED);
  EXPECT_MENTIONS("OPERATIONS");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, with_world, end_world)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_WORLD(what_was_settled_is_in_it),
      IN_WORLD(the_settings_in_force_count),
      IN_WORLD(the_master_key_goes_into_encrypted_ones),
      IN_WORLD(a_master_key_that_is_kept_elsewhere_stays_there),
      IN_WORLD(one_during_which_another_master_key_took_over_is_made_again),
      IN_WORLD(health_tells_of_one_that_failed_and_of_old_ones),
      IN_WORLD(one_that_is_stopped_says_nothing),
      IN_WORLD(when_the_newest_was_made_is_known_whoever_made_it),
      IN_WORLD(the_age_is_known_after_a_restart),
      IN_WORLD(postgresql_is_refused),
  };
  return RUN_TESTS(tests);
}
