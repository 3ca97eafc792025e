/* Writing about the table: the Markdown reference of all keys, and the list of keys that a reload cannot change.
 * It reads rows only, so it is right whenever the table is. Called by the documentation build and the reload. */
#include "config/allowed.h"
#include "config/setting_node.h"

static bool must_be_given(const struct key *row) { return row->initial == NULL && row->type != KEY_ABSENT; }

static void put_default(struct buf *out, const struct key *row) {
  if (must_be_given(row))
    buf_add(out, TEXT("required"));
  else if (row->initial != NULL && row->initial[0] != '\0')
    buf_add_format(out, "`%s`", row->initial);
}

/* A '|' would end the cell. */
static void put_cell(struct buf *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|')
      buf_add_char(out, '\\');
    buf_add_char(out, *text);
  }
}

/* What is in a list of mappings is given with the whole mapping, which has a resource of its own. */
static const char *effect_of(const struct key *row, bool is_in_list) {
  if (row->type == KEY_ABSENT || row->type == KEY_SECTION)
    return "";
  if (!row->reload)
    return "restart";
  return setting_is_changeable(row) && !is_in_list ? "reload, API" : "reload";
}

static void put_row(struct buf *out, const struct key *row, bool is_in_list) {
  buf_add_format(out, "| `%s` | ", row->name);
  put_default(out, row);
  buf_add(out, TEXT(" | "));
  allowed_write(out, row);
  buf_add_format(out, " | %s | ", effect_of(row, is_in_list));
  put_cell(out, row->help);
  buf_add(out, TEXT(" |\n"));
}

static void put_section(struct buf *out, const struct key_section *s, bool is_in_list) {
  buf_add_format(out, "\n## %s%s%s\n\n%s\n\n", s->title[0] == '\0' ? "Top level" : "`", s->title,
                 s->title[0] == '\0' ? "" : "`", s->help);
  buf_add(out, TEXT("| key | default | allowed | takes effect | meaning |\n|---|---|---|---|---|\n"));
  for (size_t i = 0; i < s->count; i++)
    put_row(out, &s->keys[i], is_in_list);
  for (size_t i = 0; i < s->count; i++)
    if (s->keys[i].type == KEY_SECTION || s->keys[i].type == KEY_SECTIONS)
      put_section(out, s->keys[i].section, is_in_list || s->keys[i].type == KEY_SECTIONS);
}

void config_write_reference(struct buf *out) {
  buf_add(
      out,
      TEXT("# Configuration\n\n"
           "Generated from the key table in `src/config/keys.c`; do not edit.\n\n"
           "One YAML file, at most 1 MiB, without anchors, aliases and tags. In any value `${NAME}` stands for an "
           "environment variable and `${NAME:-default}` for one that may be unset or empty; `$${` writes `${`. "
           "Unknown keys are errors. What takes effect by `reload, API` is also given through `/api/v1/settings` where "
           "the file does not give it.\n"));
  put_section(out, &keys_root, false);
  put_section(out, &keys_overlay, true);
}

static bool same_texts(const struct key *row, const char *a, const char *b) {
  size_t count = *(const size_t *)(const void *)(a + row->count_offset);
  if (count != *(const size_t *)(const void *)(b + row->count_offset))
    return false;
  const struct text *x = *(struct text *const *)(const void *)(a + row->offset);
  const struct text *y = *(struct text *const *)(const void *)(b + row->offset);
  for (size_t i = 0; i < count; i++)
    if (!text_equal(x[i], y[i]))
      return false;
  return true;
}

static bool same_address(const struct key *row, const char *a, const char *b) {
  const struct secret *x = *(struct secret *const *)(const void *)(a + row->count_offset);
  const struct secret *y = *(struct secret *const *)(const void *)(b + row->count_offset);
  return memcmp(a + row->offset, b + row->offset, sizeof(int)) == 0 && secret_equal(secret_reveal(x), secret_reveal(y));
}

static bool same_addresses(const struct key *row, const char *a, const char *b) {
  size_t count = *(const size_t *)(const void *)(a + row->count_offset);
  if (count != *(const size_t *)(const void *)(b + row->count_offset))
    return false;
  struct secret *const *x = *(struct secret * *const *)(const void *)(a + row->offset);
  struct secret *const *y = *(struct secret * *const *)(const void *)(b + row->offset);
  for (size_t i = 0; i < count; i++)
    if (!secret_equal(secret_reveal(x[i]), secret_reveal(y[i])))
      return false;
  return true;
}

static bool same_value(const struct key *row, const char *a, const char *b) {
  const char *x = a + row->offset, *y = b + row->offset;
  switch (row->type) {
  case KEY_TEXT:
  case KEY_NAME: return text_equal(*(const struct text *)(const void *)x, *(const struct text *)(const void *)y);
  case KEY_SECRET:
    return secret_equal(secret_reveal(*(struct secret *const *)(const void *)x),
                        secret_reveal(*(struct secret *const *)(const void *)y));
  case KEY_TEXTS: return same_texts(row, a, b);
  case KEY_SIZE:
  case KEY_COUNT:
  case KEY_DURATION:
  case KEY_MONEY:
  case KEY_TIME: return memcmp(x, y, sizeof(int64_t)) == 0;
  case KEY_ADDRESSES: return same_addresses(row, a, b);
  case KEY_ADDRESS: return same_address(row, a, b);
  case KEY_CHOICE:
  case KEY_WORKERS: return memcmp(x, y, sizeof(int)) == 0;
  case KEY_BOOL: return *(const bool *)x == *(const bool *)y;
  default: return true;
  }
}

static void put_changed(struct buf *out, const struct key_section *s, const char *prefix, const char *a,
                        const char *b) {
  for (size_t i = 0; i < s->count; i++) {
    const struct key *row = &s->keys[i];
    if (row->type == KEY_SECTION)
      put_changed(out, row->section, row->name, a + row->offset, b + row->offset);
    else if (!row->reload && !same_value(row, a, b))
      buf_add_format(out, "%s%s%s%s", out->len > 0 ? ", " : "", prefix, prefix[0] == '\0' ? "" : ".", row->name);
  }
}

bool config_restart_keys(const struct config *old, const struct config *changed, struct buf *out) {
  size_t before = out->len;
  put_changed(out, &keys_root, "", (const char *)old, (const char *)changed);
  return out->len > before;
}
