/* Slices read as numbers and durations, and bytes written as hex: the second half of text.h.
 * Strict on purpose: a number is digits and nothing else, so that two readers never see two values.
 * Called by config, wire, net and the gateway. */
#include "base/text.h"

bool text_to_u64(struct text t, uint64_t *out) {
  uint64_t n = 0;
  if (t.len == 0)
    return false;
  for (size_t i = 0; i < t.len; i++) {
    unsigned digit = (unsigned)((unsigned char)t.at[i] - '0');
    if (digit > 9 || __builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, digit, &n))
      return false;
  }
  *out = n;
  return true;
}

static bool with_sign(uint64_t size, bool negative, int64_t *out) {
  if (size > (uint64_t)INT64_MAX + negative)
    return false;
  *out = negative ? (int64_t)(0 - size) : (int64_t)size;
  return true;
}

bool text_to_i64(struct text t, int64_t *out) {
  uint64_t size;
  bool negative = t.len > 0 && t.at[0] == '-';
  return text_to_u64(text_skip(t, negative), &size) && with_sign(size, negative, out);
}

bool text_to_scaled(struct text t, int scale, int64_t *out) {
  bool negative = t.len > 0 && t.at[0] == '-';
  struct text whole = text_skip(t, negative), fraction = TEXT_NONE;
  if (text_cut(whole, '.', &whole, &fraction) && fraction.len == 0)
    return false;
  uint64_t size, part = 0;
  if (scale < 0 || scale > 18 || fraction.len > (size_t)scale || !text_to_u64(whole, &size))
    return false;
  if (fraction.len > 0 && !text_to_u64(fraction, &part))
    return false;
  for (size_t i = 0; i < (size_t)scale; i++) {
    if (__builtin_mul_overflow(size, 10u, &size))
      return false;
    if (i >= fraction.len)
      part *= 10;
  }
  return !__builtin_add_overflow(size, part, &size) && with_sign(size, negative, out);
}

bool text_to_duration_ms(struct text t, int64_t *out) {
  static const struct {
    const char *unit;
    uint64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
  size_t digits = 0;
  while (digits < t.len && t.at[digits] >= '0' && t.at[digits] <= '9')
    digits++;
  uint64_t n;
  if (!text_to_u64(text_head(t, digits), &n))
    return false;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (text_equal(text_skip(t, digits), text_of(units[i].unit)))
      return !__builtin_mul_overflow(n, units[i].ms, &n) && with_sign(n, false, out);
  return false;
}

size_t text_hex(const void *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  const unsigned char *in = bytes;
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = digits[in[i] >> 4];
    out[2 * i + 1] = digits[in[i] & 15];
  }
  return 2 * n;
}
