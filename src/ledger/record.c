/* The codec of journal records and the walk over a segment after a crash. Numbers are variable-length (LEB128, signed
 * ones zigzag), texts carry their length. Called by the journal (writing), the ledger's writer and the replay
 * (reading). */
#include "ledger/record.h"

#include "base/crc.h"

#define RECORD_MARK 0x57u
#define CRC_FROM    offsetof(struct record_head, sequence)
#define CRC_TO      offsetof(struct record_head, closed)

_Static_assert(sizeof(struct record_head) == 32, "a record's head is part of the file format");

/* The row's members in the order of the file. What came later stands behind them, and a flag says that it is there: the
 * journal that an older program left is read without it, and an older program leaves it unread. */
#define ROW_UNSIGNED(X)                                                                                                \
  X(attempt)                                                                                                           \
  X(usage.input)                                                                                                       \
  X(usage.output)                                                                                                      \
  X(usage.cache_write_5m)                                                                                              \
  X(usage.cache_write_1h)                                                                                              \
  X(usage.cache_read)                                                                                                  \
  X(usage.reasoning)                                                                                                   \
  X(price_version)
#define ROW_SIGNED(X)                                                                                                  \
  X(reserved_us)                                                                                                       \
  X(settled_us)                                                                                                        \
  X(key_id)                                                                                                            \
  X(status)                                                                                                            \
  X(upstream_status)                                                                                                   \
  X(cost.input)                                                                                                        \
  X(cost.output)                                                                                                       \
  X(cost.cache_write)                                                                                                  \
  X(cost.cache_read)                                                                                                   \
  X(cost.total)                                                                                                        \
  X(reserved_nano)                                                                                                     \
  X(first_token_us)                                                                                                    \
  X(duration_us)                                                                                                       \
  X(overhead_us)
#define ROW_TEXTS(X)                                                                                                   \
  X(request_id)                                                                                                        \
  X(key_name)                                                                                                          \
  X(user)                                                                                                              \
  X(wire)                                                                                                              \
  X(operation)                                                                                                         \
  X(provider)                                                                                                          \
  X(credential)                                                                                                        \
  X(model)                                                                                                             \
  X(upstream_model)                                                                                                    \
  X(upstream_request_id)                                                                                               \
  X(outcome)                                                                                                           \
  X(error)

#define COUNT(member)    +1
#define NUMBER_MAX_BYTES 10
_Static_assert(sizeof(struct record_head) + 1 + (0 ROW_UNSIGNED(COUNT) ROW_SIGNED(COUNT)) * NUMBER_MAX_BYTES +
                       (1 ROW_TEXTS(COUNT)) * (2 + RECORD_TEXT_MAX) + 7 <=
                   RECORD_MAX_BYTES,
               "the largest row must fit");

enum {
  FLAG_STREAMED = 1,
  FLAG_BILLABLE = 2,
  FLAG_USAGE_KNOWN = 4,
  FLAG_USAGE_ESTIMATED = 8,
  FLAG_COST_KNOWN = 16,
  FLAG_WORKSPACE = 32,
  FLAG_METADATA = 64
};

static char *put_unsigned(char *at, uint64_t n) {
  for (; n >= 0x80; n >>= 7)
    *at++ = (char)(n | 0x80);
  *at++ = (char)n;
  return at;
}

static char *put_signed(char *at, int64_t n) { return put_unsigned(at, ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0)); }

static char *put_text(char *at, struct text t) {
  size_t n = t.len;
  if (n > RECORD_TEXT_MAX)
    for (n = RECORD_TEXT_MAX; n > RECORD_TEXT_MAX - 4 && ((unsigned char)t.at[n] & 0xc0) == 0x80;)
      n--;
  at = put_unsigned(at, n);
  if (n)
    memcpy(at, t.at, n);
  return at + n;
}

/* Whole or not at all: an object of JSON that is cut is none. A program of before it leaves it unread. */
static char *put_metadata(char *start, char *at, const struct ledger_row *row) {
  struct text t = row->provider_metadata;
  size_t used = sizeof(struct record_head) + (size_t)(at - start);
  if (t.len == 0 || t.len > LEDGER_METADATA_MAX || used + 2 + t.len + 7 > RECORD_MAX_BYTES)
    return at;
  *start = (char)(*start | FLAG_METADATA);
  at = put_unsigned(at, t.len);
  memcpy(at, t.at, t.len);
  return at + t.len;
}

static char *put_row(char *start, const struct ledger_row *row) {
  char *at = start;
  unsigned flags = (row->streamed ? FLAG_STREAMED : 0u) | (row->billable ? FLAG_BILLABLE : 0u) |
                   (row->usage.known ? FLAG_USAGE_KNOWN : 0u) | (row->usage.estimated ? FLAG_USAGE_ESTIMATED : 0u) |
                   (row->cost.known ? FLAG_COST_KNOWN : 0u) | (row->workspace.len ? FLAG_WORKSPACE : 0u);
  *at++ = (char)flags;
#define PUT(member) at = put_unsigned(at, row->member);
  ROW_UNSIGNED(PUT)
#undef PUT
#define PUT(member) at = put_signed(at, row->member);
  ROW_SIGNED(PUT)
#undef PUT
#define PUT(member) at = put_text(at, row->member);
  ROW_TEXTS(PUT)
#undef PUT
  if (row->workspace.len)
    at = put_text(at, row->workspace);
  return put_metadata(start, at, row);
}

static uint32_t record_crc(const struct record_head *r, uint32_t word, size_t bytes, uint64_t boot) {
  const char *at = (const char *)r;
  uint32_t crc = crc32c(0, &boot, sizeof boot);
  crc = crc32c(crc, &word, sizeof word);
  crc = crc32c(crc, at + CRC_FROM, CRC_TO - CRC_FROM);
  return crc32c(crc, at + sizeof *r, bytes - sizeof *r);
}

size_t record_write(void *place, enum record_type type, uint64_t sequence, uint64_t boot,
                    const struct ledger_row *row) {
  struct record_head *r = place;
  char *start = (char *)place + sizeof *r;
  char *end = put_row(start, row);
  while ((uintptr_t)end % 8)
    *end++ = 0;
  size_t bytes = (size_t)(end - (char *)place);
  uint32_t word = RECORD_MARK << 24 | (uint32_t)type << 16 | (uint32_t)(bytes / 8);
  r->sequence = sequence;
  r->id = row->id;
  r->crc = record_crc(r, word, bytes, boot);
  atomic_store_explicit(&r->word, word, memory_order_release);
  return bytes;
}

enum record_type record_type(const struct record_head *r) {
  return (enum record_type)(atomic_load_explicit(&r->word, memory_order_relaxed) >> 16 & 0xff);
}

size_t record_bytes(const struct record_head *r) {
  return (atomic_load_explicit(&r->word, memory_order_relaxed) & 0xffff) * 8;
}

bool record_is_valid(const void *at, size_t room, uint64_t boot) {
  const struct record_head *r = at;
  if (room < sizeof *r)
    return false;
  uint32_t word = atomic_load_explicit(&r->word, memory_order_acquire);
  size_t bytes = (word & 0xffff) * 8;
  uint32_t type = word >> 16 & 0xff;
  if (word >> 24 != RECORD_MARK || type < RECORD_RESERVE || type > RECORD_SETTLE)
    return false;
  if (bytes < sizeof *r || bytes > room || bytes > RECORD_MAX_BYTES)
    return false;
  return record_crc(r, word, bytes, boot) == r->crc;
}

struct cursor {
  const char *at, *end;
  bool failed;
};

static uint64_t get_unsigned(struct cursor *c) {
  uint64_t n = 0;
  for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
    unsigned char byte = (unsigned char)*c->at++;
    n |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return n;
  }
  c->failed = true;
  return 0;
}

static int64_t get_signed(struct cursor *c) {
  uint64_t n = get_unsigned(c);
  return (int64_t)((n >> 1) ^ (n & 1 ? UINT64_MAX : 0));
}

static struct text get_text(struct cursor *c, size_t max) {
  uint64_t n = get_unsigned(c);
  if (c->failed || n > max || n > (uint64_t)(c->end - c->at)) {
    c->failed = true;
    return TEXT_NONE;
  }
  struct text t = {c->at, (size_t)n};
  c->at += n;
  return t;
}

enum err record_read_payload(const char *at, size_t len, struct ledger_row *out) {
  struct cursor c = {at, at + len, len == 0};
  struct ledger_row row = {0};
  unsigned flags = c.failed ? 0 : (unsigned char)*c.at++;
  row.streamed = flags & FLAG_STREAMED;
  row.billable = flags & FLAG_BILLABLE;
  row.usage.known = flags & FLAG_USAGE_KNOWN;
  row.usage.estimated = flags & FLAG_USAGE_ESTIMATED;
  row.cost.known = flags & FLAG_COST_KNOWN;
#define GET(member) row.member = (__typeof__(row.member))get_unsigned(&c);
  ROW_UNSIGNED(GET)
#undef GET
#define GET(member) row.member = (__typeof__(row.member))get_signed(&c);
  ROW_SIGNED(GET)
#undef GET
#define GET(member) row.member = get_text(&c, RECORD_TEXT_MAX);
  ROW_TEXTS(GET)
#undef GET
  row.workspace = flags & FLAG_WORKSPACE ? get_text(&c, RECORD_TEXT_MAX) : TEXT_NONE;
  row.provider_metadata = flags & FLAG_METADATA ? get_text(&c, LEDGER_METADATA_MAX) : TEXT_NONE;
  if (c.failed)
    return ERR_STORE_CORRUPT;
  *out = row;
  return ERR_OK;
}

enum err record_read(const struct record_head *r, struct ledger_row *out) {
  enum err e = record_read_payload((const char *)(r + 1), record_bytes(r) - sizeof *r, out);
  if (!e)
    out->id = r->id;
  return e;
}

struct record_head *record_scan_next(struct record_scan *s) {
  bool skipped = false;
  for (; s->at + sizeof(struct record_head) <= s->bytes; s->at += 8, skipped = true) {
    struct record_head *r = (struct record_head *)(uintptr_t)(s->base + s->at);
    if (!record_is_valid(r, s->bytes - s->at, s->boot) || r->sequence <= s->last_sequence)
      continue;
    uint64_t missing = s->last_sequence ? r->sequence - s->last_sequence - 1 : 0;
    s->damaged += missing ? missing : skipped;
    s->last_sequence = r->sequence;
    s->at += record_bytes(r);
    return r;
  }
  s->at = s->bytes;
  return NULL;
}
