/* Three tables of breakers on one real Redis must behave as one, and each by itself where Redis is not there. */
#include "cluster/redis_breakers.h"

#include "base/log.h"
#include "base/random.h"
#include "cluster/breaker_record.h"
#include "net/resp_client.h"
#include "net/resp_slot.h"
#include "support/redis_cluster.h"

#include <sys/mman.h>

#define REPLICAS 3
#define MS       INT64_C(1000)
#define SECOND   INT64_C(1000000)
#define FAR_US   (20 * SECOND)

struct world {
  struct redis_server server;
  struct redis_cluster *cluster; /* NULL: the server */
  struct redis *redis[REPLICAS];
  struct redis_breakers *shared[REPLICAS];
  struct breakers *all[REPLICAS];
  struct breaker_rule rule;
  int64_t patience_us;
  const char *login; /* "user:password@" or "" */
};

static int log_fd;

static void wait_a_little(void) { (void)poll(NULL, 0, 2); }

/* Until the condition holds; it must within FAR_US. Once it does it is not looked at again. */
#define EVENTUALLY(condition)                                                                                          \
  do {                                                                                                                 \
    int64_t until_us_ = loop_clock_us() + FAR_US;                                                                      \
    bool holds_ = false;                                                                                               \
    while (!holds_ && loop_clock_us() < until_us_) {                                                                   \
      holds_ = (condition);                                                                                            \
      if (!holds_)                                                                                                     \
        wait_a_little();                                                                                               \
    }                                                                                                                  \
    if (!holds_)                                                                                                       \
      fail_msg("it never came to this: %s", #condition);                                                               \
  } while (0)
/* For so long. */
#define STEADILY(us, condition)                                                                                        \
  do {                                                                                                                 \
    int64_t until_us_ = loop_clock_us() + (us);                                                                        \
    while (loop_clock_us() < until_us_) {                                                                              \
      assert_true(condition);                                                                                          \
      wait_a_little();                                                                                                 \
    }                                                                                                                  \
  } while (0)

static size_t logged(const char *event) {
  static char text[1 << 20];
  ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
  size_t count = 0;
  text[n > 0 ? n : 0] = 0;
  for (const char *at = text; (at = strstr(at, event)); at++)
    count++;
  return count;
}

static void replica_start(struct world *w, size_t i) {
  char url[100];
  struct fault f = {0};
  int n = w->cluster ? snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%u", w->cluster->nodes[i].port)
                     : snprintf(url, sizeof(url), "redis://%s127.0.0.1:%u/1", w->login, w->server.port);
  const struct redis_options o = {.url = {url, (size_t)n}, .replica = random_u64() | 1, .patience_us = w->patience_us};
  assert_int_equal(redis_new(&o, &w->redis[i], &f), ERR_OK);
  w->shared[i] = redis_breakers_new(w->redis[i]);
  w->all[i] = breakers_new(5000, redis_breakers_share(w->shared[i]));
  redis_breakers_serve(w->shared[i], w->all[i]);
  assert_int_equal(redis_start(w->redis[i], &f), ERR_OK);
}
static void replica_end(struct world *w, size_t i) {
  redis_stop(w->redis[i]);
  breakers_free(w->all[i]);
  redis_breakers_free(w->shared[i]);
  redis_free(w->redis[i]);
  w->redis[i] = NULL;
  w->all[i] = NULL;
}

static bool all_are_shared(const struct world *w, bool expected) {
  for (size_t i = 0; i < REPLICAS; i++) {
    if (redis_breakers_are_shared(w->shared[i]) != expected)
      return false;
  }
  return true;
}

static struct breaker *at(struct world *w, size_t i) {
  return breakers_find(w->all[i], TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main"));
}
static struct breaker_view look(struct world *w, size_t i) {
  struct breaker_view v;
  breaker_look(at(w, i), &w->rule, loop_clock_us(), &v);
  return v;
}
static bool enters(struct world *w, size_t i, struct breaker_pass *out) {
  return breaker_enter(at(w, i), &w->rule, loop_clock_us(), out);
}
static void leave(struct world *w, struct breaker_pass *p, enum breaker_verdict v) {
  breaker_leave(p, &w->rule, v, "server_error", loop_clock_us());
}
static void force(struct world *w, size_t i, enum breaker_force f) {
  breaker_set_force(at(w, i), f, "operator", loop_clock_us());
}
static bool is_everywhere(struct world *w, enum breaker_state state) {
  for (size_t i = 0; i < REPLICAS; i++) {
    if (look(w, i).state != state)
      return false;
  }
  return true;
}
static void open_at(struct world *w, size_t i) {
  for (int n = 0; n < 3; n++) {
    struct breaker_pass p;
    assert_true(enters(w, i, &p));
    leave(w, &p, BREAKER_FAILURE);
  }
}

static void begin_with(struct world *w, const char *const *extra) {
  if (!redis_server_is_there()) {
    print_message("# skipped: there is no redis-server here; tools/setup.sh test installs it\n");
    skip();
  }
  assert_int_equal(ftruncate(log_fd, 0), 0);
  redis_server_start(&w->server, extra);
  for (size_t i = 0; i < REPLICAS; i++)
    replica_start(w, i);
}
static struct world begin(int64_t open_us, int64_t probe_us, int64_t patience_us) {
  struct world w = {.rule = {3, 60 * SECOND, open_us, probe_us}, .patience_us = patience_us, .login = ""};
  begin_with(&w, NULL);
  EVENTUALLY(all_are_shared(&w, true));
  assert_true(is_everywhere(&w, BREAKER_CLOSED));
  return w;
}
static void end(struct world *w) {
  for (size_t i = 0; i < REPLICAS; i++) {
    if (w->redis[i])
      replica_end(w, i);
  }
  redis_server_end(&w->server);
}

/* --- news --- */

static void opened_in_one_refuses_in_all_and_says_why(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 0);
  int64_t before_us = loop_clock_us();
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  for (size_t i = 0; i < REPLICAS; i++) {
    struct breaker_pass p;
    struct breaker_view v = look(&w, i);
    assert_string_equal(v.reason, "server_error");
    assert_true(v.opened_us >= before_us - SECOND && v.opened_us <= loop_clock_us());
    assert_false(enters(&w, i, &p));
  }
  end(&w);
}

static void an_operators_word_reaches_all(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 0);
  force(&w, 2, BREAKER_FORCED_OPEN);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  assert_int_equal(look(&w, 0).force, BREAKER_FORCED_OPEN);
  assert_string_equal(look(&w, 0).reason, "operator");
  force(&w, 0, BREAKER_AUTOMATIC);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  open_at(&w, 1);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  force(&w, 1, BREAKER_FORCED_CLOSED);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  end(&w);
}

static void a_replica_that_starts_when_no_other_is_left_learns_from_redis(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 0);
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  for (size_t i = 0; i < REPLICAS; i++)
    replica_end(&w, i);
  int64_t before_us = loop_clock_us();
  EVENTUALLY(loop_clock_us() - before_us > 50 * MS);
  for (size_t i = 0; i < REPLICAS; i++)
    replica_start(&w, i);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  assert_string_equal(look(&w, 1).reason, "server_error");
  assert_true(look(&w, 1).opened_us <= before_us + 10 * MS); /* then, not now */
  end(&w);
}

static void more_news_than_the_queue_holds_arrive_all_the_same(void **state) {
  enum { NAMES = 3000 };
  struct world w = begin(1800 * SECOND, 60 * SECOND, 0);
  struct arena a;
  arena_init(&a);
  redis_server_pause(&w.server);
  for (size_t i = 0; i < NAMES; i++) {
    struct text name = arena_format(&a, "n%zu", i);
    breaker_set_force(breakers_find(w.all[0], name, TEXT("e"), TEXT("c")), BREAKER_FORCED_OPEN, "all", loop_clock_us());
  }
  redis_server_resume(&w.server);
  for (size_t i = 0; i < NAMES; i++) {
    struct breaker_view v;
    struct breaker *b = breakers_find(w.all[1], arena_format(&a, "n%zu", i), TEXT("e"), TEXT("c"));
    EVENTUALLY((breaker_look(b, &w.rule, loop_clock_us(), &v), v.force == BREAKER_FORCED_OPEN));
  }
  arena_done(&a);
  end(&w);
}

/* --- the one probe --- */

static struct breaker_pass probe_somewhere(struct world *w, size_t *out_where) {
  struct breaker_pass p = {0};
  int64_t until_us = loop_clock_us() + FAR_US;
  for (size_t i = 0; !p.breaker && loop_clock_us() < until_us; i++) {
    *out_where = i % REPLICAS;
    if (!enters(w, *out_where, &p))
      wait_a_little();
  }
  assert_true(p.is_probe);
  return p;
}

static void of_all_replicas_calls_exactly_one_probes(void **state) {
  struct world w = begin(50 * MS, 60 * SECOND, 0);
  size_t where;
  for (int round = 0; round < 3; round++) {
    open_at(&w, 0);
    EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
    struct breaker_pass probe = probe_somewhere(&w, &where), other;
    STEADILY(1200 * MS, !enters(&w, 0, &other) && !enters(&w, 1, &other) && !enters(&w, 2, &other));
    leave(&w, &probe, BREAKER_SUCCESS);
    EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  }
  end(&w);
}

static void a_failed_probe_opens_it_again_in_all(void **state) {
  struct world w = begin(50 * MS, 60 * SECOND, 0);
  size_t where;
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
  struct breaker_pass probe = probe_somewhere(&w, &where);
  w.rule.open_us = 1800 * SECOND;
  leave(&w, &probe, BREAKER_FAILURE);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  end(&w);
}

static void a_neutral_probe_leaves_the_place_to_another_replica(void **state) {
  struct world w = begin(50 * MS, 60 * SECOND, 0);
  size_t where;
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
  for (size_t i = 0; i < REPLICAS; i++) {
    struct breaker_pass probe = {0};
    EVENTUALLY(enters(&w, i, &probe));
    assert_true(probe.is_probe);
    leave(&w, &probe, BREAKER_NEUTRAL);
  }
  struct breaker_pass probe = probe_somewhere(&w, &where);
  leave(&w, &probe, BREAKER_SUCCESS);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  end(&w);
}

static void the_probe_of_a_replica_that_is_gone_is_given_up(void **state) {
  struct world w = begin(50 * MS, 2 * SECOND, 0);
  struct breaker_pass probe = {0};
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
  EVENTUALLY(enters(&w, 0, &probe));
  int64_t taken_us = loop_clock_us();
  replica_end(&w, 0);
  EVENTUALLY(enters(&w, 1, &probe));
  assert_true(probe.is_probe);
  assert_true(loop_clock_us() - taken_us > 1400 * MS); /* what was left of the two seconds */
  replica_start(&w, 0);
  leave(&w, &probe, BREAKER_SUCCESS);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  end(&w);
}

/* The one that has the right to probe and no call that uses it. */
static size_t holder_of_the_right(struct world *w) {
  struct breaker_pass p = {0};
  size_t where = 0;
  open_at(w, 0);
  EVENTUALLY(is_everywhere(w, BREAKER_HALF_OPEN));
  p = probe_somewhere(w, &where);
  do /* gives it back and asks for it again; the answer may be quicker than the call */
    leave(w, &p, BREAKER_NEUTRAL);
  while (enters(w, where, &p));
  EVENTUALLY(breaker_lets(at(w, where), &w->rule, loop_clock_us()));
  return where;
}

static void a_replica_that_stops_leaves_its_right_to_probe_to_the_others(void **state) {
  struct world w = begin(50 * MS, 60 * SECOND, 0);
  size_t where = holder_of_the_right(&w), other = (where + 1) % REPLICAS;
  struct breaker_pass probe = {0};
  breakers_resign(w.all[where]);
  replica_end(&w, where); /* what it has said is delivered first */
  int64_t before_us = loop_clock_us();
  EVENTUALLY(enters(&w, other, &probe));
  assert_true(probe.is_probe);
  assert_true(loop_clock_us() - before_us < 10 * SECOND);
  leave(&w, &probe, BREAKER_SUCCESS);
  replica_start(&w, where);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  end(&w);
}

static void what_was_told_just_before_the_end_arrives(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 0);
  for (int n = 0; n < 3; n++) {
    force(&w, 0, n % 2 == 0 ? BREAKER_FORCED_OPEN : BREAKER_FORCED_CLOSED);
    replica_end(&w, 0);
    EVENTUALLY(look(&w, 1).force == (n % 2 == 0 ? BREAKER_FORCED_OPEN : BREAKER_FORCED_CLOSED));
    replica_start(&w, 0);
    EVENTUALLY(look(&w, 0).force == look(&w, 1).force);
  }
  end(&w);
}

/* --- Redis is not there --- */

static void while_redis_is_gone_each_goes_on_alone_and_then_they_agree_again(void **state) {
  struct world w = begin(50 * MS, 60 * SECOND, 300 * MS);
  struct breaker_pass probe = {0};
  assert_int_equal(logged("redis_connected"), REPLICAS);
  redis_server_kill(&w.server);
  EVENTUALLY(all_are_shared(&w, false));
  open_at(&w, 0);
  EVENTUALLY(enters(&w, 0, &probe)); /* nobody can be asked */
  assert_true(probe.is_probe);
  leave(&w, &probe, BREAKER_FAILURE);
  w.rule.open_us = 1800 * SECOND;
  assert_int_equal(look(&w, 0).state, BREAKER_OPEN);
  assert_int_equal(look(&w, 1).state, BREAKER_CLOSED);
  force(&w, 2, BREAKER_FORCED_CLOSED);
  assert_int_equal(logged("redis_lost"), REPLICAS);
  redis_server_run(&w.server); /* it has forgotten everything */
  EVENTUALLY(all_are_shared(&w, true));
  EVENTUALLY(look(&w, 1).force == BREAKER_FORCED_CLOSED && look(&w, 0).force == BREAKER_FORCED_CLOSED);
  force(&w, 1, BREAKER_AUTOMATIC);
  EVENTUALLY(look(&w, 0).force == BREAKER_AUTOMATIC && look(&w, 2).force == BREAKER_AUTOMATIC);
  assert_int_equal(logged("redis_lost"), REPLICAS);
  assert_int_equal(logged("redis_connected"), 2 * REPLICAS);
  end(&w);
}

static void what_opened_while_redis_was_gone_is_told_when_it_is_back(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 300 * MS);
  redis_server_kill(&w.server);
  EVENTUALLY(all_are_shared(&w, false));
  open_at(&w, 1);
  redis_server_run(&w.server);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  end(&w);
}

/* The callers of the breakers are requests: none of them may wait for Redis. */
static void no_call_waits_for_a_redis_that_hangs(void **state) {
  struct world w = begin(1800 * SECOND, 60 * SECOND, 500 * MS);
  redis_server_pause(&w.server);
  int64_t before_us = loop_clock_us();
  open_at(&w, 0);
  for (int n = 0; n < 1000; n++) {
    struct breaker_pass p;
    assert_false(enters(&w, 0, &p));
  }
  assert_true(loop_clock_us() - before_us < 100 * SECOND); /* a fifth of what waiting would come to */
  EVENTUALLY(all_are_shared(&w, false));
  w.rule.open_us = MS;
  struct breaker_pass probe = {0};
  EVENTUALLY(enters(&w, 0, &probe)); /* alone */
  redis_server_resume(&w.server);
  EVENTUALLY(all_are_shared(&w, true));
  w.rule.open_us = 1800 * SECOND;
  leave(&w, &probe, BREAKER_FAILURE);
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  end(&w);
}

static void replicas_start_without_redis_and_find_it_later(void **state) {
  struct world w = {.rule = {3, 60 * SECOND, 1800 * SECOND, 60 * SECOND}, .patience_us = 300 * MS, .login = ""};
  begin_with(&w, NULL);
  for (size_t i = 0; i < REPLICAS; i++)
    replica_end(&w, i);
  redis_server_kill(&w.server);
  for (size_t i = 0; i < REPLICAS; i++)
    replica_start(&w, i);
  open_at(&w, 0);
  redis_server_run(&w.server);
  EVENTUALLY(all_are_shared(&w, true));
  EVENTUALLY(is_everywhere(&w, BREAKER_OPEN));
  end(&w);
}

/* --- a cluster --- */

/* Breakers whose records lie on different servers, one of each. */
static struct breaker *of_server(struct world *w, size_t i, size_t server) {
  struct breaker_record_call c;
  struct breaker_claim claim = {.name = {TEXT("vendor"), TEXT("https://vendor.test"), TEXT_NONE}};
  char credential[16];
  struct arena a;
  arena_init(&a);
  for (int n = 0;; n++) {
    (void)snprintf(credential, sizeof(credential), "c%d", n);
    claim.name.credential = text_of(credential);
    breaker_record_release(&a, &claim, &c);
    if (redis_cluster_owner(w->cluster, resp_slot(c.key)) == server)
      break;
  }
  arena_done(&a);
  return breakers_find(w->all[i], claim.name.provider, claim.name.endpoint, claim.name.credential);
}
static bool is_forced(struct world *w, size_t i, size_t server, enum breaker_force f) {
  struct breaker_view v;
  breaker_look(of_server(w, i, server), &w->rule, loop_clock_us(), &v);
  return v.force == f;
}

static void replicas_agree_through_a_cluster_and_go_on_with_what_is_left_of_it(void **state) {
  static const char *const extra[] = {"--cluster-require-full-coverage", "no", NULL};
  static struct redis_cluster c;
  struct world w = {
      .rule = {3, 60 * SECOND, 50 * MS, 60 * SECOND}, .patience_us = 400 * MS, .login = "", .cluster = &c};
  size_t where;
  if (!redis_server_is_there())
    skip();
  redis_cluster_start(&c, 3, false, extra);
  for (size_t i = 0; i < REPLICAS; i++)
    replica_start(&w, i);
  EVENTUALLY(all_are_shared(&w, true));
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
  struct breaker_pass probe = probe_somewhere(&w, &where);
  leave(&w, &probe, BREAKER_SUCCESS);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  redis_server_kill(&c.nodes[1]);
  EVENTUALLY(all_are_shared(&w, false));
  for (size_t server = 0; server < 3; server++)
    breaker_set_force(of_server(&w, 0, server), BREAKER_FORCED_OPEN, "all", loop_clock_us());
  EVENTUALLY(is_forced(&w, 2, 0, BREAKER_FORCED_OPEN) && is_forced(&w, 2, 2, BREAKER_FORCED_OPEN));
  assert_true(is_forced(&w, 2, 1, BREAKER_AUTOMATIC)); /* nobody can tell */
  redis_server_run(&c.nodes[1]);
  EVENTUALLY(all_are_shared(&w, true));
  EVENTUALLY(is_forced(&w, 2, 1, BREAKER_FORCED_OPEN) && is_forced(&w, 1, 1, BREAKER_FORCED_OPEN));
  for (size_t i = 0; i < REPLICAS; i++)
    replica_end(&w, i);
  redis_cluster_end(&c);
}

/* --- who may do what --- */

static void a_user_with_the_rights_the_manual_names_is_enough(void **state) {
  static const char *const extra[] = {"--user",        "weir",       "on",    ">secret", "resetkeys", "~weir:*",
                                      "resetchannels", "&weir:*",    "-@all", "+hello",  "+select",   "+ping",
                                      "+eval",         "+time",      "+set",  "+hset",   "+hmget",    "+pexpire",
                                      "+publish",      "+subscribe", NULL};
  struct world w = {.rule = {3, 60 * SECOND, 50 * MS, 60 * SECOND}, .login = "weir:secret@"};
  size_t where;
  begin_with(&w, extra);
  EVENTUALLY(all_are_shared(&w, true));
  assert_true(is_everywhere(&w, BREAKER_CLOSED));
  open_at(&w, 0);
  EVENTUALLY(is_everywhere(&w, BREAKER_HALF_OPEN));
  struct breaker_pass probe = probe_somewhere(&w, &where);
  leave(&w, &probe, BREAKER_SUCCESS);
  EVENTUALLY(is_everywhere(&w, BREAKER_CLOSED));
  end(&w);
}

/* It answers, but cannot be used. */
static void a_redis_that_refuses_to_keep_anything_counts_as_lost_and_is_named_once(void **state) {
  static const char *const extra[] = {"--user", "weir", "on", ">secret", "~*", "&*", "+@all", "-set", NULL};
  struct world w = {.rule = {3, 60 * SECOND, MS, 60 * SECOND}, .patience_us = 300 * MS, .login = "weir:secret@"};
  struct breaker_pass probe = {0};
  begin_with(&w, extra);
  EVENTUALLY(logged("redis_lost") == REPLICAS);
  STEADILY(1000 * MS, logged("redis_lost") == REPLICAS && all_are_shared(&w, false));
  assert_int_equal(logged("redis_connected"), 0);
  assert_int_equal(logged("\"detail\":\"Redis: "), REPLICAS);
  assert_int_equal(logged("secret"), 0);
  open_at(&w, 0);
  EVENTUALLY(enters(&w, 0, &probe));
  end(&w);
}

static void a_name_too_long_for_redis_stays_this_replicas_own(void **state) {
  static char long_name[5000];
  struct world w = begin(MS, 60 * SECOND, 0);
  memset(long_name, 'n', sizeof(long_name));
  struct breaker *b = breakers_find(w.all[0], (struct text){long_name, sizeof(long_name)}, TEXT("e"), TEXT("c"));
  struct breaker_pass p = {0};
  for (int n = 0; n < 3; n++) {
    assert_true(breaker_enter(b, &w.rule, loop_clock_us(), &p));
    breaker_leave(&p, &w.rule, BREAKER_FAILURE, NULL, loop_clock_us());
  }
  EVENTUALLY(breaker_enter(b, &w.rule, loop_clock_us(), &p));
  assert_true(p.is_probe);
  breaker_leave(&p, &w.rule, BREAKER_SUCCESS, NULL, loop_clock_us());
  assert_true(all_are_shared(&w, true));
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opened_in_one_refuses_in_all_and_says_why),
      cmocka_unit_test(an_operators_word_reaches_all),
      cmocka_unit_test(a_replica_that_starts_when_no_other_is_left_learns_from_redis),
      cmocka_unit_test(more_news_than_the_queue_holds_arrive_all_the_same),
      cmocka_unit_test(of_all_replicas_calls_exactly_one_probes),
      cmocka_unit_test(a_failed_probe_opens_it_again_in_all),
      cmocka_unit_test(a_neutral_probe_leaves_the_place_to_another_replica),
      cmocka_unit_test(the_probe_of_a_replica_that_is_gone_is_given_up),
      cmocka_unit_test(a_replica_that_stops_leaves_its_right_to_probe_to_the_others),
      cmocka_unit_test(what_was_told_just_before_the_end_arrives),
      cmocka_unit_test(replicas_agree_through_a_cluster_and_go_on_with_what_is_left_of_it),
      cmocka_unit_test(while_redis_is_gone_each_goes_on_alone_and_then_they_agree_again),
      cmocka_unit_test(what_opened_while_redis_was_gone_is_told_when_it_is_back),
      cmocka_unit_test(no_call_waits_for_a_redis_that_hangs),
      cmocka_unit_test(replicas_start_without_redis_and_find_it_later),
      cmocka_unit_test(a_user_with_the_rights_the_manual_names_is_enough),
      cmocka_unit_test(a_redis_that_refuses_to_keep_anything_counts_as_lost_and_is_named_once),
      cmocka_unit_test(a_name_too_long_for_redis_stays_this_replicas_own),
  };
  log_fd = memfd_create("log", MFD_CLOEXEC);
  assert_int_equal(fcntl(log_fd, F_SETFL, O_APPEND), 0);
  log_start(log_fd, LOG_LEVEL_INFO);
  random_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("redis_breakers", tests, NULL, NULL);
}
