/* The map of a cluster: which server has which slots. A fiber asks any server that answers, over a connection of its
 * own, so that it learns also whether a server still lets us in; whatever it is told is bounded (net/resp_cluster.h).
 * Between two maps, redirections correct single slots. Called by redis_link.c. */
#include "cluster/redis_link_private.h"

#include "base/random.h"
#include "net/addr.h"

#include <string.h>

#define FIRST_PAUSE_US INT64_C(100000)
#define LAST_PAUSE_US  INT64_C(3000000)
/* Without cause the map is learned again after so long; with one, not sooner than this after the last time. */
#define AGAIN_US   INT64_C(60000000)
#define SOONEST_US INT64_C(500000)
#define PLACES_MAX (RESP_CLUSTER_NODES_MAX + RESP_URL_HOSTS_MAX)

static int64_t now_us(const struct redis_link *l) { return loop_now_us(l->world.loop); }

void redis_link_doubt(struct redis_link *l) {
  if (!l->is_cluster || l->wants_map)
    return;
  l->wants_map = true;
  wait_queue_wake_all(&l->learn);
}

/* A server that is named by an address is not asked to prove the address where the one who names it has proved a name:
 * certificates of clusters seldom hold addresses, and the operator has named whom he trusts. */
static void place_from(const struct resp_place *p, const struct redis_place *said_by, struct redis_place *out) {
  struct text host = p->host.len > 0 ? p->host : text_of(said_by->host);
  bool by_name = p->host.len > 0 && !addr_is_ip(p->host);
  struct text name = by_name || addr_is_ip(text_of(said_by->tls_name)) ? host : text_of(said_by->tls_name);
  *out = (struct redis_place){.port = p->port};
  (void)snprintf(out->host, sizeof(out->host), "%.*s", TEXT_ARGS(host));
  (void)snprintf(out->tls_name, sizeof(out->tls_name), "%.*s", TEXT_ARGS(name));
}

static size_t index_at(const struct redis_link *l, const struct redis_place *place) {
  size_t i = 0;
  while (i < l->node_count) {
    const struct redis_place *at = redis_node_place(l->nodes[i]);
    if (at->port == place->port && strcmp(at->host, place->host) == 0)
      break;
    i++;
  }
  return i;
}

/* RESP_CLUSTER_NODES_MAX: no room. */
static size_t index_or_new(struct redis_link *l, const struct redis_place *place) {
  size_t i = index_at(l, place);
  if (i < l->node_count)
    return i;
  struct redis_node *n = i < RESP_CLUSTER_NODES_MAX ? redis_node_new(&l->world, place) : NULL;
  if (!n)
    return RESP_CLUSTER_NODES_MAX;
  l->nodes[l->node_count++] = n;
  return i;
}

struct redis_node *redis_link_node_at(struct redis_link *l, const struct resp_place *p,
                                      const struct redis_place *said_by) {
  struct redis_place place;
  place_from(p, said_by, &place);
  size_t i = l->is_stopping ? RESP_CLUSTER_NODES_MAX : index_or_new(l, &place);
  return i < RESP_CLUSTER_NODES_MAX ? l->nodes[i] : NULL;
}

void redis_link_move(struct redis_link *l, unsigned slot, const struct redis_node *n) {
  for (size_t i = 0; i < l->node_count; i++) {
    if (l->nodes[i] != n || l->slots[slot] == i)
      continue;
    l->missing -= l->slots[slot] == REDIS_NO_SERVER;
    l->slots[slot] = (uint8_t)i;
    l->generation++;
    l->world.changed(l->world.ctx);
  }
}

/* Servers that the map does not name leave; the others keep their connections. */
static void use_map(struct redis_link *l, const struct resp_cluster *map, const struct redis_place *said_by) {
  struct redis_node *named[RESP_CLUSTER_NODES_MAX];
  struct redis_place place;
  size_t count = 0;
  memset(l->slots, REDIS_NO_SERVER, sizeof(l->slots));
  l->missing = RESP_SLOTS;
  for (size_t n = 0; n < map->node_count; n++) {
    place_from(&map->nodes[n], said_by, &place);
    size_t i = index_at(l, &place);
    named[count] = i < l->node_count ? l->nodes[i] : redis_node_new(&l->world, &place);
    if (i < l->node_count)
      l->nodes[i] = l->nodes[--l->node_count];
    if (!named[count])
      continue;
    for (size_t r = 0; r < map->range_count; r++) {
      for (unsigned s = map->ranges[r].first; map->ranges[r].node == n && s <= map->ranges[r].last; s++) {
        l->missing -= l->slots[s] == REDIS_NO_SERVER;
        l->slots[s] = (uint8_t)count;
      }
    }
    count++;
  }
  for (size_t i = 0; i < l->node_count; i++)
    redis_node_leave(l->nodes[i]);
  memcpy(l->nodes, named, count * sizeof(named[0]));
  l->node_count = count;
  l->generation++;
}

static enum err ask_for_map(struct redis_link *l, const struct redis_place *place, struct fault *f) {
  static const struct text question[] = {TEXT("CLUSTER"), TEXT("SLOTS")};
  struct resp_options o = redis_link_options_for(l, place);
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct resp_cluster map;
  struct arena a;
  int64_t deadline_us = now_us(l) + l->world.patience_us;
  o.limits = (struct resp_limits){RESP_CLUSTER_BYTES_MAX, RESP_CLUSTER_VALUES_MAX};
  arena_init(&a);
  enum err e = resp_open(&o, deadline_us, &c, f);
  if (e == ERR_OK)
    e = resp_call(c, question, 2, deadline_us, &v, f);
  if (e == ERR_OK)
    e = resp_cluster_read(v, &a, &map, f);
  if (e == ERR_OK && !l->is_stopping)
    use_map(l, &map, place);
  resp_close(c);
  arena_done(&a);
  return e;
}

/* Those who have just answered first, from a random one on; then the others, and those of the URL. */
static size_t list_places(const struct redis_link *l, struct redis_place *out) {
  size_t count = 0, from = l->node_count > 0 ? (size_t)(random_fast() % l->node_count) : 0;
  for (int open = 1; open >= 0; open--) {
    for (size_t i = 0; i < l->node_count; i++) {
      const struct redis_node *n = l->nodes[(from + i) % l->node_count];
      if (redis_node_is_open(n) == (open == 1))
        out[count++] = *redis_node_place(n);
    }
  }
  for (size_t i = 0; i < l->seed_count; i++)
    out[count++] = l->seeds[i];
  return count;
}

static enum err learn(struct redis_link *l, struct fault *f) {
  struct redis_place *places = calloc(PLACES_MAX, sizeof(*places));
  if (!places)
    abort();
  enum err e = ERR_UNAVAILABLE;
  size_t count = list_places(l, places);
  for (size_t i = 0; i < count && e != ERR_OK && e != ERR_CANCELLED; i++) {
    f->text[0] = 0;
    e = ask_for_map(l, &places[i], f);
  }
  free(places);
  return e;
}

/* *pause_us grows while there is something to be learned still: a map with slots that nobody has is one of a cluster
 * that is being made or repaired. */
static void wait_for_cause(struct redis_link *l, bool learned, int64_t *pause_us) {
  enum err e = fiber_sleep(learned ? SOONEST_US : *pause_us);
  *pause_us = learned ? FIRST_PAUSE_US : *pause_us * 2 < LAST_PAUSE_US ? *pause_us * 2 : LAST_PAUSE_US;
  if (e == ERR_OK && learned && !l->wants_map)
    e = wait_queue_wait(&l->learn, now_us(l) + AGAIN_US);
  (void)e; /* the caller looks whether it is cancelled */
}

void redis_link_learner(void *arg) {
  struct redis_link *l = arg;
  int64_t pause_us = FIRST_PAUSE_US;
  while (!fiber_is_cancelled(fiber_self())) {
    struct fault f = {0};
    l->wants_map = false;
    enum err e = learn(l, &f);
    if (fiber_is_cancelled(fiber_self()))
      break;
    l->has_trouble = e != ERR_OK;
    l->trouble = f;
    l->trouble.err = e;
    l->world.changed(l->world.ctx);
    wait_for_cause(l, e == ERR_OK && l->missing == 0, &pause_us);
  }
}
