/* Calls by key against a real Redis: one server, a cluster of three primaries whose slots move, and one whose primaries
 * have replicas that take their place. */
#include "cluster/redis_link.h"

#include "../net/tls_fixture.h"
#include "base/random.h"
#include "net/resp_slot.h"
#include "support/redis_cluster.h"

#define FAR_US (20 * SECOND_US)

static struct redis_cluster cluster; /* of three primaries, for all tests but the last ones */
static size_t changes;

static void note_change(void *ctx) { changes++; }

static struct redis_link *link_to(bool is_cluster, const struct redis_server *const *servers, size_t count,
                                  int64_t patience_us) {
  struct resp_place places[4];
  struct redis_link *l = NULL;
  for (size_t i = 0; i < count; i++)
    places[i] = (struct resp_place){TEXT("127.0.0.1"), servers[i]->port};
  const struct redis_link_options o = {.loop = loop_current(),
                                       .redis = {.limits = {65536, 64}},
                                       .is_cluster = is_cluster,
                                       .hosts = places,
                                       .host_count = count,
                                       .patience_us = patience_us,
                                       .changed = note_change};
  CHECK_ERR(redis_link_new(&o, &l), ERR_OK);
  return l;
}
static void end_link(struct redis_link *l) {
  size_t before = loop_stats(loop_current()).fibers, left = before;
  redis_link_stop(l);
  for (int i = 0; i < 5000 && left > 1; i++) {
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
    left = loop_stats(loop_current()).fibers;
  }
  CHECK_INT(left, 1);
  redis_link_free(l);
}

#define EVENTUALLY(condition)                                                                                          \
  do {                                                                                                                 \
    int64_t until_us_ = after(FAR_US);                                                                                 \
    bool holds_ = false;                                                                                               \
    while (!(holds_ = (condition)) && loop_now_us(loop_current()) < until_us_)                                         \
      CHECK_ERR(fiber_sleep(2000), ERR_OK);                                                                            \
    if (!holds_)                                                                                                       \
      CHECK_HAS("it never came to this: ", #condition);                                                                \
  } while (0)

static bool all_open(const struct redis_link *l, size_t servers) {
  bool open = redis_link_servers(l) == servers && redis_link_missing_slots(l) == 0;
  for (size_t i = 0; open && i < servers; i++)
    open = redis_link_is_open(l, i);
  return open;
}

static struct redis_link *link_to_cluster(int64_t patience_us) {
  const struct redis_server *seed = &cluster.nodes[1];
  struct redis_link *l = link_to(true, &seed, 1, patience_us);
  EVENTUALLY(all_open(l, 3));
  return l;
}

/* A command of words, the second of which is the key. What it answers, as text. */
static enum err call(struct redis_link *l, const char *line, int64_t within_us, char *out, size_t cap) {
  struct text words[8], rest = text_of(line);
  size_t count = 0;
  while (count < 7 && text_cut(rest, ' ', &words[count], &rest))
    count++;
  words[count++] = rest;
  struct redis_call c = {.key = words[1], .arguments = words, .count = count};
  redis_link_run(l, &c, 1, after(within_us));
  enum err e = c.err;
  if (e != ERR_OK)
    (void)snprintf(out, cap, "%s", fault_text(c.fault));
  else if (c.answer->kind == RESP_INTEGER)
    (void)snprintf(out, cap, "%lld", (long long)c.answer->integer);
  else
    (void)snprintf(out, cap, "%.*s", TEXT_ARGS(c.answer->text));
  redis_calls_done(&c, 1);
  return e;
}
static void expect(struct redis_link *l, const char *line, const char *expected) {
  char got[600];
  if (CHECK_ERR(call(l, line, FAR_US, got, sizeof(got)), ERR_OK))
    CHECK_TEXT(text_of(got), text_of(expected));
  else
    (void)fprintf(stderr, "  %s: %s\n", line, got);
}
static void expect_failure(struct redis_link *l, const char *line, int64_t within_us, enum err e, const char *says) {
  char got[600];
  CHECK_ERR(call(l, line, within_us, got, sizeof(got)), e);
  CHECK_HAS(got, says);
}

/* --- who is asked --- */

enum { MANY = 300 };
static void ask_many(struct redis_link *l, bool sets) {
  struct redis_call *calls = calloc(MANY, sizeof(*calls));
  struct text(*words)[3] = calloc(MANY, sizeof(*words));
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < MANY; i++) {
    words[i][0] = sets ? TEXT("SET") : TEXT("GET");
    words[i][1] = words[i][2] = arena_format(&a, "many:%zu", i);
    calls[i] = (struct redis_call){.key = words[i][1], .arguments = words[i], .count = sets ? 3 : 2};
  }
  redis_link_run(l, calls, MANY, after(FAR_US));
  for (size_t i = 0; i < MANY; i++) {
    if (CHECK_ERR(calls[i].err, ERR_OK))
      CHECK_TEXT(calls[i].answer->text, sets ? TEXT("OK") : words[i][1]);
  }
  redis_calls_done(calls, MANY);
  arena_done(&a);
  free(calls);
  free(words);
}

static void every_node(void *arg) {
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  ask_many(l, true);
  ask_many(l, false);
  CHECK_INT(atomic_load(&redis_link_counters(l)->redirections), 0);
  CHECK_INT(atomic_load(&redis_link_counters(l)->answers), 2 * MANY);
  CHECK_INT(atomic_load(&redis_link_counters(l)->connections), 3);
  for (size_t i = 0; i < 3; i++) {
    char answer[100];
    CHECK_INT(strtol(redis_tell(&cluster.nodes[i], "DBSIZE", answer, sizeof(answer)) + 1, NULL, 10) > MANY / 10, 1);
  }
  end_link(l);
}
static void calls_go_in_pipelines_to_whoever_has_their_key(void **state) { run_fiber(every_node, NULL); }

static void one_server(void *arg) {
  struct redis_server *s = arg;
  const struct redis_server *servers[] = {s};
  struct redis_link *l = link_to(false, servers, 1, SECOND_US / 2);
  ask_many(l, true);
  ask_many(l, false);
  CHECK_INT(redis_link_servers(l), 1);
  expect_failure(l, "LPOP many:1", FAR_US, ERR_UNAVAILABLE, "WRONGTYPE");
  expect(l, "GET many:1", "many:1");
  redis_server_kill(s);
  EVENTUALLY(!redis_link_is_open(l, 0)); /* nobody has asked meanwhile */
  expect_failure(l, "GET many:1", FAR_US, ERR_NETWORK, "");
  redis_server_run(s);
  EVENTUALLY(redis_link_is_open(l, 0));
  expect(l, "GET many:1", "");
  redis_server_pause(s);
  expect_failure(l, "GET many:1", SECOND_US / 50, ERR_TIMEOUT, "Redis says nothing for too long");
  redis_server_resume(s);
  expect(l, "SET many:1 x", "OK"); /* what was given up has come meanwhile, and was nobody's */
  end_link(l);
}
static void one_server_has_every_key_and_is_found_again(void **state) {
  struct redis_server s;
  redis_server_start(&s, NULL);
  run_fiber(one_server, &s);
  redis_server_end(&s);
}

/* --- slots that move --- */

static const char *key_text = "moving:{tag}"; /* and others with that tag */

static void moved(void *arg) {
  unsigned slot = resp_slot(text_of(key_text));
  size_t from = redis_cluster_owner(&cluster, slot), to = (from + 1) % 3;
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  redis_cluster_move(&cluster, slot, from, to);
  expect(l, "SET moving:{tag} 1", "OK");
  CHECK_INT(atomic_load(&redis_link_counters(l)->redirections), 1);
  expect(l, "GET moving:{tag}", "1");
  CHECK_INT(atomic_load(&redis_link_counters(l)->redirections), 1);
  expect(l, "DEL moving:{tag}", "1");
  redis_cluster_move(&cluster, slot, to, from);
  expect(l, "SET moving:{tag} 1", "OK");
  expect(l, "DEL moving:{tag}", "1");
  end_link(l);
}
static void a_slot_that_has_moved_is_followed_once(void **state) { run_fiber(moved, NULL); }

static void asked(void *arg) {
  const struct resp_script script = resp_script_of("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  const struct text five[] = {TEXT("5")};
  unsigned slot = resp_slot(text_of(key_text));
  size_t from = redis_cluster_owner(&cluster, slot), to = (from + 1) % 3;
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  expect(l, "SET here:{tag} here", "OK");
  redis_cluster_begin_move(&cluster, slot, from, to);
  expect(l, "GET here:{tag}", "here");
  CHECK_INT(atomic_load(&redis_link_counters(l)->redirections), 0);
  expect(l, "SET moving:{tag} there", "OK");
  expect(l, "GET moving:{tag}", "there");
  CHECK_INT(atomic_load(&redis_link_counters(l)->redirections), 2); /* each time: the slot is not there yet */
  for (int i = 1; i <= 3; i++) {
    struct redis_call c = {.key = TEXT("counter:{tag}"), .script = &script, .arguments = five, .count = 1};
    redis_link_run(l, &c, 1, after(FAR_US));
    if (CHECK_ERR(c.err, ERR_OK))
      CHECK_INT(c.answer->integer, 5 * i);
    redis_calls_done(&c, 1);
  }
  expect_failure(l, "MGET here:{tag} moving:{tag}", SECOND_US / 5, ERR_UNAVAILABLE, "Redis: TRYAGAIN");
  redis_must(&cluster.nodes[from], "MIGRATE 127.0.0.1 %u here:{tag} 0 5000", cluster.nodes[to].port);
  expect(l, "GET here:{tag}", "here");
  redis_cluster_end_move(&cluster, slot, to);
  expect(l, "GET here:{tag}", "here");
  expect(l, "DEL here:{tag} moving:{tag} counter:{tag}", "3");
  redis_cluster_move(&cluster, slot, to, from);
  expect(l, "SET moving:{tag} 1", "OK");
  end_link(l);
}
static void while_a_slot_moves_each_key_is_asked_where_it_is(void **state) { run_fiber(asked, NULL); }

static void in_circles(void *arg) {
  unsigned slot = resp_slot(text_of("circle"));
  size_t owner = redis_cluster_owner(&cluster, slot), other = (owner + 1) % 3;
  char owner_id[64], other_id[64];
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  redis_id(&cluster.nodes[owner], owner_id);
  redis_id(&cluster.nodes[other], other_id);
  redis_must(&cluster.nodes[owner], "CLUSTER SETSLOT %u NODE %s", slot, other_id);
  expect_failure(l, "GET circle", FAR_US, ERR_UNAVAILABLE, "send a call from one to another");
  redis_must(&cluster.nodes[owner], "CLUSTER SETSLOT %u NODE %s", slot, owner_id);
  EVENTUALLY(all_open(l, 3));
  expect(l, "SET circle 1", "OK");
  end_link(l);
}
static void redirections_without_end_are_an_error(void **state) { run_fiber(in_circles, NULL); }

/* --- scripts --- */

static void run_script(struct redis_link *l, const struct resp_script *script, enum err expected) {
  const struct text two[] = {TEXT("2")};
  enum { CALLS = 60 };
  struct redis_call calls[CALLS / 4] = {0};
  char keys[CALLS / 4][16];
  for (size_t i = 0; i < CALLS / 4; i++) {
    int n = snprintf(keys[i], sizeof(keys[i]), "script:%zu", i);
    calls[i] = (struct redis_call){.key = {keys[i], (size_t)n}, .script = script, .arguments = two, .count = 1};
  }
  redis_link_run(l, calls, CALLS / 4, after(FAR_US));
  for (size_t i = 0; i < CALLS / 4; i++) {
    CHECK_ERR(calls[i].err, expected);
    if (calls[i].err == ERR_OK)
      CHECK_INT(calls[i].answer->integer, 4);
  }
  redis_calls_done(calls, CALLS / 4);
}

static void by_name(void *arg) {
  const struct resp_script script = resp_script_of("return tonumber(ARGV[1]) + 2"),
                           bad = resp_script_of("return nope(");
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  const struct redis_counters *c = redis_link_counters(l);
  run_script(l, &script, ERR_OK);
  CHECK_INT(atomic_load(&c->scripts_sent), 3); /* once to each */
  run_script(l, &script, ERR_OK);
  CHECK_INT(atomic_load(&c->scripts_sent), 3);
  for (size_t i = 0; i < 3; i++)
    redis_must(&cluster.nodes[i], "SCRIPT FLUSH");
  run_script(l, &script, ERR_OK);
  uint64_t sent = atomic_load(&c->scripts_sent);
  CHECK_INT(sent > 3, 1);
  run_script(l, &script, ERR_OK);
  CHECK_INT(atomic_load(&c->scripts_sent), sent);
  run_script(l, &bad, ERR_UNAVAILABLE);
  run_script(l, &script, ERR_OK);
  end_link(l);
}
static void a_script_goes_by_its_name_once_a_server_has_it(void **state) { run_fiber(by_name, NULL); }

static void too_long(void *arg) {
  struct redis_link *l = link_to_cluster(2 * SECOND_US);
  size_t bytes = (size_t)17 * 1024 * 1024;
  char *at = calloc(1, bytes);
  const struct text words[] = {TEXT("SET"), TEXT("k"), {at, bytes}};
  struct redis_call c = {.key = words[1], .arguments = words, .count = 3};
  redis_link_run(l, &c, 1, after(FAR_US));
  CHECK_ERR(c.err, ERR_LIMIT);
  redis_calls_done(&c, 1);
  free(at);
  expect(l, "SET k v", "OK");
  end_link(l);
}
static void a_command_that_is_too_long_fails_alone(void **state) { run_fiber(too_long, NULL); }

/* --- servers that go --- */

static void one_hangs(void *arg) {
  unsigned slot = resp_slot(TEXT("many:1"));
  size_t owner = redis_cluster_owner(&cluster, slot);
  struct redis_link *l = link_to_cluster(SECOND_US / 4);
  char elsewhere[32] = "";
  for (int i = 2; elsewhere[0] == 0; i++) {
    char name[24];
    int n = snprintf(name, sizeof(name), "many:%d", i);
    if (redis_cluster_owner(&cluster, resp_slot((struct text){name, (size_t)n})) != owner)
      (void)snprintf(elsewhere, sizeof(elsewhere), "SET %s v", name);
  }
  redis_server_pause(&cluster.nodes[owner]);
  int64_t before_us = loop_clock_us();
  expect_failure(l, "GET many:1", FAR_US, ERR_TIMEOUT, "too long");
  expect_failure(l, "GET many:1", FAR_US, ERR_TIMEOUT, ""); /* at once, or when a new connection has not come about */
  CHECK_INT(loop_clock_us() - before_us < 2 * SECOND_US, 1);
  expect(l, elsewhere, "OK");
  redis_server_resume(&cluster.nodes[owner]);
  redis_cluster_await(&cluster);
  EVENTUALLY(all_open(l, 3));
  expect(l, "SET many:1 v", "OK");
  end_link(l);
}
static void a_server_that_hangs_holds_up_only_what_it_has(void **state) { run_fiber(one_hangs, NULL); }

static void fails_over(void *arg) {
  struct redis_cluster *c = arg;
  const struct redis_server *seeds[] = {&c->nodes[0], &c->nodes[1]};
  struct redis_link *l = link_to(true, seeds, 2, SECOND_US / 2);
  EVENTUALLY(all_open(l, 3));
  ask_many(l, true);
  redis_server_kill(&c->nodes[0]); /* the first of the URL, too */
  char got[600], line[32];
  for (size_t i = 0; i < MANY; i++) {
    (void)snprintf(line, sizeof(line), "SET many:%zu many:%zu", i, i);
    EVENTUALLY(call(l, line, FAR_US, got, sizeof(got)) == ERR_OK);
  }
  ask_many(l, false);
  EVENTUALLY(all_open(l, 3));
  for (size_t i = 0; i < 3; i++)
    CHECK_INT(redis_link_place(l, i)->port != c->nodes[0].port, 1);
  redis_server_run(&c->nodes[0]); /* as a replica of the one that has taken its place */
  expect(l, "GET many:1", "many:1");
  end_link(l);
}
static void a_replica_that_takes_a_primarys_place_is_found(void **state) {
  struct redis_cluster c;
  redis_cluster_start(&c, 3, true, NULL);
  run_fiber(fails_over, &c);
  redis_cluster_end(&c);
}

static void not_there(void *arg) {
  struct redis_server s = {.port = redis_server_free_port()};
  const struct redis_server *servers[] = {&s};
  struct redis_link *l = link_to(true, servers, 1, SECOND_US / 2);
  EVENTUALLY(redis_link_trouble(l) != NULL);
  CHECK_HAS(redis_link_trouble(l)->text, "connection refused");
  CHECK_INT(redis_link_servers(l), 0);
  CHECK_INT(redis_link_missing_slots(l), RESP_SLOTS);
  expect_failure(l, "GET k", FAR_US, ERR_UNAVAILABLE, "no server of the cluster");
  end_link(l);
}
static void a_cluster_that_is_not_there_is_named_as_such(void **state) { run_fiber(not_there, NULL); }

/* --- names that certificates must hold --- */

struct names {
  struct redis_server server;
  struct tls_context *client;
  const char *host;
  bool is_trusted;
};
static void take_all_slots(struct names *n) {
  static const struct text words[] = {TEXT("CLUSTER"), TEXT("ADDSLOTSRANGE"), TEXT("0"), TEXT("16383")};
  struct resp_options o = {.host = TEXT("127.0.0.1"),
                           .port = n->server.port,
                           .tls = n->client,
                           .tls_name = TEXT("redis.test"),
                           .is_cluster = true,
                           .limits = {65536, 1000}};
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  if (CHECK_ERR(resp_open(&o, after(FAR_US), &c, NULL), ERR_OK))
    CHECK_ERR(resp_call(c, words, 4, after(FAR_US), &v, NULL), ERR_OK);
  resp_close(c);
}
static void names(void *arg) {
  struct names *n = arg;
  const struct resp_place place = {text_of(n->host), n->server.port};
  struct redis_link *l = NULL;
  struct offload *pool = NULL;
  CHECK_ERR(offload_new(1, 8, &pool), ERR_OK);
  struct dns *dns = dns_new(pool);
  const struct redis_link_options o = {.loop = loop_current(),
                                       .redis = {.limits = {65536, 64}, .tls = n->client, .dns = dns},
                                       .is_cluster = true,
                                       .hosts = &place,
                                       .host_count = 1,
                                       .patience_us = 2 * SECOND_US,
                                       .changed = note_change};
  take_all_slots(n);
  CHECK_ERR(redis_link_new(&o, &l), ERR_OK);
  if (n->is_trusted) {
    EVENTUALLY(all_open(l, 1));
    CHECK_TEXT(text_of(redis_link_place(l, 0)->host), TEXT("127.0.0.1")); /* it says so itself */
    EVENTUALLY(call(l, "SET k v", FAR_US, (char[600]){0}, 600) == ERR_OK);
  } else {
    EVENTUALLY(redis_link_trouble(l) != NULL);
    CHECK_HAS(redis_link_trouble(l)->text, "certificate");
    CHECK_INT(redis_link_servers(l), 0);
  }
  end_link(l);
  dns_free(dns);
  offload_free(pool);
}
static void expect_names(const char *in_certificate, const char *in_url, bool is_trusted) {
  const struct identity_options leaf = {.names = in_certificate};
  struct tls_world w = tls_world_new(&leaf, false);
  const char *const extra[] = {"--tls-cert-file",
                               tls_path("cert.pem"),
                               "--tls-key-file",
                               tls_path("key.pem"),
                               "--tls-ca-cert-file",
                               tls_path("ca.pem"),
                               "--tls-auth-clients",
                               "no",
                               "--cluster-enabled",
                               "yes",
                               "--tls-cluster",
                               "yes",
                               "--cluster-announce-ip",
                               "127.0.0.1",
                               NULL};
  struct names n = {.client = w.client, .host = in_url, .is_trusted = is_trusted};
  redis_server_start(&n.server, extra);
  run_fiber(names, &n);
  redis_server_end(&n.server);
  tls_world_free(&w);
}
static void a_server_known_by_its_address_proves_the_name_in_the_url(void **state) {
  expect_names("DNS:redis.test,DNS:localhost", "localhost", true);
}
static void a_server_known_by_its_address_alone_proves_the_address(void **state) {
  expect_names("DNS:redis.test,IP:127.0.0.1", "127.0.0.1", true);
}
static void a_certificate_for_another_name_is_not_trusted(void **state) {
  expect_names("DNS:redis.test,IP:127.0.0.1", "localhost", false);
}

static int set_up(void **state) {
  random_start();
  redis_cluster_start(&cluster, 3, false, NULL);
  return 0;
}
static int tear_down(void **state) {
  redis_cluster_end(&cluster);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_go_in_pipelines_to_whoever_has_their_key),
      cmocka_unit_test(one_server_has_every_key_and_is_found_again),
      cmocka_unit_test(a_slot_that_has_moved_is_followed_once),
      cmocka_unit_test(while_a_slot_moves_each_key_is_asked_where_it_is),
      cmocka_unit_test(redirections_without_end_are_an_error),
      cmocka_unit_test(a_script_goes_by_its_name_once_a_server_has_it),
      cmocka_unit_test(a_command_that_is_too_long_fails_alone),
      cmocka_unit_test(a_server_that_hangs_holds_up_only_what_it_has),
      cmocka_unit_test(a_cluster_that_is_not_there_is_named_as_such),
      cmocka_unit_test(a_server_known_by_its_address_proves_the_name_in_the_url),
      cmocka_unit_test(a_server_known_by_its_address_alone_proves_the_address),
      cmocka_unit_test(a_certificate_for_another_name_is_not_trusted),
      cmocka_unit_test(a_replica_that_takes_a_primarys_place_is_found),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  if (!redis_server_is_there()) {
    print_message("1..0 # SKIP there is no redis-server here; tools/setup.sh test installs it\n");
    return 0;
  }
  return cmocka_run_group_tests_name("redis_link", tests, set_up, tear_down);
}
