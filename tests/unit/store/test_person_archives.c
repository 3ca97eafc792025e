/* Names leave the archive's files, and whenever the process dies over it every file that is entered is there and sound,
 * and the next run ends what was begun. */
#include "store/person_archives.h"

#include "contract.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "store/archive_lines.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define NAME      "zebulon.quist"
#define PSEUDONYM "erased-0123"
#define ROWS      240
#define FILES     12

static char folder[64];
static struct arena arena;

static void begin_with(struct store *s) {
  static struct ledger_row rows[ROWS];
  size_t gone = 0;
  snprintf(folder, sizeof folder, "/tmp/weir-test-veil-XXXXXX");
  assert_non_null(mkdtemp(folder));
  arena_init(&arena);
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, 1, i, INT64_C(1700000000000000) + i);
    rows[i].user = i % 2 ? TEXT("bob") : TEXT(NAME);
    rows[i].key_name = i % 2 ? TEXT("bob-key") : TEXT("quist \"laptop\"");
    rows[i].workspace = TEXT(NAME); /* a team may be called so, and is no person */
  }
  append(s, rows, ROWS, 1);
  for (int i = 0; i < FILES; i++)
    EXPECT_OK(
        s->ops->usage->archive(s, &(struct usage_archive_ask){folder, INT64_MAX, ROWS / FILES}, &gone, &test_fault));
}

static void end_with(void) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
  arena_done(&arena);
}

static struct person_ask ask_of(void) {
  return (struct person_ask){.user = TEXT(NAME), .by = TEST_ACTOR, .archive_folder = folder};
}

static enum err count_line(void *ctx, struct text line, struct fault *f) {
  uint64_t *count = ctx;
  assert_true(text_find(line, TEXT("\"user\":\"" NAME "\"")) > 0);
  (*count)++;
  return ERR_OK;
}

/* All that is entered is there and sound and adds up; and how many rows still name the person. */
static uint64_t expect_whole(struct store *s) {
  struct usage_archive *list = NULL;
  struct ledger_totals totals;
  struct person_archives done;
  struct person_ask ask = ask_of();
  size_t count = 0;
  uint64_t named = 0;
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  assert_int_equal(count, FILES);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(list[i].entries, ROWS / FILES);
    EXPECT_OK(archive_file_check(folder, list[i].name, list[i].digest, list[i].entries, &test_fault));
  }
  EXPECT_OK(s->ops->ledger_verify(s, &arena, &totals, &test_fault));
  assert_int_equal(totals.rows, ROWS);
  assert_int_equal(totals.mismatched_keys, 0);
  EXPECT_OK(person_archives_list(s, &ask, &(struct person_sink){count_line, &named}, &done, &test_fault));
  assert_int_equal(done.rows, named);
  return named;
}

static size_t files_there(void) {
  DIR *d = opendir(folder);
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(d));)
    count += entry->d_name[0] != '.';
  closedir(d);
  return count;
}

static const struct person_rule rule = {.who = {{NAME, sizeof NAME - 1}, {PSEUDONYM, sizeof PSEUDONYM - 1}}};

static struct person_archives veil(struct store *s) {
  struct person_archives done = {0};
  struct person_ask ask = ask_of();
  EXPECT_OK(person_archives_veil(s, &ask, &rule, &done, &test_fault));
  return done;
}

static enum err expect_line(void *ctx, struct text line, struct fault *f) {
  uint64_t *hits = ctx;
  assert_true(text_find(line, TEXT("\"workspace\":\"" NAME "\"")) > 0);
  if (text_find(line, TEXT("\"key_name\":\"erased-0123\",\"user\":\"erased-0123\"")) < 0)
    assert_true(text_find(line, TEXT("\"key_name\":\"bob-key\",\"user\":\"bob\"")) > 0);
  else
    (*hits)++;
  return ERR_OK;
}

static void only_user_and_key_of_their_rows_change(void **state) {
  struct store *s = contract_store(state);
  struct usage_archive *list = NULL;
  size_t count = 0;
  uint64_t hits = 0;
  begin_with(s);
  assert_int_equal(expect_whole(s), ROWS / 2);
  struct person_archives done = veil(s);
  assert_int_equal(done.files, FILES);
  assert_int_equal(done.rows, ROWS / 2);
  assert_int_equal(done.elsewhere, 0);
  assert_int_equal(expect_whole(s), 0);
  assert_int_equal(files_there(), FILES);
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    EXPECT_OK(archive_lines_read(folder, list[i].name, list[i].digest, &(struct archive_ear){expect_line, &hits},
                                 &test_fault));
  assert_int_equal(hits, ROWS / 2);
  done = veil(s);
  assert_int_equal(done.files + done.rows, 0);
  end_with();
}

static void calls_from_after_the_erasure_keep_the_name_when_files_are_veiled_by_the_list(void **state) {
  struct store *s = contract_store(state);
  struct person_veil v = {.pseudonym = TEXT("erased-0123")};
  struct person_archives done;
  struct person_ask ask = ask_of();
  begin_with(s);
  struct ledger_row first = make_row(1, 1, 1, INT64_C(1700000000000000));
  person_veil_make(&v, TEXT(NAME));
  v.erased_us = first.reserved_us + ROWS / 2 - PERSON_GRACE_US - 1;
  EXPECT_OK(person_archives_veil(s, &ask, &(struct person_rule){.veils = &v, .veil_count = 1}, &done, &test_fault));
  assert_int_equal(done.rows, ROWS / 4);
  assert_int_equal(done.files, FILES / 2);
  assert_int_equal(expect_whole(s), ROWS / 4);
  end_with();
}

/* What a process leaves that died before its commit, and after it. */
static void what_a_dead_process_has_left_is_removed_and_finished(void **state) {
  struct store *s = contract_store(state);
  struct usage_archive *list = NULL;
  struct archive_made made;
  size_t count = 0;
  begin_with(s);
  EXPECT_OK(s->ops->usage->archives(s, &arena, &list, &count, &test_fault));
  const char *part = arena_format(&arena, "%s/%.*s.part", folder, TEXT_ARGS(list[1].name)).at;
  close(open(part, O_WRONLY | O_CREAT, 0600));
  struct ledger_row stray = make_row(9999, 1, 1, 5);
  EXPECT_OK(archive_file_write(folder, &stray, 1, &made, &test_fault)); /* was replaced, and never removed */
  assert_int_equal(files_there(), FILES + 2);
  assert_int_equal(expect_whole(s), ROWS / 2);
  assert_int_equal(veil(s).files, FILES);
  assert_int_equal(files_there(), FILES);
  assert_int_equal(expect_whole(s), 0);
  end_with();
}

/* A process that erases, and is killed by an alarm wherever it is then. */
static void veil_and_die(const struct store_place *place, unsigned after_us) {
  pid_t pid = fork();
  if (pid == 0) {
    struct store *s = NULL;
    struct fault f = {0};
    struct person_archives done;
    struct person_ask ask = ask_of();
    const struct itimerval death = {.it_value = {0, (suseconds_t)after_us}};
    if (store_open(place, &s, &f) != ERR_OK || setitimer(ITIMER_REAL, &death, NULL) != 0)
      _exit(1);
    _exit(person_archives_veil(s, &ask, &rule, &done, &f) ? 1 : 0);
  }
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void killed_at_any_moment_the_archive_is_whole_and_the_next_run_ends_it(void **state) {
  struct store *s = contract_store(state);
  struct store_place place = {.kind = STORE_SQLITE, .path = test_db};
  uint64_t left = ROWS / 2;
  if (strcmp(s->ops->name, "postgres") == 0)
    place = *contract_place(contract_address);
  begin_with(s);
  for (unsigned round = 0; round < 8; round++) {
    veil_and_die(&place, 300 + round * round * 300);
    uint64_t now = expect_whole(s);
    assert_true(now <= left && now % (ROWS / FILES / 2) == 0); /* whole files, and none goes back */
    left = now;
  }
  veil(s);
  assert_int_equal(expect_whole(s), 0);
  assert_int_equal(files_there(), FILES);
  end_with();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(only_user_and_key_of_their_rows_change),
      CONTRACT(calls_from_after_the_erasure_keep_the_name_when_files_are_veiled_by_the_list),
      CONTRACT(what_a_dead_process_has_left_is_removed_and_finished),
      /* one in memory dies with its process */
      {"killed_at_any_moment_the_archive_is_whole_and_the_next_run_ends_it (sqlite)",
       killed_at_any_moment_the_archive_is_whole_and_the_next_run_ends_it, contract_sqlite, contract_close, NULL},
      {"killed_at_any_moment_the_archive_is_whole_and_the_next_run_ends_it (postgres)",
       killed_at_any_moment_the_archive_is_whole_and_the_next_run_ends_it, contract_postgres, contract_close, NULL},
  };
  return RUN_CONTRACT(tests);
}
