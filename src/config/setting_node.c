/* One value of the configuration that stands in the store, put into the file's tree under its dotted key, so that the
 * rows and checks of the file read it. Which keys are settings at all, and which of them the control API may give, is
 * decided here, by the rows. Called by join.c; settings.c shows the same keys. */
#include "config/setting_node.h"

#include "base/json.h"
#include "config/stored_body.h"

bool setting_is_one(const struct key *row) {
  switch (row->type) {
  case KEY_TEXT:
  case KEY_NAME:
  case KEY_TEXTS:
  case KEY_SIZE:
  case KEY_COUNT:
  case KEY_DURATION:
  case KEY_BOOL:
  case KEY_CHOICE:
  case KEY_WORKERS: return true;
  default: return false;
  }
}

bool setting_is_changeable(const struct key *row) { return setting_is_one(row) && row->reload && !row->file_only; }

const struct key *setting_row(struct text key) {
  const struct key_section *s = &keys_root;
  struct text part;
  while (text_cut(key, '.', &part, &key)) {
    const struct key *row = keys_find(s, part);
    if (row == NULL || row->type != KEY_SECTION)
      return NULL;
    s = row->section;
  }
  const struct key *row = keys_find(s, key);
  return row != NULL && setting_is_one(row) ? row : NULL;
}

/* --- bodies --- */

static bool is_list_of_texts(yyjson_val *v) {
  yyjson_val *one;
  size_t i, most;
  yyjson_arr_foreach (v, i, most, one)
    if (!yyjson_is_str(one))
      return false;
  return yyjson_is_arr(v);
}

/* NULL: it is of the type that the row takes. */
static const char *wrong_type(const struct key *row, yyjson_val *v) {
  switch (row->type) {
  case KEY_SIZE:
  case KEY_COUNT: return yyjson_is_raw(v) ? NULL : "must be a whole number";
  case KEY_BOOL: return yyjson_is_bool(v) ? NULL : "must be true or false";
  case KEY_TEXTS: return is_list_of_texts(v) ? NULL : "must be a list of texts";
  case KEY_DURATION: return yyjson_is_str(v) ? NULL : "must be a text such as \"250ms\", \"5s\", \"2m\" or \"1h\"";
  default: return yyjson_is_str(v) ? NULL : "must be a text";
  }
}

static const char *refusal(struct text key, yyjson_val *value) {
  const struct key *row = setting_row(key);
  if (row == NULL)
    return "is of a key that this version does not have";
  if (!row->reload)
    return "takes effect only after a restart, and is given by the configuration file";
  if (row->file_only)
    return "is given by the configuration file alone";
  return value == NULL ? "is missing" : wrong_type(row, value);
}

/* Looks at the types, which nodes do not have. */
static enum err check_body(struct text body, struct arena *a, struct text *out_key, struct fault *f) {
  const struct json_limits limits = {.raw_numbers = true};
  struct text key = TEXT_NONE;
  struct json j;
  enum err e = json_read(body, &limits, &j, f);
  if (e != ERR_OK)
    return e;
  (void)json_get_text(j.root, "key", &key);
  *out_key = arena_copy(a, key);
  const char *why = refusal(key, json_get(j.root, "value"));
  json_done(&j);
  return why == NULL ? ERR_OK : fault_set(f, ERR_CONFIG, NULL, "%s", why);
}

enum err setting_read(struct text body, int entry, struct arena *a, struct text *out_key, struct node **out,
                      struct fault *f) {
  struct node *map = NULL;
  enum err e = stored_body_read(body, entry, a, &map, f);
  if (e == ERR_OK)
    e = check_body(body, a, out_key, f);
  if (e != ERR_OK)
    return e;
  for (struct node *n = map->first; n != NULL; n = n->next)
    if (text_equal(n->key, TEXT("value")))
      *out = n;
  return ERR_OK;
}

/* --- the tree --- */

static struct node *find_child(const struct node *map, struct text key) {
  for (struct node *n = map->first; n != NULL; n = n->next)
    if (text_equal(n->key, key))
      return n;
  return NULL;
}

/* As node_child: something that is not null. */
static bool is_given_in(const struct node *map, struct text key) {
  for (const struct node *n = map->first; n != NULL; n = n->next)
    if (n->entry == 0 && text_equal(n->key, key))
      return n->kind != NODE_SCALAR || !n->null;
  return false;
}

bool setting_is_given(const struct node *root, struct text key) {
  const struct node *map = root;
  struct text part;
  while (text_cut(key, '.', &part, &key)) {
    map = find_child(map, part);
    if (map == NULL || map->kind != NODE_MAP)
      return false;
  }
  return is_given_in(map, key);
}

struct given {
  const struct node *root;
  struct arena *arena;
  struct text *at;
  size_t count;
};

static size_t count_rows(const struct key_section *s) {
  size_t n = s->count;
  for (size_t i = 0; i < s->count; i++)
    if (s->keys[i].type == KEY_SECTION)
      n += count_rows(s->keys[i].section);
  return n;
}

static void add_given(struct given *g, const struct key_section *s, const char *prefix) {
  for (size_t i = 0; i < s->count; i++) {
    const struct key *row = &s->keys[i];
    struct text key = arena_format(g->arena, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", row->name);
    if (row->type == KEY_SECTION)
      add_given(g, row->section, key.at);
    else if (setting_is_one(row) && setting_is_given(g->root, key))
      g->at[g->count++] = key;
  }
}

struct text *setting_all_given(const struct node *root, struct arena *a, size_t *out_count) {
  struct given g = {root, a, arena_zalloc(a, count_rows(&keys_root) * sizeof(struct text)), 0};
  add_given(&g, &keys_root, "");
  *out_count = g.count;
  return g.at;
}

static void put_first(struct node *map, struct node *n) {
  n->next = map->first;
  map->first = n;
  map->count++;
}

/* What is put first goes before a member that the file has without a value. */
void setting_add(struct node *root, struct text key, struct node *value, struct arena *a) {
  struct node *map = root;
  struct text part;
  while (text_cut(key, '.', &part, &key)) {
    struct node *inner = find_child(map, part);
    if (inner == NULL) {
      inner = ARENA_NEW(a, struct node);
      inner->key = part;
      put_first(map, inner);
    }
    inner->kind = NODE_MAP;
    inner->null = false;
    map = inner;
  }
  value->key = key;
  put_first(map, value);
}

static void take_from(struct node *map, const struct key_section *s) {
  for (struct node **at = &map->first; *at != NULL;) {
    if ((*at)->entry == 0) {
      at = &(*at)->next;
      continue;
    }
    *at = (*at)->next;
    map->count--;
  }
  for (size_t i = 0; i < s->count; i++) {
    struct node *inner = s->keys[i].type == KEY_SECTION ? find_child(map, text_of(s->keys[i].name)) : NULL;
    if (inner != NULL && inner->kind == NODE_MAP)
      take_from(inner, s->keys[i].section);
  }
}

void setting_take_away(struct node *root) { take_from(root, &keys_root); }
