/* The file and the store in one configuration. The file is read alone first: its errors are its own, and an entry of
 * the store can never keep a process from starting. Then the entries stand behind the file's in the same lists, and all
 * is read again; whoever is to blame for an error is left out, until there is none. Called by config.c. */
#include "config/join.h"

#include "config/config.h"
#include "config/section.h"
#include "config/setting_node.h"
#include "config/stored_body.h"

#define PROBLEM_BYTES_MAX 1500

/* A list of the file, to which entries are added and from which they are taken again. */
struct list {
  struct node *node, *last; /* last: of the file; NULL: it has none */
  size_t declared;
  struct text *names; /* of the declared */
};

struct join {
  struct arena *arena;
  struct node *root;
  struct config_entry *entries;
  struct node **nodes; /* of the entries; NULL: not read, or left out */
  size_t count;
  struct list lists[CONFIG_KIND_LISTS];
  bool has_blamed; /* in this attempt */
};

/* "`models[3].targets[0].model` must ..." -> "`targets[0].model` must ..."; of the entry itself only what follows. */
static struct text without_place(struct text t) {
  ptrdiff_t end = text_find_char(text_skip(t, 1), '`'), bracket = text_find_char(t, ']');
  if (!text_starts(t, TEXT("`")) || bracket < 0 || bracket > end + 1)
    return t;
  struct text rest = text_skip(t, (size_t)bracket + 1);
  if (text_starts(rest, TEXT("."))) /* the backtick takes the point's place */
    return rest;
  return text_trim(text_skip(rest, 1));
}

static void add_problem(struct join *j, size_t i, struct text t) {
  struct config_entry *e = &j->entries[i];
  bool is_member = text_starts(t, TEXT("."));
  if (e->problem.len + t.len > PROBLEM_BYTES_MAX)
    return;
  e->problem = arena_format(j->arena, "%.*s%s%s%.*s", TEXT_ARGS(e->problem), e->problem.len > 0 ? "\n" : "",
                            is_member ? "`" : "", TEXT_ARGS(text_skip(t, is_member)));
}

/* "`breaker.open` must ..." of that setting: "must ..." */
static struct text without_key(struct text key, struct text t) {
  struct text rest = text_skip(t, 1);
  if (!text_starts(t, TEXT("`")) || !text_starts(rest, key) || !text_starts(text_skip(rest, key.len), TEXT("` ")))
    return t;
  return text_skip(rest, key.len + 2);
}

void join_blame(struct loader *l, int entry, const char *text) {
  const struct config_entry *e = &l->join->entries[entry - 1];
  struct text t = text_of(text);
  add_problem(l->join, (size_t)entry - 1, e->kind == CONFIG_KIND_SETTING ? without_key(e->name, t) : without_place(t));
  l->join->has_blamed = true;
}

/* --- the lists of the file --- */

static struct node *find_child(struct node *root, const char *key) {
  for (struct node *n = root->first; n != NULL; n = n->next)
    if (text_equal(n->key, text_of(key)))
      return n;
  return NULL;
}

/* The file's list; one is made where it has none. */
static struct node *list_node(struct join *j, struct node *root, const char *key) {
  struct node *n = find_child(root, key), **tail = &root->first;
  if (n == NULL) {
    while (*tail != NULL)
      tail = &(*tail)->next;
    n = *tail = ARENA_NEW(j->arena, struct node);
    n->key = text_of(key);
    root->count++;
  }
  n->kind = NODE_LIST;
  n->null = false;
  return n;
}

static void find_list(struct join *j, struct node *root, enum config_kind k) {
  struct list *list = &j->lists[k];
  list->node = list_node(j, root, config_kind_list(k));
  list->declared = list->node->count;
  list->names = arena_zalloc(j->arena, (list->declared + 1) * sizeof *list->names);
  size_t i = 0;
  for (struct node *n = list->node->first; n != NULL; n = n->next) {
    list->names[i++] = stored_body_name(k, n, j->arena);
    list->last = n;
  }
}

/* --- the entries --- */

static bool is_declared(const struct list *list, struct text name) {
  for (size_t i = 0; i < list->declared; i++)
    if (text_equal(list->names[i], name))
      return true;
  return false;
}

static bool is_taken(const struct join *j, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (j->entries[k].kind == j->entries[i].kind && text_equal(j->entries[k].name, j->entries[i].name))
      return true;
  return false;
}

static void read_setting(struct join *j, size_t i) {
  struct config_entry *e = &j->entries[i];
  struct fault f = {0};
  struct node *n = NULL;
  bool was_refused = e->problem.len > 0;
  enum err err = setting_read(e->body, (int)i + 1, j->arena, &e->name, &n, &f);
  e->is_shadowed = e->name.len > 0 && setting_is_given(j->root, e->name);
  if (e->name.len > 0 && is_taken(j, i))
    add_problem(j, i, TEXT("has the key of another one"));
  if (err != ERR_OK)
    add_problem(j, i, text_of(fault_text(&f)));
  if (!was_refused && e->problem.len == 0 && !e->is_shadowed)
    j->nodes[i] = n;
}

static void read_entry(struct join *j, size_t i) {
  struct config_entry *e = &j->entries[i];
  struct fault f = {0};
  struct node *n = NULL;
  bool was_refused = e->problem.len > 0;
  if (stored_body_read(e->body, (int)i + 1, j->arena, &n, &f) != ERR_OK) {
    add_problem(j, i, text_of(fault_text(&f)));
    return;
  }
  e->name = stored_body_name(e->kind, n, j->arena);
  e->is_shadowed = e->name.len > 0 && is_declared(&j->lists[e->kind], e->name);
  if (e->name.len > 0 && is_taken(j, i))
    add_problem(j, i, TEXT("has the name of another one"));
  if (stored_body_check(e->kind, n, &f) != ERR_OK)
    add_problem(j, i, text_of(fault_text(&f)));
  if (!was_refused && e->problem.len == 0 && !e->is_shadowed)
    j->nodes[i] = n;
}

static void start(struct join *j, struct node *root, const struct join_list *given) {
  j->root = root;
  j->count = given->count;
  j->entries = arena_zalloc(j->arena, (j->count + 1) * sizeof *j->entries);
  j->nodes = arena_zalloc(j->arena, (j->count + 1) * sizeof(struct node *));
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++)
    find_list(j, root, k);
  for (size_t i = 0; i < j->count; i++) {
    j->entries[i] = given->at[i];
    j->entries[i].is_shadowed = false;
    if (j->entries[i].kind == CONFIG_KIND_SETTING)
      read_setting(j, i);
    else
      read_entry(j, i);
  }
}

/* --- attempts --- */

static void take_away(struct join *j) {
  setting_take_away(j->root);
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++) {
    struct list *list = &j->lists[k];
    list->node->count = list->declared;
    if (list->last != NULL)
      list->last->next = NULL;
    else
      list->node->first = NULL;
  }
}

static void add_to_list(struct join *j, size_t i, struct node **tail) {
  struct list *list = &j->lists[j->entries[i].kind];
  const struct key *row = stored_row(j->entries[i].kind);
  struct node *n = j->nodes[i];
  if (list->node->count >= (size_t)row->max) {
    char text[80];
    snprintf(text, sizeof text, "is one too many: there may be %lld at most", (long long)row->max);
    add_problem(j, i, text_of(text));
    j->nodes[i] = NULL;
    return;
  }
  n->next = NULL;
  if (*tail != NULL)
    (*tail)->next = n;
  else
    list->node->first = n;
  *tail = n;
  list->node->count++;
}

static void add_all(struct join *j) {
  struct node *tails[CONFIG_KIND_LISTS];
  take_away(j);
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++)
    tails[k] = j->lists[k].last;
  for (size_t i = 0; i < j->count; i++) {
    if (j->nodes[i] != NULL && j->entries[i].kind == CONFIG_KIND_SETTING)
      setting_add(j->root, j->entries[i].name, j->nodes[i], j->arena);
    else if (j->nodes[i] != NULL)
      add_to_list(j, i, &tails[j->entries[i].kind]);
  }
}

static void read_anew(struct loader *l, struct node *root) {
  arena_done(l->arena);
  arena_init(l->arena);
  *l->config = (struct config){0};
  l->errors->count = 0;
  section_read(l, &keys_root, root, NULL, l->config);
}

/* Everybody out whose error it may be; that nobody is to blame must not be the file's loss. */
static void give_up(struct join *j, const struct config_errors *errors) {
  for (size_t i = 0; i < j->count; i++) {
    if (j->nodes[i] != NULL)
      add_problem(j, i, text_of(errors->at[0].text));
    j->nodes[i] = NULL;
  }
}

static bool is_bad(const struct join *j, const struct loader *l) { return j->has_blamed || l->errors->count > 0; }

static void attempt(struct join *j, struct loader *l) {
  j->has_blamed = false;
  add_all(j);
  read_anew(l, j->root);
  for (size_t i = 0; i < j->count && j->has_blamed; i++)
    if (j->entries[i].problem.len > 0)
      j->nodes[i] = NULL;
}

/* An error that is nobody's may come of a setting that does not go with one of the file's, or with a default: they are
 * put in again one by one, and that one is out with which it comes back. */
static void try_settings(struct join *j, struct loader *l) {
  struct node **held = arena_zalloc(j->arena, j->count * sizeof *held);
  for (size_t i = 0; i < j->count; i++) {
    if (j->entries[i].kind != CONFIG_KIND_SETTING)
      continue;
    held[i] = j->nodes[i];
    j->nodes[i] = NULL;
  }
  attempt(j, l);
  if (l->errors->count > 0) /* without them too */
    give_up(j, l->errors);
  for (size_t i = 0; i < j->count; i++) {
    if (held[i] == NULL)
      continue;
    j->nodes[i] = held[i];
    attempt(j, l);
    if (l->errors->count == 0 || j->nodes[i] == NULL)
      continue;
    add_problem(j, i, text_of(l->errors->at[0].text));
    j->nodes[i] = NULL;
  }
}

static bool has_settings(const struct join *j) {
  for (size_t i = 0; i < j->count; i++)
    if (j->entries[i].kind == CONFIG_KIND_SETTING && j->nodes[i] != NULL)
      return true;
  return false;
}

static void attempt_all(struct join *j, struct loader *l) {
  for (;;) {
    attempt(j, l);
    if (!is_bad(j, l))
      return;
    if (j->has_blamed)
      continue;
    if (has_settings(j))
      try_settings(j, l);
    else
      give_up(j, l->errors);
  }
}

/* --- what is told --- */

static void tell_declared(const struct join *j, struct loader *l) {
  struct config_joined *out = &l->config->joined;
  size_t most = 1;
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++)
    most += j->lists[k].declared;
  out->declared = arena_zalloc(l->arena, most * sizeof *out->declared);
  for (enum config_kind k = 0; k < CONFIG_KIND_LISTS; k++) {
    const struct node *n = j->lists[k].node->first;
    for (size_t i = 0; i < j->lists[k].declared; i++, n = n->next)
      out->declared[out->declared_count++] = (struct config_entry){.kind = k,
                                                                   .position = (int64_t)i + 1,
                                                                   .name = arena_copy(l->arena, j->lists[k].names[i]),
                                                                   .body = stored_body_write(k, n, l->arena)};
  }
}

static void tell_keys(const struct join *j, struct loader *l) {
  struct config_joined *out = &l->config->joined;
  out->keys = setting_all_given(j->root, l->arena, &out->key_count);
}

static void tell_entries(const struct join *j, struct loader *l) {
  struct config_joined *out = &l->config->joined;
  out->entries = arena_zalloc(l->arena, (j->count + 1) * sizeof *out->entries);
  out->count = j->count;
  for (size_t i = 0; i < j->count; i++) {
    struct config_entry e = j->entries[i];
    e.body = arena_copy(l->arena, e.body);
    e.name = arena_copy(l->arena, e.name);
    e.problem = arena_copy(l->arena, e.problem);
    out->entries[i] = e;
  }
}

void join_read(struct loader *l, struct node *root, const struct join_list *entries, struct arena *scratch) {
  struct join j = {.arena = scratch};
  section_read(l, &keys_root, root, NULL, l->config);
  if (l->errors->count > 0)
    return;
  l->join = &j;
  start(&j, root, entries);
  if (j.count > 0)
    attempt_all(&j, l);
  tell_declared(&j, l);
  tell_keys(&j, l);
  tell_entries(&j, l);
  l->join = NULL;
}
