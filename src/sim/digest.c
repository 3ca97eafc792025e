/* Hashes, ids, signatures and token counts of the simulator. They must be equal in every process, which base's seeded
 * text_hash deliberately is not; they need no strength. Does not know any dialect. Called by answer.c and the dialects.
 */
#include "sim/digest.h"

#include <sodium.h>

static uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9E3779B97F4A7C15ULL;
  return h ^ (h >> 29);
}

void digest_u64(struct digest *d, uint64_t n) { d->hash = mix(d->hash, n); }

void digest_text(struct digest *d, struct text t) {
  uint64_t h = mix(d->hash, t.len);
  size_t i = 0;
  for (; i + 8 <= t.len; i += 8) {
    uint64_t word;
    memcpy(&word, t.at + i, 8);
    h = mix(h, word);
  }
  uint64_t tail = 0;
  for (; i < t.len; i++)
    tail = (tail << 8) | (unsigned char)t.at[i];
  d->hash = mix(h, tail);
  d->bytes += t.len;
}

static struct text string_of(yyjson_val *v) { return (struct text){yyjson_get_str(v), yyjson_get_len(v)}; }

static void digest_object(struct digest *d, yyjson_val *object) {
  bool is_base64 = yyjson_equals_str(yyjson_obj_get(object, "type"), "base64");
  size_t i, n;
  yyjson_val *name, *value;
  yyjson_obj_foreach (object, i, n, name, value) {
    if (yyjson_equals_str(name, "cache_control") || yyjson_equals_str(name, "prompt_cache_breakpoint"))
      continue;
    digest_text(d, string_of(name));
    uint64_t before = d->bytes;
    digest_json(d, value);
    if ((is_base64 && yyjson_equals_str(name, "data")) || (yyjson_equals_str(name, "bytes") && yyjson_is_str(value)))
      d->bytes = before + (d->bytes - before) / 64;
  }
}

void digest_json(struct digest *d, yyjson_val *value) {
  if (yyjson_is_str(value)) {
    digest_text(d, string_of(value));
  } else if (yyjson_is_obj(value)) {
    digest_object(d, value);
  } else if (yyjson_is_arr(value)) {
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach (value, i, n, item)
      digest_json(d, item);
  } else {
    double number = yyjson_get_num(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    digest_u64(d, yyjson_is_true(value) ? 1 : bits);
    d->bytes += 4;
  }
}

uint64_t digest_tokens(uint64_t bytes) { return bytes < 4 ? 1 : (bytes + 3) / 4; }

struct text digest_id(struct arena *a, const char *prefix, size_t n, uint64_t seed) {
  static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  char id[41];
  uint64_t left = 0;
  if (n > sizeof(id) - 1)
    n = sizeof(id) - 1;
  for (size_t i = 0; i < n; i++) {
    if (i % 8 == 0)
      left = seed = mix(seed, i + 1);
    id[i] = letters[left % 62];
    left /= 62;
  }
  id[n] = 0;
  return arena_format(a, "%s%s", prefix, id);
}

struct text digest_signature(struct arena *a, struct text thinking) {
  uint64_t words[12];
  struct digest d = {.hash = 0x776569722D73696DULL};
  digest_text(&d, thinking);
  for (size_t i = 0; i < 12; i++) {
    digest_u64(&d, i);
    words[i] = d.hash;
  }
  char *out = arena_alloc(a, 132);
  return (struct text){out, digest_base64(words, sizeof(words), out)};
}

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_base64_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool digest_base64_length(struct text t, size_t *out_bytes) {
  if (t.len % 4 != 0)
    return false;
  size_t padding = 0;
  while (padding < 2 && t.len > padding && t.at[t.len - 1 - padding] == '=')
    padding++;
  for (size_t i = 0; i < t.len - padding; i++) {
    if (!is_base64_letter(t.at[i]))
      return false;
  }
  *out_bytes = t.len / 4 * 3 - padding;
  return true;
}

size_t digest_base64(const void *bytes, size_t n, char *out) {
  const unsigned char *in = bytes;
  size_t written = 0;
  for (size_t i = 0; i < n; i += 3) {
    uint32_t three = (uint32_t)in[i] << 16;
    if (i + 1 < n)
      three |= (uint32_t)in[i + 1] << 8;
    if (i + 2 < n)
      three |= in[i + 2];
    out[written++] = base64_letters[three >> 18 & 63];
    out[written++] = base64_letters[three >> 12 & 63];
    out[written++] = i + 1 < n ? base64_letters[three >> 6 & 63] : '=';
    out[written++] = i + 2 < n ? base64_letters[three & 63] : '=';
  }
  return written;
}

bool digest_base64_decode(struct arena *a, struct text t, struct text *out) {
  size_t len = 0;
  if (!digest_base64_length(t, &len))
    return false;
  unsigned char *bytes = arena_alloc(a, len + 1);
  if (sodium_base642bin(bytes, len, t.at, t.len, NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
    return false;
  *out = (struct text){(const char *)bytes, len};
  return true;
}

static uint64_t seal_of(struct text plain) {
  struct digest d = {.hash = 0x7365616C2D73696DULL};
  digest_text(&d, plain);
  digest_u64(&d, plain.len);
  return d.hash;
}

struct text digest_seal(struct arena *a, struct text plain) {
  uint64_t seal = seal_of(plain);
  const struct text parts[] = {{(const char *)&seal, sizeof(seal)}, plain};
  struct text bytes = arena_join(a, parts, 2);
  char *out = arena_alloc(a, (bytes.len + 2) / 3 * 4);
  return (struct text){out, digest_base64(bytes.at, bytes.len, out)};
}

bool digest_unseal(struct arena *a, struct text sealed, struct text *out_plain) {
  struct text bytes;
  uint64_t seal;
  if (!digest_base64_decode(a, sealed, &bytes) || bytes.len < sizeof(seal))
    return false;
  memcpy(&seal, bytes.at, sizeof(seal));
  struct text plain = text_skip(bytes, sizeof(seal));
  if (seal != seal_of(plain))
    return false;
  *out_plain = plain;
  return true;
}
