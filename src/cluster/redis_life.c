/* Whether Redis is there: every server with keys has to keep a key that lives as long as this replica does. It shows
 * that a server not only answers but also keeps what it is told: one that is read-only, full or denied to us does not
 * pass for one that works. Called by redis.c, as a fiber of its thread. */
#include "cluster/redis_private.h"
#include "net/resp_slot.h"

#include <stdlib.h>

/* A server with few slots: a key of its own is looked for this long. */
#define TAGS_MAX 400000

static const char set_script[] = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])";

struct life {
  uint64_t generation; /* that tags were found for */
  size_t nodes;
  unsigned tags[RESP_CLUSTER_NODES_MAX];
  struct resp_script set;
};

static struct text key_of(struct redis *r, unsigned tag, char *at, size_t cap) {
  int n = r->url.is_cluster ? snprintf(at, cap, "weir:replica:%016llx:{%u}", (unsigned long long)r->replica, tag)
                            : snprintf(at, cap, "weir:replica:%016llx", (unsigned long long)r->replica);
  return (struct text){at, (size_t)n};
}

/* For each server a number whose slot it has. One that has no slot yet, or too few, keeps 0 and is asked about
 * another's key, which shows at least that it answers. */
static void find_tags(struct redis *r, struct life *l) {
  size_t found = 0;
  bool has[RESP_CLUSTER_NODES_MAX] = {0};
  l->nodes = redis_link_servers(r->link);
  l->generation = redis_link_generation(r->link);
  for (unsigned tag = 0; r->url.is_cluster && found < l->nodes && tag < TAGS_MAX; tag++) {
    char digits[16];
    int n = snprintf(digits, sizeof(digits), "%u", tag);
    size_t server = redis_link_server_of(r->link, resp_slot((struct text){digits, (size_t)n}));
    if (server >= l->nodes || has[server])
      continue;
    has[server] = true;
    l->tags[server] = tag;
    found++;
  }
}

/* Asks all servers at once. ERR_OK: all of them keep it. */
static enum err ask_all(struct redis *r, struct life *l, struct fault *f) {
  enum { KEY_BYTES = 64 };
  char ms[24];
  int m = snprintf(ms, sizeof(ms), "%lld", (long long)(r->patience_us * 5 / 1000 + 1000));
  const struct text arguments[] = {TEXT(WEIR_VERSION), {ms, (size_t)m}};
  struct redis_call *calls = calloc(l->nodes, sizeof(*calls));
  char(*keys)[KEY_BYTES] = calloc(l->nodes, sizeof(*keys));
  size_t reached = 0, nodes = l->nodes;
  enum err e = ERR_OK;
  if (!calls || !keys)
    abort();
  for (size_t i = 0; i < nodes; i++)
    calls[i] = (struct redis_call){
        .key = key_of(r, l->tags[i], keys[i], KEY_BYTES), .script = &l->set, .arguments = arguments, .count = 2};
  redis_link_run(r->link, calls, nodes, loop_now_us(r->loop) + r->patience_us);
  for (size_t i = 0; i < nodes; i++) {
    reached += calls[i].err == ERR_OK;
    if (calls[i].err != ERR_OK && e == ERR_OK) {
      *f = *calls[i].fault;
      e = calls[i].err;
      if (l->generation == redis_link_generation(r->link))
        redis_blame(r, redis_link_place(r->link, i), f);
    }
  }
  redis_calls_done(calls, nodes);
  free(calls);
  free(keys);
  redis_reached(r, nodes, reached);
  return e;
}

static enum err look(struct redis *r, struct life *l, struct fault *f) {
  if (l->nodes == 0 || l->generation != redis_link_generation(r->link))
    find_tags(r, l);
  const struct fault *trouble = redis_link_trouble(r->link);
  if (l->nodes == 0) {
    redis_reached(r, 0, 0);
    if (!trouble)
      return ERR_AGAIN;
    *f = *trouble;
    return trouble->err;
  }
  enum err e = ask_all(r, l, f);
  if (e == ERR_OK && redis_link_missing_slots(r->link) > 0)
    e = fault_set(f, ERR_UNAVAILABLE, NULL, "no server of the cluster has %u of its slots",
                  redis_link_missing_slots(r->link));
  return e;
}

void redis_life(void *arg) {
  struct redis *r = arg;
  struct life *l = calloc(1, sizeof(*l));
  if (!l)
    abort();
  l->set = resp_script_of(set_script);
  int64_t pause_us = REDIS_FIRST_PAUSE_US;
  while (!fiber_is_cancelled(fiber_self())) {
    struct fault f = {0};
    uint64_t changes = r->change_count;
    enum err e = look(r, l, &f);
    if (fiber_is_cancelled(fiber_self()))
      break;
    if (changes != r->change_count && e != ERR_OK && l->generation != redis_link_generation(r->link))
      continue; /* somebody was asked who has been replaced meanwhile */
    if (e != ERR_AGAIN)
      redis_side(r, REDIS_SERVERS, e == ERR_OK ? NULL : &f);
    pause_us = e == ERR_OK ? REDIS_FIRST_PAUSE_US : pause_us * 2 < r->patience_us ? pause_us * 2 : r->patience_us;
    if (changes == r->change_count)
      redis_wait_for_change(r, e == ERR_OK ? r->patience_us : pause_us);
  }
  free(l);
}
