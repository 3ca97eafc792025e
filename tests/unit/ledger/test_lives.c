/* Who lives: a lock file counts for as long as somebody holds its lock, and seats are shared out among the living. */
#include "ledger/lives.h"

#include "expect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static struct journal_place place(uint64_t boot) {
  struct journal_place p = {.sys = &journal_sys_real, .boot = boot, .dir_fd = -1};
  snprintf(p.dir, sizeof p.dir, "%s", test_journal);
  return p;
}

static struct lives look(void) {
  struct journal_place p = place(1);
  struct lives l = {0};
  EXPECT_OK(lives_look(&p, &l, &test_fault));
  return l;
}

static void done(struct lives *l, bool remove) {
  struct journal_place p = place(1);
  lives_done(&p, l, remove);
}

static int join(uint64_t boot, unsigned want_seat) {
  struct journal_place p = place(boot);
  unsigned seat = 99;
  int fd = -1;
  EXPECT_OK(lives_join(&p, &seat, &fd, &test_fault));
  assert_int_equal(seat, want_seat);
  assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  return fd;
}

static void leave(uint64_t boot, unsigned seat, int fd) {
  struct journal_place p = place(boot);
  lives_leave(&p, seat, fd);
}

static void whoever_has_joined_lives_until_it_leaves(void **state) {
  int fd = join(0xabc, 0);
  struct lives l = look();
  assert_int_equal(l.count, 1);
  assert_true(lives_has(&l, 0xabc));
  assert_false(lives_has(&l, 0xabd));
  done(&l, true);
  assert_int_equal(count_files("0000000000000abc-00.lock"), 1); /* the living one's stays */
  leave(0xabc, 0, fd);
  assert_int_equal(count_files(""), 0);
  l = look();
  assert_int_equal(l.count, 0);
  done(&l, true);
  leave(0xabc, 0, -1);
}

static void a_process_that_was_killed_has_ended_and_nobody_else_takes_its_lock(void **state) {
  pid_t pid = fork();
  if (pid == 0) {
    struct journal_place p = place(0xdead);
    unsigned seat;
    int fd;
    _exit(lives_join(&p, &seat, &fd, NULL) == ERR_OK ? 0 : 1);
  }
  int status = 1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  struct lives l = look();
  assert_int_equal(l.count, 1);
  assert_true(l.at[0].ended);
  assert_false(lives_has(&l, 0xdead));
  struct lives second = look(); /* while the first holds it */
  assert_true(lives_has(&second, 0xdead));
  done(&second, true);
  assert_int_equal(count_files(".lock"), 1);
  done(&l, false);
  assert_int_equal(count_files(".lock"), 1);
  l = look();
  done(&l, true);
  assert_int_equal(count_files(".lock"), 0);
}

static void seats_of_the_living_are_taken_and_those_of_the_ended_free(void **state) {
  int first = join(1, 0), second = join(2, 1), third = join(3, 2);
  leave(2, 1, second);
  second = join(4, 1);
  close(first); /* as if killed: the file stays */
  first = join(5, 0);
  leave(5, 0, first);
  leave(4, 1, second);
  leave(3, 2, third);
  struct lives l = look();
  done(&l, true);
  assert_int_equal(count_files(""), 0);
}

static void with_every_seat_taken_the_next_is_refused(void **state) {
  int fds[LIVES_SEATS_MAX];
  for (unsigned i = 0; i < LIVES_SEATS_MAX; i++)
    fds[i] = join(100 + i, i);
  struct journal_place p = place(7);
  unsigned seat = 99;
  int fd = -1;
  EXPECT_ERR(lives_join(&p, &seat, &fd, &test_fault), ERR_LIMIT);
  EXPECT_MENTIONS("64 processes");
  assert_int_equal(fd, -1);
  for (unsigned i = 0; i < LIVES_SEATS_MAX; i++)
    leave(100 + i, i, fds[i]);
}

static void files_of_others_and_a_missing_directory(void **state) {
  static const char *const names[] = {"0000000000000abc-64.lock", "abc-00.lock", "0000000000000ABC-00.lock",
                                      "0000000000000abc-00.lock2", "0000000000000abc.lock"};
  char path[200];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", test_journal, names[i]);
    close(open(path, O_RDWR | O_CREAT, 0600));
  }
  struct lives l = look();
  assert_int_equal(l.count, 0);
  done(&l, true);
  assert_int_equal(count_files(""), sizeof names / sizeof *names);
  struct journal_place p = place(1);
  snprintf(p.dir, sizeof p.dir, "/nonexistent/journal");
  EXPECT_ERR(lives_look(&p, &l, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/nonexistent/journal");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(whoever_has_joined_lives_until_it_leaves),
      TEST_WITH_DIR(a_process_that_was_killed_has_ended_and_nobody_else_takes_its_lock),
      TEST_WITH_DIR(seats_of_the_living_are_taken_and_those_of_the_ended_free),
      TEST_WITH_DIR(with_every_seat_taken_the_next_is_refused),
      TEST_WITH_DIR(files_of_others_and_a_missing_directory),
  };
  return RUN_TESTS(tests);
}
