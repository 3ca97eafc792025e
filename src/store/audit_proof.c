/* The proof of the audit log: every entry's hash is recomputed and must be what the next one holds; what erasures left
 * must be what a later entry vouches for; both ends must be the ones that are written down. Memory: 48 bytes for every
 * erased entry. Called by store_audit.c.
 * house: allow secret-comparison -- hashes of entries: whoever reads the log has them */
#include "store/audit_proof.h"

#include "base/json.h"
#include "store/audit_chain.h"

#include <stdlib.h>

struct redacted {
  int64_t id;
  uint8_t sum[AUDIT_HASH_BYTES]; /* of what the entry says now */
  bool vouched;                  /* the latest "audit.redact" about it says the same */
};

struct audit_proof {
  struct audit_end anchor, seen, last; /* last: the entry before the next one */
  struct audit_end purged;             /* what the latest "audit.purge" says the anchor is */
  bool has_seen, met_seen;
  struct redacted *redacted; /* in order of id */
  size_t redacted_count, redacted_cap;
  uint64_t rows;
  int64_t bad_id;
  char why[256];
};

struct audit_proof *audit_proof_new(const struct audit_end *anchor, const struct audit_end *seen) {
  struct audit_proof *p = calloc(1, sizeof *p);
  if (!p)
    abort();
  p->anchor = p->last = *anchor;
  if (seen) {
    p->seen = *seen;
    p->has_seen = true;
    p->met_seen = seen->id == anchor->id && memcmp(seen->hash, anchor->hash, AUDIT_HASH_BYTES) == 0;
  }
  return p;
}

void audit_proof_free(struct audit_proof *p) {
  if (!p)
    return;
  free(p->redacted);
  free(p);
}

static bool PRINTF_LIKE(3, 4) fail(struct audit_proof *p, int64_t id, const char *fmt, ...) {
  va_list args;
  if (p->bad_id)
    return false;
  p->bad_id = id;
  va_start(args, fmt);
  vsnprintf(p->why, sizeof p->why, fmt, args);
  va_end(args);
  return false;
}

static struct redacted *find_redacted(const struct audit_proof *p, int64_t id) {
  size_t low = 0, high = p->redacted_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (p->redacted[mid].id < id)
      low = mid + 1;
    else
      high = mid;
  }
  return low < p->redacted_count && p->redacted[low].id == id ? &p->redacted[low] : NULL;
}

static void note_redacted(struct audit_proof *p, const struct audit_row *row) {
  if (p->redacted_count == p->redacted_cap) {
    p->redacted_cap = p->redacted_cap ? p->redacted_cap * 2 : 64;
    p->redacted = realloc(p->redacted, p->redacted_cap * sizeof *p->redacted);
    if (!p->redacted)
      abort();
  }
  struct redacted *r = &p->redacted[p->redacted_count++];
  *r = (struct redacted){.id = row->id};
  audit_chain_redacted(row, r->sum);
}

static bool read_hash(struct text hex, uint8_t out[AUDIT_HASH_BYTES]) {
  static const char digits[] = "0123456789abcdef";
  if (hex.len != (size_t)2 * AUDIT_HASH_BYTES)
    return false;
  for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
    const char *high = memchr(digits, hex.at[2 * i], 16), *low = memchr(digits, hex.at[2 * i + 1], 16);
    if (!high || !low)
      return false;
    out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
  }
  return true;
}

/* One [id, "hex"] of an "audit.redact". */
static bool vouch(struct audit_proof *p, yyjson_val *pair) {
  uint8_t sum[AUDIT_HASH_BYTES];
  if (!read_hash(json_text(yyjson_arr_get(pair, 1)), sum))
    return false;
  struct redacted *r = find_redacted(p, yyjson_get_sint(yyjson_arr_get(pair, 0)));
  if (r)
    r->vouched = memcmp(r->sum, sum, AUDIT_HASH_BYTES) == 0;
  return true;
}

static bool read_redact(struct audit_proof *p, yyjson_val *after) {
  yyjson_val *entries = json_get(after, "entries");
  if (!yyjson_is_arr(entries))
    return false;
  size_t i, max;
  yyjson_val *pair;
  yyjson_arr_foreach (entries, i, max, pair) {
    if (!vouch(p, pair))
      return false;
  }
  return true;
}

static bool read_purge(struct audit_proof *p, yyjson_val *after) {
  uint64_t id = 0;
  struct text hex = TEXT_NONE;
  struct audit_end end;
  if (!json_get_u64(after, "through", &id) || !json_get_text(after, "hash", &hex) || !read_hash(hex, end.hash))
    return false;
  end.id = (int64_t)id;
  p->purged = end;
  return true;
}

/* The entries that the proof itself is told by. Their `after` was checked by then, so that only a program can have
 * written nonsense there. */
static bool read_told(struct audit_proof *p, const struct audit_row *row) {
  bool is_redact = text_equal(row->action, TEXT("audit.redact")),
       is_purge = text_equal(row->action, TEXT("audit.purge"));
  struct json j;
  if (!is_redact && !is_purge)
    return true;
  if (json_read(row->after, NULL, &j, NULL) != ERR_OK)
    return fail(p, row->id, "entry %lld cannot be read", (long long)row->id);
  bool good = is_redact ? read_redact(p, j.root) : read_purge(p, j.root);
  json_done(&j);
  return good ? true : fail(p, row->id, "entry %lld cannot be read", (long long)row->id);
}

static bool check_links(struct audit_proof *p, const struct audit_row *row) {
  uint8_t sum[AUDIT_HASH_BYTES];
  long long id = (long long)row->id, next = (long long)p->last.id + 1;
  if (id != next)
    return fail(p, next, id > next ? "entry %lld is missing: %lld follows" : "entry %lld is missing: %lld stands there",
                next, id);
  if (memcmp(row->prev_hash, p->last.hash, AUDIT_HASH_BYTES) != 0)
    return fail(p, row->id, "entry %lld does not follow the one before it", id);
  audit_chain_hash(row, sum);
  if (memcmp(sum, row->hash, AUDIT_HASH_BYTES) != 0)
    return fail(p, row->id, "entry %lld was changed: its hash is another", id);
  if (row->is_erased) {
    note_redacted(p, row);
    return true;
  }
  audit_chain_personal(row, sum);
  if (memcmp(sum, row->personal_sum, AUDIT_HASH_BYTES) != 0)
    return fail(p, row->id, "entry %lld was changed: its actor, before or after are not what they were", id);
  return true;
}

bool audit_proof_add(struct audit_proof *p, const struct audit_row *row) {
  if (p->bad_id || !check_links(p, row) || !read_told(p, row))
    return false;
  p->rows++;
  p->last.id = row->id;
  memcpy(p->last.hash, row->hash, AUDIT_HASH_BYTES);
  if (p->has_seen && row->id == p->seen.id && memcmp(row->hash, p->seen.hash, AUDIT_HASH_BYTES) == 0)
    p->met_seen = true;
  return true;
}

static bool is_same(const struct audit_end *a, const struct audit_end *b) {
  return a->id == b->id && memcmp(a->hash, b->hash, AUDIT_HASH_BYTES) == 0;
}

static void check_ends(struct audit_proof *p, const struct audit_end *head) {
  if (!is_same(&p->last, head)) {
    fail(p, p->last.id + 1, "the log ends with entry %lld and should end with %lld", (long long)p->last.id,
         (long long)head->id);
    return;
  }
  if (!is_same(&p->purged, &p->anchor)) {
    fail(p, p->anchor.id + 1, "the log begins behind entry %lld, and no entry says that the ones up to it were removed",
         (long long)p->anchor.id);
    return;
  }
  for (size_t i = 0; i < p->redacted_count; i++)
    if (!p->redacted[i].vouched) {
      fail(p, p->redacted[i].id, "entry %lld was erased in part, and no entry vouches for what it says now",
           (long long)p->redacted[i].id);
      return;
    }
  if (p->has_seen && !p->met_seen && p->seen.id >= p->anchor.id)
    fail(p, p->seen.id,
         p->seen.id > p->last.id ? "entry %lld, which was seen earlier, is gone"
                                 : "entry %lld is not the one that was seen earlier: the log was written anew",
         (long long)p->seen.id);
}

struct audit_verdict audit_proof_end(struct audit_proof *p, const struct audit_end *head, struct arena *a) {
  if (!p->bad_id)
    check_ends(p, head);
  return (struct audit_verdict){.rows = p->rows,
                                .erased = p->redacted_count,
                                .anchor = p->anchor,
                                .head = *head,
                                .bad_id = p->bad_id,
                                .why = arena_copy(a, text_of(p->why))};
}
