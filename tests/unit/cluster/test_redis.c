/* The thread of Redis: what it says of a server and of a cluster as they come, go and change, and how it ends. */
#include "cluster/redis.h"

#include "base/log.h"
#include "base/random.h"
#include "support/redis_cluster.h"

#include <sys/mman.h>

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

static int log_fd;

static size_t logged(const char *event) {
  static char text[1 << 20];
  ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
  size_t count = 0;
  text[n > 0 ? n : 0] = 0;
  for (const char *at = text; (at = strstr(at, event)); at++)
    count++;
  return count;
}

/* A user that counts, and sets a key when it is woken and when it ends. */
struct counting {
  struct redis_user user;
  atomic_uint found, lost, missed, heard, sets;
  atomic_bool works;
};
static struct counting *counting_of(struct redis_user *u) { return (struct counting *)(void *)u; }
static void found(struct redis_user *u, bool is_found) {
  (void)atomic_fetch_add(is_found ? &counting_of(u)->found : &counting_of(u)->lost, 1);
}
static void missed(struct redis_user *u) { (void)atomic_fetch_add(&counting_of(u)->missed, 1); }
static void heard(struct redis_user *u, struct text message) {
  (void)atomic_fetch_add(&counting_of(u)->heard, text_equal(message, TEXT("hello")));
}
static void set(struct redis_user *u, const char *key) {
  const struct text words[] = {TEXT("SET"), text_of(key), TEXT("v")};
  struct redis_call c = {.key = words[1], .arguments = words, .count = 3};
  redis_run(u, &c, 1);
  redis_note(u, c.fault);
  (void)atomic_fetch_add(&counting_of(u)->sets, c.err == ERR_OK);
  redis_calls_done(&c, 1);
}
static void work(struct redis_user *u) {
  enum err e = ERR_OK;
  while (e == ERR_OK && !redis_is_ending(u)) {
    if (atomic_load(&counting_of(u)->found) > 0)
      set(u, "weir:at-work");
    e = redis_user_wait(u, INT64_MAX);
  }
  set(u, "weir:at-the-end");
}

static struct redis *begin(struct counting *c, const char *url) {
  struct redis *r = NULL;
  struct fault f = {0};
  const struct redis_options o = {.url = text_of(url), .replica = random_u64() | 1, .patience_us = 400000};
  assert_int_equal(ftruncate(log_fd, 0), 0);
  *c = (struct counting){
      .user = {.channel = TEXT("weir:test"), .run = work, .found = found, .heard = heard, .missed = missed}};
  assert_int_equal(redis_new(&o, &r, &f), ERR_OK);
  redis_join(r, &c->user);
  assert_int_equal(redis_start(r, &f), ERR_OK);
  return r;
}

/* As it is now; valid until the next look. */
static const struct redis_state *look(struct redis *r) {
  static struct redis_state s;
  redis_look(r, &s);
  return &s;
}

static void a_server_is_found_lost_and_found_again_with_one_line_each(void **state) {
  static struct redis_server s;
  struct counting c;
  char url[64], answer[200];
  redis_server_start(&s, NULL);
  (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", s.port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(redis_is_well(r));
  assert_false(look(r)->is_cluster);
  assert_int_equal(look(r)->nodes, 1);
  assert_int_equal(look(r)->reached, 1);
  assert_true(look(r)->calls > 0 && look(r)->waited_us > 0);
  assert_int_equal(look(r)->connections, 1);
  redis_must(&s, "PUBLISH weir:test hello");
  redis_must(&s, "PUBLISH weir:other hello");
  EVENTUALLY(atomic_load(&c.heard) == 1);
  redis_user_wake(&c.user);
  EVENTUALLY(atomic_load(&c.sets) >= 2);
  redis_server_kill(&s);
  EVENTUALLY(look(r)->reached == 0 && !redis_is_well(r));
  assert_true(look(r)->why[0] != 0);
  redis_server_run(&s);
  EVENTUALLY(redis_is_well(r));
  assert_true(look(r)->connections > 1);
  assert_int_equal(atomic_load(&c.found), 2);
  assert_int_equal(atomic_load(&c.lost), 1);
  assert_int_equal(atomic_load(&c.missed), 2);
  EVENTUALLY(logged("redis_connected") == 2);
  EVENTUALLY(logged("redis_lost") == 1);
  redis_stop(r);
  assert_false(redis_is_well(r));
  assert_string_equal(redis_tell(&s, "GET weir:at-the-end", answer, sizeof(answer)), "$1\r\nv\r\n");
  redis_free(r);
  redis_server_end(&s);
}

static void a_cluster_counts_its_servers_and_says_which_part_is_lost(void **state) {
  static struct redis_cluster cl;
  static const char *const extra[] = {"--cluster-require-full-coverage", "no", NULL};
  struct counting c;
  char url[100];
  redis_cluster_start(&cl, 3, false, extra);
  (void)snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%u,127.0.0.1:%u/", cl.nodes[0].port, cl.nodes[1].port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(redis_is_well(r));
  assert_true(look(r)->is_cluster);
  assert_int_equal(look(r)->nodes, 3);
  assert_int_equal(look(r)->reached, 3);
  redis_server_kill(&cl.nodes[1]);
  EVENTUALLY(look(r)->reached == 2 && !redis_is_well(r));
  assert_int_equal(atomic_load(&c.lost), 0); /* two are still there */
  (void)snprintf(url, sizeof(url), "127.0.0.1:%u: ", cl.nodes[1].port);
  EVENTUALLY(logged(url) == 1);
  EVENTUALLY(logged("redis_lost") == 1);
  redis_server_kill(&cl.nodes[0]);
  redis_server_kill(&cl.nodes[2]);
  EVENTUALLY(atomic_load(&c.lost) == 1);
  for (size_t i = 0; i < 3; i++)
    redis_server_run(&cl.nodes[i]);
  EVENTUALLY(redis_is_well(r));
  assert_int_equal(look(r)->nodes, 3);
  EVENTUALLY(logged("redis_lost") == 1);
  EVENTUALLY(logged("redis_connected") == 2);
  redis_stop(r);
  redis_free(r);
  redis_cluster_end(&cl);
}

static void a_cluster_with_slots_that_nobody_has_is_not_well(void **state) {
  static const char *const extra[] = {"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", NULL};
  struct redis_server s;
  struct counting c;
  char url[64];
  redis_server_start(&s, extra);
  (void)snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%u", s.port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(strstr(look(r)->why, "no node of the cluster has a slot") != NULL);
  redis_must(&s, "CLUSTER ADDSLOTSRANGE 0 16000");
  EVENTUALLY(strstr(look(r)->why, "383 of its slots") != NULL);
  assert_int_equal(look(r)->reached, 1);
  redis_must(&s, "CLUSTER ADDSLOTSRANGE 16001 16383");
  EVENTUALLY(redis_is_well(r));
  redis_stop(r);
  redis_free(r);
  redis_server_end(&s);
}

static void a_user_with_the_rights_the_manual_names_is_enough_for_a_cluster(void **state) {
  static const char *const extra[] = {"--cluster-enabled", "yes", NULL};
  struct redis_server s;
  struct counting c;
  char url[64];
  redis_server_start(&s, extra);
  redis_must(&s, "CLUSTER ADDSLOTSRANGE 0 16383");
  redis_must(&s, "ACL SETUSER weir on >secret resetkeys ~weir:* resetchannels &weir:* -@all +hello +select +ping +eval "
                 "+evalsha +time +set +hset +hmget +pexpire +publish +subscribe +cluster|slots +asking");
  (void)snprintf(url, sizeof(url), "redis+cluster://weir:secret@127.0.0.1:%u", s.port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(redis_is_well(r));
  redis_must(&s, "ACL SETUSER weir -cluster|slots");
  redis_server_pause(&s); /* so that the map is in doubt */
  EVENTUALLY(!redis_is_well(r));
  redis_server_resume(&s);
  EVENTUALLY(redis_is_well(r)); /* it is still the old one, and right */
  redis_stop(r);
  assert_int_equal(logged("secret"), 0);
  redis_free(r);
  redis_server_end(&s);
}

static void the_wrong_kind_of_url_is_named(void **state) {
  static const char *const extra[] = {"--cluster-enabled", "yes", NULL};
  struct redis_server single, node;
  struct counting c;
  char url[64];
  redis_server_start(&single, NULL);
  redis_server_start(&node, extra);
  (void)snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%u", single.port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(strstr(look(r)->why, "this Redis is no node of a cluster") != NULL);
  redis_free(r);
  (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", node.port);
  r = begin(&c, url);
  EVENTUALLY(strstr(look(r)->why, "this Redis is a node of a cluster") != NULL);
  redis_free(r);
  redis_server_end(&single);
  redis_server_end(&node);
}

static void a_url_that_is_wrong_is_refused(void **state) {
  struct redis *r = NULL;
  struct fault f = {0};
  const struct redis_options o = {.url = TEXT("redis+cluster://h/1"), .replica = 1};
  assert_int_equal(redis_new(&o, &r, &f), ERR_CONFIG);
  assert_null(r);
  redis_stop(r);
  redis_free(r);
}

static void a_redis_that_hangs_does_not_hold_up_the_end(void **state) {
  struct redis_server s;
  struct counting c;
  char url[64];
  redis_server_start(&s, NULL);
  (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", s.port);
  struct redis *r = begin(&c, url);
  EVENTUALLY(redis_is_well(r));
  redis_server_pause(&s);
  int64_t before_us = loop_clock_us();
  redis_stop(r);
  assert_true(loop_clock_us() - before_us < FAR_US);
  redis_free(r);
  redis_server_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_server_is_found_lost_and_found_again_with_one_line_each),
      cmocka_unit_test(a_cluster_counts_its_servers_and_says_which_part_is_lost),
      cmocka_unit_test(a_cluster_with_slots_that_nobody_has_is_not_well),
      cmocka_unit_test(a_user_with_the_rights_the_manual_names_is_enough_for_a_cluster),
      cmocka_unit_test(the_wrong_kind_of_url_is_named),
      cmocka_unit_test(a_url_that_is_wrong_is_refused),
      cmocka_unit_test(a_redis_that_hangs_does_not_hold_up_the_end),
  };
  log_fd = memfd_create("log", MFD_CLOEXEC);
  assert_int_equal(fcntl(log_fd, F_SETFL, O_APPEND), 0);
  log_start(log_fd, LOG_LEVEL_INFO);
  random_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  if (!redis_server_is_there()) {
    print_message("1..0 # SKIP there is no redis-server here; tools/setup.sh test installs it\n");
    return 0;
  }
  return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
