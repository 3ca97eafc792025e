#include "net/tls_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

/* A session that claims to be resumable for a long time. */
static SSL_SESSION *session_new(unsigned char id) {
  SSL_SESSION *s = SSL_SESSION_new();
  assert_non_null(s);
  assert_int_equal(SSL_SESSION_set1_id(s, &id, 1), 1);
  return s;
}

static unsigned char id_of(struct tls_sessions *all, const char *host) {
  unsigned len = 0;
  SSL_SESSION *s = tls_sessions_get(all, text_of(host));
  if (s == NULL)
    return 0;
  unsigned char id = SSL_SESSION_get_id(s, &len)[0];
  SSL_SESSION_free(s);
  return id;
}

static void the_newest_session_of_a_host_is_found_again_and_again(void **state) {
  struct tls_sessions *all = tls_sessions_new();
  assert_null(tls_sessions_get(all, TEXT("a")));
  tls_sessions_put(all, TEXT("a"), session_new(1));
  tls_sessions_put(all, TEXT("b"), session_new(2));
  assert_int_equal(id_of(all, "a"), 1);
  assert_int_equal(id_of(all, "a"), 1);
  tls_sessions_put(all, TEXT("a"), session_new(3));
  assert_int_equal(id_of(all, "a"), 3);
  assert_int_equal(id_of(all, "b"), 2);
  assert_int_equal(id_of(all, "A"), 0);
  tls_sessions_free(all);
  tls_sessions_free(NULL);
}

static void what_cannot_be_resumed_is_forgotten(void **state) {
  struct tls_sessions *all = tls_sessions_new();
  tls_sessions_put(all, TEXT("a"), SSL_SESSION_new()); /* neither id nor ticket */
  assert_null(tls_sessions_get(all, TEXT("a")));
  tls_sessions_free(all);
}

static void hosts_beyond_the_limit_are_not_kept(void **state) {
  struct tls_sessions *all = tls_sessions_new();
  char host[32];
  for (int i = 0; i < 1024; i++) {
    (void)snprintf(host, sizeof(host), "host-%d", i);
    tls_sessions_put(all, text_of(host), session_new(9));
  }
  tls_sessions_put(all, TEXT("late"), session_new(8));
  assert_int_equal(id_of(all, "late"), 0);
  assert_int_equal(id_of(all, "host-1023"), 9);
  tls_sessions_put(all, TEXT("host-5"), session_new(7));
  assert_int_equal(id_of(all, "host-5"), 7);
  tls_sessions_free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_session_of_a_host_is_found_again_and_again),
      cmocka_unit_test(what_cannot_be_resumed_is_forgotten),
      cmocka_unit_test(hosts_beyond_the_limit_are_not_kept),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
