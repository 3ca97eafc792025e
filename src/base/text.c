/* Slices: comparing, cutting, searching, globs, and the hash. Numbers and encodings are in text_value.c.
 * Nothing here allocates or keeps state but the hash seed, which random_start sets once.
 * Called from every room. */
#include "base/text.h"

static uint64_t hash_seed = 0x9E3779B97F4A7C15u;

struct text text_of(const char *zero_terminated) {
  return zero_terminated == NULL ? TEXT_NONE : (struct text){zero_terminated, strlen(zero_terminated)};
}

bool text_is_empty(struct text t) { return t.len == 0; }

bool text_equal(struct text a, struct text b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static unsigned char lower(char c) {
  unsigned char u = (unsigned char)c;
  return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool text_equal_nocase_bytes(const char *a, const char *b, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return true;
}

bool text_starts(struct text t, struct text prefix) {
  return t.len >= prefix.len && text_equal(text_head(t, prefix.len), prefix);
}

bool text_ends(struct text t, struct text suffix) {
  return t.len >= suffix.len && text_equal(text_skip(t, t.len - suffix.len), suffix);
}

struct text text_skip(struct text t, size_t n) {
  if (n > t.len)
    n = t.len;
  return n == 0 ? t : (struct text){t.at + n, t.len - n};
}

struct text text_head(struct text t, size_t n) {
  return (struct text){t.at, n < t.len ? n : t.len};
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

struct text text_trim(struct text t) {
  while (t.len > 0 && is_blank(t.at[0]))
    t = text_skip(t, 1);
  while (t.len > 0 && is_blank(t.at[t.len - 1]))
    t.len--;
  return t;
}

ptrdiff_t text_find(struct text t, struct text needle) {
  if (needle.len == 0)
    return 0;
  if (t.len < needle.len)
    return -1;
  const char *found = memmem(t.at, t.len, needle.at, needle.len);
  return found == NULL ? -1 : found - t.at;
}

ptrdiff_t text_find_char(struct text t, char c) {
  if (t.len == 0)
    return -1;
  const char *found = memchr(t.at, c, t.len);
  return found == NULL ? -1 : found - t.at;
}

bool text_has_nocase(struct text t, struct text part) {
  for (size_t i = 0; i + part.len <= t.len; i++)
    if (text_equal_nocase((struct text){t.at + i, part.len}, part))
      return true;
  return false;
}

bool text_cut(struct text t, char c, struct text *out_first, struct text *out_rest) {
  ptrdiff_t at = text_find_char(t, c);
  if (at < 0)
    return false;
  *out_first = text_head(t, (size_t)at);
  *out_rest = text_skip(t, (size_t)at + 1);
  return true;
}

bool text_next_in_list(struct text *list, struct text *out_element) {
  while (list->len > 0) {
    struct text first = *list, rest = TEXT_NONE;
    (void)text_cut(*list, ',', &first, &rest);
    *list = rest;
    first = text_trim(first);
    if (first.len > 0) {
      *out_element = first;
      return true;
    }
  }
  return false;
}

/* A later star never needs an earlier one to move, so falling back to the newest star is enough. */
bool text_glob(struct text pattern, struct text t, struct text *out_star) {
  size_t p = 0, i = 0, stars = 0;
  size_t retry_p = 0, retry_i = 0; /* behind the newest star, and where its run ends */
  struct text first = TEXT_NONE;
  while (i < t.len || p < pattern.len) {
    if (p < pattern.len && pattern.at[p] == '*') {
      if (++stars == 1)
        first = text_head(text_skip(t, i), 0);
      retry_p = ++p;
      retry_i = i;
    } else if (p < pattern.len && i < t.len && pattern.at[p] == t.at[i]) {
      p++;
      i++;
    } else if (stars > 0 && retry_i < t.len) {
      i = ++retry_i;
      p = retry_p;
      if (stars == 1)
        first.len++;
    } else {
      return false;
    }
  }
  if (out_star != NULL)
    *out_star = first;
  return true;
}

static bool utf8_tail(const unsigned char *s, size_t n) {
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xC0) != 0x80)
      return false;
  return true;
}

size_t text_utf8_step(struct text t) {
  const unsigned char *s = (const unsigned char *)t.at;
  if (t.len == 0)
    return 0;
  if (s[0] < 0x80)
    return 1;
  size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4 || t.len < n || !utf8_tail(s, n))
    return 0;
  bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
  bool surrogate = s[0] == 0xED && s[1] > 0x9F;
  bool beyond = s[0] == 0xF4 && s[1] > 0x8F;
  return overlong || surrogate || beyond ? 0 : n;
}

bool text_is_utf8(struct text t) {
  while (t.len > 0) {
    size_t n = text_utf8_step(t);
    if (n == 0)
      return false;
    t = text_skip(t, n);
  }
  return true;
}

bool text_is_visible_ascii(struct text t) {
  for (size_t i = 0; i < t.len; i++)
    if (t.at[i] < 0x21 || t.at[i] > 0x7E)
      return false;
  return true;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t text_distance(struct text a, struct text b, size_t limit) {
  size_t row[65];
  a = text_head(a, 64);
  b = text_head(b, 64);
  for (size_t j = 0; j <= b.len; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t change = diagonal + (a.at[i - 1] != b.at[j - 1]);
      diagonal = row[j];
      row[j] = least(change, least(row[j], row[j - 1]) + 1);
    }
  }
  return least(row[b.len], limit + 1);
}

void text_hash_seed(uint64_t seed) { hash_seed = seed | 1; }

static uint64_t fold(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step; the seed is in every step, so that a collision for one seed says nothing about the next. */
uint64_t text_hash(struct text t) {
  uint64_t h = hash_seed ^ t.len, word;
  while (t.len >= sizeof word) {
    memcpy(&word, t.at, sizeof word);
    h = fold(h ^ word ^ 0xA0761D6478BD642Fu, hash_seed ^ 0xE7037ED1A0B428DBu);
    t = text_skip(t, sizeof word);
  }
  word = 0;
  if (t.len > 0)
    memcpy(&word, t.at, t.len);
  h = fold(h ^ word ^ 0x8EBC6AF09C88C6E3u, hash_seed ^ 0x589965CC75374CC3u);
  return fold(h ^ hash_seed, 0x9E3779B97F4A7C15u);
}
