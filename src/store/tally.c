/* An open-addressing table of sums. Used by the ledger's append (per key and slot) and by its verification (per key);
 * it knows nothing of SQL. */
#include "store/tally.h"

void tally_init(struct tally *t) { *t = (struct tally){0}; }

void tally_done(struct tally *t) {
  free(t->sums);
  free(t->table);
  *t = (struct tally){0};
}

static void *tally_memory(void *old, size_t count, size_t size) {
  void *fresh = reallocarray(old, count, size);
  if (!fresh)
    abort();
  return fresh;
}

static size_t tally_hash(int64_t key_id, int64_t slot) {
  uint64_t h = ((uint64_t)key_id * 0x9e3779b97f4a7c15ULL) ^ ((uint64_t)slot * 0xc2b2ae3d27d4eb4fULL);
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93ULL;
  return (size_t)(h ^ (h >> 32));
}

/* Fills the table from the sums. */
static void tally_place(struct tally *t) {
  size_t mask = t->table_cap - 1;
  memset(t->table, 0, t->table_cap * sizeof *t->table);
  for (size_t i = 0; i < t->count; i++) {
    size_t at = tally_hash(t->sums[i].key_id, t->sums[i].slot) & mask;
    while (t->table[at])
      at = (at + 1) & mask;
    t->table[at] = (uint32_t)i + 1;
  }
}

static void tally_rehash(struct tally *t) {
  size_t cap = t->table_cap ? t->table_cap * 2 : 64;
  free(t->table);
  t->table = tally_memory(NULL, cap, sizeof *t->table);
  t->table_cap = cap;
  tally_place(t);
}

static int tally_order(const void *a, const void *b) {
  const struct tally_sum *x = a, *y = b;
  if (x->key_id != y->key_id)
    return x->key_id < y->key_id ? -1 : 1;
  return x->slot < y->slot ? -1 : x->slot > y->slot;
}

void tally_sort(struct tally *t) {
  if (t->count == 0)
    return;
  qsort(t->sums, t->count, sizeof *t->sums, tally_order);
  tally_place(t);
}

struct tally_sum *tally_at(struct tally *t, int64_t key_id, int64_t slot) {
  if (2 * (t->count + 1) > t->table_cap)
    tally_rehash(t);
  size_t at = tally_hash(key_id, slot) & (t->table_cap - 1);
  for (; t->table[at]; at = (at + 1) & (t->table_cap - 1)) {
    struct tally_sum *s = &t->sums[t->table[at] - 1];
    if (s->key_id == key_id && s->slot == slot)
      return s;
  }
  if (t->count == t->sums_cap) {
    t->sums_cap = t->sums_cap ? t->sums_cap * 2 : 32;
    t->sums = tally_memory(t->sums, t->sums_cap, sizeof *t->sums);
  }
  t->sums[t->count] = (struct tally_sum){.key_id = key_id, .slot = slot};
  t->table[at] = (uint32_t)++t->count;
  return &t->sums[t->count - 1];
}

int64_t tally_plus(int64_t a, int64_t b) {
  int64_t sum;
  a = a < 0 ? 0 : a;
  b = b < 0 ? 0 : b;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t slot_of(int64_t at_us, int64_t width_us) { return at_us / width_us - (at_us % width_us < 0); }

int64_t tally_slot(int64_t at_us) { return slot_of(at_us, TALLY_SLOT_US); }

void tally_count_minute(struct tally *t, const struct ledger_row *row) {
  tally_at(t, 0, slot_of(row->settled_us, TALLY_MINUTE_US))->entries++;
}

static int64_t tally_count_of(uint64_t n) { return n > INT64_MAX ? INT64_MAX : (int64_t)n; }

void tally_add(struct tally *t, const struct ledger_row *row, bool by_slot) {
  struct tally_sum *s = tally_at(t, row->key_id, by_slot ? tally_slot(row->settled_us) : 0);
  const struct usage *u = &row->usage;
  const uint64_t tokens[TALLY_TOKENS] = {u->input,          u->output,     u->cache_write_5m,
                                         u->cache_write_1h, u->cache_read, u->reasoning};
  s->entries++;
  for (size_t i = 0; i < TALLY_TOKENS; i++)
    s->tokens[i] = tally_plus(s->tokens[i], tally_count_of(tokens[i]));
  s->cost_nano = tally_plus(s->cost_nano, row->cost.total);
  if (row->billable)
    s->billable_nano = tally_plus(s->billable_nano, row->cost.total);
}
