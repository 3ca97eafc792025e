/* A text cut into the parts that tokenizers cut it into: words, numbers, signs, white space, and characters of scripts
 * by how many of them make a token. It knows no weights; tokens.c, the caller, does. */
#include "llm/tokens_text.h"

#define LETTERS_IN_WORD    6
#define LETTERS_IN_LONG    12
#define LETTERS_IN_FOREIGN 4
#define WORDS_PER_MARK     40 /* more marks than one in so many words: not English */
#define SPACE_GROUP        16

struct scan {
  const unsigned char *at, *end;
  struct token_parts *p;
  uint64_t foreign; /* letters that count if the text turns out not to be English */
};

static uint64_t beyond(uint64_t n, uint64_t limit) { return n > limit ? n - limit : 0; }

static bool is_small(unsigned char c) { return c >= 'a' && c <= 'z'; }
static bool is_capital(unsigned char c) { return c >= 'A' && c <= 'Z'; }
static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static bool is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_vowel(unsigned char c) {
  c |= 0x20;
  return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static void count_consonants(struct scan *s, const unsigned char *from, const unsigned char *to) {
  size_t run = 0;
  for (; from < to; from++) {
    run = is_vowel(*from) ? 0 : run + 1;
    s->p->n[PART_CONSONANT] += run > 3;
  }
}

/* "XMLHttp" is XML and Http: the last capital before a small letter begins the next word. */
static void scan_word(struct scan *s) {
  const unsigned char *at = s->at;
  size_t capitals, len;
  while (at < s->end && is_capital(*at))
    at++;
  capitals = (size_t)(at - s->at);
  if (capitals > 1 && at < s->end && is_small(*at)) {
    at--;
    capitals--;
  } else {
    while (at < s->end && is_small(*at))
      at++;
  }
  len = (size_t)(at - s->at);
  if (capitals > 1 && capitals == len) {
    s->p->n[PART_CAPITALS]++;
    s->p->n[PART_CAPITAL] += len - 2;
  } else {
    s->p->n[PART_WORD]++;
    s->p->n[PART_LONG_LETTER] += beyond(len, LETTERS_IN_WORD);
    s->p->n[PART_COMPOUND] += beyond(len, LETTERS_IN_LONG);
    s->foreign += beyond(len, LETTERS_IN_FOREIGN);
  }
  count_consonants(s, s->at, at);
  s->at = at;
}

static void scan_number(struct scan *s) {
  const unsigned char *from = s->at;
  while (s->at < s->end && is_digit(*s->at))
    s->at++;
  s->p->n[PART_NUMBER]++;
  s->p->n[PART_THREE_DIGITS] += ((uint64_t)(s->at - from) - 1) / 3;
}

static void scan_space(struct scan *s) {
  const unsigned char *from = s->at, *last_line = NULL;
  for (; s->at < s->end && is_space(*s->at); s->at++)
    if (*s->at == '\n')
      last_line = s->at;
  size_t len = (size_t)(s->at - from), behind = last_line ? (size_t)(s->at - last_line) - 1 : len;
  s->p->n[PART_LINE] += last_line != NULL;
  s->p->n[PART_INDENT] += behind >= 2 || (behind == 1 && *from == '\t');
  s->p->n[PART_LONG_SPACE] += len / SPACE_GROUP;
}

static bool is_sign(unsigned char c) {
  return c < 0x80 && !is_small(c) && !is_capital(c) && !is_digit(c) && !is_space(c);
}

static void scan_signs(struct scan *s) {
  uint64_t same = 0;
  s->p->n[PART_SIGNS]++;
  for (s->at++; s->at < s->end && is_sign(*s->at); s->at++) {
    if (*s->at == s->at[-1])
      same++;
    else
      s->p->n[PART_SIGN]++;
  }
  s->p->n[PART_SAME_SIGN] += (same + 3) / 4;
}

static const struct {
  uint32_t last;
  enum token_part part;
} scripts[] = {
    {0x00BF, PART_SYMBOL},    {0x024F, PART_LATIN},      {0x036F, PART_OTHER},     {0x03FF, PART_GREEK},
    {0x052F, PART_CYRILLIC},  {0x058F, PART_OTHER},      {0x05FF, PART_HEBREW},    {0x08FF, PART_ARABIC},
    {0x0DFF, PART_INDIC},     {0x0FFF, PART_THAI},       {0x10FF, PART_OTHER},     {0x11FF, PART_HANGUL},
    {0x1DFF, PART_OTHER},     {0x1EFF, PART_VIETNAMESE}, {0x1FFF, PART_GREEK},     {0x200C, PART_SYMBOL},
    {0x200D, PART_PICTURE},   {0x25FF, PART_SYMBOL},     {0x27BF, PART_PICTURE},   {0x2AFF, PART_SYMBOL},
    {0x2BFF, PART_PICTURE},   {0x2E7F, PART_OTHER},      {0x303F, PART_WIDE_SIGN}, {0x31FF, PART_KANA},
    {0x4DFF, PART_HAN_RARE},  {0x9FFF, PART_HAN},        {0xABFF, PART_OTHER},     {0xD7FF, PART_HANGUL},
    {0xF8FF, PART_OTHER},     {0xFAFF, PART_HAN_RARE},   {0xFE0E, PART_OTHER},     {0xFE0F, PART_PICTURE},
    {0xFEFF, PART_OTHER},     {0xFFEF, PART_WIDE_SIGN},  {0x1EFFF, PART_OTHER},    {0x1FFFF, PART_PICTURE},
    {0x3FFFF, PART_HAN_RARE}, {UINT32_MAX, PART_OTHER},
};

static enum token_part part_of(uint32_t c) {
  size_t low = 0, high = sizeof(scripts) / sizeof(scripts[0]) - 1;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (c <= scripts[middle].last)
      high = middle;
    else
      low = middle + 1;
  }
  return scripts[low].part;
}

/* One character outside ASCII; a byte that is no UTF-8 is a character of its own. */
static void scan_character(struct scan *s) {
  size_t step = text_utf8_step((struct text){(const char *)s->at, (size_t)(s->end - s->at)});
  static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t c = UINT32_MAX;
  if (step >= 2) {
    c = s->at[0] & first_bits[step];
    for (size_t i = 1; i < step; i++)
      c = c << 6 | (s->at[i] & 0x3F);
  }
  s->p->n[part_of(c)]++;
  s->at += step ? step : 1;
}

static void scan_all(struct scan *s) {
  while (s->at < s->end) {
    unsigned char c = *s->at;
    if (is_small(c) || is_capital(c))
      scan_word(s);
    else if (is_digit(c))
      scan_number(s);
    else if (is_space(c))
      scan_space(s);
    else if (c < 0x80)
      scan_signs(s);
    else
      scan_character(s);
  }
}

void token_parts_add(struct token_parts *p, struct text t) {
  struct token_parts here = {0};
  const unsigned char *at = (const unsigned char *)t.at;
  struct scan s = {.at = at, .end = at + t.len, .p = &here};
  if (t.len == 0)
    return;
  scan_all(&s);
  if ((here.n[PART_LATIN] + here.n[PART_VIETNAMESE]) * WORDS_PER_MARK > here.n[PART_WORD])
    here.n[PART_FOREIGN] = s.foreign;
  for (size_t i = 0; i < PART_COUNT; i++)
    p->n[i] += here.n[i];
}
