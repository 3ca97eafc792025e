/* Sending mail to servers that behave and servers that do not. TLS with a server that has it is in the SDK tests
 * (mail.test.ts). */
#include "net/smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A mail server for one connection: what it says to a line that begins so; the rest is 250. */
struct server {
  int fd;
  uint16_t port;
  const char *address, *greeting, *on, *answer;
  char heard[1500];
  size_t heard_len;
  pthread_t thread;
};

static bool say(int fd, const char *line) { return write(fd, line, strlen(line)) == (ssize_t)strlen(line); }

/* One line, or everything up to the lonely dot. */
static bool hear(struct server *s, int fd, const char *end, char *line, size_t cap) {
  size_t n = 0;
  while (n + 1 < cap && (n < strlen(end) || memcmp(line + n - strlen(end), end, strlen(end)) != 0)) {
    if (read(fd, line + n, 1) != 1)
      return false;
    n++;
  }
  line[n] = '\0';
  if (s->heard_len + n < sizeof(s->heard)) {
    memcpy(s->heard + s->heard_len, line, n);
    s->heard_len += n;
  }
  return true;
}

static const char *answer_to(const struct server *s, const char *line) {
  if (s->on && strncmp(line, s->on, strlen(s->on)) == 0)
    return s->answer;
  if (strncmp(line, "DATA", 4) == 0)
    return "354 go on\r\n";
  return strncmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 fine\r\n";
}

static void *serve(void *arg) {
  struct server *s = arg;
  char line[1000];
  int fd = accept(s->fd, NULL, NULL);
  if (fd < 0)
    return NULL;
  bool good = say(fd, s->greeting);
  while (good && hear(s, fd, "\r\n", line, sizeof(line))) {
    const char *answer = answer_to(s, line);
    good = say(fd, answer);
    if (good && strncmp(answer, "354", 3) == 0)
      good = hear(s, fd, "\r\n.\r\n", line, sizeof(line)) && say(fd, answer_to(s, "."));
    if (strncmp(line, "QUIT", 4) == 0)
      break;
  }
  close(fd);
  return NULL;
}

static void server_start(struct server *s) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  socklen_t n = sizeof(a);
  assert_int_equal(inet_pton(AF_INET, s->address, &a.sin_addr), 1);
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(s->fd, (struct sockaddr *)&a, n), 0);
  assert_int_equal(listen(s->fd, 4), 0);
  assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
  s->port = ntohs(a.sin_port);
  assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s) {
  (void)shutdown(s->fd, SHUT_RDWR);
  pthread_join(s->thread, NULL);
  close(s->fd);
}

static const struct text message = TEXT("Subject: x\r\n\r\n.a line that begins with a dot\r\nend\r\n");

static enum err send_to(const struct server *s, const char *user, const struct secret *password, struct fault *f) {
  char url[64];
  snprintf(url, sizeof(url), "smtp://%s:%u", s->address, s->port);
  const struct smtp_server to = {
      .url = text_of(url), .user = text_of(user), .password = password, .connect_ms = 5000, .total_ms = 20000};
  *f = (struct fault){0};
  return smtp_send(&to, TEXT("weir@x.org"), TEXT("anna@x.org"), message, f);
}

static void a_message_arrives_whole(void **state) {
  struct server s = {.address = "127.0.0.1", .greeting = "220 hello\r\n"};
  struct fault f;
  server_start(&s);
  enum err e = send_to(&s, "", NULL, &f);
  server_end(&s);
  if (e != ERR_OK)
    fail_msg("%s %s", err_name(e), f.text);
  assert_non_null(strstr(s.heard, "MAIL FROM:<weir@x.org>"));
  assert_non_null(strstr(s.heard, "RCPT TO:<anna@x.org>"));
  assert_non_null(strstr(s.heard, "Subject: x\r\n\r\n..a line that begins with a dot\r\nend\r\n"));
}

static void what_a_server_refuses_for_good_is_told_from_what_may_pass(void **state) {
  static const struct {
    const char *on, *answer;
    enum err wanted;
  } cases[] = {
      {"RCPT", "550 nobody here\r\n", ERR_BAD_REQUEST},
      {"MAIL", "553 not you\r\n", ERR_BAD_REQUEST},
      {".", "554 not this\r\n", ERR_BAD_REQUEST},
      {"RCPT", "451 later\r\n", ERR_NETWORK},
      {".", "452 full\r\n", ERR_NETWORK},
      {"MAIL", "421 bye\r\n", ERR_NETWORK},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct server s = {
        .address = "127.0.0.1", .greeting = "220 hello\r\n", .on = cases[i].on, .answer = cases[i].answer};
    struct fault f;
    server_start(&s);
    enum err e = send_to(&s, "", NULL, &f);
    server_end(&s);
    if (e != cases[i].wanted)
      fail_msg("%s to %s: %s %s", cases[i].answer, cases[i].on, err_name(e), f.text);
    assert_true(f.text[0] != 0);
  }
}

/* 127.0.0.2 is another machine as far as anybody knows. */
static void without_tls_nothing_is_said_to_another_machine(void **state) {
  struct server s = {.address = "127.0.0.2", .greeting = "220 hello\r\n"};
  struct secret *password = secret_new(TEXT("very-secret"));
  struct fault f;
  server_start(&s);
  enum err e = send_to(&s, "weir", password, &f);
  server_end(&s);
  secret_free(password);
  assert_int_equal(e, ERR_TLS);
  assert_null(strstr(s.heard, "MAIL"));
  assert_null(strstr(s.heard, "AUTH"));
  assert_null(strstr(f.text, "very-secret"));
}

static void a_server_that_is_not_there_or_talks_nonsense(void **state) {
  struct server s = {.address = "127.0.0.1", .greeting = "what?\r\n"};
  struct fault f;
  server_start(&s);
  server_end(&s);
  assert_int_equal(send_to(&s, "", NULL, &f), ERR_NETWORK);
  struct server rude = {.address = "127.0.0.1", .greeting = "554 go away\r\n"};
  server_start(&rude);
  enum err e = send_to(&rude, "", NULL, &f);
  server_end(&rude);
  assert_true(e == ERR_BAD_REQUEST || e == ERR_NETWORK);
}

static void addresses_of_servers(void **state) {
  static const char *const good[] = {"smtp://mail.example.org", "smtps://mail.example.org:465", "smtp://127.0.0.1:25",
                                     "smtps://[::1]:465", "smtp://[2001:db8::1]"};
  static const char *const bad[] = {"",
                                    "mail.example.org",
                                    "http://mail.example.org",
                                    "smtp://",
                                    "smtp://:25",
                                    "smtp://h:",
                                    "smtp://h:0",
                                    "smtp://h:99999",
                                    "smtp://h:x",
                                    "smtp://h/path",
                                    "smtp://user@h",
                                    "smtp://h?x",
                                    "smtp://h\r\n",
                                    "smtp://[::1",
                                    "smtp://[::1]x"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (!smtp_is_url(text_of(good[i])))
      fail_msg("%s was refused", good[i]);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (smtp_is_url(text_of(bad[i])))
      fail_msg("%s was taken", bad[i]);
  assert_true(smtp_is_local(TEXT("smtp://127.0.0.1:25")) && smtp_is_local(TEXT("smtp://[::1]:25")) &&
              smtp_is_local(TEXT("smtp://localhost")));
  assert_false(smtp_is_local(TEXT("smtp://127.0.0.2:25")) || smtp_is_local(TEXT("smtp://localhost.example.org")) ||
               smtp_is_local(TEXT("smtp://127.0.0.1.example.org:25")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_arrives_whole),
      cmocka_unit_test(what_a_server_refuses_for_good_is_told_from_what_may_pass),
      cmocka_unit_test(without_tls_nothing_is_said_to_another_machine),
      cmocka_unit_test(a_server_that_is_not_there_or_talks_nonsense),
      cmocka_unit_test(addresses_of_servers),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
