/* Making backups: of a database in use, whole or not at all, and never of what is damaged. */
#include "store/backup.h"

#include "backup_fixture.h"
#include "store/backup_passphrase.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>

static struct path backup_path;

static struct backup_request request(void) {
  backup_path = in_dir("b");
  return (struct backup_request){.database = test_db, .path = backup_path.text, .out = -1};
}

static struct backup_made make(const struct backup_request *r) {
  struct backup_made made = {0};
  EXPECT_OK(backup_make(r, &made, &test_fault));
  assert_false(exists("b.partial"));
  assert_false(exists("b.partial-db"));
  return made;
}

/* The database in a backup, as a file of its own. */
static struct path unpack(const char *path) {
  struct path out = in_dir("unpacked.db");
  struct backup_content found;
  int from = open(path, O_RDONLY | O_CLOEXEC), to = open(out.text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_OK(backup_stream_read(from, TEXT_NONE, UINT64_C(1) << 32, to, &found, &test_fault));
  close(from);
  close(to);
  return out;
}

static void expect_refused(const struct backup_request *r, enum err want, const char *word) {
  struct backup_made made = {.stored_bytes = 7};
  EXPECT_ERR(backup_make(r, &made, &test_fault), want);
  EXPECT_MENTIONS(word);
  assert_int_equal(made.stored_bytes, 7);
}

static void a_backup_holds_what_the_database_holds(void **state) {
  struct store *s = open_store();
  struct stat st;
  add_rows(s, 1, 3000);
  struct backup_request r = request();
  mode_t before = umask(0);
  struct backup_made made = make(&r);
  umask(before);
  assert_int_equal(stat(r.path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(st.st_size, made.stored_bytes);
  assert_true(made.stored_bytes < made.database_bytes);
  assert_true(made.schema_version >= 4);
  struct path copy = unpack(r.path);
  struct ledger_totals t = totals_of(copy.text);
  assert_int_equal(t.rows, 3000);
  assert_int_equal(t.cost_nano, 300000);
  s->ops->close(s);
}

static void a_database_that_nobody_has_open_is_left_as_it_is(void **state) {
  struct store *s = open_store();
  add_rows(s, 1, 100);
  s->ops->close(s);
  struct bytes before = bytes_of_file(test_db);
  struct backup_request r = request();
  make(&r);
  struct bytes after = bytes_of_file(test_db);
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.at, after.at, before.len);
  free(before.at);
  free(after.at);
}

struct writing {
  struct store *store;
  atomic_bool stop;
  _Atomic int64_t rows;
};

static void *write_on(void *arg) {
  struct writing *w = arg;
  while (!atomic_load(&w->stop)) {
    add_rows(w->store, atomic_load(&w->rows) + 1, 20);
    atomic_fetch_add(&w->rows, 20);
  }
  return NULL;
}

/* Every row committed before is in it, none is half in it, and the writer went on. */
static void a_writer_goes_on_while_a_backup_is_made(void **state) {
  struct writing w = {.store = open_store()};
  pthread_t thread;
  bool went_on = false;
  add_rows(w.store, 1, 20000);
  atomic_store(&w.rows, 20000);
  assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
  struct backup_request r = request();
  r.replace = true;
  for (int i = 0; i < 100 && !went_on; i++) {
    int64_t before = atomic_load(&w.rows);
    make(&r);
    int64_t after = atomic_load(&w.rows);
    went_on = after > before + 40; /* more than a batch on either edge */
    struct path copy = unpack(r.path);
    struct ledger_totals t = totals_of(copy.text);
    if ((int64_t)t.rows < before || (int64_t)t.rows > after + 20)
      fail_msg("%lld rows before, %lld in the backup, %lld after", (long long)before, (long long)t.rows,
               (long long)after);
  }
  atomic_store(&w.stop, true);
  pthread_join(thread, NULL);
  w.store->ops->close(w.store);
  assert_true(went_on);
}

static void only_a_backup_is_replaced_and_only_when_asked(void **state) {
  struct store *s = open_store();
  struct backup_request r = request();
  write_bytes(r.path, "precious", 8);
  expect_refused(&r, ERR_STORE_CONFLICT, "--force");
  struct bytes b = bytes_of_file(r.path);
  assert_memory_equal(b.at, "precious", 8);
  free(b.at);
  r.replace = true;
  expect_refused(&r, ERR_STORE_CONFLICT, "not a backup");
  write_bytes(r.path, "", 0);
  make(&r);
  add_rows(s, 1, 10);
  make(&r);
  assert_int_equal(totals_of(unpack(r.path).text).rows, 10);
  r.path = test_db;
  expect_refused(&r, ERR_STORE_CONFLICT, "not a backup");
  s->ops->close(s);
}

static void what_is_no_ordinary_file_is_not_replaced(void **state) {
  struct store *s = open_store();
  struct backup_request r = request();
  r.replace = true;
  assert_int_equal(mkdir(r.path, 0700), 0);
  expect_refused(&r, ERR_STORE_CONFLICT, "not an ordinary file");
  assert_int_equal(rmdir(r.path), 0);
  assert_int_equal(symlink("elsewhere", r.path), 0);
  expect_refused(&r, ERR_STORE_CONFLICT, "not an ordinary file");
  s->ops->close(s);
}

static void what_is_no_database_of_weir_gives_no_backup(void **state) {
  struct backup_request r = request();
  expect_refused(&r, ERR_NOT_FOUND, "no such file");
  write_bytes(test_db, "nonsense, at length", 19);
  expect_refused(&r, ERR_STORE_CORRUPT, "not an SQLite database");
  write_bytes(test_db, "", 0);
  expect_refused(&r, ERR_STORE_CORRUPT, "not a database of Weir");
  assert_false(exists("b"));
  assert_false(exists("b.partial"));
}

/* A restore would refuse both, and by then a backup like this could have taken the place of every good one. */
static void what_a_restore_would_refuse_gives_no_backup(void **state) {
  struct store *s = open_store();
  add_rows(s, 1, 3000);
  s->ops->close(s);
  struct backup_request r = request();
  execute(test_db, "INSERT INTO weir_meta VALUES ('a name that is indexed', 'v')");
  struct bytes db = bytes_of_file(test_db), damaged = bytes_of_file(test_db);
  misname(damaged, "a name that is indexed");
  write_bytes(test_db, damaged.at, damaged.len);
  expect_refused(&r, ERR_STORE_CORRUPT, "index");
  write_bytes(test_db, db.at, db.len);
  execute(test_db, "UPDATE weir_ledger_balance SET cost_nano = cost_nano + 1");
  expect_refused(&r, ERR_STORE_CORRUPT, "balance says");
  assert_false(exists("b"));
  assert_false(exists("b.partial-db"));
  write_bytes(test_db, db.at, db.len);
  make(&r);
  free(db.at);
  free(damaged.at);
}

static void a_damaged_database_leaves_the_older_backup_alone(void **state) {
  struct store *s = open_store();
  add_rows(s, 1, 3000);
  s->ops->close(s);
  struct backup_request r = request();
  make(&r);
  struct bytes good = bytes_of_file(r.path), db = bytes_of_file(test_db);
  memset(db.at + db.len / 2, 0x5a, 40000);
  write_bytes(test_db, db.at, db.len);
  r.replace = true;
  expect_refused(&r, ERR_STORE_CORRUPT, "damaged");
  struct bytes still = bytes_of_file(r.path);
  assert_int_equal(still.len, good.len);
  assert_memory_equal(still.at, good.at, good.len);
  assert_false(exists("b.partial"));
  free(good.at);
  free(db.at);
  free(still.at);
}

static void two_backups_to_one_file_do_not_meet(void **state) {
  struct store *s = open_store();
  struct backup_request r = request();
  int other = open(in_dir("b.partial").text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_int_equal(flock(other, LOCK_EX), 0);
  expect_refused(&r, ERR_STORE_BUSY, "another backup");
  assert_true(exists("b.partial"));
  close(other); /* as if it had been killed */
  write_bytes(in_dir("b.partial").text, "left behind by a killed process", 31);
  write_bytes(in_dir("b.partial-db").text, "this too", 8);
  make(&r);
  unpack(r.path);
  s->ops->close(s);
}

static void a_backup_can_go_to_a_descriptor(void **state) {
  struct store *s = open_store();
  add_rows(s, 1, 50);
  struct backup_request r = request();
  r.out = memory_file(NULL, 0);
  make(&r);
  assert_false(exists("b"));
  struct bytes b = bytes_of_fd(r.out);
  write_bytes(in_dir("piped").text, b.at, b.len);
  assert_int_equal(totals_of(unpack(in_dir("piped").text).text).rows, 50);
  free(b.at);
  close(r.out);
  s->ops->close(s);
}

static int checks_left;

static enum err run_out(void *data, struct fault *f) {
  return checks_left-- > 0 ? ERR_OK : fault_set(f, ERR_CANCELLED, NULL, "enough");
}

static void one_that_is_stopped_anywhere_leaves_nothing(void **state) {
  struct store *s = open_store();
  struct backup_made made;
  struct backup_request r = request();
  add_rows(s, 1, 20000);
  r.stop.check = run_out;
  int stops = 0;
  for (;; stops++) {
    checks_left = stops;
    enum err e = backup_make(&r, &made, &test_fault);
    assert_false(exists("b.partial"));
    assert_false(exists("b.partial-db"));
    if (e == ERR_OK)
      break;
    assert_int_equal(e, ERR_CANCELLED);
    assert_false(exists("b"));
  }
  assert_true(stops > 10);
  assert_true(exists("b"));
  s->ops->close(s);
}

static void a_passphrase_is_a_line_of_a_file(void **state) {
  static const struct {
    const char *bytes, *want;
  } files[] = {{"hush hush", "hush hush"}, {"hush hush\n", "hush hush"}, {"hush\r\n", "hush"}, {"a\nb\n", "a\nb"}};
  struct path p = in_dir("passphrase");
  struct text t = TEXT("none");
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    write_bytes(p.text, files[i].bytes, strlen(files[i].bytes));
    EXPECT_OK(backup_passphrase_read(p.text, &t, &test_fault));
    EXPECT_TEXT(t, text_of(files[i].want));
    backup_passphrase_done(&t);
  }
  EXPECT_OK(backup_passphrase_read("", &t, &test_fault));
  assert_int_equal(t.len, 0);
  write_bytes(p.text, "\n", 1);
  EXPECT_ERR(backup_passphrase_read(p.text, &t, &test_fault), ERR_CONFIG);
  EXPECT_MENTIONS("is empty");
  char *large = calloc(1, BACKUP_PASSPHRASE_MAX + 1);
  assert_non_null(large);
  memset(large, 'x', BACKUP_PASSPHRASE_MAX + 1);
  write_bytes(p.text, large, BACKUP_PASSPHRASE_MAX + 1);
  free(large);
  EXPECT_ERR(backup_passphrase_read(p.text, &t, &test_fault), ERR_CONFIG);
  EXPECT_MENTIONS("too long");
  EXPECT_ERR(backup_passphrase_read(in_dir("none").text, &t, &test_fault), ERR_CONFIG);
}

static void limits_of_names_and_passphrases(void **state) {
  struct store *s = open_store();
  struct backup_request r = request();
  char name[BACKUP_PATH_MAX + 1];
  memset(name, 'n', sizeof name);
  name[BACKUP_PATH_MAX] = '\0';
  r.secrets.passphrase = TEXT("7 bytes");
  expect_refused(&r, ERR_LIMIT, "8 to 4096 bytes");
  r.secrets.passphrase = (struct text){name, BACKUP_PASSPHRASE_MAX + 1};
  expect_refused(&r, ERR_LIMIT, "8 to 4096 bytes");
  r = request();
  r.path = name;
  expect_refused(&r, ERR_LIMIT, "longer than 1023 bytes");
  r.path = "/nonexistent/b";
  expect_refused(&r, ERR_STORE, "/nonexistent/b.partial");
  s->ops->close(s);
}

static void an_encrypted_backup_shows_nothing(void **state) {
  struct store *s = open_store();
  add_rows(s, 1, 50);
  struct backup_request r = request();
  r.secrets = (struct backup_secrets){TEXT_NONE, TEXT("correct horse battery")};
  r.kdf_passes = TEST_KDF_PASSES;
  r.kdf_memory = TEST_KDF_MEMORY;
  make(&r);
  struct backup_content found;
  int from = open(r.path, O_RDONLY | O_CLOEXEC), to = memory_file(NULL, 0);
  EXPECT_ERR(backup_stream_read(from, TEXT_NONE, 1 << 30, to, &found, &test_fault), ERR_FORBIDDEN);
  assert_int_equal(lseek(from, 0, SEEK_SET), 0);
  EXPECT_OK(backup_stream_read(from, r.secrets.passphrase, 1 << 30, to, &found, &test_fault));
  close(from);
  close(to);
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_FILES(a_backup_holds_what_the_database_holds),
      TEST_WITH_FILES(a_database_that_nobody_has_open_is_left_as_it_is),
      TEST_WITH_FILES(a_writer_goes_on_while_a_backup_is_made),
      TEST_WITH_FILES(only_a_backup_is_replaced_and_only_when_asked),
      TEST_WITH_FILES(what_is_no_ordinary_file_is_not_replaced),
      TEST_WITH_FILES(what_is_no_database_of_weir_gives_no_backup),
      TEST_WITH_FILES(what_a_restore_would_refuse_gives_no_backup),
      TEST_WITH_FILES(a_damaged_database_leaves_the_older_backup_alone),
      TEST_WITH_FILES(two_backups_to_one_file_do_not_meet),
      TEST_WITH_FILES(a_backup_can_go_to_a_descriptor),
      TEST_WITH_FILES(one_that_is_stopped_anywhere_leaves_nothing),
      TEST_WITH_FILES(a_passphrase_is_a_line_of_a_file),
      TEST_WITH_FILES(limits_of_names_and_passphrases),
      TEST_WITH_FILES(an_encrypted_backup_shows_nothing),
  };
  return RUN_TESTS(tests);
}
