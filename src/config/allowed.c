/* What a row of the key table takes, in words, for people: the reference and the list of settings say the same. What is
 * refused is decided by values.c and section.c. Called by reference.c and settings.c.
 * house: tested-by tests/unit/config/test_reference.c */
#include "config/allowed.h"

static void put_choices(struct buf *out, const struct key *row) {
  struct text rest = text_of(row->choices), choice;
  bool available, first = true;
  while (keys_next_choice(&rest, &choice, &available)) {
    if (choice.len == 0 || !available)
      continue;
    buf_add_format(out, "%s`%.*s`", first ? "" : ", ", TEXT_ARGS(choice));
    first = false;
  }
}

static void put_range(struct buf *out, const struct key *row, const char *unit) {
  buf_add_format(out, "%lld to %lld%s", (long long)row->min, (long long)row->max, unit);
}

void allowed_write(struct buf *out, const struct key *row) {
  switch (row->type) {
  case KEY_TEXT:
  case KEY_CHOICE:
  case KEY_ADDRESS:
    if (row->choices != NULL)
      put_choices(out, row);
    else
      buf_add(out, TEXT("text"));
    break;
  case KEY_NAME: buf_add(out, TEXT("1 to 64 letters, digits, `.`, `_`, `-`")); break;
  case KEY_SECRET: put_range(out, row, " visible ASCII characters"); break;
  case KEY_TEXTS:
    if (row->choices != NULL)
      put_choices(out, row);
    buf_add(out, row->choices != NULL ? TEXT(", or a list of them") : TEXT("text or a list of texts"));
    break;
  case KEY_ADDRESSES:
    put_choices(out, row);
    buf_add_format(out, ", or a list of at most %lld of them", (long long)row->max);
    break;
  case KEY_PAIRS: buf_add_format(out, "a mapping of at most %lld names to texts", (long long)row->max); break;
  case KEY_SIZE:
  case KEY_COUNT: put_range(out, row, ""); break;
  case KEY_DURATION: buf_add_format(out, "%lldms to %llds", (long long)row->min, (long long)(row->max / 1000)); break;
  case KEY_MONEY: buf_add_format(out, "USD, 0 to %lld", (long long)row->max); break;
  case KEY_BOOL: buf_add(out, TEXT("`true`, `false`")); break;
  case KEY_TIME: buf_add(out, TEXT("RFC 3339 time")); break;
  case KEY_WORKERS: put_range(out, row, " or `auto`"); break;
  case KEY_SECTION:
  case KEY_OVERLAY: buf_add(out, TEXT("a mapping, see below")); break;
  case KEY_SECTIONS:
    buf_add_format(out, "a list of %lld to %lld mappings, see below", (long long)row->min, (long long)row->max);
    break;
  case KEY_ABSENT: buf_add(out, TEXT("not available in this version")); break;
  }
}
