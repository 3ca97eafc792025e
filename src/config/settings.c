/* Showing single values of a snapshot by the rows that filled it. What is a setting, and which of them may be given by
 * the control API, is in setting_node.c; their ranges are checked when the snapshot is made. Called by the control
 * API. */
#include "config/settings.h"

#include "base/json.h"
#include "config/allowed.h"
#include "config/setting_node.h"
#include "config/values.h"

#define VALUE_BYTES_MAX (1u << 20)

struct listing {
  const struct config *config;
  struct arena *arena;
  struct config_setting *at;
  size_t count, room;
};

static struct text duration(int64_t ms, struct arena *a) {
  static const struct {
    int64_t ms;
    const char *unit;
  } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (ms % units[i].ms == 0 && (ms > 0 || units[i].ms == 1000))
      return arena_format(a, "\"%lld%s\"", (long long)(ms / units[i].ms), units[i].unit);
  return arena_format(a, "\"%lldms\"", (long long)ms);
}

static struct text choice_at(const char *choices, int place) {
  struct text rest = text_of(choices), choice = TEXT_NONE;
  bool is_available;
  for (int i = 0; keys_next_choice(&rest, &choice, &is_available) && i < place;)
    i++;
  return choice;
}

static void put_texts(struct json_writer *w, const struct key *row, const char *at) {
  const struct text *list = *(struct text *const *)(const void *)(at + row->offset);
  size_t count = *(const size_t *)(const void *)(at + row->count_offset);
  json_array(w);
  for (size_t i = 0; i < count; i++)
    json_put_text(w, list[i]);
  json_array_end(w);
}

static void put_value(struct json_writer *w, const struct key *row, const char *at, struct arena *a) {
  const void *member = at + row->offset;
  unsigned workers;
  int place;
  switch (row->type) {
  case KEY_TEXTS: put_texts(w, row, at); return;
  case KEY_SIZE: json_put_u64(w, *(const size_t *)member); return;
  case KEY_COUNT: json_put_i64(w, *(const int64_t *)member); return;
  case KEY_DURATION: json_put_raw(w, duration(*(const int64_t *)member, a)); return;
  case KEY_BOOL: json_put_bool(w, *(const bool *)member); return;
  case KEY_CHOICE:
    memcpy(&place, member, sizeof place);
    json_put_text(w, choice_at(row->choices, place));
    return;
  case KEY_WORKERS:
    memcpy(&workers, member, sizeof workers);
    if (workers == 0)
      json_put_str(w, "auto");
    else
      json_put_u64(w, workers);
    return;
  default: json_put_text(w, *(const struct text *)member);
  }
}

static struct text value_of(const struct key *row, const char *at, struct arena *a) {
  struct json_writer w;
  struct buf out;
  buf_init(&out, VALUE_BYTES_MAX);
  json_writer_init(&w, &out);
  put_value(&w, row, at, a);
  struct text value = buf_check(&out) == ERR_OK ? arena_copy(a, buf_text(&out)) : TEXT_NONE;
  buf_done(&out);
  return value;
}

/* As section.c reads it where nothing is given. */
static struct text initial_of(const struct key *row, struct arena *a) {
  const struct node n = {.kind = NODE_SCALAR, .text = text_of(row->initial)};
  size_t end = row->offset > row->count_offset ? row->offset : row->count_offset;
  char *at = arena_zalloc(a, end + sizeof(struct text));
  struct key one = *row;
  if (row->type != KEY_TEXTS) {
    enum err ignored = row->initial == NULL ? ERR_OK : value_read(row, &n, a, at, NULL);
    (void)ignored; /* a default is good, or the file could not be read */
    return value_of(row, at, a);
  }
  struct text text = TEXT_NONE;
  one.type = KEY_TEXT;
  one.offset = 0;
  one.max = INT16_MAX;
  if (row->initial == NULL || row->initial[0] == '\0' || value_read(&one, &n, a, &text, NULL) != ERR_OK)
    return TEXT("[]");
  *(struct text **)(void *)(at + row->offset) = &text;
  *(size_t *)(void *)(at + row->count_offset) = 1;
  return value_of(row, at, a);
}

static const char *type_of(const struct key *row) {
  switch (row->type) {
  case KEY_TEXTS: return "texts";
  case KEY_SIZE:
  case KEY_COUNT: return "integer";
  case KEY_DURATION: return "duration";
  case KEY_BOOL: return "boolean";
  case KEY_CHOICE: return "choice";
  default: return "text";
  }
}

static struct text bound(const struct key *row, int64_t n, struct arena *a) {
  if (row->type == KEY_DURATION)
    return duration(n, a);
  if (row->type == KEY_SIZE || row->type == KEY_COUNT)
    return arena_format(a, "%lld", (long long)n);
  return TEXT_NONE;
}

static struct text allowed_of(const struct key *row, struct arena *a) {
  struct buf out;
  buf_init(&out, 4096);
  allowed_write(&out, row);
  struct text allowed = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return allowed;
}

/* Of two of one key the one that is used. */
static const struct config_entry *entry_of(const struct config *c, struct text key) {
  const struct config_entry *found = NULL;
  for (size_t i = 0; i < c->joined.count; i++) {
    const struct config_entry *e = &c->joined.entries[i];
    if (e->kind == CONFIG_KIND_SETTING && text_equal(e->name, key) && (found == NULL || e->problem.len == 0))
      found = e;
  }
  return found;
}

static enum config_setting_source source_of(const struct config *c, struct text key, const struct config_entry *e) {
  for (size_t i = 0; i < c->joined.key_count; i++)
    if (text_equal(c->joined.keys[i], key))
      return CONFIG_SETTING_FILE;
  return e != NULL && e->problem.len == 0 && !e->is_shadowed ? CONFIG_SETTING_STORE : CONFIG_SETTING_DEFAULT;
}

static struct config_setting *more(struct listing *l) {
  if (l->count == l->room) {
    struct config_setting *all = arena_alloc(l->arena, (2 * l->room + 64) * sizeof *all);
    if (l->count > 0)
      memcpy(all, l->at, l->count * sizeof *all);
    l->at = all;
    l->room = 2 * l->room + 64;
  }
  return &l->at[l->count++];
}

static void add_row(struct listing *l, const struct key *row, struct text key, const char *at) {
  const struct config_entry *e = entry_of(l->config, key);
  *more(l) = (struct config_setting){.key = key,
                                     .type = type_of(row),
                                     .help = row->help,
                                     .allowed = allowed_of(row, l->arena),
                                     .value = value_of(row, at, l->arena),
                                     .initial = initial_of(row, l->arena),
                                     .minimum = bound(row, row->min, l->arena),
                                     .maximum = bound(row, row->max, l->arena),
                                     .source = source_of(l->config, key, e),
                                     .needs_restart = !row->reload,
                                     .is_file_only = row->file_only,
                                     .entry = e};
}

static void add_section(struct listing *l, const struct key_section *s, const char *prefix, const char *at) {
  for (size_t i = 0; i < s->count; i++) {
    const struct key *row = &s->keys[i];
    struct text key = arena_format(l->arena, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", row->name);
    if (row->type == KEY_SECTION)
      add_section(l, row->section, key.at, at + row->offset);
    else if (setting_is_one(row))
      add_row(l, row, key, at);
  }
}

size_t config_settings(const struct config *c, struct arena *a, struct config_setting **out) {
  struct listing l = {.config = c, .arena = a};
  add_section(&l, &keys_root, "", (const char *)c);
  *out = l.at;
  return l.count;
}
