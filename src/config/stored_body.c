/* Entries of the store as the file's own nodes, so that there is one reader and one set of checks, and what is refused
 * in them because the file's owner and the API's callers are different people: secrets, and addresses that lead to a
 * cloud's metadata. Called by join.c. */
#include "config/stored_body.h"

#include "base/link_local.h"
#include "config/config.h"
#include "config/rows.h"

#include <arpa/inet.h>

#define DEPTH_MOST     16
#define BODY_BYTES_MAX (1u << 17)

static const struct {
  const char *name, *list, *path;
} kinds[CONFIG_KIND_COUNT] = {
    [CONFIG_KIND_PROVIDER] = {"provider", "providers"},
    [CONFIG_KIND_POLICY] = {"policy", "policies"},
    [CONFIG_KIND_MODEL] = {"model", "models"},
    [CONFIG_KIND_PRICE] = {"price", "prices"},
    [CONFIG_KIND_ASSIGNMENT] = {"assignment", "assignments"},
    [CONFIG_KIND_LIMIT] = {"limit", "rate_limits", "limits"},
    [CONFIG_KIND_SETTING] = {"setting", "settings"},
};

const char *config_kind_name(enum config_kind k) { return kinds[k].name; }
const char *config_kind_list(enum config_kind k) { return kinds[k].list; }
const char *config_kind_path(enum config_kind k) { return kinds[k].path ? kinds[k].path : kinds[k].list; }

bool config_kind_find(struct text name, enum config_kind *out) {
  for (enum config_kind k = 0; k < CONFIG_KIND_COUNT; k++) {
    if (!text_equal(text_of(kinds[k].name), name))
      continue;
    *out = k;
    return true;
  }
  return false;
}

const struct key *stored_row(enum config_kind k) { return keys_find(&keys_root, text_of(kinds[k].list)); }

/* --- JSON to nodes --- */

static struct node *new_node(int entry, enum node_kind kind, struct arena *a) {
  struct node *n = ARENA_NEW(a, struct node);
  n->kind = kind;
  n->entry = entry;
  return n;
}

static struct node *node_of(yyjson_val *v, int entry, struct arena *a);

static struct node *list_of(yyjson_val *v, int entry, struct arena *a) {
  struct node *list = new_node(entry, NODE_LIST, a), **tail = &list->first;
  yyjson_val *one;
  size_t i, most;
  yyjson_arr_foreach (v, i, most, one) {
    *tail = node_of(one, entry, a);
    tail = &(*tail)->next;
    list->count++;
  }
  return list;
}

static struct node *map_of(yyjson_val *v, int entry, struct arena *a) {
  struct node *map = new_node(entry, NODE_MAP, a), **tail = &map->first;
  yyjson_val *name, *one;
  size_t i, most;
  yyjson_obj_foreach (v, i, most, name, one) {
    *tail = node_of(one, entry, a);
    (*tail)->key = arena_copy(a, json_text(name));
    tail = &(*tail)->next;
    map->count++;
  }
  return map;
}

static struct node *node_of(yyjson_val *v, int entry, struct arena *a) {
  if (yyjson_is_arr(v))
    return list_of(v, entry, a);
  if (yyjson_is_obj(v))
    return map_of(v, entry, a);
  struct node *n = new_node(entry, NODE_SCALAR, a);
  if (yyjson_is_bool(v)) /* a copy: trees are wiped */
    n->text = arena_copy(a, yyjson_get_bool(v) ? TEXT("true") : TEXT("false"));
  else
    n->text = arena_copy(a, yyjson_is_str(v) ? json_text(v) : json_number(v));
  n->null = yyjson_is_null(v);
  return n;
}

enum err stored_body_read(struct text body, int entry, struct arena *a, struct node **out, struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH_MOST, .raw_numbers = true};
  struct json j;
  if (body.len > BODY_BYTES_MAX)
    return fault_set(f, ERR_CONFIG, NULL, "longer than %u bytes", BODY_BYTES_MAX);
  enum err e = json_read(body, &limits, &j, f);
  if (e != ERR_OK)
    return e;
  if (yyjson_is_obj(j.root))
    *out = map_of(j.root, entry, a);
  else
    e = fault_set(f, ERR_CONFIG, NULL, "must be an object");
  json_done(&j);
  return e;
}

/* --- what may not stand there --- */

static bool has_secrets(const struct key_section *s) {
  for (size_t i = 0; s && i < s->count; i++)
    if (s->keys[i].type == KEY_SECRET || has_secrets(s->keys[i].section))
      return true;
  return false;
}

static enum err refuse_secrets(const struct key_section *s, const struct node *n, struct fault *f) {
  for (const struct node *child = n->first; child != NULL; child = child->next) {
    const struct key *row = keys_find(s, child->key);
    if (row != NULL && (row->type == KEY_SECRET || has_secrets(row->section)))
      return fault_set(f, ERR_CONFIG, NULL,
                       "`%s` are not taken here, where they could be read: credentials of providers are given under "
                       "/api/v1/credentials",
                       row->name);
  }
  return ERR_OK;
}

bool stored_host_is_link_local(struct text host) {
  char name[256];
  struct in_addr v4;
  struct in6_addr v6;
  struct text zone;
  (void)text_cut(host, '%', &host, &zone);
  while (text_ends(host, TEXT(".")))
    host.len--;
  if (host.len == 0 || host.len >= sizeof name)
    return false;
  snprintf(name, sizeof name, "%.*s", TEXT_ARGS(host));
  if (inet_aton(name, &v4)) /* also 2852039166, 0xa9fea9fe and 169.254.43518, which resolvers take */
    return link_local_has_v4(ntohl(v4.s_addr));
  if (inet_pton(AF_INET6, name, &v6) == 1)
    return link_local_has_v6(v6.s6_addr);
  return text_equal_nocase(host, TEXT("metadata.google.internal")) || text_equal_nocase(host, TEXT("metadata"));
}

/* "https://[::1]:80/v1" -> "::1" */
static struct text host_of(struct text url) {
  ptrdiff_t scheme = text_find(url, TEXT("://"));
  struct text host = scheme < 0 ? url : text_skip(url, (size_t)scheme + 3), rest;
  (void)text_cut(host, '/', &host, &rest);
  if (text_starts(host, TEXT("["))) {
    host = text_skip(host, 1);
    (void)text_cut(host, ']', &host, &rest);
    return host;
  }
  (void)text_cut(host, ':', &host, &rest);
  return host;
}

static struct text text_in(const struct node *n, const char *name) {
  const struct node *child = node_child(n, name);
  return child != NULL && child->kind == NODE_SCALAR ? child->text : TEXT_NONE;
}

static enum err check_address(const struct node *n, struct fault *f) {
  struct text url = text_in(n, "base_url");
  if (stored_host_is_link_local(host_of(url)))
    return fault_set(f, ERR_CONFIG, NULL, "`base_url` must not lead to link-local addresses or a cloud's metadata");
  /* Without credentials of its own a provider of this kind signs with the machine's. */
  if (url.len > 0 && text_equal(text_in(n, "kind"), TEXT("bedrock")))
    return fault_set(f, ERR_CONFIG, NULL, "`base_url` of a provider of kind `bedrock` is for the configuration file");
  return ERR_OK;
}

enum err stored_body_check(enum config_kind k, const struct node *n, struct fault *f) {
  enum err e = refuse_secrets(stored_row(k)->section, n, f);
  return e == ERR_OK && k == CONFIG_KIND_PROVIDER ? check_address(n, f) : e;
}

/* --- names --- */

/* A number is written in one way, so that one thing has one name. */
static struct text subject_of(const struct node *n, struct arena *a) {
  static const char *const members[] = {"key", "user", "workspace", "organisation", "model"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    struct text who = text_in(n, members[i]);
    int64_t id;
    if (text_equal(text_of(members[i]), TEXT("organisation")) && text_to_i64(who, &id))
      who = id == 0 ? TEXT_NONE : arena_format(a, "%lld", (long long)id);
    if (who.len > 0)
      return arena_format(a, "%s\n%.*s", members[i], TEXT_ARGS(who));
  }
  return TEXT_NONE;
}

struct text stored_body_name(enum config_kind k, const struct node *n, struct arena *a) {
  struct text first = text_in(n, k == CONFIG_KIND_PRICE ? "provider" : "name"), more = TEXT_NONE;
  if (k == CONFIG_KIND_ASSIGNMENT || k == CONFIG_KIND_LIMIT)
    return subject_of(n, a);
  if (k == CONFIG_KIND_PRICE)
    more = text_in(n, "model");
  else if (k == CONFIG_KIND_MODEL)
    more = text_in(n, "wire");
  if (first.len == 0 || more.len == 0)
    return arena_copy(a, first);
  return arena_format(a, "%.*s\n%.*s", TEXT_ARGS(first), TEXT_ARGS(more));
}

/* --- nodes to JSON --- */

static void put_scalar(struct json_writer *w, const struct key *row, struct text t) {
  int64_t number;
  bool is_number = row != NULL && (row->type == KEY_SIZE || row->type == KEY_COUNT) && text_to_i64(t, &number);
  if (is_number)
    json_put_i64(w, number);
  else if (row != NULL && row->type == KEY_BOOL)
    json_put_bool(w, text_equal(t, TEXT("true")));
  else
    json_put_text(w, t);
}

static void put_node(struct json_writer *w, const struct key *row, const struct node *n);

/* s NULL: of pairs, whose names are anybody's. */
static void put_map(struct json_writer *w, const struct key_section *s, const struct node *n) {
  json_object(w);
  for (const struct node *child = n->first; child != NULL; child = child->next) {
    const struct key *row = s != NULL ? keys_find(s, child->key) : NULL;
    if (child->null || (s != NULL && (row == NULL || row->type == KEY_SECRET)))
      continue;
    json_name_text(w, child->key);
    put_node(w, row, child);
  }
  json_object_end(w);
}

static void put_node(struct json_writer *w, const struct key *row, const struct node *n) {
  if (n->kind == NODE_MAP) {
    put_map(w, row != NULL ? row->section : NULL, n);
  } else if (n->kind == NODE_LIST) {
    json_array(w);
    for (const struct node *child = n->first; child != NULL; child = child->next)
      put_node(w, row, child);
    json_array_end(w);
  } else {
    put_scalar(w, row, n->text);
  }
}

struct text stored_body_write(enum config_kind k, const struct node *n, struct arena *a) {
  struct json_writer w;
  struct buf out;
  buf_init(&out, 2u << 20);
  json_writer_init(&w, &out);
  put_map(&w, stored_row(k)->section, n);
  struct text body = arena_copy(a, buf_check(&out) == ERR_OK ? buf_text(&out) : TEXT("{}"));
  buf_done(&out);
  return body;
}
