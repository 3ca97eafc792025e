/* Records: every member survives, nothing damaged is taken for one, and a walk tells a torn end from a damaged middle.
 */
#include "ledger/record.h"

#include "expect.h"

#define BOOT 0x1122334455667788ULL

static _Alignas(8) char place[64 * 1024];

static struct ledger_row full_row(void) {
  return (struct ledger_row){
      .id = INT64_MAX,
      .reserved_us = INT64_MIN,
      .settled_us = INT64_MAX,
      .request_id = TEXT("request"),
      .attempt = UINT32_MAX,
      .key_id = -77,
      .key_name = TEXT("key"),
      .user = TEXT("user"),
      .workspace = TEXT("workspace"),
      .provider_metadata = TEXT("{\"service_tier\":\"flex\"}"),
      .wire = TEXT("wire"),
      .operation = TEXT("operation"),
      .provider = TEXT("provider"),
      .credential = TEXT("credential"),
      .model = TEXT("model"),
      .upstream_model = TEXT("upstream model"),
      .upstream_request_id = TEXT(""),
      .outcome = TEXT("outcome"),
      .error = TEXT("error"),
      .status = -1,
      .upstream_status = INT32_MAX,
      .streamed = true,
      .billable = true,
      .usage = {UINT64_MAX, 1, 127, 128, 16383, 16384, true, true},
      .cost = {INT64_MAX, -1, 0, 1, INT64_MIN, true},
      .price_version = UINT32_MAX,
      .reserved_nano = 64,
      .first_token_us = -1,
      .duration_us = -64,
      .overhead_us = 63,
  };
}

static void expect_same(const struct ledger_row *a, const struct ledger_row *b) {
  const struct text x[] = {a->request_id, a->key_name,         a->user,       a->wire,
                           a->operation,  a->provider,         a->credential, a->model,
                           a->outcome,    a->upstream_model,   a->error,      a->upstream_request_id,
                           a->workspace,  a->provider_metadata};
  const struct text y[] = {b->request_id, b->key_name,         b->user,       b->wire,
                           b->operation,  b->provider,         b->credential, b->model,
                           b->outcome,    b->upstream_model,   b->error,      b->upstream_request_id,
                           b->workspace,  b->provider_metadata};
  for (size_t i = 0; i < sizeof x / sizeof *x; i++)
    EXPECT_TEXT(x[i], y[i]);
  const int64_t m[] = {a->id,       a->reserved_us,     a->settled_us,    a->attempt,       a->key_id,
                       a->status,   a->upstream_status, a->price_version, a->reserved_nano, a->first_token_us,
                       a->streamed, a->billable,        a->duration_us,   a->overhead_us};
  const int64_t n[] = {b->id,       b->reserved_us,     b->settled_us,    b->attempt,       b->key_id,
                       b->status,   b->upstream_status, b->price_version, b->reserved_nano, b->first_token_us,
                       b->streamed, b->billable,        b->duration_us,   b->overhead_us};
  for (size_t i = 0; i < sizeof m / sizeof *m; i++)
    assert_int_equal(m[i], n[i]);
  assert_memory_equal(&a->usage, &b->usage, offsetof(struct usage, estimated) + 1);
  assert_memory_equal(&a->cost, &b->cost, offsetof(struct cost, known) + 1);
}

static void a_row_comes_back_with_every_member(void **state) {
  struct ledger_row row = full_row(), out;
  const struct record_head *r = (const struct record_head *)place;
  memset(place, 0, sizeof place);
  size_t n = record_write(place, RECORD_NOTE, 42, BOOT, &row);
  assert_int_equal(n % 8, 0);
  assert_true(record_is_valid(place, n, BOOT));
  assert_int_equal(record_type(r), RECORD_NOTE);
  assert_int_equal(record_bytes(r), n);
  assert_int_equal(r->sequence, 42);
  assert_int_equal(record_read(r, &out), ERR_OK);
  expect_same(&out, &row);
}

/* A settlement as the program before workspaces wrote it. */
static void a_record_of_the_version_before_is_read_without_a_workspace(void **state) {
  static const _Alignas(8) unsigned char old[] = {
      0x13, 0x00, 0x03, 0x57, 0x1a, 0x46, 0x42, 0x51, 0x2a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xcb, 0x04, 0xfb,
      0x71, 0x1f, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x17, 0x01, 0x0a, 0x14, 0x00, 0x00,
      0x00, 0x00, 0x05, 0x80, 0x80, 0xaf, 0xa2, 0xdb, 0xff, 0xad, 0x06, 0x80, 0x89, 0xa9, 0xa3, 0xdb, 0xff, 0xad, 0x06,
      0x0e, 0x90, 0x03, 0x90, 0x03, 0x3c, 0xd8, 0x04, 0x00, 0x00, 0x94, 0x05, 0xc6, 0x01, 0x01, 0x80, 0x89, 0x7a, 0xa0,
      0x01, 0x07, 0x72, 0x65, 0x71, 0x5f, 0x6f, 0x6c, 0x64, 0x04, 0x74, 0x65, 0x61, 0x6d, 0x03, 0x61, 0x6e, 0x6e, 0x09,
      0x61, 0x6e, 0x74, 0x68, 0x72, 0x6f, 0x70, 0x69, 0x63, 0x08, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x73, 0x03,
      0x73, 0x69, 0x6d, 0x04, 0x6d, 0x61, 0x69, 0x6e, 0x06, 0x63, 0x6c, 0x61, 0x75, 0x64, 0x65, 0x08, 0x63, 0x6c, 0x61,
      0x75, 0x64, 0x65, 0x2d, 0x31, 0x02, 0x75, 0x70, 0x02, 0x6f, 0x6b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  };
  struct ledger_row out = {.workspace = TEXT("none of this stays"), .provider_metadata = TEXT("nor this")};
  assert_true(record_is_valid(old, sizeof old, BOOT));
  assert_int_equal(record_read((const struct record_head *)old, &out), ERR_OK);
  EXPECT_TEXT(out.request_id, TEXT("req_old"));
  EXPECT_TEXT(out.user, TEXT("ann"));
  EXPECT_TEXT(out.outcome, TEXT("ok"));
  EXPECT_TEXT(out.workspace, TEXT(""));
  EXPECT_TEXT(out.provider_metadata, TEXT(""));
  assert_int_equal(out.cost.total, 330);
  assert_int_equal(out.overhead_us, 80);
  memset(place, 0, sizeof place);
  out.id = 1234567890123;
  assert_int_equal(record_write(place, RECORD_SETTLE, 42, BOOT, &out), sizeof old); /* and it would write the same */
  assert_memory_equal(place, old, sizeof old);
}

static void long_texts_are_cut_at_a_character_and_the_largest_record_fits(void **state) {
  static char long_text[2000];
  struct ledger_row row = full_row(), out;
  memset(long_text, 'x', sizeof long_text);
  memcpy(long_text + 254, "\xe2\x82\xac", 3); /* a euro sign across the limit */
  struct text *texts[] = {&row.request_id, &row.key_name, &row.user,     &row.wire,           &row.operation,
                          &row.provider,   &row.model,    &row.outcome,  &row.upstream_model, &row.upstream_request_id,
                          &row.credential, &row.error,    &row.workspace};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = (struct text){long_text, sizeof long_text};
  memset(place, 0, sizeof place);
  size_t n = record_write(place, RECORD_SETTLE, 1, BOOT, &row);
  assert_true(n <= RECORD_MAX_BYTES);
  assert_int_equal(record_read((struct record_head *)place, &out), ERR_OK);
  assert_int_equal(out.error.len, 254);
  EXPECT_TEXT(out.provider_metadata, row.provider_metadata);
  row.error.len = RECORD_TEXT_MAX;
  row.error.at = "abc";
  row.error.len = 3;
  memset(long_text, 0x80, sizeof long_text); /* no character at all: cut all the same */
  memset(place, 0, sizeof place);
  record_write(place, RECORD_SETTLE, 1, BOOT, &row);
  assert_int_equal(record_read((struct record_head *)place, &out), ERR_OK);
  assert_true(out.model.len > 250 && out.model.len <= RECORD_TEXT_MAX);
}

/* A part of an object would be none. */
static void metadata_that_does_not_fit_is_left_out_whole(void **state) {
  static char long_text[RECORD_TEXT_MAX], object[LEDGER_METADATA_MAX + 1];
  struct ledger_row row = full_row(), out;
  memset(long_text, 'x', sizeof long_text);
  memset(object, 'y', sizeof object);
  row.provider_metadata = (struct text){object, LEDGER_METADATA_MAX};
  memset(place, 0, sizeof place);
  record_write(place, RECORD_SETTLE, 1, BOOT, &row);
  assert_int_equal(record_read((struct record_head *)place, &out), ERR_OK);
  EXPECT_TEXT(out.provider_metadata, row.provider_metadata);
  row.provider_metadata.len = LEDGER_METADATA_MAX + 1;
  memset(place, 0, sizeof place);
  record_write(place, RECORD_SETTLE, 1, BOOT, &row);
  assert_int_equal(record_read((struct record_head *)place, &out), ERR_OK);
  EXPECT_TEXT(out.provider_metadata, TEXT(""));
  row.provider_metadata.len = LEDGER_METADATA_MAX;
  struct text *texts[] = {&row.request_id, &row.key_name, &row.user,     &row.wire,           &row.operation,
                          &row.provider,   &row.model,    &row.outcome,  &row.upstream_model, &row.upstream_request_id,
                          &row.credential, &row.error,    &row.workspace};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = (struct text){long_text, sizeof long_text};
  memset(place, 0, sizeof place);
  assert_true(record_write(place, RECORD_SETTLE, 1, BOOT, &row) <= RECORD_MAX_BYTES);
  assert_int_equal(record_read((struct record_head *)place, &out), ERR_OK);
  EXPECT_TEXT(out.provider_metadata, TEXT(""));
  EXPECT_TEXT(out.workspace, row.workspace);
}

static void no_changed_byte_passes(void **state) {
  struct ledger_row row = full_row();
  memset(place, 0, sizeof place);
  size_t n = record_write(place, RECORD_SETTLE, 7, BOOT, &row);
  for (size_t i = 0; i < n; i++)
    for (int bit = 0; bit < 8; bit++) {
      if (i >= offsetof(struct record_head, closed) && i < sizeof(struct record_head))
        continue; /* the mark and the spare bytes are outside the check */
      place[i] = (char)(place[i] ^ 1 << bit);
      assert_false(record_is_valid(place, n, BOOT));
      place[i] = (char)(place[i] ^ 1 << bit);
    }
  assert_true(record_is_valid(place, n, BOOT));
}

static void another_boot_or_less_room_or_nothing_is_no_record(void **state) {
  struct ledger_row row = full_row();
  memset(place, 0, sizeof place);
  assert_false(record_is_valid(place, sizeof place, BOOT));
  size_t n = record_write(place, RECORD_SETTLE, 7, BOOT, &row);
  assert_false(record_is_valid(place, n, BOOT + 1));
  for (size_t room = 0; room < n; room++)
    assert_false(record_is_valid(place, room, BOOT));
}

static void a_payload_cut_anywhere_is_refused(void **state) {
  struct ledger_row row = full_row(), out;
  memset(place, 0, sizeof place);
  row.workspace = TEXT("x"); /* the last byte is not padding that could be missing */
  size_t n = record_write(place, RECORD_SETTLE, 7, BOOT, &row) - sizeof(struct record_head);
  const char *payload = place + sizeof(struct record_head);
  while (payload[n - 1] == 0)
    n--;
  assert_int_equal(record_read_payload(payload, n, &out), ERR_OK);
  for (size_t len = 0; len < n; len++)
    assert_int_equal(record_read_payload(payload, len, &out), ERR_STORE_CORRUPT);
}

/* Three records; returns where each begins and the last ends. */
static void write_three(size_t at[4]) {
  struct ledger_row row = full_row();
  memset(place, 0, sizeof place);
  at[0] = 64;
  for (size_t i = 0; i < 3; i++)
    at[i + 1] = at[i] + record_write(place + at[i], RECORD_SETTLE, 10 + i, BOOT, &row);
}

static struct record_scan scan_of(size_t bytes) {
  return (struct record_scan){.base = place, .bytes = bytes, .at = 64, .boot = BOOT};
}

static size_t count_records(struct record_scan *s) {
  size_t count = 0;
  while (record_scan_next(s))
    count++;
  return count;
}

static void a_walk_finds_all_records(void **state) {
  size_t at[4];
  write_three(at);
  struct record_scan s = scan_of(sizeof place);
  assert_int_equal(count_records(&s), 3);
  assert_int_equal(s.damaged, 0);
  assert_int_equal(s.last_sequence, 12);
}

static void a_torn_end_is_no_damage(void **state) {
  size_t at[4];
  write_three(at);
  for (size_t bytes = at[2]; bytes < at[3]; bytes += 8) {
    struct record_scan s = scan_of(bytes);
    assert_int_equal(count_records(&s), 2);
    assert_int_equal(s.damaged, 0);
  }
  memset(place + at[2], 0, 4); /* everything but the first word was written */
  struct record_scan s = scan_of(sizeof place);
  assert_int_equal(count_records(&s), 2);
  assert_int_equal(s.damaged, 0);
}

static void damage_between_records_is_counted_and_passed(void **state) {
  size_t at[4];
  for (size_t broken = 0; broken < 2; broken++) {
    write_three(at);
    for (size_t i = at[broken]; i < at[broken + 1]; i++) {
      if (i - at[broken] >= offsetof(struct record_head, closed) && i - at[broken] < sizeof(struct record_head))
        continue;
      place[i] = (char)~place[i];
      struct record_scan s = scan_of(sizeof place);
      assert_int_equal(count_records(&s), 2);
      assert_int_equal(s.damaged, 1);
      place[i] = (char)~place[i];
    }
  }
}

static void a_record_inside_a_text_is_not_taken_for_one(void **state) {
  static _Alignas(8) char inner[RECORD_MAX_BYTES];
  struct ledger_row small = {.id = 666}, row = full_row();
  /* What a client could build: it does not know the boot id. */
  size_t n = record_write(inner, RECORD_SETTLE, 100, 0, &small);
  row.error = row.model = row.outcome = (struct text){inner, n};
  for (size_t shift = 0; shift < 8; shift++) {
    memset(place, 0, sizeof place);
    static const char pad[] = "12345678";
    row.request_id = (struct text){pad, shift};
    size_t end = record_write(place + 64, RECORD_SETTLE, 10, BOOT, &row) + 64;
    place[70] ^= 1; /* damaged, so that the walk looks inside */
    record_write(place + end, RECORD_SETTLE, 11, BOOT, &row);
    struct record_scan s = scan_of(sizeof place);
    const struct record_head *first = record_scan_next(&s);
    assert_non_null(first);
    assert_int_equal(first->sequence, 11);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_comes_back_with_every_member),
      cmocka_unit_test(a_record_of_the_version_before_is_read_without_a_workspace),
      cmocka_unit_test(long_texts_are_cut_at_a_character_and_the_largest_record_fits),
      cmocka_unit_test(metadata_that_does_not_fit_is_left_out_whole),
      cmocka_unit_test(no_changed_byte_passes),
      cmocka_unit_test(another_boot_or_less_room_or_nothing_is_no_record),
      cmocka_unit_test(a_payload_cut_anywhere_is_refused),
      cmocka_unit_test(a_walk_finds_all_records),
      cmocka_unit_test(a_torn_end_is_no_damage),
      cmocka_unit_test(damage_between_records_is_counted_and_passed),
      cmocka_unit_test(a_record_inside_a_text_is_not_taken_for_one),
  };
  return RUN_TESTS(tests);
}
