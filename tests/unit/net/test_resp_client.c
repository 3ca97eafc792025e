/* A connection to Redis: against a server that answers as a script says, and against a real one, plain and with TLS,
 * open and with passwords. */
#include "net/resp_client.h"

#include "support/redis_server.h"
#include "tls_fixture.h"

static const struct resp_limits limits = {65536, 1000};

/* A server on the loopback: for each thing it expects to be sent, what it answers. */
struct turn {
  const char *expects; /* arguments, separated by spaces; NULL: the end of the script */
  const char *answers; /* NULL: hangs up */
};
struct script {
  const struct turn *turns;
  size_t step; /* bytes of an answer sent at one time; 0: all */
  struct addr at;
  int listener;
  bool is_done;
};

static void send_slowly(struct stream *s, const char *text, size_t step) {
  struct text rest = text_of(text);
  while (rest.len > 0) {
    struct text part = text_head(rest, step > 0 ? step : rest.len);
    struct iovec piece = {(void *)(uintptr_t)part.at, part.len};
    CHECK_ERR(stream_write(s, &piece, 1, after(5 * SECOND_US)), ERR_OK);
    rest = text_skip(rest, part.len);
    CHECK_ERR(fiber_yield(), ERR_OK);
  }
}

static void serve_script(void *arg) {
  struct script *script = arg;
  int fd = -1;
  while ((fd = accept4(script->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  struct stream *s = stream_of(fd);
  const struct turn *t = script->turns;
  for (; t->expects; t++) {
    struct buf expected;
    struct text words[16], rest = text_of(t->expects);
    size_t count = 0;
    char got[1000];
    while (count < 15 && text_cut(rest, ' ', &words[count], &rest))
      count++;
    words[count++] = rest;
    buf_init(&expected, 1000);
    resp_write(&expected, words, count);
    if (CHECK_ERR(read_exactly(s, got, expected.len), ERR_OK))
      CHECK_TEXT(((struct text){got, expected.len}), buf_text(&expected));
    buf_done(&expected);
    if (!t->answers)
      break;
    send_slowly(s, t->answers, script->step);
  }
  if (!t->expects)
    CHECK_ERR(next_read(s), ERR_END);
  stream_close(s, false);
  script->is_done = true;
}

static void script_begin(struct script *s, const struct turn *turns) {
  *s = (struct script){.turns = turns, .step = s->step};
  s->listener = listen_loopback(&s->at);
  CHECK_INT(fcntl(s->listener, F_SETFL, O_NONBLOCK), 0);
  start(serve_script, s);
}
static void script_end(struct script *s) {
  for (int i = 0; i < 5000 && !s->is_done; i++)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  CHECK_INT(s->is_done, 1);
  close(s->listener);
}
static struct resp_options options_for(uint16_t port) {
  return (struct resp_options){.host = TEXT("127.0.0.1"), .port = port, .limits = limits};
}

#define HELLO_3 "%2\r\n+server\r\n+redis\r\n+mode\r\n+standalone\r\n"

static enum err call(struct resp_client *c, const char *words, const struct resp_value **out, struct fault *f) {
  struct text arguments[16], rest = text_of(words);
  size_t count = 0;
  while (count < 15 && text_cut(rest, ' ', &arguments[count], &rest))
    count++;
  arguments[count++] = rest;
  return resp_call(c, arguments, count, after(5 * SECOND_US), out, f);
}

static void logs_in(void *arg) {
  static const struct turn turns[] = {{"AUTH me hush", "+OK\r\n"},
                                      {"HELLO 3", HELLO_3},
                                      {"SELECT 4", "+OK\r\n"},
                                      {"GET k", ">2\r\n+invalidate\r\n+k\r\n$1\r\nv\r\n"},
                                      {"GET", "-ERR wrong number of arguments\r\n"},
                                      {NULL, NULL}};
  for (size_t step = 0; step < 3; step++) {
    struct script s = {.step = step};
    struct resp_client *c = NULL;
    const struct resp_value *v = NULL;
    struct fault f = {0};
    script_begin(&s, turns);
    struct resp_options o = options_for(addr_port(&s.at));
    o.user = TEXT("me");
    o.password = TEXT("hush");
    o.database = 4;
    if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK)) {
      CHECK_INT(resp_version(c), 3);
      CHECK_ERR(call(c, "GET k", &v, &f), ERR_OK);
      CHECK_TEXT(v->text, TEXT("v"));
      CHECK_ERR(call(c, "GET", &v, &f), ERR_UNAVAILABLE);
      CHECK_HAS(f.text, "ERR wrong number of arguments");
    }
    resp_close(c);
    script_end(&s);
  }
}
static void it_logs_in_selects_and_passes_over_pushes(void **state) { run_fiber(logs_in, NULL); }

static void falls_back(void *arg) {
  static const struct turn old[] = {{"AUTH hush", "+OK\r\n"},
                                    {"HELLO 3", "-ERR unknown command 'HELLO', with args beginning with: '3'\r\n"},
                                    {"PING", "+PONG\r\n"},
                                    {NULL, NULL}};
  struct script s = {0};
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct fault f = {0};
  script_begin(&s, old);
  struct resp_options o = options_for(addr_port(&s.at));
  o.password = TEXT("hush");
  if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK)) {
    CHECK_INT(resp_version(c), 2);
    CHECK_ERR(call(c, "PING", &v, &f), ERR_OK);
  }
  resp_close(c);
  script_end(&s);
}
static void a_server_without_hello_is_spoken_to_in_version_2(void **state) { run_fiber(falls_back, NULL); }

struct refusal {
  struct turn turns[3];
  enum err err;
  const char *says;
};
static void refused(void *arg) {
  static const struct refusal refusals[] = {
      {{{"AUTH me hush", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"}},
       ERR_FORBIDDEN,
       "Redis: WRONGPASS invalid"},
      {{{"AUTH me hush", "-ERR unknown command `AUTH`, with args beginning with: `me`, `hush`\r\n"}},
       ERR_UNAVAILABLE,
       "does not know a command"},
      {{{"AUTH me hush", "+OK\r\n"}, {"HELLO 3", "%1\r\n+mode\r\n+cluster\r\n"}},
       ERR_UNSUPPORTED,
       "this Redis is a node of a cluster: its URL begins with redis+cluster://"},
      {{{"AUTH me hush", "+OK\r\n"}, {"HELLO 3", "%1\r\n+mode\r\n+sentinel\r\n"}},
       ERR_UNSUPPORTED,
       "sentinels are not asked"},
      {{{"AUTH me hush", NULL}}, ERR_NETWORK, "Redis has closed the connection"},
      {{{"AUTH me hush", "HTTP/1.1 400 Bad Request\r\n"}}, ERR_PROTOCOL, "this is not an answer of Redis"},
  };
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    struct script s = {0};
    struct resp_client *c = NULL;
    struct fault f = {0};
    script_begin(&s, refusals[i].turns);
    struct resp_options o = options_for(addr_port(&s.at));
    o.user = TEXT("me");
    o.password = TEXT("hush");
    CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), refusals[i].err);
    CHECK_HAS(f.text, refusals[i].says);
    CHECK_INT(strstr(f.text, "hush") == NULL, 1);
    CHECK_INT(c == NULL, 1);
    script_end(&s);
  }
}
static void a_refusal_is_named_and_no_password_told(void **state) { run_fiber(refused, NULL); }

static void clustered(void *arg) {
  static const char *const answers[] = {"-MOVED 3999 127.0.0.1:6381\r\n", "-ASK 3999 127.0.0.1:6381\r\n",
                                        "-CLUSTERDOWN Hash slot not served\r\n"};
  for (size_t i = 0; i < 3; i++) {
    const struct turn turns[] = {{"HELLO 3", "-NOPERM no\r\n"}, {"GET k", answers[i]}, {NULL, NULL}};
    struct script s = {0};
    struct resp_client *c = NULL;
    const struct resp_value *v = NULL;
    struct fault f = {0};
    script_begin(&s, turns);
    struct resp_options o = options_for(addr_port(&s.at));
    if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK))
      CHECK_ERR(call(c, "GET k", &v, &f), ERR_UNSUPPORTED);
    CHECK_HAS(f.text, "its URL begins with redis+cluster://");
    resp_close(c);
    script_end(&s);
  }
}
static void the_redirections_of_a_cluster_are_refused_by_name(void **state) { run_fiber(clustered, NULL); }

static void not_clustered(void *arg) {
  static const struct turn turns[] = {{"HELLO 3", HELLO_3}, {NULL, NULL}};
  struct script s = {0};
  struct resp_client *c = NULL;
  struct fault f = {0};
  script_begin(&s, turns);
  struct resp_options o = options_for(addr_port(&s.at));
  o.is_cluster = true;
  CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_UNSUPPORTED);
  CHECK_HAS(f.text, "this Redis is no node of a cluster: its URL begins with redis://");
  script_end(&s);
}
static void a_single_server_is_no_cluster(void **state) { run_fiber(not_clustered, NULL); }

static void take_event(void *data) { *(bool *)data = true; }
static void ends_while_idle(void *arg) {
  static const struct turn turns[] = {{"HELLO 3", HELLO_3}, {"PING", "+PONG\r\n"}, {"BYE", NULL}, {NULL, NULL}};
  const struct text bye[] = {TEXT("BYE")};
  struct script s = {0};
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct fault f = {0};
  struct buf command;
  bool came = false;
  buf_init(&command, 100);
  resp_write(&command, bye, 1);
  script_begin(&s, turns);
  struct resp_options o = options_for(addr_port(&s.at));
  if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK)) {
    CHECK_ERR(call(c, "PING", &v, &f), ERR_OK);
    CHECK_INT(resp_is_quiet(c), 1);
    resp_on_event(c, take_event, &came);
    CHECK_ERR(resp_send(c, buf_text(&command), after(5 * SECOND_US), &f), ERR_OK);
    for (int i = 0; i < 5000 && (!came || resp_is_quiet(c)); i++)
      CHECK_ERR(fiber_sleep(1000), ERR_OK);
    CHECK_INT(came, 1);
    CHECK_INT(resp_is_quiet(c), 0);
  }
  resp_close(c);
  buf_done(&command);
  script_end(&s);
}
static void the_end_of_an_idle_connection_is_told(void **state) { run_fiber(ends_while_idle, NULL); }

static void silent(void *arg) {
  static const struct turn turns[] = {{"HELLO 3", HELLO_3}, {"GET k", "$5\r\nab"}, {NULL, NULL}};
  struct script s = {0};
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct fault f = {0};
  const struct text get[] = {TEXT("GET"), TEXT("k")};
  script_begin(&s, turns);
  struct resp_options o = options_for(addr_port(&s.at));
  if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK))
    CHECK_ERR(resp_call(c, get, 2, after(SECOND_US / 20), &v, &f), ERR_TIMEOUT);
  CHECK_HAS(f.text, "Redis says nothing for too long");
  resp_close(c);
  script_end(&s);
}
static void an_answer_that_does_not_come_is_a_time_out(void **state) { run_fiber(silent, NULL); }

static void too_large(void *arg) {
  static const struct turn turns[] = {
      {"HELLO 3", "%1\r\n+mode\r\n+standalone\r\n"}, {"GET k", "$70000\r\n"}, {NULL, NULL}};
  struct script s = {0};
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct fault f = {0};
  script_begin(&s, turns);
  struct resp_options o = options_for(addr_port(&s.at));
  if (CHECK_ERR(resp_open(&o, after(5 * SECOND_US), &c, &f), ERR_OK))
    CHECK_ERR(call(c, "GET k", &v, &f), ERR_LIMIT);
  CHECK_HAS(f.text, "is too long");
  resp_close(c);
  script_end(&s);
}
static void an_answer_beyond_the_limits_is_an_error(void **state) { run_fiber(too_large, NULL); }

/* From here on with a real Redis. */

static void begin_redis(struct redis_server *s, const char *const *extra) {
  if (!redis_server_is_there()) {
    print_message("# skipped: there is no redis-server here; tools/setup.sh test installs it\n");
    skip();
  }
  redis_server_start(s, extra);
}

static void pipeline(void *arg) {
  struct resp_client *c = arg;
  const struct resp_value *v = NULL;
  const struct text set[] = {TEXT("SET"), TEXT("k\0\r\n"), TEXT("v\0\r\n\xff")}, get[] = {TEXT("GET"), TEXT("k\0\r\n")},
                    wrong[] = {TEXT("LPOP"), TEXT("k\0\r\n")},
                    eval[] = {TEXT("EVAL"), TEXT("return {1, 'a', false, {ARGV[1]}}"), TEXT("0"), TEXT("x")};
  struct buf commands;
  struct fault f = {0};
  buf_init(&commands, 10000);
  resp_write(&commands, set, 3);
  resp_write(&commands, get, 2);
  resp_write(&commands, wrong, 2);
  resp_write(&commands, eval, 4);
  CHECK_ERR(resp_send(c, buf_text(&commands), after(5 * SECOND_US), &f), ERR_OK);
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  CHECK_TEXT(v->text, TEXT("OK"));
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  CHECK_TEXT(v->text, set[2]);
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  CHECK_INT(v->kind, RESP_ERROR);
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  if (CHECK_INT(v->count, 4)) {
    CHECK_INT(v->items[0].integer, 1);
    CHECK_TEXT(v->items[1].text, TEXT("a"));
    CHECK_INT(v->items[2].kind, RESP_NULL);
    CHECK_TEXT(v->items[3].items[0].text, TEXT("x"));
  }
  buf_done(&commands);
}

/* One connection listens, the other publishes. */
static void channel(const struct resp_options *o, struct resp_client *speaker) {
  struct resp_client *c = NULL;
  const struct resp_value *v = NULL;
  struct fault f = {0};
  struct buf command;
  const struct text subscribe[] = {TEXT("SUBSCRIBE"), TEXT("ch")};
  buf_init(&command, 1000);
  resp_write(&command, subscribe, 2);
  CHECK_ERR(resp_open(o, after(5 * SECOND_US), &c, &f), ERR_OK);
  CHECK_ERR(resp_send(c, buf_text(&command), after(5 * SECOND_US), &f), ERR_OK);
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  CHECK_TEXT(v->items[0].text, TEXT("subscribe"));
  CHECK_ERR(resp_receive(c, after(SECOND_US / 100), &v, &f), ERR_TIMEOUT);
  CHECK_ERR(call(speaker, "PUBLISH ch hello", &v, &f), ERR_OK);
  CHECK_ERR(resp_receive(c, after(5 * SECOND_US), &v, &f), ERR_OK);
  CHECK_INT(v->kind, resp_version(c) == 3 ? RESP_PUSH : RESP_LIST);
  CHECK_TEXT(v->items[2].text, TEXT("hello"));
  resp_close(c);
  buf_done(&command);
}

static void works(void *arg) {
  const struct resp_options *o = arg;
  struct resp_client *c = NULL;
  struct fault f = {0};
  if (!CHECK_ERR(resp_open(o, after(5 * SECOND_US), &c, &f), ERR_OK)) {
    (void)fprintf(stderr, "%s\n", f.text);
    return;
  }
  CHECK_INT(resp_version(c), 3);
  pipeline(c);
  channel(o, c);
  resp_close(c);
}

static void a_real_redis_answers_pipelines_and_publishes(void **state) {
  struct redis_server s;
  begin_redis(&s, NULL);
  struct resp_options o = options_for(s.port);
  o.database = 7;
  run_fiber(works, &o);
  redis_server_end(&s);
}

struct denied {
  struct resp_options o;
  enum err err;
  const char *says;
};
static void is_denied(void *arg) {
  struct denied *d = arg;
  struct resp_client *c = NULL;
  struct fault f = {0};
  CHECK_ERR(resp_open(&d->o, after(5 * SECOND_US), &c, &f), d->err);
  CHECK_HAS(f.text, d->says);
  resp_close(c);
}
static void expect_denied(struct resp_options o, enum err e, const char *says) {
  struct denied d = {o, e, says};
  run_fiber(is_denied, &d);
}

static void a_real_redis_lets_in_with_the_right_password_only(void **state) {
  static const char *const extra[] = {"--requirepass", "pass word", "--user", "weir",  "on",
                                      ">secret",       "~*",        "&*",     "+@all", NULL};
  struct redis_server s;
  begin_redis(&s, extra);
  struct resp_options o = options_for(s.port);
  expect_denied(o, ERR_FORBIDDEN, "NOAUTH");
  o.password = TEXT("wrong");
  expect_denied(o, ERR_FORBIDDEN, "WRONGPASS");
  o.password = TEXT("pass word");
  run_fiber(works, &o);
  o.user = TEXT("weir");
  expect_denied(o, ERR_FORBIDDEN, "WRONGPASS");
  o.password = TEXT("secret");
  run_fiber(works, &o);
  o.database = 16;
  expect_denied(o, ERR_UNAVAILABLE, "DB index is out of range");
  redis_server_end(&s);
  expect_denied(o, ERR_NETWORK, "connection refused");
}

static void a_real_redis_is_spoken_to_over_tls(void **state) {
  const struct identity_options leaf = {.names = "IP:127.0.0.1"};
  struct redis_server s;
  if (!redis_server_is_there())
    skip();
  struct tls_world w = tls_world_new(&leaf, false);
  const char *const extra[] = {"--tls-cert-file",
                               tls_path("cert.pem"),
                               "--tls-key-file",
                               tls_path("key.pem"),
                               "--tls-ca-cert-file",
                               tls_path("ca.pem"),
                               "--tls-auth-clients",
                               "no",
                               NULL};
  begin_redis(&s, extra);
  struct resp_options o = options_for(s.port);
  o.tls = w.client;
  run_fiber(works, &o);
  struct tls_context *stranger = NULL;
  assert_int_equal(tls_client_context_new(NULL, &stranger, NULL), ERR_OK);
  o.tls = stranger;
  expect_denied(o, ERR_TLS, "certificate");
  tls_context_unref(stranger);
  redis_server_end(&s);
  tls_world_free(&w);
}

static void a_real_node_of_a_cluster_is_refused(void **state) {
  static const char *const extra[] = {"--cluster-enabled", "yes", NULL};
  struct redis_server s;
  begin_redis(&s, extra);
  expect_denied(options_for(s.port), ERR_UNSUPPORTED, "its URL begins with redis+cluster://");
  redis_server_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_logs_in_selects_and_passes_over_pushes),
      cmocka_unit_test(a_server_without_hello_is_spoken_to_in_version_2),
      cmocka_unit_test(a_refusal_is_named_and_no_password_told),
      cmocka_unit_test(the_redirections_of_a_cluster_are_refused_by_name),
      cmocka_unit_test(a_single_server_is_no_cluster),
      cmocka_unit_test(the_end_of_an_idle_connection_is_told),
      cmocka_unit_test(an_answer_that_does_not_come_is_a_time_out),
      cmocka_unit_test(an_answer_beyond_the_limits_is_an_error),
      cmocka_unit_test(a_real_redis_answers_pipelines_and_publishes),
      cmocka_unit_test(a_real_redis_lets_in_with_the_right_password_only),
      cmocka_unit_test(a_real_redis_is_spoken_to_over_tls),
      cmocka_unit_test(a_real_node_of_a_cluster_is_refused),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp_client", tests, NULL, NULL);
}
