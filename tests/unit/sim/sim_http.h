/* A simulator in the background and a blocking client for it, for tests of the whole thing over loopback. */
#ifndef TESTS_UNIT_SIM_HTTP_H
#define TESTS_UNIT_SIM_HTTP_H

#include "sim_test.h"

#include "base/random.h"
#include "net/addr.h"
#include "sim/background.h"

#include <sys/socket.h>
#include <unistd.h>

static struct sim_background *test_sim;
static char test_answer[1 << 20];

static inline int test_sim_start(void **state) {
  const struct sim_options options = {.keep_requests = 10, .max_body_bytes = 4096};
  struct fault f = {0};
  random_start();
  if (sim_background_start(&options, &test_sim, &f) != ERR_OK)
    fail_msg("%s", f.text);
  return 0;
}
static inline int test_sim_stop(void **state) {
  sim_background_stop(test_sim);
  test_sim = NULL;
  return 0;
}

static inline int test_connect(void) {
  struct addr a;
  assert_int_equal(addr_parse(text_skip(text_of(sim_background_url(test_sim)), 7), &a, NULL), ERR_OK);
  int fd = socket(a.as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, &a.as.any, a.len), 0);
  return fd;
}

static inline void test_send(int fd, const char *head, const char *quoted_body) {
  static char message[16384];
  int len = snprintf(message, sizeof(message), "%s\r\nhost: sim\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s",
                     head, strlen(quoted_body), quoted_body);
  assert_in_range(len, 1, sizeof(message) - 1);
  for (char *at = message + len - (int)strlen(quoted_body); *at; at++) {
    if (*at == '\'')
      *at = '"';
  }
  assert_int_equal(send(fd, message, (size_t)len, MSG_NOSIGNAL), len);
}

/* Everything until the connection ends; *out_reset tells a reset from a clean end. */
static inline struct text test_receive(int fd, bool *out_reset) {
  size_t have = 0;
  for (;;) {
    ssize_t n = recv(fd, test_answer + have, sizeof(test_answer) - have, 0);
    if (n <= 0) {
      *out_reset = n < 0;
      break;
    }
    have += (size_t)n;
  }
  close(fd);
  return (struct text){test_answer, have};
}

/* The whole answer to a request; head holds the request line and further fields without the last line end. */
static inline struct text test_ask(const char *head, const char *quoted_body) {
  bool reset = false;
  int fd = test_connect();
  test_send(fd, head, quoted_body);
  struct text answer = test_receive(fd, &reset);
  assert_false(reset);
  return answer;
}

#define MESSAGES "POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2023-06-01"
#define CHAT     "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer k"
#define STATS    "GET /__stats HTTP/1.1"

#endif
