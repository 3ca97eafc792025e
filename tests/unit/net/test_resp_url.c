/* URLs of Redis. */
#include "net/resp_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static void expect(const char *url, const char *expected) {
  struct resp_url u;
  struct fault f = {0};
  char got[300];
  if (resp_url_parse(text_of(url), &arena, &u, &f) != ERR_OK)
    fail_msg("%s: %s", url, f.text);
  int n = snprintf(got, sizeof(got), "%s%s", u.is_cluster ? "cluster " : "", u.tls ? "tls" : "plain");
  for (size_t i = 0; i < u.host_count; i++)
    n += snprintf(got + n, sizeof(got) - (size_t)n, " %.*s %u", TEXT_ARGS(u.hosts[i].host), u.hosts[i].port);
  (void)snprintf(got + n, sizeof(got) - (size_t)n, " %u '%.*s' '%.*s'", u.database, TEXT_ARGS(u.user),
                 TEXT_ARGS(u.password));
  assert_string_equal(got, expected);
}

static void a_url_names_host_port_database_user_and_password(void **state) {
  expect("redis://localhost", "plain localhost 6379 0 '' ''");
  expect("redis://localhost/", "plain localhost 6379 0 '' ''");
  expect("redis://10.0.0.1:80/3", "plain 10.0.0.1 80 3 '' ''");
  expect("rediss://cache.example:6380", "tls cache.example 6380 0 '' ''");
  expect("redis://:secret@h/15", "plain h 6379 15 '' 'secret'");
  expect("rediss://weir:s%40c%2Fr%25et:x@h:7000", "tls h 7000 0 'weir' 's@c/r%et:x'");
  expect("redis://[::1]", "plain ::1 6379 0 '' ''");
  expect("redis://u:p@[fe80::1]:7/2", "plain fe80::1 7 2 'u' 'p'");
}

static void a_cluster_is_named_by_some_of_its_nodes(void **state) {
  expect("redis+cluster://a", "cluster plain a 6379 0 '' ''");
  expect("redis+cluster://a:1,b,[::1]:3/", "cluster plain a 1 b 6379 ::1 3 0 '' ''");
  expect("rediss+cluster://u:p%2Cq@10.0.0.1:7000,h:7001", "cluster tls 10.0.0.1 7000 h 7001 0 'u' 'p,q'");
  expect("redis+cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a:1",
         "cluster plain a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 a 6379 "
         "a 6379 a 6379 a 1 0 '' ''");
}

static void refuse(const char *url, const char *why) {
  struct resp_url u;
  struct fault f = {0};
  assert_int_equal(resp_url_parse(text_of(url), &arena, &u, &f), ERR_CONFIG);
  if (strstr(f.text, why) == NULL)
    fail_msg("%s: \"%s\" does not say \"%s\"", url, f.text, why);
  if (strstr(f.text, "hush") != NULL)
    fail_msg("%s: the reason quotes the password: %s", url, f.text);
}

static void anything_else_is_refused_without_quoting_a_password(void **state) {
  refuse("", "must start with redis://, rediss://, redis+cluster:// or");
  refuse("http://u:hush@h", "must start with redis://, rediss://, redis+cluster:// or");
  refuse("redis+sentinel://u:hush@h", "sentinels are not asked");
  refuse("rediss+sentinel://u:hush@h", "sentinels are not asked");
  refuse("redis+cluster://u:hush@", "must name hosts");
  refuse("redis+cluster://u:hush@a,,b", "must name hosts");
  refuse("redis+cluster://u:hush@a,", "must name hosts");
  refuse("redis+cluster://a,b:hush", "must name hosts");
  refuse("redis+cluster://u:hush@a/1", "no numbered databases");
  refuse("redis+cluster://u:hu,sh@a/b,c", "no numbered databases");
  refuse("redis+cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "more than 16 hosts");
  refuse("redis://a,b", "must name a host");
  refuse("redis://hush@h", "user name without a password");
  refuse("redis://u:@h", "empty password");
  refuse("redis://u:hush%2@h", "no two hex digits");
  refuse("redis://u:hush%zz@h", "no two hex digits");
  refuse("redis://u:hush@hush@h", "must name a host");
  refuse("redis://u:hush@", "must name a host");
  refuse("redis://", "must name a host");
  refuse("redis://u:hu/sh@h", "must be percent-encoded");
  refuse("redis://h:hush/0", "must name a host");
  refuse("redis://h/hush", "the database");
  refuse("redis://h/1/2", "the database");
  refuse("redis://h/65536", "the database");
  refuse("redis://h?timeout=1", "must name a host");
  refuse("redis://h#x", "must name a host");
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
      cmocka_unit_test(a_url_names_host_port_database_user_and_password),
      cmocka_unit_test(a_cluster_is_named_by_some_of_its_nodes),
      cmocka_unit_test(anything_else_is_refused_without_quoting_a_password),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp_url", tests, set_up, tear_down);
}
