/* YAML to nodes on libyaml's events, which are bounded here: no anchors (so no expansion bombs), limited depth and
 * width. It knows nothing of our keys. Called by config.c. */
#include "config/node.h"

#include "config/expand.h"

#include <yaml.h>

#define DEPTH_MOST 32
#define KEYS_MOST  256u

struct reader {
  yaml_parser_t parser;
  const char *(*lookup)(const char *name);
  struct arena *arena;
  struct config_errors *errors;
};

static int line_of(const yaml_event_t *e) { return (int)e->start_mark.line + 1; }

static int column_of(const yaml_event_t *e) { return (int)e->start_mark.column + 1; }

/* Libyaml's own words name no values. */
static void add_yaml_error(struct reader *r) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR)
    abort();
  bool has_mark = p->error == YAML_SCANNER_ERROR || p->error == YAML_PARSER_ERROR;
  yaml_mark_t mark = has_mark ? p->problem_mark : p->mark;
  errors_add(r->errors, (int)mark.line + 1, (int)mark.column + 1, "not valid YAML: %s",
             p->problem == NULL ? "cannot be read" : p->problem);
}

static bool next_event(struct reader *r, yaml_event_t *e) {
  if (yaml_parser_parse(&r->parser, e))
    return true;
  add_yaml_error(r);
  return false;
}

static bool refuse(struct reader *r, const yaml_event_t *e, const char *why) {
  errors_add(r->errors, line_of(e), column_of(e), "%s", why);
  return false;
}

static bool is_decorated(const yaml_event_t *e) {
  switch (e->type) {
  case YAML_SCALAR_EVENT: return e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL;
  case YAML_SEQUENCE_START_EVENT: return e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL;
  case YAML_MAPPING_START_EVENT: return e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL;
  default: return false;
  }
}

static struct text scalar_text(const yaml_event_t *e) {
  return (struct text){(const char *)e->data.scalar.value, e->data.scalar.length};
}

static bool is_null(const yaml_event_t *e) {
  struct text t = scalar_text(e);
  return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         (t.len == 0 || text_equal(t, TEXT("~")) || text_equal(t, TEXT("null")));
}

static bool read_scalar(struct reader *r, const yaml_event_t *e, struct node *n) {
  struct text raw = scalar_text(e);
  struct fault f;
  n->kind = NODE_SCALAR;
  n->null = is_null(e);
  if (raw.len > 0 && memchr(raw.at, 0, raw.len) != NULL)
    return refuse(r, e, "a value may not hold a zero byte");
  if (!expand_is_needed(raw)) {
    n->text = arena_copy(r->arena, raw);
    return true;
  }
  n->expanded = true;
  if (expand_env(raw, r->lookup, r->arena, &n->text, &f) != ERR_OK)
    (void)refuse(r, e, fault_text(&f));
  return true;
}

static bool read_node(struct reader *r, const yaml_event_t *e, int depth, struct node *n);

static bool read_list(struct reader *r, struct node *list, int depth) {
  struct node **tail = &list->first;
  list->kind = NODE_LIST;
  for (bool good = true; good;) {
    yaml_event_t e;
    if (!next_event(r, &e))
      return false;
    bool ended = e.type == YAML_SEQUENCE_END_EVENT;
    if (!ended) {
      *tail = ARENA_NEW(r->arena, struct node);
      good = read_node(r, &e, depth, *tail);
      tail = &(*tail)->next;
      list->count++;
    }
    yaml_event_delete(&e);
    if (ended)
      return true;
  }
  return false;
}

static bool check_key(struct reader *r, const yaml_event_t *e, const struct node *map) {
  if (e->type != YAML_SCALAR_EVENT || is_decorated(e))
    return refuse(r, e, "a key must be plain text");
  if (map->count == KEYS_MOST)
    return refuse(r, e, "too many keys in one mapping");
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    if (!text_equal(n->key, scalar_text(e)))
      continue;
    errors_add(r->errors, line_of(e), column_of(e), "the key `%.*s` is given twice (first on line %d)",
               TEXT_ARGS(text_head(n->key, 64)), n->key_line);
    return true;
  }
  return true;
}

static struct node *key_node(struct reader *r, const yaml_event_t *e) {
  struct node *n = ARENA_NEW(r->arena, struct node);
  n->key = arena_copy(r->arena, scalar_text(e));
  n->key_line = line_of(e);
  n->key_column = column_of(e);
  return n;
}

static bool read_member(struct reader *r, const yaml_event_t *key, struct node *map, struct node **tail, int depth) {
  yaml_event_t value;
  if (!check_key(r, key, map) || !next_event(r, &value))
    return false;
  *tail = key_node(r, key);
  map->count++;
  bool good = read_node(r, &value, depth, *tail);
  yaml_event_delete(&value);
  return good;
}

static bool read_map(struct reader *r, struct node *map, int depth) {
  struct node **tail = &map->first;
  map->kind = NODE_MAP;
  for (bool good = true; good;) {
    yaml_event_t key;
    if (!next_event(r, &key))
      return false;
    bool ended = key.type == YAML_MAPPING_END_EVENT;
    if (!ended) {
      good = read_member(r, &key, map, tail, depth);
      if (good)
        tail = &(*tail)->next;
    }
    yaml_event_delete(&key);
    if (ended)
      return true;
  }
  return false;
}

static bool read_node(struct reader *r, const yaml_event_t *e, int depth, struct node *n) {
  n->line = line_of(e);
  n->column = column_of(e);
  if (e->type == YAML_ALIAS_EVENT || is_decorated(e))
    return refuse(r, e, "anchors, aliases and tags are not allowed here");
  if (e->type == YAML_SCALAR_EVENT)
    return read_scalar(r, e, n);
  if (depth == DEPTH_MOST)
    return refuse(r, e, "nested too deeply");
  return e->type == YAML_MAPPING_START_EVENT ? read_map(r, n, depth + 1) : read_list(r, n, depth + 1);
}

/* Stream start, document start, the root, document end, stream end. */
static bool read_stream(struct reader *r, struct node *root) {
  int documents = 0;
  for (bool good = true; good;) {
    yaml_event_t e;
    if (!next_event(r, &e))
      return false;
    yaml_event_type_t type = e.type;
    if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
      good = refuse(r, &e, "only one YAML document may stand in the file");
    else if (type == YAML_ALIAS_EVENT || type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
             type == YAML_MAPPING_START_EVENT)
      good = read_node(r, &e, 0, root);
    yaml_event_delete(&e);
    if (type == YAML_STREAM_END_EVENT)
      return true;
  }
  return false;
}

/* Editors on Windows put U+FEFF in front of UTF-8; libyaml would skip it only if it were to guess the encoding. */
static struct text without_mark(struct text yaml) {
  struct text mark = TEXT("\xEF\xBB\xBF");
  return text_starts(yaml, mark) ? text_skip(yaml, mark.len) : yaml;
}

struct node *node_read(struct text yaml, const char *(*lookup)(const char *name), struct arena *a,
                       struct config_errors *errors) {
  struct reader r = {.lookup = lookup, .arena = a, .errors = errors};
  struct node *root = ARENA_NEW(a, struct node);
  size_t errors_before = errors->count;
  *root = (struct node){.kind = NODE_MAP, .line = 1, .column = 1};
  if (!yaml_parser_initialize(&r.parser))
    abort();
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml = without_mark(yaml);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)(yaml.at == NULL ? "" : yaml.at), yaml.len);
  bool good = read_stream(&r, root);
  yaml_parser_delete(&r.parser);
  if (root->kind == NODE_SCALAR && root->null)
    root->kind = NODE_MAP;
  if (good && errors->count == errors_before)
    return root;
  node_wipe(root);
  return NULL;
}

const struct node *node_child(const struct node *map, const char *key) {
  struct text wanted = text_of(key);
  for (const struct node *n = map->kind == NODE_MAP ? map->first : NULL; n != NULL; n = n->next)
    if (text_equal(n->key, wanted))
      return n->kind == NODE_SCALAR && n->null ? NULL : n;
  return NULL;
}

void node_wipe(struct node *n) {
  for (; n != NULL; n = n->next) {
    if (n->kind == NODE_SCALAR && n->text.len > 0)
      secret_wipe((char *)n->text.at, n->text.len);
    node_wipe(n->first);
  }
}
