/* The map of a cluster out of CLUSTER SLOTS. Each entry is [first, last, primary, replica ...], and each node
 * [endpoint, port, id, [name, value ...]]. The endpoint is what the cluster wants to be called by; it is null where
 * that is whatever the client has used, and "?" where a host name is wanted and none is set: then the metadata have the
 * IP. Called by cluster/redis_link.c. */
#include "net/resp_cluster.h"

#include "net/resp_slot.h"

#define HOST_MAX_BYTES 253

static enum err not_slots(struct fault *f) {
  return fault_set(f, ERR_PROTOCOL, NULL, "this is not what a node of a cluster says about slots");
}

static bool is_host(struct text t) {
  return t.len <= HOST_MAX_BYTES && (t.len == 0 || text_is_visible_ascii(t)) && text_find_char(t, '/') < 0;
}

static bool read_slot(const struct resp_value *v, unsigned *out) {
  if (v->kind != RESP_INTEGER || v->integer < 0 || v->integer >= RESP_SLOTS)
    return false;
  *out = (unsigned)v->integer;
  return true;
}

/* The value of "ip" among the metadata, which are a map or, in version 2, a list. */
static struct text ip_of(const struct resp_value *node) {
  const struct resp_value *more = node->count > 3 ? &node->items[3] : NULL;
  for (size_t i = 0; more && more->kind == RESP_LIST && i + 1 < more->count; i += 2) {
    if (resp_is_text(&more->items[i], TEXT("ip")))
      return more->items[i + 1].text;
  }
  return TEXT_NONE;
}

static bool read_node(const struct resp_value *v, struct resp_place *out) {
  if (v->kind != RESP_LIST || v->count < 2)
    return false;
  const struct resp_value *host = &v->items[0], *port = &v->items[1];
  if ((host->kind != RESP_TEXT && host->kind != RESP_NULL) || port->kind != RESP_INTEGER || port->integer < 1 ||
      port->integer > 65535)
    return false;
  struct text name = host->kind == RESP_TEXT ? host->text : TEXT_NONE;
  *out = (struct resp_place){text_equal(name, TEXT("?")) ? ip_of(v) : name, (uint16_t)port->integer};
  return is_host(out->host);
}

/* RESP_CLUSTER_NODES_MAX: there is no room. */
static size_t node_of(struct resp_place *nodes, size_t *count, const struct resp_place *p) {
  size_t i = 0;
  while (i < *count && (nodes[i].port != p->port || !text_equal(nodes[i].host, p->host)))
    i++;
  if (i == *count && i < RESP_CLUSTER_NODES_MAX)
    nodes[(*count)++] = *p;
  return i;
}

enum err resp_cluster_read(const struct resp_value *v, struct arena *a, struct resp_cluster *out, struct fault *f) {
  if (v->kind != RESP_LIST || v->count > RESP_SLOTS)
    return not_slots(f);
  if (v->count == 0)
    return fault_set(f, ERR_UNAVAILABLE, NULL, "no node of the cluster has a slot");
  struct resp_place *nodes = arena_alloc(a, RESP_CLUSTER_NODES_MAX * sizeof(*nodes));
  struct resp_range *ranges = arena_alloc(a, v->count * sizeof(*ranges));
  size_t node_count = 0;
  for (size_t i = 0; i < v->count; i++) {
    const struct resp_value *entry = &v->items[i];
    struct resp_place place;
    if (entry->kind != RESP_LIST || entry->count < 3 || !read_slot(&entry->items[0], &ranges[i].first) ||
        !read_slot(&entry->items[1], &ranges[i].last) || ranges[i].first > ranges[i].last ||
        !read_node(&entry->items[2], &place))
      return not_slots(f);
    ranges[i].node = node_of(nodes, &node_count, &place);
    if (ranges[i].node == RESP_CLUSTER_NODES_MAX)
      return fault_set(f, ERR_LIMIT, NULL, "the cluster has more than %d primaries", RESP_CLUSTER_NODES_MAX);
  }
  *out = (struct resp_cluster){nodes, node_count, ranges, v->count};
  return ERR_OK;
}

bool resp_begins_with(struct text error, const char *word) {
  struct text w = text_of(word);
  return text_starts(error, w) && (error.len == w.len || error.at[w.len] == ' ');
}

/* "host:port"; an IPv6 address stands there without brackets, so the last colon counts. */
static bool read_place(struct text t, struct resp_place *out) {
  size_t at = t.len;
  uint64_t port;
  while (at > 0 && t.at[at - 1] != ':')
    at--;
  if (at == 0 || !text_to_u64(text_skip(t, at), &port) || port < 1 || port > 65535)
    return false;
  *out = (struct resp_place){text_head(t, at - 1), (uint16_t)port};
  return is_host(out->host);
}

enum resp_redirection resp_redirection_read(struct text error, unsigned *out_slot, struct resp_place *out) {
  bool moved = text_starts(error, TEXT("MOVED ")), asks = text_starts(error, TEXT("ASK "));
  struct text number, rest;
  struct resp_place place;
  uint64_t slot;
  if ((!moved && !asks) || !text_cut(text_skip(error, moved ? 6 : 4), ' ', &number, &rest) ||
      !text_to_u64(number, &slot) || slot >= RESP_SLOTS || !read_place(rest, &place))
    return RESP_HERE;
  if (text_equal(place.host, TEXT("?"))) /* it has no name; the map of slots says more of it */
    return RESP_HERE;
  *out_slot = (unsigned)slot;
  *out = place;
  return moved ? RESP_MOVED : RESP_ASK;
}

bool resp_is_passing(struct text error) {
  static const char *const words[] = {"MOVED",   "ASK",        "TRYAGAIN", "CLUSTERDOWN",
                                      "LOADING", "MASTERDOWN", "READONLY", "BUSY"};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (resp_begins_with(error, words[i]))
      return true;
  }
  return false;
}
