/* Replay: what dead processes left is stored once and truly, whatever order, end or damage their segments have. */
#include "ledger/replay.h"

#include "base/crc.h"
#include "ledger/lives.h"

#include "expect.h"
#include "fake_store.h"

#include <fcntl.h>

#define BOOT 0xb007ULL

static struct journal_place place(void) {
  struct journal_place p = {.sys = &journal_sys_real, .boot = 1, .dir_fd = -1, .segment_bytes = 64 * 1024};
  snprintf(p.dir, sizeof p.dir, "%s", test_journal);
  return p;
}

/* A segment being written by the test: its head from the code, its records one after another. */
static _Alignas(8) char image[64 * 1024];
static size_t image_bytes;

static void image_start(uint64_t number) {
  struct journal_place p = place();
  struct segment *s = NULL;
  p.boot = BOOT;
  p.dir_fd = open(test_journal, O_RDONLY | O_DIRECTORY);
  EXPECT_OK(segment_create(&p, 0, number, &s, &test_fault));
  memset(image, 0, sizeof image);
  memcpy(image, s->base, SEGMENT_HEAD_BYTES);
  image_bytes = SEGMENT_HEAD_BYTES;
  segment_free(&p, s, true);
  close(p.dir_fd);
}

static struct record_head *image_add(enum record_type type, uint64_t sequence, const struct ledger_row *row) {
  char *at = image + image_bytes;
  image_bytes += record_write(at, type, sequence, BOOT, row);
  return (struct record_head *)(uintptr_t)at;
}

static void image_reserve(uint64_t sequence, int64_t id) {
  struct ledger_row row = make_row(id);
  image_add(RECORD_RESERVE, sequence, &row);
}

static void image_settle(uint64_t sequence, int64_t id) {
  struct ledger_row row = make_row(id);
  fill_settlement(&row, id * 10);
  image_add(RECORD_SETTLE, sequence, &row);
}

static void image_note(uint64_t sequence, int64_t id, int64_t cost_nano) {
  struct ledger_row row = make_row(id);
  fill_settlement(&row, cost_nano);
  row.outcome = TEXT_NONE;
  image_add(RECORD_NOTE, sequence, &row);
}

static void image_save(uint64_t number, size_t bytes) {
  char path[200], name[64];
  segment_name(name, sizeof name, BOOT, 0, number);
  snprintf(path, sizeof path, "%s/%s", test_journal, name);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, image, bytes), bytes);
  close(fd);
}

static struct replay_result replay(struct fake_store *s) {
  struct journal_place p = place();
  struct replay_result result = {0};
  EXPECT_OK(replay_run(&p, &s->base, &result, &test_fault));
  return result;
}

static void an_empty_directory_is_nothing_to_do(void **state) {
  struct fake_store *s = fake_new();
  struct replay_result r = replay(s);
  assert_int_equal(r.segments + r.settled + r.recovered + r.damaged, 0);
  assert_int_equal(s->calls, 0);
  fake_free(s);
}

static void settlements_are_stored_and_the_rest_recovered(void **state) {
  struct fake_store *s = fake_new();
  image_start(1);
  image_reserve(1, 101);
  image_reserve(2, 102);
  image_reserve(3, 103);
  image_settle(4, 101);
  image_note(5, 103, 55);
  image_save(1, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.settled, 1);
  assert_int_equal(r.recovered, 2);
  assert_int_equal(r.damaged, 0);
  assert_int_equal(r.max_id, 103);
  assert_int_equal(s->count, 3);
  EXPECT_TEXT(fake_row(s, 101)->outcome, TEXT("ok"));
  assert_int_equal(fake_row(s, 101)->cost.total, 1010);
  EXPECT_TEXT(fake_row(s, 102)->outcome, TEXT("recovered"));
  assert_false(fake_row(s, 102)->usage.known);
  assert_int_equal(fake_row(s, 102)->reserved_nano, 1102);
  assert_true(fake_row(s, 102)->settled_us > 0);
  EXPECT_TEXT(fake_row(s, 103)->outcome, TEXT("recovered"));
  assert_int_equal(fake_row(s, 103)->cost.total, 55);
  assert_int_equal(fake_row(s, 103)->usage.output, 55);
  assert_int_equal(*fake_stream(s, TEXT("journal/0/000000000000b007")), 4);
  assert_int_equal(count_files(""), 0);
  fake_free(s);
}

static void what_the_store_has_is_not_handed_over_again(void **state) {
  struct fake_store *s = fake_new();
  *fake_stream(s, TEXT("journal/0/000000000000b007")) = 2;
  image_start(1);
  image_reserve(1, 101);
  image_settle(2, 101);
  image_reserve(3, 102);
  image_settle(4, 102);
  image_save(1, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.settled, 1);
  assert_int_equal(r.recovered, 0);
  assert_int_equal(s->count, 1);
  assert_int_equal(s->rows[0].id, 102);
  fake_free(s);
}

static void segments_count_in_the_order_of_their_records(void **state) {
  /* Spare segments are not used in the order of their numbers. */
  struct fake_store *s = fake_new();
  image_start(9);
  image_reserve(1, 101);
  image_settle(2, 101);
  image_save(9, sizeof image);
  image_start(2);
  image_reserve(3, 102);
  image_settle(4, 102);
  image_save(2, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.settled, 2);
  assert_int_equal(s->count, 2);
  fake_free(s);
}

static void a_settlement_in_a_later_segment_closes_its_reservation(void **state) {
  struct fake_store *s = fake_new();
  image_start(1);
  image_reserve(1, 101);
  image_save(1, sizeof image);
  image_start(2);
  image_settle(2, 101);
  image_save(2, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.settled, 1);
  assert_int_equal(r.recovered, 0);
  fake_free(s);
}

static void a_closed_reservation_is_not_recovered(void **state) {
  /* Its settlement is stored and its segment gone. A note without its reservation says nothing either. */
  struct fake_store *s = fake_new();
  struct ledger_row row = make_row(101);
  image_start(1);
  atomic_store(&image_add(RECORD_RESERVE, 1, &row)->closed, 1);
  image_note(2, 101, 5);
  image_note(3, 102, 5);
  image_save(1, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.recovered, 0);
  assert_int_equal(s->count, 0);
  fake_free(s);
}

static void the_note_that_knows_most_counts(void **state) {
  struct fake_store *s = fake_new();
  image_start(1);
  image_reserve(1, 101);
  image_note(2, 101, 5);
  image_note(3, 101, 50);
  image_note(4, 101, 20);
  image_save(1, sizeof image);
  replay(s);
  assert_int_equal(fake_row(s, 101)->cost.total, 50);
  fake_free(s);
}

static void more_rows_than_a_batch_are_all_stored(void **state) {
  struct fake_store *s = fake_new();
  uint64_t sequence = 1;
  for (uint64_t number = 1; number <= 20; number++) {
    image_start(number);
    for (int i = 0; i < 120; i++, sequence += 3) {
      image_reserve(sequence, (int64_t)sequence);
      image_settle(sequence + 1, (int64_t)sequence);
      image_reserve(sequence + 2, (int64_t)sequence + 2);
    }
    image_save(number, sizeof image);
  }
  struct replay_result r = replay(s);
  assert_int_equal(r.settled, 2400);
  assert_int_equal(r.recovered, 2400);
  assert_int_equal(r.damaged, 0);
  assert_int_equal(s->count, 4800);
  fake_free(s);
}

static void a_store_that_fails_leaves_the_files_for_the_next_time(void **state) {
  struct journal_place p = place();
  struct replay_result result;
  for (uint64_t n = 1;; n++) {
    struct fake_store *s = fake_new();
    s->fail_at = n;
    image_start(1);
    image_reserve(1, 101);
    image_settle(2, 101);
    image_reserve(3, 102);
    image_save(1, sizeof image);
    enum err e = replay_run(&p, &s->base, &result, &test_fault);
    assert_int_equal(count_files(".journal"), e ? 1 : 0);
    if (e)
      replay(s);
    assert_int_equal(s->count, 2);
    fake_free(s);
    if (!e) {
      assert_int_equal(n, 3);
      break;
    }
  }
}

/* Six records of three attempts: settled, settled, noted and open. */
static void image_six(void) {
  image_start(1);
  image_reserve(1, 101);
  image_reserve(2, 102);
  image_settle(3, 101);
  image_reserve(4, 103);
  image_note(5, 103, 5);
  image_settle(6, 102);
}

/* Whatever happened to the file, every row is one that was written. */
static void expect_true_rows(struct fake_store *s) {
  assert_in_range(s->count, 0, 3);
  for (size_t i = 0; i < s->count; i++) {
    const struct ledger_row *r = &s->rows[i];
    assert_in_range(r->id, 101, 103);
    bool recovered = text_equal(r->outcome, TEXT("recovered"));
    int64_t cost = recovered ? (r->id == 103 && r->usage.known ? 5 : 0) : r->id * 10;
    assert_int_equal(r->cost.total, cost);
    assert_int_equal(r->reserved_nano, 1000 + r->id);
    EXPECT_TEXT(r->request_id, TEXT("req_1"));
    assert_true(recovered || r->id != 103);
  }
}

static void cut_at_any_byte_nothing_false_is_stored(void **state) {
  image_six();
  for (size_t bytes = 0; bytes <= image_bytes; bytes++) {
    struct fake_store *s = fake_new();
    image_save(1, bytes);
    struct replay_result r = replay(s);
    expect_true_rows(s);
    /* Cut in the head, the file looks damaged unless nothing is left of it. */
    assert_int_equal(count_files(".damaged"), bytes >= 8 && bytes < SEGMENT_HEAD_BYTES);
    assert_true(bytes < SEGMENT_HEAD_BYTES || r.damaged == 0);
    clean_journal();
    fake_free(s);
  }
}

static void with_any_byte_changed_nothing_false_is_stored(void **state) {
  image_six();
  for (size_t i = 0; i < image_bytes; i++) {
    struct fake_store *s = fake_new();
    image[i] = (char)~image[i];
    image_save(1, image_bytes + 64);
    struct replay_result r = replay(s);
    expect_true_rows(s);
    assert_int_equal(count_files(".damaged"), r.damaged > 0);
    assert_true(i >= SEGMENT_HEAD_BYTES || s->count == 3);
    image[i] = (char)~image[i];
    clean_journal();
    fake_free(s);
  }
}

static void a_damaged_middle_is_told_and_the_file_kept(void **state) {
  struct fake_store *s = fake_new();
  image_start(1);
  image_reserve(1, 101);
  size_t at = image_bytes;
  image_settle(2, 101);
  image_reserve(3, 102);
  image_settle(4, 102);
  memset(image + at, 0, 64);
  image_save(1, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.damaged, 1);
  assert_int_equal(r.settled, 1);
  assert_int_equal(r.recovered, 1);
  assert_int_equal(count_files(".damaged"), 1);
  replay(s);
  assert_int_equal(count_files(".damaged"), 1);
  fake_free(s);
}

static void a_newer_format_and_an_unreadable_file_are_refused(void **state) {
  struct journal_place p = place();
  struct replay_result result;
  struct fake_store *s = fake_new();
  char name[200];
  snprintf(name, sizeof name, "%s/0000000000000abc-000-00000001.journal", test_journal);
  assert_int_equal(mkdir(name, 0700), 0);
  EXPECT_ERR(replay_run(&p, &s->base, &result, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("0000000000000abc-000-00000001.journal");
  assert_int_equal(rmdir(name), 0);
  image_start(1);
  struct segment_head head;
  memcpy(&head, image, sizeof head);
  head.format = SEGMENT_FORMAT + 1;
  head.crc = crc32c(0, &head, offsetof(struct segment_head, crc));
  memcpy(image, &head, sizeof head);
  image_reserve(1, 101);
  image_save(1, sizeof image);
  EXPECT_ERR(replay_run(&p, &s->base, &result, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("newer Weir");
  assert_int_equal(count_files(".journal"), 1);
  assert_int_equal(s->count, 0);
  fake_free(s);
}

static void image_belong(uint32_t home, const char *kind) {
  struct segment_head head;
  memcpy(&head, image, sizeof head);
  head.home = home;
  snprintf(head.kind, sizeof head.kind, "%s", kind);
  head.crc = crc32c(0, &head, offsetof(struct segment_head, crc));
  memcpy(image, &head, sizeof head);
}

/* Its keys have other ids there: the spending would fall on somebody else. */
static void a_journal_of_another_store_is_refused_whole_until_its_own_takes_it(void **state) {
  struct journal_place p = place();
  struct replay_result result = {.settled = 77};
  struct fake_store *s = fake_new(), *own = fake_new();
  snprintf(own->home, sizeof own->home, "00000abc");
  image_start(1);
  image_belong(0xbeef, "fake");
  image_settle(1, 101);
  image_save(1, sizeof image);
  image_start(2);
  image_belong(0xabc, "sqlite");
  image_settle(2, 102);
  image_save(2, sizeof image);
  EXPECT_ERR(replay_run(&p, &s->base, &result, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("written for another store (sqlite 00000abc) than this one (fake 0000beef)");
  assert_int_equal(s->count, 0);
  assert_int_equal(result.settled, 77);
  assert_int_equal(count_files(".journal"), 2);
  char name[64], path[200];
  segment_name(name, sizeof name, BOOT, 0, 1);
  snprintf(path, sizeof path, "%s/%s", test_journal, name);
  unlink(path);
  assert_int_equal(replay(own).settled, 1);
  assert_int_equal(own->count, 1);
  assert_int_equal(count_files(".journal"), 0);
  fake_free(s);
  fake_free(own);
}

static void a_journal_that_does_not_say_whose_it_is_is_taken(void **state) {
  struct fake_store *s = fake_new();
  image_start(1);
  image_settle(1, 101);
  image_save(1, sizeof image);
  s->home[0] = '\0';
  assert_int_equal(replay(s).settled, 1);
  assert_int_not_equal(s->home[0], '\0'); /* from now on it has a number */
  fake_free(s);
}

static void files_of_others_are_left_alone(void **state) {
  struct fake_store *s = fake_new();
  char path[200];
  snprintf(path, sizeof path, "%s/notes.txt", test_journal);
  close(open(path, O_RDWR | O_CREAT, 0600));
  struct replay_result r = replay(s);
  assert_int_equal(r.segments, 0);
  assert_int_equal(count_files("notes.txt"), 1);
  fake_free(s);
}

static void a_living_process_keeps_its_segments_until_it_has_ended(void **state) {
  struct fake_store *s = fake_new();
  struct journal_place of_living = place();
  unsigned seat = 0;
  int fd = -1;
  of_living.boot = BOOT;
  EXPECT_OK(lives_join(&of_living, &seat, &fd, &test_fault));
  image_start(1);
  image_reserve(1, 101);
  image_settle(2, 101);
  image_reserve(3, 102);
  image_save(1, sizeof image);
  struct replay_result r = replay(s);
  assert_int_equal(r.segments + r.settled + r.recovered, 0);
  assert_int_equal(s->calls, 0);
  assert_int_equal(count_files(".journal"), 1);
  close(fd); /* killed */
  r = replay(s);
  assert_int_equal(r.settled, 1);
  assert_int_equal(r.recovered, 1);
  assert_int_equal(s->count, 2);
  assert_int_equal(count_files(""), 0); /* its lock file too */
  r = replay(s);
  assert_int_equal(r.segments, 0);
  assert_int_equal(s->count, 2);
  fake_free(s);
}

static void a_store_that_fails_leaves_the_lock_file_too(void **state) {
  struct fake_store *s = fake_new();
  struct journal_place p = place(), of_dead = place();
  struct replay_result result;
  unsigned seat = 0;
  int fd = -1;
  of_dead.boot = BOOT;
  EXPECT_OK(lives_join(&of_dead, &seat, &fd, &test_fault));
  close(fd);
  image_start(1);
  image_reserve(1, 101);
  image_save(1, sizeof image);
  s->fail_at = 1;
  EXPECT_ERR(replay_run(&p, &s->base, &result, &test_fault), ERR_STORE);
  assert_int_equal(count_files(""), 2);
  assert_int_equal(replay(s).recovered, 1);
  assert_int_equal(count_files(""), 0);
  fake_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(an_empty_directory_is_nothing_to_do),
      TEST_WITH_DIR(settlements_are_stored_and_the_rest_recovered),
      TEST_WITH_DIR(what_the_store_has_is_not_handed_over_again),
      TEST_WITH_DIR(segments_count_in_the_order_of_their_records),
      TEST_WITH_DIR(a_settlement_in_a_later_segment_closes_its_reservation),
      TEST_WITH_DIR(a_closed_reservation_is_not_recovered),
      TEST_WITH_DIR(the_note_that_knows_most_counts),
      TEST_WITH_DIR(more_rows_than_a_batch_are_all_stored),
      TEST_WITH_DIR(a_store_that_fails_leaves_the_files_for_the_next_time),
      TEST_WITH_DIR(cut_at_any_byte_nothing_false_is_stored),
      TEST_WITH_DIR(with_any_byte_changed_nothing_false_is_stored),
      TEST_WITH_DIR(a_damaged_middle_is_told_and_the_file_kept),
      TEST_WITH_DIR(a_newer_format_and_an_unreadable_file_are_refused),
      TEST_WITH_DIR(a_journal_of_another_store_is_refused_whole_until_its_own_takes_it),
      TEST_WITH_DIR(a_journal_that_does_not_say_whose_it_is_is_taken),
      TEST_WITH_DIR(files_of_others_are_left_alone),
      TEST_WITH_DIR(a_living_process_keeps_its_segments_until_it_has_ended),
      TEST_WITH_DIR(a_store_that_fails_leaves_the_lock_file_too),
  };
  return RUN_TESTS(tests);
}
