/* Whatever bytes a segment holds: the walk ends, what it returns is inside and in order, and a payload that is read
 * writes the same row again. The first byte chooses between a bare payload and a whole segment. */
#include "ledger/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES_MAX 65536

static _Alignas(8) char segment[BYTES_MAX], again[RECORD_MAX_BYTES];

/* A row that was read has texts within the limit, so that writing it loses nothing. */
static void write_again(const struct ledger_row *row) {
  struct ledger_row copy;
  memset(again, 0, sizeof again);
  size_t n = record_write(again, RECORD_NOTE, 1, 2, row);
  const struct record_head *r = (const struct record_head *)again;
  if (!record_is_valid(again, n, 2) || record_read(r, &copy) || !text_equal(copy.error, row->error) ||
      copy.cost.total != row->cost.total || copy.usage.input != row->usage.input || copy.key_id != row->key_id)
    abort();
}

static void walk(size_t size) {
  struct segment_head head = {0};
  uint64_t last = 0;
  (void)segment_head_read(segment, size, &head);
  struct record_scan s = {.base = segment, .bytes = size, .at = SEGMENT_HEAD_BYTES, .boot = head.boot};
  for (struct record_head *r; (r = record_scan_next(&s));) {
    struct ledger_row row;
    if ((char *)r + record_bytes(r) > segment + size || r->sequence <= last)
      abort();
    last = r->sequence;
    if (!record_read(r, &row))
      write_again(&row);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ledger_row row;
  if (size < 1 || size > BYTES_MAX)
    return 0;
  if (data[0] & 1) {
    if (!record_read_payload((const char *)data + 1, size - 1, &row))
      write_again(&row);
    return 0;
  }
  memset(segment, 0, sizeof segment);
  memcpy(segment, data + 1, size - 1);
  walk(size - 1);
  return 0;
}
