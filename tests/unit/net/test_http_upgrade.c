/* A connection that stops speaking HTTP: who may, what is read and written afterwards, and how it ends. */
#include "http_fixture.h"

#include <stdatomic.h>

static bool wanted;

/* Says everything that it hears again, until it hears a full stop. */
static void echo(struct site *site, struct http_request *rq) {
  const struct http_header more[] = {{TEXT("x-more"), TEXT("yes")}, {TEXT("connection"), TEXT("no")}};
  char some[16];
  wanted = http_request_wants_upgrade(rq, TEXT("echo"));
  if (!wanted) {
    CHECK_ERR(http_respond(rq, 200, NULL, 0, TEXT("plain")), ERR_OK);
    return;
  }
  CHECK_ERR(http_upgrade(rq, TEXT("echo"), more, 2), ERR_OK);
  enum err e = ERR_OK;
  for (bool over = false; !over && (e == ERR_OK || e == ERR_AGAIN);) {
    size_t n = 0;
    e = http_upgraded_read(rq, some, sizeof(some), &n);
    struct text said = {some, n};
    if (e == ERR_OK)
      CHECK_ERR(http_respond_write(rq, &said, 1), ERR_OK);
    else if (e == ERR_AGAIN)
      CHECK_ERR(http_request_park(rq, after(5 * SECOND_US)), ERR_OK);
    over = n > 0 && some[n - 1] == '.';
  }
  site->last = e;
  if (e == ERR_OK)
    CHECK_ERR(http_respond_end(rq), ERR_OK);
  else
    http_respond_abort(rq);
}

static void read_until(struct wire *c, const char *end) {
  while ((c->held_len < strlen(end) || memcmp(c->held + c->held_len - strlen(end), end, strlen(end)) != 0) &&
         wire_fill(c))
    continue;
}

#define ASKS "GET / HTTP/1.1\r\nhost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: other, ECHO\r\n"

static void upgrade(void *arg) {
  struct site site = site_options();
  site.serve = echo;
  site_open(&site);
  struct wire *c = wire_open(&site);
  wire_send(c, TEXT(ASKS "\r\nsent ahead;"));
  read_until(c, ";");
  CHECK_HAS(c->held, "HTTP/1.1 101 Switching Protocols\r\n");
  CHECK_HAS(c->held, "\r\nconnection: Upgrade\r\nupgrade: echo\r\nx-more: yes\r\n\r\nsent ahead;");
  c->held_len = 0;
  wire_send(c, TEXT("one, which is longer than what is read at once;"));
  read_until(c, "once;");
  CHECK_TEXT(((struct text){c->held, c->held_len}), TEXT("one, which is longer than what is read at once;"));
  c->held_len = 0;
  wire_send(c, TEXT("last."));
  read_until(c, ".");
  CHECK_TEXT(((struct text){c->held, c->held_len}), TEXT("last."));
  c->held_len = 0;
  CHECK_ERR(wire_end(c), ERR_END);
  wire_close(c);
  settle();
  CHECK_ERR(site.last, ERR_OK);
  site_close(&site);
}

static void bytes_go_both_ways_after_the_answer_and_the_end_is_clean(void **state) { run_fiber(upgrade, NULL); }

static void refuse(void *arg) {
  static const char *const others[] = {
      "GET / HTTP/1.1\r\nhost: a\r\nupgrade: echo\r\n\r\n",
      "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n",
      "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n\r\n",
      "GET / HTTP/1.0\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
      "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\ncontent-length: 1\r\n\r\nx"};
  struct site site = site_options();
  site.serve = echo;
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(others); i++) {
    struct wire *c = wire_open(&site);
    wire_send(c, text_of(others[i]));
    CHECK_INT(wire_answer(c), 200);
    CHECK_INT(wanted, false);
    wire_close(c);
  }
  site_close(&site);
}

static void who_does_not_offer_it_is_served_in_http(void **state) { run_fiber(refuse, NULL); }

static void leave(void *arg) {
  struct site site = site_options();
  site.serve = echo;
  site.last = ERR_OK;
  site_open(&site);
  struct wire *c = wire_open(&site);
  wire_send(c, TEXT(ASKS "\r\nhello;"));
  read_until(c, ";");
  wire_close(c);
  for (int i = 0; i < 1000 && site.last == ERR_OK; i++)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  CHECK_ERR(site.last, ERR_END);
  site_close(&site);
}

static void who_leaves_is_noticed_while_nothing_is_said(void **state) { run_fiber(leave, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_go_both_ways_after_the_answer_and_the_end_is_clean),
      cmocka_unit_test(who_does_not_offer_it_is_served_in_http),
      cmocka_unit_test(who_leaves_is_noticed_while_nothing_is_said),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
