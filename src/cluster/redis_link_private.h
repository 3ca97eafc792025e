/* What redis_link.c and redis_link_map.c know of each other. Included nowhere else. */
#ifndef CLUSTER_REDIS_LINK_PRIVATE_H
#define CLUSTER_REDIS_LINK_PRIVATE_H

#include "cluster/redis_link.h"
#include "fiber/sync.h"
#include "net/resp_slot.h"

#define REDIS_NO_SERVER 0xff

struct redis_link {
  struct redis_world world;
  struct redis_counters counters;
  bool is_cluster, is_stopping;
  struct redis_place seeds[RESP_URL_HOSTS_MAX];
  size_t seed_count;
  struct redis_node *nodes[RESP_CLUSTER_NODES_MAX];
  size_t node_count;
  uint8_t slots[RESP_SLOTS]; /* index into nodes, or REDIS_NO_SERVER */
  unsigned missing;
  uint64_t generation;
  struct fiber *learner; /* of a cluster */
  struct wait_queue learn;
  bool wants_map, has_trouble;
  struct fault trouble;
};

/* The fiber that keeps the map; arg is the link. */
void redis_link_learner(void *arg);
/* The map may be wrong: it is learned again soon. */
void redis_link_doubt(struct redis_link *l);
/* The server at that place, made when there is none. NULL: there is no room for it. said_by: who names it, for a host
 * that is "", and for the name it has to prove. */
struct redis_node *redis_link_node_at(struct redis_link *l, const struct resp_place *p,
                                      const struct redis_place *said_by);
/* From now on the server has the slot. */
void redis_link_move(struct redis_link *l, unsigned slot, const struct redis_node *n);

#endif
