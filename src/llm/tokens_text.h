/* The parts of a text that tokenizers treat alike, counted. Pure. */
#ifndef LLM_TOKENS_TEXT_H
#define LLM_TOKENS_TEXT_H

#include "base/text.h"

enum token_part {
  PART_WORD,         /* a run of letters without a change from small to capital */
  PART_LONG_LETTER,  /* letters of a word beyond the sixth */
  PART_COMPOUND,     /* letters of a word beyond the twelfth */
  PART_FOREIGN,      /* letters of a word beyond the fourth, in a text that has letters with marks */
  PART_CAPITALS,     /* a run of two and more capitals */
  PART_CAPITAL,      /* capitals of such a run beyond the second */
  PART_CONSONANT,    /* consonants in a row beyond the third: no word of a language */
  PART_NUMBER,       /* a run of digits */
  PART_THREE_DIGITS, /* groups of three of it beyond the first */
  PART_LINE,         /* white space with a line end in it */
  PART_INDENT,       /* white space of two and more without or behind a line end */
  PART_LONG_SPACE,   /* each 16 bytes of white space */
  PART_SIGNS,        /* a run of punctuation */
  PART_SIGN,         /* signs of a run beyond the first, each unlike the one before */
  PART_SAME_SIGN,    /* signs like the one before them, in fours */
  PART_LATIN,        /* letters with marks */
  PART_VIETNAMESE,   /* letters with two marks */
  PART_GREEK,
  PART_CYRILLIC,
  PART_HEBREW,
  PART_ARABIC,
  PART_INDIC, /* the scripts of India */
  PART_THAI,  /* and its neighbours */
  PART_HANGUL,
  PART_KANA,
  PART_HAN,
  PART_HAN_RARE,  /* beyond the commonest */
  PART_WIDE_SIGN, /* punctuation of East Asia, full-width forms */
  PART_SYMBOL,    /* arrows, mathematics, boxes, typographic signs */
  PART_PICTURE,   /* emoji and what joins them */
  PART_OTHER,     /* any other character outside ASCII */
  PART_COUNT
};

struct token_parts {
  uint64_t n[PART_COUNT];
};

/* Adds the parts of t, which is judged as one text. Linear; any bytes. */
void token_parts_add(struct token_parts *p, struct text t);

#endif
