/* systemd's variables and datagrams: taken when they are for this process and well formed, else as if they were not
 * there. */
#include "app/systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void sockets_are_counted_for_the_process_they_are_for(void **state) {
  assert_int_equal(systemd_listen_count("12", "3", 12), 3);
  assert_int_equal(systemd_listen_count("12", "0", 12), 0);
  assert_int_equal(systemd_listen_count("13", "3", 12), 0);
  assert_int_equal(systemd_listen_count(NULL, "3", 12), 0);
  assert_int_equal(systemd_listen_count("12", NULL, 12), 0);
  assert_int_equal(systemd_listen_count("12", "-1", 12), 0);
  assert_int_equal(systemd_listen_count("12", "3x", 12), 0);
  assert_int_equal(systemd_listen_count("12", "99999", 12), 0);
  assert_int_equal(systemd_listen_count("", "3", 12), 0);
}

static void an_address_is_a_path_or_a_name(void **state) {
  struct sockaddr_un a;
  socklen_t len = 0;
  char longest[sizeof(a.sun_path) + 1] = "/";
  assert_true(systemd_address("/run/n", &a, &len));
  assert_string_equal(a.sun_path, "/run/n");
  assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 7);
  assert_true(systemd_address("@name", &a, &len));
  assert_memory_equal(a.sun_path, "\0name", 5);
  assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 5);
  memset(longest + 1, 'x', sizeof(a.sun_path) - 2);
  assert_true(systemd_address(longest, &a, &len));
  longest[sizeof(a.sun_path) - 1] = 'x';
  static const char *const bad[] = {"", "/", "@", "run/n", "vsock:2:3"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_false(systemd_address(bad[i], &a, &len));
  assert_false(systemd_address(longest, &a, &len));
  assert_false(systemd_address(NULL, &a, &len));
}

static void the_watchdog_is_fed_twice_in_its_time(void **state) {
  assert_int_equal(systemd_watchdog_us("30000000", "12", 12), 15000000);
  assert_int_equal(systemd_watchdog_us("30000000", NULL, 12), 15000000);
  assert_int_equal(systemd_watchdog_us("30000000", "13", 12), 0);
  assert_int_equal(systemd_watchdog_us(NULL, "12", 12), 0);
  assert_int_equal(systemd_watchdog_us("0", NULL, 12), 0);
  assert_int_equal(systemd_watchdog_us("1", NULL, 12), 0);
  assert_int_equal(systemd_watchdog_us("soon", NULL, 12), 0);
}

static int listen_as_systemd(const char *name) {
  struct sockaddr_un a;
  socklen_t len;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_true(systemd_address(name, &a, &len));
  assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
  return fd;
}

static void expect_state(int fd, const char *want) {
  char got[600];
  ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
  assert_true(n > 0);
  got[n] = '\0';
  assert_string_equal(got, want);
}

static void tell_over(const char *name) {
  struct systemd s;
  int fd = listen_as_systemd(name), sockets = -1;
  char got[600] = "";
  setenv("NOTIFY_SOCKET", name, 1);
  systemd_start(&s, &sockets);
  assert_int_equal(sockets, 0);
  systemd_notify(&s, "READY=1\nMAINPID=%d", 12);
  expect_state(fd, "READY=1\nMAINPID=12");
  systemd_notify_reloading(&s);
  assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
  assert_non_null(strstr(got, "RELOADING=1\nMONOTONIC_USEC="));
  assert_string_equal(getenv("NOTIFY_SOCKET"), name); /* a successor needs it */
  close(fd);
  systemd_notify(&s, "STOPPING=1"); /* nobody is there any more */
  unsetenv("NOTIFY_SOCKET");
}

static void states_are_told_over_a_path_or_a_name(void **state) {
  char folder[] = "/tmp/weir-systemd-XXXXXX", name[64];
  assert_non_null(mkdtemp(folder));
  (void)snprintf(name, sizeof(name), "%s/notify", folder);
  tell_over(name);
  unlink(name);
  rmdir(folder);
  (void)snprintf(name, sizeof(name), "@weir-systemd-%ld", (long)getpid());
  tell_over(name);
}

static void without_systemd_nothing_is_told_and_nothing_awaited(void **state) {
  struct systemd s;
  int sockets = -1;
  unsetenv("NOTIFY_SOCKET");
  systemd_start(&s, &sockets);
  assert_int_equal(sockets, 0);
  assert_int_equal(s.address_len, 0);
  assert_int_equal(s.watchdog_us, 0);
  systemd_notify(&s, "READY=1");
}

static void what_is_for_this_process_alone_is_taken_out(void **state) {
  struct systemd s;
  int sockets = -1;
  char pid[24];
  (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
  setenv("LISTEN_PID", pid, 1);
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_FDNAMES", "http", 1);
  setenv("WATCHDOG_PID", pid, 1);
  setenv("WATCHDOG_USEC", "2000000", 1);
  int saved = fcntl(SYSTEMD_FIRST_FD, F_DUPFD_CLOEXEC, 10), fd = open("/dev/null", O_RDONLY);
  assert_true(fd >= 0 && dup2(fd, SYSTEMD_FIRST_FD) == SYSTEMD_FIRST_FD);
  systemd_start(&s, &sockets);
  assert_int_equal(sockets, 1);
  assert_true((fcntl(SYSTEMD_FIRST_FD, F_GETFD) & FD_CLOEXEC) != 0);
  assert_int_equal(s.watchdog_us, 1000000);
  assert_null(getenv("LISTEN_PID"));
  assert_null(getenv("LISTEN_FDS"));
  assert_null(getenv("LISTEN_FDNAMES"));
  assert_null(getenv("WATCHDOG_PID"));
  assert_non_null(getenv("WATCHDOG_USEC"));
  unsetenv("WATCHDOG_USEC");
  if (saved >= 0) {
    dup2(saved, SYSTEMD_FIRST_FD);
    close(saved);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sockets_are_counted_for_the_process_they_are_for),
      cmocka_unit_test(an_address_is_a_path_or_a_name),
      cmocka_unit_test(the_watchdog_is_fed_twice_in_its_time),
      cmocka_unit_test(states_are_told_over_a_path_or_a_name),
      cmocka_unit_test(without_systemd_nothing_is_told_and_nothing_awaited),
      cmocka_unit_test(what_is_for_this_process_alone_is_taken_out),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
