/* Maps of clusters and redirections: what real ones say in every configuration, and what must be refused. */
#include "net/resp_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct resp_limits limits = {RESP_CLUSTER_BYTES_MAX, RESP_CLUSTER_VALUES_MAX};
static struct arena arena;

/* The answer, fed in pieces of step bytes. */
static enum err read_map(struct text bytes, size_t step, struct resp_cluster *out, struct fault *f) {
  struct resp_reader r;
  const struct resp_value *v = NULL;
  enum err e = ERR_AGAIN;
  resp_reader_init(&r, &limits);
  for (size_t at = 0; at < bytes.len && e == ERR_AGAIN; at += step) {
    resp_reader_feed(&r, text_head(text_skip(bytes, at), step));
    e = resp_reader_next(&r, &v, f);
  }
  if (e == ERR_OK)
    v = resp_copy(v, &arena);
  resp_reader_done(&r);
  return e == ERR_OK ? resp_cluster_read(v, &arena, out, f) : e;
}

static void describe(const struct resp_cluster *c, char *out, size_t cap) {
  size_t n = 0;
  out[0] = 0;
  for (size_t i = 0; i < c->range_count && n < cap; i++) {
    const struct resp_place *p = &c->nodes[c->ranges[i].node];
    n += (size_t)snprintf(out + n, cap - n, "%u-%u %.*s %u; ", c->ranges[i].first, c->ranges[i].last,
                          TEXT_ARGS(p->host), p->port);
  }
}

static void expect(const char *answer, const char *expected, size_t nodes) {
  struct text bytes = text_of(answer);
  for (size_t step = 1; step <= bytes.len; step++) {
    struct resp_cluster c;
    struct fault f = {0};
    char got[500];
    if (read_map(bytes, step, &c, &f) != ERR_OK)
      fail_msg("%s: %s", answer, f.text);
    describe(&c, got, sizeof(got));
    assert_string_equal(got, expected);
    assert_int_equal(c.node_count, nodes);
  }
}

/* "*2\r\n" and so on; 0-99 at one, 100-16383 at another. */
#define NODE(host, port) "*4\r\n" host "\r\n:" port "\r\n$2\r\nid\r\n*0\r\n"

static void slots_belong_to_primaries_and_replicas_are_passed_over(void **state) {
  expect("*2\r\n*4\r\n:0\r\n:99\r\n" NODE("$9\r\n127.0.0.1", "7000")
             NODE("$9\r\n127.0.0.1", "7003") "*3\r\n:100\r\n:16383\r\n" NODE("$4\r\nhost", "7001"),
         "0-99 127.0.0.1 7000; 100-16383 host 7001; ", 2);
  expect("*2\r\n*3\r\n:5\r\n:5\r\n" NODE("$3\r\n::1", "7000") "*3\r\n:7\r\n:8\r\n" NODE("$3\r\n::1", "7000"),
         "5-5 ::1 7000; 7-8 ::1 7000; ", 1);
}

static void a_node_without_a_name_is_found_where_the_answer_came_from_or_by_its_address(void **state) {
  expect("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("_", "7000"), "0-1  7000; ", 1);
  expect("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("$-1", "7000"), "0-1  7000; ", 1);
  expect("*1\r\n*3\r\n:0\r\n:1\r\n*4\r\n$1\r\n?\r\n:7000\r\n$2\r\nid\r\n%1\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n",
         "0-1 10.0.0.7 7000; ", 1);
  expect("*1\r\n*3\r\n:0\r\n:1\r\n*4\r\n$1\r\n?\r\n:7000\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n",
         "0-1 10.0.0.7 7000; ", 1);
}

static void refuse(const char *answer, enum err expected) {
  struct resp_cluster c;
  struct fault f = {0};
  enum err e = read_map(text_of(answer), 60000, &c, &f);
  if (e != expected || f.text[0] == 0)
    fail_msg("%s: %s instead of %s", answer, err_text(e), err_text(expected));
}

static void anything_else_is_no_map(void **state) {
  refuse("*0\r\n", ERR_UNAVAILABLE);
  refuse("+OK\r\n", ERR_PROTOCOL);
  refuse("*1\r\n:1\r\n", ERR_PROTOCOL);
  refuse("*1\r\n*2\r\n:0\r\n:1\r\n", ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:16384\r\n" NODE("$1\r\nh", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:-1\r\n:1\r\n" NODE("$1\r\nh", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:2\r\n:1\r\n" NODE("$1\r\nh", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n$1\r\n0\r\n:1\r\n" NODE("$1\r\nh", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("$1\r\nh", "0"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("$1\r\nh", "65536"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("$3\r\na/b", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n" NODE("$3\r\na b", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n" NODE(":1", "1"), ERR_PROTOCOL);
  refuse("*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n", ERR_PROTOCOL);
}

static void a_cluster_with_more_primaries_than_are_kept_is_refused(void **state) {
  for (size_t count = RESP_CLUSTER_NODES_MAX; count <= RESP_CLUSTER_NODES_MAX + 1; count++) {
    struct resp_cluster c;
    struct fault f = {0};
    struct buf all;
    buf_init(&all, 1 << 20);
    buf_add_format(&all, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
      buf_add_format(&all, "*3\r\n:%zu\r\n:%zu\r\n*2\r\n$1\r\nh\r\n:%zu\r\n", i, i, i + 1);
    enum err e = read_map(buf_text(&all), 60000, &c, &f);
    assert_int_equal(e, count > RESP_CLUSTER_NODES_MAX ? ERR_LIMIT : ERR_OK);
    buf_done(&all);
  }
}

static void redirected(const char *error, enum resp_redirection expected, unsigned slot, const char *host,
                       unsigned port) {
  unsigned got_slot = 1;
  struct resp_place p = {TEXT("untouched"), 1};
  enum resp_redirection got = resp_redirection_read(text_of(error), &got_slot, &p);
  if (got != expected || got_slot != slot || !text_equal(p.host, text_of(host)) || p.port != port)
    fail_msg("%s: %d, slot %u, host %.*s, port %u", error, (int)got, got_slot, TEXT_ARGS(p.host), p.port);
}

static void a_redirection_says_which_slot_and_where(void **state) {
  redirected("MOVED 3999 127.0.0.1:6381", RESP_MOVED, 3999, "127.0.0.1", 6381);
  redirected("ASK 16383 cache.example:1", RESP_ASK, 16383, "cache.example", 1);
  redirected("MOVED 0 ::1:6379", RESP_MOVED, 0, "::1", 6379);
  redirected("MOVED 7 :6381", RESP_MOVED, 7, "", 6381);
  static const char *const others[] = {"MOVED",           "MOVED 1",       "MOVED 16384 h:1", "MOVED x h:1",
                                       "MOVED 1 h",       "MOVED 1 h:",    "MOVED 1 h:0",     "MOVED 1 h:65536",
                                       "MOVED 1 a/b:1",   "MOVED 1 ?:1",   "MOVEDX 1 h:1",    "ERR MOVED 1 h:1",
                                       "MOVED -1 h:6379", "ASK 1 h:6 379", "TRYAGAIN",        ""};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    redirected(others[i], RESP_HERE, 1, "untouched", 1);
}

static void what_will_pass_is_told_from_what_will_not(void **state) {
  static const char *const passing[] = {"TRYAGAIN Multiple keys request during rehashing of slot",
                                        "CLUSTERDOWN Hash slot not served",
                                        "LOADING Redis is loading",
                                        "MOVED 1 ?:1",
                                        "MASTERDOWN Link with MASTER is down",
                                        "READONLY You can't write"};
  static const char *const lasting[] = {"NOPERM no", "ERR TRYAGAIN", "LOADINGX", "WRONGTYPE", "NOSCRIPT no", ""};
  for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
    assert_true(resp_is_passing(text_of(passing[i])));
  for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
    assert_false(resp_is_passing(text_of(lasting[i])));
}

static int set_up(void **state) {
  arena_init(&arena);
  return 0;
}
static int tear_down(void **state) {
  arena_done(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slots_belong_to_primaries_and_replicas_are_passed_over),
      cmocka_unit_test(a_node_without_a_name_is_found_where_the_answer_came_from_or_by_its_address),
      cmocka_unit_test(anything_else_is_no_map),
      cmocka_unit_test(a_cluster_with_more_primaries_than_are_kept_is_refused),
      cmocka_unit_test(a_redirection_says_which_slot_and_where),
      cmocka_unit_test(what_will_pass_is_told_from_what_will_not),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp_cluster", tests, set_up, tear_down);
}
