/* Redis in this process: its thread, and who uses it. Which users there are is decided here and nowhere else; what they
 * do is cluster/'s. Called by app.c, life.c and health.c. */
#include "app/share.h"

#include "app/source.h"
#include "app/state.h"
#include "base/random.h"

static uint64_t new_replica(void) {
  uint64_t replica = 0;
  while (replica == 0)
    replica = random_u64();
  return replica;
}

enum err share_open(struct app *a, struct fault *f) {
  if (secret_is_empty(a->config->redis))
    return ERR_OK;
  enum err e = source_open_redis_tls(a->config, &a->redis_tls, f);
  struct redis_options o = {
      .url = secret_reveal(a->config->redis), .dns = a->dns, .tls = a->redis_tls, .replica = new_replica()};
  if (e == ERR_OK)
    e = redis_new(&o, &a->redis, f);
  if (e == ERR_OK)
    a->shared_breakers = redis_breakers_new(a->redis);
  return e == ERR_OK || f->text[0] ? e : fault_set(f, e, "redis", "`redis`: %s", err_text(e));
}

/* On Redis' thread: another replica has seen an event that this one may not have. */
static void look_for_events(void *data) {
  struct app *a = data;
  events_ring(a->events);
}

/* On the thread of events. */
static void ring_for_event(void *data, int64_t seen) {
  struct app *a = data;
  redis_bell_ring(a->bell, seen);
}

void share_events(struct app *a) {
  if (!a->redis)
    return;
  a->bell = redis_bell_new(a->redis, look_for_events, a);
  events_on_seen(a->events, ring_for_event, a);
}

struct breaker_share *share_of_breakers(struct app *a) {
  return a->shared_breakers ? redis_breakers_share(a->shared_breakers) : NULL;
}

enum err share_start(struct app *a, struct fault *f) {
  if (!a->redis)
    return ERR_OK;
  redis_breakers_serve(a->shared_breakers, a->gateway.state.breakers);
  return redis_start(a->redis, f);
}

void share_resign(struct app *a) { breakers_resign(a->gateway.state.breakers); }

void share_stop(struct app *a) {
  share_resign(a);
  redis_stop(a->redis);
}

void share_close(struct app *a) {
  redis_bell_free(a->bell);
  redis_breakers_free(a->shared_breakers);
  redis_free(a->redis);
  tls_context_unref(a->redis_tls);
}

void share_describe(struct app *a, char *out, size_t cap) {
  struct redis_state s;
  redis_look(a->redis, &s);
  (void)snprintf(out, cap, "%s, %u of %u servers reached", s.is_cluster ? "cluster" : "standalone", s.reached, s.nodes);
}

enum err share_check(struct app *a, struct fault *f) {
  struct redis_state s;
  if (!a->redis || redis_breakers_are_shared(a->shared_breakers))
    return ERR_OK;
  redis_look(a->redis, &s);
  if (s.reached > 0 && s.reached < s.nodes) {
    fault_set(f, ERR_UNAVAILABLE, NULL,
              "%u of the cluster's %u servers cannot be used; this replica goes by its own circuit breakers for "
              "what they keep (the log says why)",
              s.nodes - s.reached, s.nodes);
    return fault_set_brief(f, ERR_UNAVAILABLE, "some of the cluster's servers cannot be used");
  }
  fault_set(f, ERR_UNAVAILABLE, NULL,
            "Redis cannot be used; this replica goes by its own circuit breakers (the log says why)");
  return fault_set_brief(f, ERR_UNAVAILABLE, "cannot be used");
}

void share_write_metrics(struct app *a, struct buf *out) {
  struct redis_state s;
  if (!a->redis)
    return;
  redis_look(a->redis, &s);
  metrics_write_one(out, "weir_redis_connected", "gauge", "1 while breakers are shared through Redis.",
                    redis_breakers_are_shared(a->shared_breakers));
  metrics_write_one(out, "weir_redis_nodes", "gauge", "Servers of Redis that have keys: 1, or a cluster's primaries.",
                    s.nodes);
  metrics_write_one(out, "weir_redis_nodes_reached", "gauge", "Those of them that keep what they are told.", s.reached);
  metrics_write_one(out, "weir_redis_calls_total", "counter", "Calls that Redis has answered.", s.calls);
  metrics_write_one(out, "weir_redis_call_failures_total", "counter", "Calls that Redis has not answered.", s.failures);
  metrics_write_one(out, "weir_redis_call_microseconds_total", "counter", "Time until the answers, added up.",
                    s.waited_us);
  metrics_write_one(out, "weir_redis_connections_total", "counter", "Connections opened to servers with keys.",
                    s.connections);
  metrics_write_one(out, "weir_redis_redirections_total", "counter", "Calls sent on to another server of the cluster.",
                    s.redirections);
}
