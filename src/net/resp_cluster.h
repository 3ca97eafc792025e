/* What a node of a Redis Cluster says about who has which slots: the answer to CLUSTER SLOTS, which every version since
 * 3.0 gives, and the redirections MOVED and ASK (Redis Cluster specification). Bounded, whatever is said. Pure. */
#ifndef NET_RESP_CLUSTER_H
#define NET_RESP_CLUSTER_H

#include "net/resp.h"
#include "net/resp_url.h"

/* Primaries that have slots. Redis itself advises against more than 1000 nodes; with one replica each, this is a
 * quarter of that. */
#define RESP_CLUSTER_NODES_MAX 128
/* What one answer to CLUSTER SLOTS may hold. */
#define RESP_CLUSTER_BYTES_MAX  ((size_t)2 * 1024 * 1024)
#define RESP_CLUSTER_VALUES_MAX 65536

struct resp_range {
  unsigned first, last; /* slots, both included */
  size_t node;
};
struct resp_cluster {
  const struct resp_place *nodes; /* primaries, each once; host "": that of the node which says so */
  size_t node_count;
  const struct resp_range *ranges;
  size_t range_count;
};

/* Of the answer to CLUSTER SLOTS. Texts are slices of v. Replicas are passed over. ERR_PROTOCOL: this is not that
 * answer. ERR_LIMIT: too many primaries. ERR_UNAVAILABLE: nobody has a slot yet. */
enum err resp_cluster_read(const struct resp_value *v, struct arena *a, struct resp_cluster *out,
                           struct fault *f) MUST_CHECK;

enum resp_redirection { RESP_HERE, RESP_MOVED, RESP_ASK };
/* Whether an error's text is a redirection, and to where. RESP_HERE, with *out and *out_slot untouched, for all else,
 * malformed ones included. The host is a slice of the text. */
enum resp_redirection resp_redirection_read(struct text error, unsigned *out_slot, struct resp_place *out);

/* Does an error's text say that it will pass: the cluster changes, a node starts or has just changed its role? So do
 * redirections that resp_redirection_read cannot follow. */
bool resp_is_passing(struct text error);
/* Does the text begin with that word, such as "MOVED"? */
bool resp_begins_with(struct text error, const char *word);

#endif
