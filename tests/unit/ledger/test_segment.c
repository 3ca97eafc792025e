/* Segment files: private, preallocated, self-describing; refused cleanly when the disk is full. */
#include "ledger/segment.h"

#include "expect.h"
#include "faulty_sys.h"

#include <fcntl.h>

static struct journal_place place_of(const struct journal_sys *sys, bool on_disk) {
  struct journal_place p = {.sys = sys, .boot = 0xabc, .segment_bytes = 64 * 1024, .dir_fd = -1};
  if (on_disk) {
    snprintf(p.dir, sizeof p.dir, "%s", test_journal);
    p.dir_fd = open(test_journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p.dir_fd >= 0);
  }
  return p;
}

static void a_segment_is_private_and_has_its_room(void **state) {
  struct journal_place p = place_of(&journal_sys_real, true);
  struct segment *s = NULL;
  struct segment_head head;
  struct stat st;
  EXPECT_OK(segment_create(&p, 3, 9, &s, &test_fault));
  assert_int_equal(fstat(s->fd, &st), 0);
  assert_int_equal(st.st_size, 64 * 1024);
  assert_true(st.st_blocks * 512 >= 64 * 1024);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_true(segment_head_read(s->base, s->bytes, &head));
  assert_int_equal(head.stream, 3);
  assert_int_equal(head.number, 9);
  assert_int_equal(head.boot, 0xabc);
  assert_int_equal(head.format, SEGMENT_FORMAT);
  assert_int_equal(count_files("0000000000000abc-003-00000009.journal"), 1);
  segment_free(&p, s, false);
  assert_int_equal(count_files(".journal"), 1);
  close(p.dir_fd);
}

static void freeing_with_its_file_leaves_nothing(void **state) {
  struct journal_place p = place_of(&journal_sys_real, true);
  struct segment *s = NULL;
  EXPECT_OK(segment_create(&p, 3, 9, &s, &test_fault));
  segment_free(&p, s, true);
  segment_free(&p, NULL, true);
  assert_int_equal(count_files(""), 0);
  close(p.dir_fd);
}

static void every_refusal_is_clean(void **state) {
  struct journal_place p = place_of(&faulty_sys, true);
  const int problems[] = {ENOSPC, EDQUOT, EIO, EMFILE};
  for (size_t i = 0; i < 4; i++) {
    sys_fail_with = problems[i];
    bool failed = true;
    for (sys_fail_at = 1; failed; sys_fail_at++) {
      struct segment *s = NULL;
      sys_calls = 0;
      enum err e = segment_create(&p, 0, 1, &s, &test_fault);
      failed = e != ERR_OK;
      if (!failed) {
        segment_free(&p, s, true);
      } else {
        assert_int_equal(e, i < 2 ? ERR_STORE_FULL : ERR_STORE);
        assert_null(s);
      }
      assert_int_equal(count_files(""), 0);
    }
    assert_true(sys_fail_at > 4);
  }
  sys_fail_at = 0;
  close(p.dir_fd);
}

static void a_sync_is_made_when_there_is_something_new(void **state) {
  struct journal_place p = place_of(&faulty_sys, true);
  struct segment *s = NULL;
  sys_fail_at = 0;
  EXPECT_OK(segment_create(&p, 0, 1, &s, &test_fault));
  sys_calls = 0;
  assert_true(segment_sync(&p, s));
  assert_int_equal(sys_calls, 0);
  s->used += 8;
  sys_fail_at = 1;
  assert_false(segment_sync(&p, s));
  assert_true(segment_sync(&p, s));
  assert_true(segment_sync(&p, s));
  assert_int_equal(sys_calls, 2);
  sys_fail_at = 0;
  segment_free(&p, s, true);
  close(p.dir_fd);
}

static void names_are_read_back_and_others_refused(void **state) {
  static const char *const others[] = {"",
                                       "lock",
                                       "0000000000000abc-003-00000009.journal.damaged",
                                       "abc-003-00000009.journal",
                                       "0000000000000ABC-003-00000009.journal",
                                       "0000000000000abc-3-9.journal"};
  char name[64];
  uint64_t boot = 0, number = 0;
  unsigned stream = 0;
  segment_name(name, sizeof name, UINT64_MAX, 255, 123456789);
  assert_true(segment_name_parse(name, &boot, &stream, &number));
  assert_true(boot == UINT64_MAX);
  assert_int_equal(stream, 255);
  assert_int_equal(number, 123456789);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_false(segment_name_parse(others[i], &boot, &stream, &number));
}

static void no_changed_byte_of_a_head_passes(void **state) {
  struct journal_place p = place_of(&journal_sys_real, false);
  struct journal_place disk = place_of(&journal_sys_real, true);
  struct segment_head head;
  struct segment *s = NULL;
  EXPECT_OK(segment_create(&disk, 0, 1, &s, &test_fault));
  for (size_t i = 0; i < offsetof(struct segment_head, kind); i++) {
    s->base[i] ^= 4;
    assert_false(segment_head_read(s->base, s->bytes, &head));
    s->base[i] ^= 4;
  }
  assert_false(segment_head_read(s->base, SEGMENT_HEAD_BYTES - 1, &head));
  segment_free(&disk, s, true);
  s = segment_create_memory(&p, 0, 1);
  assert_false(segment_head_read(s->base, s->bytes, &head));
  segment_free(&p, s, true);
  close(disk.dir_fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(a_segment_is_private_and_has_its_room),
      TEST_WITH_DIR(freeing_with_its_file_leaves_nothing),
      TEST_WITH_DIR(every_refusal_is_clean),
      TEST_WITH_DIR(a_sync_is_made_when_there_is_something_new),
      cmocka_unit_test(names_are_read_back_and_others_refused),
      TEST_WITH_DIR(no_changed_byte_of_a_head_passes),
  };
  return RUN_TESTS(tests);
}
