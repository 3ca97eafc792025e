/* A cluster's map out of any bytes: every slot and node of it must be within bounds. And redirections. */
#include "net/resp_cluster.h"
#include "net/resp_slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

static void check_map(const struct resp_value *v) {
  struct resp_cluster c;
  struct arena a;
  arena_init(&a);
  if (resp_cluster_read(v, &a, &c, NULL) == ERR_OK) {
    must(c.node_count > 0 && c.node_count <= RESP_CLUSTER_NODES_MAX && c.range_count > 0);
    for (size_t i = 0; i < c.range_count; i++) {
      must(c.ranges[i].first <= c.ranges[i].last && c.ranges[i].last < RESP_SLOTS);
      must(c.ranges[i].node < c.node_count);
    }
    for (size_t i = 0; i < c.node_count; i++)
      must(c.nodes[i].host.len < 256 && c.nodes[i].port > 0);
  }
  arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct resp_limits limits = {.bytes = 60000, .values = 4096};
  struct text bytes = {(const char *)data, size < 60000 ? size : 60000};
  struct resp_reader r;
  const struct resp_value *v = NULL;
  struct resp_place place;
  unsigned slot = 0;
  resp_reader_init(&r, &limits);
  resp_reader_feed(&r, bytes);
  while (resp_reader_next(&r, &v, NULL) == ERR_OK)
    check_map(v);
  resp_reader_done(&r);
  if (resp_redirection_read(bytes, &slot, &place) != RESP_HERE)
    must(slot < RESP_SLOTS && place.port > 0 && place.host.len < 256 && resp_is_passing(bytes));
  must(resp_slot(bytes) < RESP_SLOTS);
  return 0;
}
