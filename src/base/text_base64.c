/* Bytes written as base64 and base64url and read back: the third part of text.h. Reading is strict, so that two readers
 * never see two values: media in requests, event-stream payloads and sealed reasoning come through here. */
#include "base/text.h"

static const char plain_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const char *digits, const void *bytes, size_t n, char *out) {
  const unsigned char *in = bytes;
  size_t written = 0;
  for (size_t i = 0; i < n; i += 3) {
    size_t have = n - i < 3 ? n - i : 3;
    uint32_t group = (uint32_t)in[i] << 16;
    if (have > 1)
      group |= (uint32_t)in[i + 1] << 8;
    if (have > 2)
      group |= in[i + 2];
    for (size_t k = 0; k <= have; k++)
      out[written++] = digits[(group >> (18 - 6 * k)) & 63];
  }
  return written;
}

size_t text_base64url(const void *bytes, size_t n, char *out) { return encode(url_digits, bytes, n, out); }

size_t text_base64(const void *bytes, size_t n, char *out) {
  size_t written = encode(plain_digits, bytes, n, out);
  while (written % 4 != 0)
    out[written++] = '=';
  return written;
}

#define NO_DIGIT 64

/* The value of a digit in either alphabet is found in the table of its own alphabet only. */
struct values {
  uint8_t of[256];
};

static void values_fill(struct values *v, const char *digits) {
  memset(v->of, NO_DIGIT, sizeof(v->of));
  for (uint8_t i = 0; i < 64; i++)
    v->of[(unsigned char)digits[i]] = i;
}

static const struct values *values_of(const char *digits) {
  static _Thread_local struct values plain, url;
  static _Thread_local bool filled;
  if (!filled) {
    values_fill(&plain, plain_digits);
    values_fill(&url, url_digits);
    filled = true;
  }
  return digits == plain_digits ? &plain : &url;
}

/* len digits of whole groups and perhaps one last short group. Stray bits of a short group must be zero. */
static bool decode(const char *digits, const char *at, size_t len, unsigned char *out, size_t *out_n) {
  const struct values *v = values_of(digits);
  size_t n = 0, whole = len / 4 * 4, i = 0;
  for (; i < whole; i += 4) {
    const unsigned char *in = (const unsigned char *)at + i;
    uint32_t a = v->of[in[0]], b = v->of[in[1]], c = v->of[in[2]], d = v->of[in[3]];
    if ((a | b | c | d) & NO_DIGIT)
      return false;
    uint32_t group = a << 18 | b << 12 | c << 6 | d;
    if (out) {
      out[n] = (unsigned char)(group >> 16);
      out[n + 1] = (unsigned char)(group >> 8);
      out[n + 2] = (unsigned char)group;
    }
    n += 3;
  }
  size_t left = len - whole;
  if (left == 1)
    return false;
  if (left > 1) {
    uint32_t a = v->of[(unsigned char)at[i]], b = v->of[(unsigned char)at[i + 1]];
    uint32_t c = left > 2 ? v->of[(unsigned char)at[i + 2]] : 0;
    if (((a | b | c) & NO_DIGIT) || (left == 2 ? b & 15 : c & 3))
      return false;
    uint32_t group = a << 18 | b << 12 | c << 6;
    for (size_t k = 1; k < left; k++, n++)
      if (out)
        out[n] = (unsigned char)(group >> (24 - 8 * k));
  }
  *out_n = n;
  return true;
}

bool text_base64url_decode(struct text t, void *out, size_t *out_n) {
  return decode(url_digits, t.at, t.len, out, out_n);
}

bool text_base64_decode(struct text t, void *out, size_t *out_n) {
  if (t.len % 4 != 0)
    return false;
  size_t len = t.len;
  while (len > 0 && t.len - len < 2 && t.at[len - 1] == '=')
    len--;
  return decode(plain_digits, t.at, len, out, out_n);
}
