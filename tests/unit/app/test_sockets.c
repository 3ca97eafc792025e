/* Who accepts where: every socket has a worker and every worker a socket, however many of each there are and wherever
 * they come from. */
#include "app/sockets.h"

#include "net/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fault fault;

static void open_all(struct sockets *s, const char *listen, unsigned workers) {
  struct text t = text_of(listen);
  fault = (struct fault){0};
  enum err e = sockets_open(s, &t, 1, workers, &fault);
  if (e != ERR_OK)
    fail_msg("%s: %s", listen, fault.text);
  assert_int_equal(sockets_listen(s, &fault), ERR_OK);
}

/* A handover as it is done: duplicates, with what the old one's configuration said. */
static void inherit(struct sockets *to, const struct sockets *from) {
  for (size_t i = 0; i < from->count; i++) {
    int fd = fcntl(from->at[i].fd, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(sockets_offer(to, fd, &from->at[i].asked, from->at[i].external, &fault), ERR_OK);
  }
}

/* Deals to all workers; returns how often sockets were dealt, and checks that none is left out. */
static size_t deal_all(const struct sockets *s, unsigned workers, bool want_shared) {
  size_t total = 0, least = SIZE_MAX;
  for (unsigned w = 0; w < workers; w++) {
    struct worker_socket *mine;
    size_t count = 0;
    assert_int_equal(sockets_deal(s, w, workers, &mine, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(mine[i].shared, want_shared);
      close(mine[i].fd);
    }
    free(mine);
    total += count;
    least = count < least ? count : least;
  }
  assert_true(least >= 1);
  return total;
}

static void each_worker_has_a_socket_of_its_own(void **state) {
  static struct sockets s = {0};
  open_all(&s, "127.0.0.1:0", 3);
  assert_int_equal(s.count, 3);
  assert_int_equal(s.addresses, 1);
  for (size_t i = 0; i < 3; i++)
    assert_true(addr_port(&s.at[i].bound) == addr_port(&s.bound[0]) && addr_port(&s.bound[0]) > 0);
  assert_int_equal(deal_all(&s, 3, false), 3);
  sockets_close(&s, true);
}

static void an_upgrade_keeps_the_port_and_every_socket(void **state) {
  static const unsigned workers[] = {2, 2, 4, 1, 3, 1, 5};
  static struct sockets old = {0};
  open_all(&old, "127.0.0.1:0", 2);
  uint16_t port = addr_port(&old.bound[0]);
  size_t most = 2;
  for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
    static struct sockets fresh;
    memset(&fresh, 0, sizeof(fresh));
    inherit(&fresh, &old);
    open_all(&fresh, "127.0.0.1:0", workers[i]);
    most = workers[i] > most ? workers[i] : most;
    assert_int_equal(addr_port(&fresh.bound[0]), port);
    assert_int_equal(fresh.count, most);
    assert_int_equal(deal_all(&fresh, workers[i], false), most);
    assert_int_equal(sockets_drop_unused(&fresh), 0);
    sockets_close(&old, false);
    old = fresh;
  }
  sockets_close(&old, true);
}

static void a_socket_that_stands_alone_is_shared(void **state) {
  struct addr asked;
  static struct sockets s = {0};
  int fd = -1;
  assert_int_equal(addr_parse(TEXT("127.0.0.1:0"), &asked, &fault), ERR_OK);
  assert_int_equal(listen_bind(&asked, false, &fd, &fault), ERR_OK); /* as systemd does, without SO_REUSEPORT */
  assert_int_equal(listen_addr(fd, &asked), ERR_OK);
  (void)fcntl(fd, F_SETFL, 0);
  assert_int_equal(sockets_offer(&s, fd, &asked, true, &fault), ERR_OK);
  assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  char listen[ADDR_TEXT_MAX];
  open_all(&s, addr_format(&asked, listen, sizeof(listen)), 3);
  assert_int_equal(s.count, 1);
  assert_int_equal(deal_all(&s, 3, true), 3);
  assert_int_equal(deal_all(&s, 1, false), 1);
  sockets_close(&s, true);
}

static void addresses_that_come_and_go(void **state) {
  static struct sockets old = {0}, fresh = {0};
  struct text both[] = {TEXT("127.0.0.1:0"), TEXT("127.0.0.2:0")}, other[] = {TEXT("127.0.0.2:0"), TEXT("127.0.0.3:0")};
  assert_int_equal(sockets_open(&old, both, 2, 2, &fault), ERR_OK);
  assert_int_equal(sockets_listen(&old, &fault), ERR_OK);
  inherit(&fresh, &old);
  assert_int_equal(sockets_open(&fresh, other, 2, 2, &fault), ERR_OK);
  assert_true(addr_equal(&fresh.bound[0], &old.bound[1]));
  assert_int_equal(fresh.count, 6);
  assert_int_equal(deal_all(&fresh, 2, false), 4); /* what is in no list is nobody's */
  assert_int_equal(sockets_drop_unused(&fresh), 2);
  assert_int_equal(fresh.count, 4);
  sockets_close(&old, true);
  sockets_close(&fresh, true);
}

static void twice_any_port_are_two_ports_also_after_an_upgrade(void **state) {
  static struct sockets old = {0}, fresh = {0};
  struct text twice[] = {TEXT("127.0.0.1:0"), TEXT("127.0.0.1:0")};
  assert_int_equal(sockets_open(&old, twice, 2, 2, &fault), ERR_OK);
  assert_int_equal(sockets_listen(&old, &fault), ERR_OK);
  inherit(&fresh, &old);
  assert_int_equal(sockets_open(&fresh, twice, 2, 2, &fault), ERR_OK);
  assert_int_equal(fresh.count, 4);
  assert_true(addr_equal(&fresh.bound[0], &old.bound[0]) && addr_equal(&fresh.bound[1], &old.bound[1]));
  sockets_close(&old, true);
  sockets_close(&fresh, true);
}

static void a_unix_socket_is_handed_on_and_its_file_goes_with_the_last(void **state) {
  char folder[] = "/tmp/weir-sockets-XXXXXX", listen[80];
  static struct sockets old = {0}, fresh = {0};
  assert_non_null(mkdtemp(folder));
  (void)snprintf(listen, sizeof(listen), "unix:%s/s", folder);
  open_all(&old, listen, 2);
  assert_int_equal(old.count, 1);
  assert_int_equal(deal_all(&old, 2, true), 2);
  inherit(&fresh, &old);
  open_all(&fresh, listen, 3);
  assert_int_equal(fresh.count, 1);
  assert_int_equal(deal_all(&fresh, 3, true), 3);
  sockets_close(&old, false);
  assert_int_equal(access(listen + 5, F_OK), 0);
  assert_int_equal(unlink(listen + 5), 0); /* somebody puts another in its place */
  static struct sockets other = {0};
  open_all(&other, listen, 1);
  sockets_close(&fresh, true);
  assert_int_equal(access(listen + 5, F_OK), 0);
  sockets_close(&other, true);
  assert_int_equal(access(listen + 5, F_OK), -1);
  assert_int_equal(rmdir(folder), 0);
}

static void what_is_no_listening_socket_or_is_taken_is_refused(void **state) {
  static struct sockets s = {0}, busy = {0};
  struct addr any;
  struct text many[SOCKETS_ADDRESSES_MAX + 1];
  char listen[ADDR_TEXT_MAX];
  assert_int_equal(addr_parse(TEXT("127.0.0.1:0"), &any, &fault), ERR_OK);
  assert_int_equal(sockets_offer(&s, open("/dev/null", O_RDONLY | O_CLOEXEC), &any, true, &fault), ERR_SYSTEM);
  assert_int_equal(sockets_offer(&s, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), &any, true, &fault), ERR_SYSTEM);
  assert_int_equal(sockets_offer(&s, -1, &any, true, &fault), ERR_SYSTEM);
  for (size_t i = 0; i <= SOCKETS_ADDRESSES_MAX; i++)
    many[i] = TEXT("127.0.0.1:0");
  assert_int_equal(sockets_open(&s, many, SOCKETS_ADDRESSES_MAX + 1, 1, &fault), ERR_CONFIG);
  open_all(&busy, "127.0.0.1:0", 1);
  struct text taken = text_of(addr_format(&busy.bound[0], listen, sizeof(listen)));
  assert_int_equal(sockets_open(&s, &taken, 1, 1, &fault), ERR_SYSTEM);
  assert_non_null(strstr(fault.text, "already in use"));
  assert_int_equal(s.count, 0);
  sockets_close(&s, true);
  sockets_close(&busy, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_worker_has_a_socket_of_its_own),
      cmocka_unit_test(an_upgrade_keeps_the_port_and_every_socket),
      cmocka_unit_test(a_socket_that_stands_alone_is_shared),
      cmocka_unit_test(addresses_that_come_and_go),
      cmocka_unit_test(twice_any_port_are_two_ports_also_after_an_upgrade),
      cmocka_unit_test(a_unix_socket_is_handed_on_and_its_file_goes_with_the_last),
      cmocka_unit_test(what_is_no_listening_socket_or_is_taken_is_refused),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
