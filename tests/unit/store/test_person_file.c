/* A person's export as a file: it is whole or not there, it ends in a manifest, and nothing is overwritten. */
#include "store/person_file.h"

#include "contract.h"
#include "store/archive_file.h"

#include <errno.h>
#include <zstd.h>

static char path[160], part[170];
static size_t packed_bytes;
static struct person_ask ann;

static struct store *open_filled(void) {
  struct store *s = open_store();
  struct store_key k = {.name = TEXT("k"), .user = TEXT("ann"), .models = TEXT("*"), .budget_period = TEXT("")};
  struct ledger_row row = make_row(1, 1, 5, 1790000000000000);
  int64_t id = 0;
  row.user = TEXT("ann");
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  append(s, &row, 1, 1);
  ann = (struct person_ask){.user = TEXT("ann"), .by = TEST_ACTOR};
  snprintf(path, sizeof path, "%s/ann.jsonl.zst", test_dir);
  snprintf(part, sizeof part, "%s.part", path);
  return s;
}

static size_t unpack(char *out, size_t cap) {
  static char packed[1 << 20];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t n = packed_bytes = fread(packed, 1, sizeof packed, file);
  fclose(file);
  ZSTD_DCtx *zstd = ZSTD_createDCtx();
  ZSTD_inBuffer in = {packed, n, 0};
  ZSTD_outBuffer to = {out, cap, 0};
  size_t left = ZSTD_decompressStream(zstd, &to, &in);
  ZSTD_freeDCtx(zstd);
  assert_int_equal(left, 0);
  return to.pos;
}

/* The digest is that of the file, as an archive's check sees it. */
static void expect_digest(const char *digest) {
  EXPECT_OK(archive_file_check(test_dir, TEXT("ann.jsonl.zst"), text_of(digest), 5, &test_fault));
}

static void a_file_has_every_line_and_ends_in_a_manifest(void **state) {
  static char out[1 << 20];
  struct store *s = open_filled();
  struct person_export_file done;
  struct stat st;
  EXPECT_OK(person_file_write(s, &ann, path, &done, &test_fault));
  assert_int_equal(done.counts.keys + done.counts.ledger_rows + done.counts.audit_entries, 4);
  expect_digest(done.digest);
  struct text all = {out, unpack(out, sizeof out)};
  assert_true(text_find(all, TEXT("{\"table\":\"weir_ledger\"")) > 0);
  ptrdiff_t at = text_find(all, TEXT("{\"manifest\":{\"user\":\"ann\""));
  assert_true(at > 0);
  assert_true(text_ends(all, TEXT("\"lines\":4,\"tables\":{\"weir_users\":0,\"weir_team_members\":0,\"weir_grants\":0,"
                                  "\"weir_sessions\":0,\"weir_entities\":0,"
                                  "\"weir_keys\":1,\"weir_ledger\":1,\"archive\":0,"
                                  "\"weir_usage\":0,\"weir_ledger_stretches\":0,\"weir_audit\":2,\"weir_jobs\":0},"
                                  "\"archives_elsewhere\":0}}\n")));
  assert_int_equal(done.bytes, packed_bytes);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_not_equal(access(part, F_OK), 0);
  EXPECT_ERR(person_file_write(s, &ann, path, &done, &test_fault), ERR_STORE_CONFLICT);
  unlink(path);
  s->ops->close(s);
}

static enum err stop(void *ctx, unsigned permille, const char *at, struct fault *f) {
  return permille > 500 ? fault_set(f, ERR_CANCELLED, NULL, "stopped") : ERR_OK;
}

static void what_was_stopped_leaves_no_file(void **state) {
  struct store *s = open_filled();
  struct person_export_file done;
  const struct person_listener listener = {stop, NULL};
  struct person_ask ask = ann;
  ask.listener = &listener;
  EXPECT_ERR(person_file_write(s, &ask, path, &done, &test_fault), ERR_CANCELLED);
  assert_int_not_equal(access(path, F_OK), 0);
  assert_int_not_equal(access(part, F_OK), 0);
  snprintf(path, sizeof path, "%s/none/ann.zst", test_dir);
  EXPECT_ERR(person_file_write(s, &ann, path, &done, &test_fault), ERR_STORE);
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(a_file_has_every_line_and_ends_in_a_manifest),
      TEST_WITH_DIR(what_was_stopped_leaves_no_file),
  };
  return RUN_TESTS(tests);
}
