/* The generic reader: walks a mapping by the rows of its section, refuses what is unknown with the nearest name, fills
 * in defaults, and descends. It knows types, not meanings; those are in check.c. Called by config.c. */
#include "config/section.h"

#include "config/join.h"
#include "config/values.h"

#include <stdarg.h>

#define PATH_MOST 160u

static void put_path(struct buf *out, const struct key_path *path) {
  if (path == NULL || path->name == NULL)
    return;
  put_path(out, path->up);
  if (out->len > 0)
    buf_add_char(out, '.');
  buf_add(out, text_of(path->name));
  if (path->index >= 0)
    buf_add_format(out, "[%d]", path->index);
}

/* To the file's errors, or to those of the entry of the store that n is of. */
static void say(struct loader *l, const struct node *n, bool at_key, const char *text) {
  if (l->join != NULL && n != NULL && n->entry > 0)
    join_blame(l, n->entry, text);
  else if (n == NULL)
    errors_add(l->errors, 0, 0, "%s", text);
  else
    errors_add(l->errors, at_key ? n->key_line : n->line, at_key ? n->key_column : n->column, "%s", text);
}

void section_refuse(struct loader *l, const struct node *n, const struct key_path *path, const char *name,
                    const char *fmt, ...) {
  const struct key_path full = {.up = path, .name = name, .index = -1};
  char text[256], whole[320];
  struct buf where;
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(text, sizeof text, fmt, args) < 0)
    text[0] = '\0';
  va_end(args);
  buf_init(&where, PATH_MOST);
  put_path(&where, name == NULL ? path : &full);
  if (snprintf(whole, sizeof whole, "`%.*s` %s", TEXT_ARGS(buf_text(&where)), text) < 0)
    whole[0] = '\0';
  say(l, n, false, whole);
  buf_done(&where);
}

static void refuse_unknown(struct loader *l, const struct key_section *s, const struct node *n) {
  const struct key *near = keys_nearest(s, n->key);
  struct text shown = text_is_utf8(n->key) ? text_head(n->key, 64) : TEXT("?");
  char text[320];
  int used = snprintf(text, sizeof text, "unknown key `%.*s`", TEXT_ARGS(shown));
  if (near != NULL && used > 0)
    snprintf(text + used, sizeof text - (size_t)used, ", did you mean `%s`?", near->name);
  say(l, n, true, text);
}

static const char *kind_of(const struct node *n) {
  return n->kind == NODE_MAP ? "a mapping" : n->kind == NODE_LIST ? "a list" : "one value";
}

static bool expect_kind(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                        enum node_kind wanted) {
  static const char *const names[] = {"one value", "a list", "a mapping"};
  if (n->kind == wanted)
    return true;
  section_refuse(l, n, path, row->name, "must be %s, not %s", names[wanted], kind_of(n));
  return false;
}

static bool read_one(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                     void *at) {
  struct fault f;
  if (value_read(row, n, l->arena, at, &f) == ERR_OK)
    return true;
  section_refuse(l, n, path, row->name, "%s", fault_text(&f));
  return false;
}

/* One text alone is a list of one. */
static void read_texts(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                       void *at) {
  size_t *count = (size_t *)(void *)((char *)at + row->count_offset);
  struct text **list = (struct text **)(void *)((char *)at + row->offset);
  const struct key element = {
      .name = row->name, .type = KEY_TEXT, .min = row->min, .max = 2048, .choices = row->choices};
  bool single = n->kind == NODE_SCALAR;
  *count = 0;
  if (n->kind == NODE_MAP) {
    section_refuse(l, n, path, row->name, "must be a text or a list of texts");
    return;
  }
  bool may_be_empty = row->initial != NULL && row->initial[0] == '\0';
  size_t wanted = single ? 1 : n->count;
  if (wanted > (size_t)row->max || (wanted == 0 && !may_be_empty)) {
    section_refuse(l, n, path, row->name, "must have %d to %lld entries", !may_be_empty, (long long)row->max);
    return;
  }
  *list = arena_zalloc(l->arena, wanted * sizeof **list);
  for (const struct node *child = single ? n : n->first; child != NULL; child = single ? NULL : child->next)
    if (expect_kind(l, row, child, path, NODE_SCALAR) && read_one(l, &element, child, path, *list + *count))
      ++*count;
}

/* As read_texts; addresses are kept as secrets. */
static void read_addresses(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                           void *at) {
  struct address {
    int place;
    struct secret *secret;
  };
  size_t *count = (size_t *)(void *)((char *)at + row->count_offset);
  struct secret ***list = (struct secret ***)(void *)((char *)at + row->offset);
  const struct key element = {.name = row->name,
                              .type = KEY_ADDRESS,
                              .offset = offsetof(struct address, place),
                              .count_offset = offsetof(struct address, secret),
                              .max = 4096,
                              .choices = row->choices};
  bool single = n->kind == NODE_SCALAR;
  size_t wanted = single ? n->text.len > 0 : n->count;
  *count = 0;
  if (n->kind == NODE_MAP || wanted > (size_t)row->max) {
    section_refuse(l, n, path, row->name, "must be an address or a list of at most %lld", (long long)row->max);
    return;
  }
  *list = arena_zalloc(l->arena, (wanted + 1) * sizeof **list);
  for (const struct node *child = single ? n : n->first; child != NULL && wanted > 0;
       child = single ? NULL : child->next) {
    struct address read = {0};
    if (expect_kind(l, row, child, path, NODE_SCALAR) && read_one(l, &element, child, path, &read))
      (*list)[(*count)++] = read.secret;
  }
}

static void read_pairs(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                       void *at) {
  size_t *count = (size_t *)(void *)((char *)at + row->count_offset);
  struct config_pair **list = (struct config_pair **)(void *)((char *)at + row->offset);
  const struct key value = {.name = row->name, .type = KEY_TEXT, .max = 2048};
  *count = 0;
  if (!expect_kind(l, row, n, path, NODE_MAP))
    return;
  if (n->count > (size_t)row->max) {
    section_refuse(l, n, path, row->name, "must have 0 to %lld entries", (long long)row->max);
    return;
  }
  *list = arena_zalloc(l->arena, n->count * sizeof **list);
  for (const struct node *child = n->first; child != NULL; child = child->next) {
    struct config_pair *pair = *list + *count;
    pair->name = arena_copy(l->arena, child->key);
    if (expect_kind(l, row, child, path, NODE_SCALAR) && read_one(l, &value, child, path, &pair->value))
      ++*count;
  }
}

static void read_sections(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                          void *at) {
  size_t *count = (size_t *)(void *)((char *)at + row->count_offset);
  char **array = (char **)(void *)((char *)at + row->offset);
  struct key_path element = {.up = path, .name = row->name, .index = 0};
  *count = 0;
  if (!expect_kind(l, row, n, path, NODE_LIST))
    return;
  if (n->count < (size_t)row->min || n->count > (size_t)row->max) {
    section_refuse(l, n, path, row->name, "must have %lld to %lld entries", (long long)row->min, (long long)row->max);
    return;
  }
  *array = arena_zalloc(l->arena, n->count * row->section->size);
  /* The count grows with each entry, so that a check may look at the ones before it. */
  for (const struct node *child = n->first; child != NULL; child = child->next, element.index++, ++*count) {
    if (child->kind == NODE_MAP)
      section_read(l, row->section, child, &element, *array + *count * row->section->size);
    else
      section_refuse(l, child, &element, NULL, "must be a mapping, not %s", kind_of(child));
  }
}

static void refuse_absent(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path) {
  bool off = n->kind == NODE_SCALAR ? n->text.len == 0 || text_equal(n->text, TEXT("false")) : n->count == 0;
  if (!off)
    section_refuse(l, n, path, row->name, "is not available in this version");
}

static void read_given(struct loader *l, const struct key *row, const struct node *n, const struct key_path *path,
                       void *at) {
  const struct key_path inner = {.up = path, .name = row->name, .index = -1};
  switch (row->type) {
  case KEY_SECTION:
    if (expect_kind(l, row, n, path, NODE_MAP))
      section_read(l, row->section, n, &inner, (char *)at + row->offset);
    break;
  case KEY_OVERLAY: /* read by the section's check, which knows what it lies over */
    (void)expect_kind(l, row, n, path, NODE_MAP);
    break;
  case KEY_SECTIONS: read_sections(l, row, n, path, at); break;
  case KEY_TEXTS: read_texts(l, row, n, path, at); break;
  case KEY_ADDRESSES: read_addresses(l, row, n, path, at); break;
  case KEY_PAIRS: read_pairs(l, row, n, path, at); break;
  case KEY_ABSENT: refuse_absent(l, row, n, path); break;
  default:
    if (expect_kind(l, row, n, path, NODE_SCALAR))
      (void)read_one(l, row, n, path, at);
  }
}

static void read_default(struct loader *l, const struct key *row, const struct node *section,
                         const struct key_path *path, void *at) {
  const struct key_path inner = {.up = path, .name = row->name, .index = -1};
  const struct node initial = {.kind = NODE_SCALAR, .text = text_of(row->initial)};
  switch (row->type) {
  case KEY_SECTION: section_read(l, row->section, NULL, &inner, (char *)at + row->offset); return;
  case KEY_OVERLAY:
  case KEY_PAIRS:
  case KEY_ABSENT: return;
  default: break;
  }
  if (row->initial == NULL || (row->type == KEY_SECTIONS && row->min > 0))
    section_refuse(l, section, path, row->name, "is missing");
  else if (row->type == KEY_TEXTS ? row->initial[0] != '\0' : row->type != KEY_SECTIONS)
    read_given(l, row, &initial, path, at);
}

static void refuse_unknown_keys(struct loader *l, const struct key_section *s, const struct node *n) {
  for (const struct node *child = n == NULL ? NULL : n->first; child != NULL; child = child->next)
    if (keys_find(s, child->key) == NULL)
      refuse_unknown(l, s, child);
}

void section_read(struct loader *l, const struct key_section *s, const struct node *n, const struct key_path *path,
                  void *at) {
  refuse_unknown_keys(l, s, n);
  for (size_t i = 0; i < s->count; i++) {
    const struct node *given = n == NULL ? NULL : node_child(n, s->keys[i].name);
    if (given != NULL)
      read_given(l, &s->keys[i], given, path, at);
    else
      read_default(l, &s->keys[i], n, path, at);
  }
  if (s->check != NULL)
    s->check(l, n, path, at);
}

void section_overlay(struct loader *l, const struct key_section *s, const struct node *n, const struct key_path *path,
                     void *at) {
  refuse_unknown_keys(l, s, n);
  for (size_t i = 0; i < s->count; i++) {
    const struct node *given = node_child(n, s->keys[i].name);
    if (given != NULL)
      read_given(l, &s->keys[i], given, path, at);
  }
}
