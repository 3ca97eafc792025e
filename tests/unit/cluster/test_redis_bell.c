/* Two replicas and a bell between them, on one server and on a cluster. */
#include "cluster/redis_bell.h"

#include "base/random.h"
#include "support/redis_cluster.h"

#define FAR_US INT64_C(20000000)

#define EVENTUALLY(condition)                                                                                          \
  do {                                                                                                                 \
    int64_t until_us_ = loop_clock_us() + FAR_US;                                                                      \
    bool holds_ = false;                                                                                               \
    while (!(holds_ = (condition)) && loop_clock_us() < until_us_)                                                     \
      (void)poll(NULL, 0, 2);                                                                                          \
    if (!holds_)                                                                                                       \
      fail_msg("it never came to this: %s", #condition);                                                               \
  } while (0)

struct replica {
  struct redis *redis;
  struct redis_bell *bell;
  atomic_uint looks;
};

static void look(void *data) {
  struct replica *r = data;
  (void)atomic_fetch_add(&r->looks, 1);
}

static void replica_start(struct replica *r, const char *url) {
  struct fault f = {0};
  const struct redis_options o = {.url = text_of(url), .replica = random_u64() | 1, .patience_us = 500000};
  atomic_store(&r->looks, 0);
  assert_int_equal(redis_new(&o, &r->redis, &f), ERR_OK);
  r->bell = redis_bell_new(r->redis, look, r);
  assert_int_equal(redis_start(r->redis, &f), ERR_OK);
}
static void replica_end(struct replica *r) {
  redis_stop(r->redis);
  redis_bell_free(r->bell);
  redis_free(r->redis);
}

/* Both are there and quiet; how often each has looked until then does not count. */
static void both_ready(struct replica *a, struct replica *b) {
  EVENTUALLY(redis_is_well(a->redis) && redis_is_well(b->redis));
  unsigned before, after;
  do {
    before = atomic_load(&a->looks) + atomic_load(&b->looks);
    (void)poll(NULL, 0, 100);
    after = atomic_load(&a->looks) + atomic_load(&b->looks);
  } while (before != after);
  assert_true(atomic_load(&a->looks) > 0 && atomic_load(&b->looks) > 0); /* something may have been missed */
}

/* A ring that is lost is lost (a server of a cluster on a busy machine may drop its link to another), so a next event,
 * which is what *number counts, rings again. */
static void ring_until_heard(struct replica *from, struct replica *to, int64_t *number) {
  unsigned before = atomic_load(&to->looks);
  int64_t until_us = loop_clock_us() + FAR_US, next_us = 0;
  while (atomic_load(&to->looks) == before && loop_clock_us() < until_us) {
    if (loop_clock_us() >= next_us) {
      redis_bell_ring(from->bell, ++*number);
      redis_bell_ring(from->bell, *number);
      next_us = loop_clock_us() + FAR_US / 20;
    }
    (void)poll(NULL, 0, 2);
  }
  assert_int_not_equal(atomic_load(&to->looks), before);
}

/* The number goes on from round to round: on a busy machine the servers of a cluster may pass on what was called out
 * in the round before only now, and a replica that has heard a higher number rightly keeps still about a lower one. */
static void rings_reach_the_others(const char *url) {
  static int64_t number = 0;
  struct replica a, b;
  replica_start(&a, url);
  replica_start(&b, url);
  both_ready(&a, &b);
  ring_until_heard(&a, &b, &number); /* from here on nothing of the round before is news to a */
  for (int i = 1; i <= 5; i++) {
    unsigned of_a = atomic_load(&a.looks);
    ring_until_heard(&a, &b, &number);
    redis_bell_ring(b.bell, number); /* it has been told, and tells nobody */
    redis_bell_ring(b.bell, number - 1);
    assert_int_equal(atomic_load(&a.looks), of_a); /* who rings knows */
  }
  unsigned of_b = atomic_load(&b.looks);
  for (int i = 0; i < 10000; i++)
    redis_bell_ring(a.bell, ++number);
  ring_until_heard(&a, &b, &number);
  ring_until_heard(&b, &a, &number);
  assert_true(atomic_load(&b.looks) - of_b < 5000); /* many rings are few messages */
  replica_end(&a);
  replica_end(&b);
}

static void a_ring_reaches_the_others_at_once(void **state) {
  struct redis_server s;
  char url[64];
  redis_server_start(&s, NULL);
  (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u/3", s.port);
  rings_reach_the_others(url);
  redis_server_end(&s);
}

static void a_ring_reaches_the_others_through_any_server_of_a_cluster(void **state) {
  static struct redis_cluster c;
  char url[64];
  redis_cluster_start(&c, 3, false, NULL);
  (void)snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%u", c.nodes[2].port);
  for (int i = 0; i < 3; i++) /* listeners choose at random */
    rings_reach_the_others(url);
  redis_cluster_end(&c);
}

static void after_a_loss_everybody_looks_because_a_ring_may_have_been_missed(void **state) {
  struct redis_server s;
  struct replica a, b;
  char url[64];
  redis_server_start(&s, NULL);
  (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", s.port);
  replica_start(&a, url);
  replica_start(&b, url);
  both_ready(&a, &b);
  redis_server_kill(&s);
  EVENTUALLY(!redis_is_well(a.redis) && !redis_is_well(b.redis));
  unsigned of_b = atomic_load(&b.looks);
  redis_bell_ring(a.bell, 1); /* nobody hears it */
  redis_server_run(&s);
  EVENTUALLY(atomic_load(&b.looks) > of_b);
  both_ready(&a, &b);
  of_b = atomic_load(&b.looks);
  redis_bell_ring(a.bell, 2);
  EVENTUALLY(atomic_load(&b.looks) > of_b);
  replica_end(&a);
  replica_end(&b);
  redis_server_end(&s);
}

static void a_user_who_may_not_ring_is_not_well(void **state) {
  static const char *const extra[] = {"--user", "weir", "on", ">secret", "~*", "&*", "+@all", "-publish", NULL};
  struct redis_server s;
  struct redis_state st;
  struct replica a;
  char url[64];
  redis_server_start(&s, extra);
  (void)snprintf(url, sizeof(url), "redis://weir:secret@127.0.0.1:%u", s.port);
  replica_start(&a, url);
  EVENTUALLY((redis_look(a.redis, &st), st.why[0] != 0));
  assert_non_null(strstr(st.why, "NOPERM"));
  assert_false(st.is_well);
  assert_int_equal(st.reached, 1);
  replica_end(&a);
  redis_server_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_ring_reaches_the_others_at_once),
      cmocka_unit_test(a_ring_reaches_the_others_through_any_server_of_a_cluster),
      cmocka_unit_test(after_a_loss_everybody_looks_because_a_ring_may_have_been_missed),
      cmocka_unit_test(a_user_who_may_not_ring_is_not_well),
  };
  random_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  if (!redis_server_is_there()) {
    print_message("1..0 # SKIP there is no redis-server here; tools/setup.sh test installs it\n");
    return 0;
  }
  return cmocka_run_group_tests_name("redis_bell", tests, NULL, NULL);
}
