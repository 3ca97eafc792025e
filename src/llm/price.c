/* What tokens cost. Products of a count and a price pass 64 bits, so they are held in 128; nothing here is a float.
 * It does not know where prices come from (config) or what a cost is booked to (ledger).
 * Called by admit for reservations and by settle for the final cost. */
#include "llm/price.h"

__extension__ typedef unsigned __int128 wide;

#define TOKENS_PER_PRICE 1000000U
#define NANO_PER_USD     1000000000LL

static uint64_t rate(int64_t price) { return price > 0 ? (uint64_t)price : 0; }

static int64_t saturate(wide n) { return n > (wide)INT64_MAX ? INT64_MAX : (int64_t)n; }

static int64_t add(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

static int64_t half_up(wide micro) { return saturate((micro + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE); }

/* Rounded up, and one more for the roundings of the classes that share the tokens. Asked for each target of a request,
 * so a product that fits into 64 bits, as all do but the most absurd, is not divided in 128. */
static int64_t upper(uint64_t tokens, uint64_t per_million) {
  uint64_t small;
  if (!__builtin_mul_overflow(tokens, per_million, &small) && small <= UINT64_MAX - TOKENS_PER_PRICE)
    return small == 0 ? 0 : (int64_t)((small + TOKENS_PER_PRICE - 1) / TOKENS_PER_PRICE + 1);
  wide micro = (wide)tokens * per_million;
  return micro == 0 ? 0 : saturate((micro + TOKENS_PER_PRICE - 1) / TOKENS_PER_PRICE + 1);
}

static bool is_known(const struct price *p) { return p && p->version != 0; }

uint32_t price_version(const struct price *p) {
  const int64_t numbers[] = {p->input, p->output, p->cache_write_5m, p->cache_write_1h, p->cache_read};
  uint32_t hash = 2166136261U; /* FNV-1a, over little-endian bytes so that every machine agrees */
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    for (unsigned shift = 0; shift < 64; shift += 8)
      hash = (hash ^ (uint32_t)(((uint64_t)numbers[i] >> shift) & 0xff)) * 16777619U;
  return hash ? hash : 1;
}

void price_cost(const struct price *p, const struct usage *u, struct cost *out) {
  *out = (struct cost){0};
  if (!is_known(p))
    return;
  out->known = true;
  out->input = half_up((wide)u->input * rate(p->input));
  out->output = half_up((wide)u->output * rate(p->output));
  out->cache_read = half_up((wide)u->cache_read * rate(p->cache_read));
  out->cache_write =
      half_up((wide)u->cache_write_5m * rate(p->cache_write_5m) + (wide)u->cache_write_1h * rate(p->cache_write_1h));
  out->total = add(add(out->input, out->output), add(out->cache_write, out->cache_read));
}

int64_t price_worst_case(const struct price *p, uint64_t input_tokens, uint64_t output_tokens) {
  if (!is_known(p))
    return 0;
  uint64_t dearest = rate(p->input);
  const int64_t others[] = {p->cache_write_5m, p->cache_write_1h, p->cache_read};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    if (rate(others[i]) > dearest)
      dearest = rate(others[i]);
  return add(upper(input_tokens, dearest), upper(output_tokens, rate(p->output)));
}

size_t price_text(int64_t nano, char out[PRICE_TEXT_BYTES]) {
  uint64_t n = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
  int len = snprintf(out, PRICE_TEXT_BYTES, "%s%llu.%09llu", nano < 0 ? "-" : "",
                     (unsigned long long)(n / NANO_PER_USD), (unsigned long long)(n % NANO_PER_USD));
  size_t end = (size_t)len;
  while (out[end - 1] == '0')
    end--;
  if (out[end - 1] == '.')
    end--;
  out[end] = 0;
  return end;
}
