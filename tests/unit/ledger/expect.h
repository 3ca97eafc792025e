/* What the tests of the ledger share: a directory of their own, rows, a store in memory that can be told to fail, and
 * asserts that print. */
#ifndef TESTS_UNIT_LEDGER_EXPECT_H
#define TESTS_UNIT_LEDGER_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/segment.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPECT_TEXT(got, want)                                                                                         \
  do {                                                                                                                 \
    struct text got_ = (got), want_ = (want);                                                                          \
    if (!text_equal(got_, want_))                                                                                      \
      fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got_), TEXT_ARGS(want_));                                  \
  } while (0)
#define EXPECT_OK(call)                                                                                                \
  do {                                                                                                                 \
    enum err err_ = (call);                                                                                            \
    if (err_)                                                                                                          \
      fail_msg("%s: %s (%s)", #call, err_name(err_), test_fault.text);                                                 \
  } while (0)
#define EXPECT_ERR(call, want)                                                                                         \
  do {                                                                                                                 \
    enum err err_ = (call), want_err_ = (want);                                                                        \
    if (err_ != want_err_)                                                                                             \
      fail_msg("%s: %s (%s), expected %s", #call, err_name(err_), test_fault.text, err_name(want_err_));               \
  } while (0)
#define EXPECT_MENTIONS(word)                                                                                          \
  do {                                                                                                                 \
    if (!strstr(test_fault.text, (word)))                                                                              \
      fail_msg("the fault \"%s\" does not mention \"%s\"", test_fault.text, (word));                                   \
  } while (0)

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static struct fault test_fault;
static char test_dir[64], test_journal[96];

static inline size_t clean_journal(void) {
  char path[400];
  size_t count = 0;
  DIR *dir = opendir(test_journal);
  for (struct dirent *e; dir && (e = readdir(dir));)
    if (e->d_name[0] != '.') {
      snprintf(path, sizeof path, "%s/%s", test_journal, e->d_name);
      unlink(path);
      count++;
    }
  if (dir)
    closedir(dir);
  return count;
}

static inline int make_dir(void **state) {
  snprintf(test_dir, sizeof test_dir, "/tmp/weir-test-ledger-XXXXXX");
  if (!mkdtemp(test_dir))
    return -1;
  snprintf(test_journal, sizeof test_journal, "%s/journal", test_dir);
  test_fault = (struct fault){0};
  return mkdir(test_journal, 0700);
}

static inline int drop_dir(void **state) {
  char path[96];
  clean_journal();
  rmdir(test_journal);
  snprintf(path, sizeof path, "%s/lock", test_dir);
  unlink(path);
  return rmdir(test_dir);
}
#define TEST_WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

static inline size_t count_files(const char *ending) {
  size_t count = 0;
  DIR *dir = opendir(test_journal);
  for (struct dirent *e; dir && (e = readdir(dir));)
    count += e->d_name[0] != '.' && text_ends(text_of(e->d_name), text_of(ending));
  if (dir)
    closedir(dir);
  return count;
}

static inline struct ledger_row make_row(int64_t id) {
  return (struct ledger_row){.id = id,
                             .request_id = TEXT("req_1"),
                             .attempt = 1,
                             .key_id = 7,
                             .key_name = TEXT("team"),
                             .wire = TEXT("anthropic"),
                             .model = TEXT("claude"),
                             .billable = true,
                             .reserved_nano = 1000 + id % 1000};
}

static inline void fill_settlement(struct ledger_row *row, int64_t cost_nano) {
  row->usage = (struct usage){.input = 10, .output = (uint64_t)cost_nano, .known = true};
  row->cost = (struct cost){.output = cost_nano, .total = cost_nano, .known = true};
  row->outcome = TEXT("ok");
  row->status = 200;
  row->settled_us = 1790000000000000;
}

/* A store that keeps rows in an array. Its lock makes it safe for the writer thread and the test together. */
#define FAKE_ROWS_MAX 200000
struct fake_store {
  struct store base;
  pthread_mutex_t lock;
  struct arena texts;
  struct ledger_row *rows;
  size_t count;
  struct {
    char name[64];
    uint64_t position;
  } streams[64];
  uint64_t calls;   /* of ledger_append */
  uint64_t fail_at; /* this call fails; 0: none */
  bool fails;       /* all do */
};

static inline ptrdiff_t fake_find(const struct fake_store *s, int64_t id) {
  for (size_t i = s->count; i-- > 0;)
    if (s->rows[i].id == id)
      return (ptrdiff_t)i;
  return -1;
}

static inline void fake_add(struct fake_store *s, const struct ledger_row *row, bool check) {
  if (s->count == FAKE_ROWS_MAX || (check && fake_find(s, row->id) >= 0))
    return;
  struct ledger_row *r = &s->rows[s->count++];
  *r = *row;
  struct text *texts[] = {&r->request_id, &r->key_name, &r->user,    &r->wire,           &r->operation,
                          &r->provider,   &r->model,    &r->outcome, &r->upstream_model, &r->upstream_request_id,
                          &r->credential, &r->error};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = arena_copy(&s->texts, *texts[i]);
}

static inline uint64_t *fake_stream(struct fake_store *s, struct text name) {
  size_t i = 0;
  for (; i < 63 && s->streams[i].name[0] && !text_equal(text_of(s->streams[i].name), name); i++)
    ;
  snprintf(s->streams[i].name, sizeof s->streams[i].name, "%.*s", TEXT_ARGS(name));
  return &s->streams[i].position;
}

static inline enum err fake_append(struct store *store, const struct ledger_row *rows, size_t count, struct text stream,
                                   uint64_t position, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  pthread_mutex_lock(&s->lock);
  bool refused = ++s->calls == s->fail_at || s->fails;
  if (!refused) {
    for (size_t i = 0; i < count; i++)
      fake_add(s, &rows[i], s->count < 5000);
    if (stream.len && *fake_stream(s, stream) < position)
      *fake_stream(s, stream) = position;
  }
  pthread_mutex_unlock(&s->lock);
  return refused ? fault_set(f, ERR_STORE_FULL, NULL, "the fake is full") : ERR_OK;
}

static inline enum err fake_position(struct store *store, struct text stream, uint64_t *out, struct fault *f) {
  *out = *fake_stream((struct fake_store *)store, stream);
  return ERR_OK;
}

static inline enum err fake_list(struct store *store, int64_t before_id, size_t max, struct arena *a,
                                 struct ledger_row **out, size_t *out_count, struct fault *f) {
  struct fake_store *s = (struct fake_store *)store;
  *out_count = 0;
  for (size_t i = 0; i < s->count; i++)
    if (*out_count == 0 || s->rows[i].id > (*out)->id) {
      *out = &s->rows[i];
      *out_count = 1;
    }
  return ERR_OK;
}

static const struct store_ops fake_ops = {
    .name = "fake", .ledger_append = fake_append, .ledger_position = fake_position, .ledger_list = fake_list};

static inline struct fake_store *fake_new(void) {
  struct fake_store *s = calloc(1, sizeof *s);
  s->base.ops = &fake_ops;
  s->rows = calloc(FAKE_ROWS_MAX, sizeof *s->rows);
  arena_init(&s->texts);
  pthread_mutex_init(&s->lock, NULL);
  return s;
}

static inline void fake_free(struct fake_store *s) {
  arena_done(&s->texts);
  pthread_mutex_destroy(&s->lock);
  free(s->rows);
  free(s);
}

static inline void fake_set_failing(struct fake_store *s, bool fails) {
  pthread_mutex_lock(&s->lock);
  s->fails = fails;
  pthread_mutex_unlock(&s->lock);
}

static inline const struct ledger_row *fake_row(struct fake_store *s, int64_t id) {
  ptrdiff_t at = fake_find(s, id);
  if (at < 0)
    fail_msg("row %lld is not in the store", (long long)id);
  return &s->rows[at];
}

#endif
