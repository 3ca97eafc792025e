#include "net/listen.h"

#include "net_fixture.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct server {
  struct listener *listener;
  struct stream *accepted[16];
  size_t count;
  struct addr peer;
  bool stops_itself, releases_itself;
  bool in_fiber; /* who releases it is one */
};

static void on_accept(void *ctx, struct stream *s, const struct addr *peer) {
  struct server *srv = ctx;
  CHECK_INT(fiber_self() == NULL, !srv->in_fiber);
  srv->accepted[srv->count++] = s;
  srv->peer = *peer;
  if (srv->stops_itself) {
    listener_stop(srv->listener);
    srv->listener = NULL;
  }
  if (srv->releases_itself && srv->listener) {
    listener_release(srv->listener);
    srv->listener = NULL;
  }
}

static void close_all(struct server *srv) {
  for (size_t i = 0; i < srv->count; i++)
    stream_close(srv->accepted[i], false);
  listener_stop(srv->listener);
}

static void wait_for(const size_t *count, size_t want) {
  for (int i = 0; i < 20000 && *count < want; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(*count, want);
}

static int bind_text(const char *text, bool reuse_port, struct addr *out) {
  struct addr a;
  struct fault f = {0};
  int fd = -1;
  CHECK_ERR(addr_parse(text_of(text), &a, &f), ERR_OK);
  CHECK_ERR(listen_bind(&a, reuse_port, &fd, &f), ERR_OK);
  CHECK_TEXT(text_of(f.text), TEXT(""));
  CHECK_ERR(listen_addr(fd, out), ERR_OK);
  return fd;
}

static int connect_to(const struct addr *a) {
  int fd = socket(a->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(connect(fd, &a->as.any, a->len), 0);
  return fd;
}

static void accept_tcp(void *arg) {
  struct server srv = {0};
  struct addr bound, self = {.len = sizeof(self.as)};
  int fd = bind_text(arg, false, &bound), value = 0;
  socklen_t len = sizeof(value);
  CHECK_INT(addr_port(&bound) > 0, 1);
  CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  CHECK_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  struct addr to;
  CHECK_INT(addr_from_ip(TEXT("127.0.0.1"), addr_port(&bound), &to), 1);
  int client = connect_to(&to), second = connect_to(&to);
  wait_for(&srv.count, 2);
  int conn = srv.accepted[0]->watch.fd;
  CHECK_INT(getsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
  CHECK_INT(value != 0, 1);
  CHECK_INT(fcntl(conn, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  CHECK_INT(fcntl(conn, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK_INT(getsockname(second, &self.as.any, &self.len), 0);
  CHECK_INT(addr_equal(&self, &srv.peer), 1);
  CHECK_INT(write(client, "hi", 2), 2);
  char got[2];
  CHECK_ERR(read_exactly(srv.accepted[0], got, 2), ERR_OK);
  close_all(&srv);
  close(client);
  close(second);
}
static void tcp_connections_arrive_without_delay_and_with_their_peer(void **state) {
  run_fiber(accept_tcp, (void *)(uintptr_t) "127.0.0.1:0");
}
static void all_interfaces_take_ipv4_and_name_its_peers_so(void **state) {
  run_fiber(accept_tcp, (void *)(uintptr_t) ":0");
}

static void a_taken_port_is_said_in_plain_words(void **state) {
  struct addr bound;
  struct fault f = {0};
  char expected[160], name[ADDR_TEXT_MAX];
  int other = -1, fd = bind_text("127.0.0.1:0", true, &bound);
  (void)snprintf(expected, sizeof(expected), "address %s is already in use", addr_format(&bound, name, sizeof(name)));
  assert_int_equal(listen_probe(&bound, &f), ERR_SYSTEM);
  assert_string_equal(f.text, expected);
  assert_int_equal(listen_bind(&bound, false, &other, &f), ERR_SYSTEM);
  assert_string_equal(f.text, expected);
  assert_int_equal(other, -1);
  assert_int_equal(listen_bind(&bound, true, &other, &f), ERR_OK); /* the next worker */
  close(other);
  close(fd);
  assert_int_equal(listen_probe(&bound, &f), ERR_OK);
  struct addr any_port, nowhere;
  assert_int_equal(addr_parse(TEXT("127.0.0.1:0"), &any_port, &f), ERR_OK);
  assert_int_equal(listen_probe(&any_port, &f), ERR_OK);
  assert_int_equal(addr_parse(TEXT("192.0.2.1:0"), &nowhere, &f), ERR_OK);
  assert_int_equal(listen_bind(&nowhere, false, &other, &f), ERR_SYSTEM);
  assert_string_equal(f.text, "this machine has no address 192.0.2.1:0");
}

/* --- unix sockets --- */
struct folder {
  char path[64], address[96];
};
static void folder_make(struct folder *d) {
  (void)snprintf(d->path, sizeof(d->path), "/tmp/weir-listen-XXXXXX");
  assert_non_null(mkdtemp(d->path));
  (void)snprintf(d->address, sizeof(d->address), "unix:%s/s", d->path);
}
static void folder_remove(struct folder *d) { assert_int_equal(rmdir(d->path), 0); }

static bool exists(const struct addr *a) { return access(a->as.un.sun_path, F_OK) == 0; }

static void unix_life(void *arg) {
  struct folder *d = arg;
  struct addr bound;
  struct fault f = {0};
  struct server one = {0}, two = {0};
  int other = -1, fd = bind_text(d->address, false, &bound), dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  CHECK_ERR(listener_start(loop_current(), fd, true, on_accept, &one, &one.listener), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), dup_fd, true, on_accept, &two, &two.listener), ERR_OK);
  int client = connect_to(&bound);
  for (int i = 0; i < 20000 && one.count + two.count == 0; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(one.count + two.count, 1);
  CHECK_INT(addr_is_unix(one.count > 0 ? &one.peer : &two.peer), 1);
  CHECK_ERR(listen_probe(&bound, &f), ERR_SYSTEM);
  CHECK_HAS(f.text, "is already in use");
  CHECK_ERR(listen_bind(&bound, false, &other, &f), ERR_SYSTEM);
  CHECK_INT(exists(&bound), 1);
  close(client);
  close_all(&one);
  CHECK_INT(exists(&bound), 0);
  close_all(&two);
}
static void a_unix_socket_is_shared_defended_while_alive_and_removed_at_the_end(void **state) {
  struct folder d = {"", ""};
  folder_make(&d);
  run_fiber(unix_life, &d);
  folder_remove(&d);
}

static void unix_dead(void *arg) {
  struct folder *d = arg;
  struct addr bound;
  struct server srv = {0};
  close(bind_text(d->address, false, &bound)); /* as a killed process leaves it */
  CHECK_INT(exists(&bound), 1);
  CHECK_ERR(listen_probe(&bound, NULL), ERR_OK);
  int fd = bind_text(d->address, false, &bound);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  int client = connect_to(&bound);
  wait_for(&srv.count, 1);
  close(client);
  CHECK_INT(unlink(bound.as.un.sun_path), 0);
  int successor = bind_text(d->address, false, &bound);
  close_all(&srv);
  CHECK_INT(exists(&bound), 1);
  CHECK_INT(unlink(bound.as.un.sun_path), 0);
  close(successor);
}
static void a_dead_socket_file_is_replaced_and_a_successors_file_is_left_alone(void **state) {
  struct folder d = {"", ""};
  folder_make(&d);
  run_fiber(unix_dead, &d);
  folder_remove(&d);
}

static void unix_left(void *arg) {
  struct folder *d = arg;
  struct addr bound;
  struct server old = {0}, fresh = {0};
  int fd = bind_text(d->address, false, &bound), handed = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  CHECK_ERR(listener_start(loop_current(), fd, true, on_accept, &old, &old.listener), ERR_OK);
  listener_release(old.listener);
  CHECK_INT(exists(&bound), 1);
  int client = connect_to(&bound); /* while nobody accepts */
  CHECK_ERR(listener_start(loop_current(), handed, true, on_accept, &fresh, &fresh.listener), ERR_OK);
  wait_for(&fresh.count, 1);
  close(client);
  close_all(&fresh);
  CHECK_INT(exists(&bound), 0);
  listener_release(NULL);
}
static void a_listener_that_leaves_lets_another_go_on(void **state) {
  struct folder d = {"", ""};
  folder_make(&d);
  run_fiber(unix_left, &d);
  folder_remove(&d);
}

static void reserved(void *arg) {
  (void)arg;
  struct addr bound;
  struct fault f = {0};
  struct server srv = {0};
  int first = bind_text("127.0.0.1:0", true, &bound), second = -1;
  CHECK_ERR(listen_reserve(&bound, true, &second, &f), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), first, false, on_accept, &srv, &srv.listener), ERR_OK);
  int clients[8];
  for (size_t i = 0; i < 8; i++)
    clients[i] = connect_to(&bound);
  wait_for(&srv.count, 8); /* none waits at the second */
  CHECK_ERR(listen_begin(second, &bound, &f), ERR_OK);
  CHECK_ERR(listen_begin(-1, &bound, &f), ERR_SYSTEM);
  for (size_t i = 0; i < 8; i++)
    close(clients[i]);
  close_all(&srv);
  close(second);
}
static void a_reserved_address_gets_no_client_before_its_time(void **state) { run_fiber(reserved, NULL); }

static void an_ordinary_file_is_never_replaced(void **state) {
  struct folder d = {"", ""};
  struct addr a;
  struct fault f = {0};
  int fd = -1;
  folder_make(&d);
  assert_int_equal(addr_parse(text_of(d.address), &a, &f), ERR_OK);
  close(open(a.as.un.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  assert_int_equal(listen_bind(&a, false, &fd, &f), ERR_SYSTEM);
  assert_non_null(strstr(f.text, "exists and is not a socket"));
  assert_true(exists(&a));
  assert_int_equal(unlink(a.as.un.sun_path), 0);
  folder_remove(&d);
  assert_int_equal(listen_bind(&a, false, &fd, &f), ERR_SYSTEM);
  assert_non_null(strstr(f.text, "No such file"));
}

/* --- handing over --- */
static void adopt_refuses(int fd, const char *why) {
  struct addr a = {.len = 0};
  struct fault f = {0};
  char expected[96];
  (void)snprintf(expected, sizeof(expected), "descriptor %d %s", fd, why);
  assert_int_equal(listen_adopt(fd, &a, &f), ERR_SYSTEM);
  assert_string_equal(f.text, expected);
  assert_int_equal(a.len, 0);
  assert_int_equal(listen_adopt(fd, &a, NULL), ERR_SYSTEM);
}

static void only_a_listening_stream_socket_is_adopted(void **state) {
  int pair[2], fd;
  adopt_refuses(987654, "is not open");
  adopt_refuses(-1, "is not open");
  fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  adopt_refuses(fd, "is not a socket");
  close(fd);
  fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  adopt_refuses(fd, "is not a stream socket of TCP or unix");
  close(fd);
  fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  adopt_refuses(fd, "is not a stream socket of TCP or unix");
  close(fd);
  fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  adopt_refuses(fd, "is not a stream socket of TCP or unix");
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  adopt_refuses(fd, "does not listen");
  close(fd);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  adopt_refuses(pair[0], "does not listen");
  close(pair[0]);
  close(pair[1]);
}

/* Blocking, without TCP_NODELAY and inheritable: as systemd hands it over. */
static void adopt_tcp(void *arg) {
  struct server srv = {0};
  struct addr there, a;
  struct fault f = {0};
  int on = 0, value = 0, fd = listen_loopback(&there);
  socklen_t len = sizeof(value);
  CHECK_INT(fcntl(fd, F_SETFD, 0), 0);
  CHECK_INT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
  CHECK_ERR(listen_adopt(fd, &a, &f), ERR_OK);
  CHECK_INT(addr_equal(&a, &there), 1);
  CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  CHECK_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  int client = connect_to(&a);
  wait_for(&srv.count, 1);
  CHECK_INT(getsockopt(srv.accepted[0]->watch.fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
  CHECK_INT(value != 0, 1);
  close(client);
  close_all(&srv);
}
static void an_adopted_socket_is_like_one_of_ours(void **state) { run_fiber(adopt_tcp, NULL); }

/* The other process: takes one connection, answers a byte. Waits in the kernel, so it needs no loop. */
static pid_t other_process(int fd) {
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  (void)fcntl(fd, F_SETFL, 0);
  int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  bool ok = conn >= 0 && write(conn, "2", 1) == 1 && close(conn) == 0;
  _exit(ok ? 0 : 1);
}

static void wait_for_other(pid_t pid) {
  int status = 0;
  CHECK_INT(waitpid(pid, &status, 0), pid);
  CHECK_INT(WIFEXITED(status) && WEXITSTATUS(status) == 0, 1);
}

/* What waits when this one lets go, and what comes afterwards, is for the other. */
static void hand_over(void *arg) {
  struct server srv = {0};
  struct addr bound;
  int fd = bind_text(arg, true, &bound);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  int before = connect_to(&bound);
  wait_for(&srv.count, 1);
  int waiting = connect_to(&bound), other_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  listener_release(srv.listener); /* the loop has not seen it yet */
  CHECK_INT(fcntl(fd, F_GETFD), -1);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(srv.count, 1);
  for (int i = 0; i < 2; i++) {
    pid_t pid = other_process(other_fd);
    char c = 0;
    if (i == 1)
      waiting = connect_to(&bound);
    CHECK_INT(recv(waiting, &c, 1, 0), 1);
    CHECK_INT(c, '2');
    wait_for_other(pid);
    close(waiting);
  }
  CHECK_INT(write(before, "hi", 2), 2); /* whose is this still */
  char got[2];
  CHECK_ERR(read_exactly(srv.accepted[0], got, 2), ERR_OK);
  stream_close(srv.accepted[0], false);
  close(before);
  close(other_fd);
}
static void a_released_socket_goes_on_in_another_process(void **state) {
  run_fiber(hand_over, (void *)(uintptr_t) "127.0.0.1:0");
}

static void hand_over_unix(void *arg) {
  struct folder *d = arg;
  hand_over(d->address);
  struct addr a;
  CHECK_ERR(addr_parse(text_of(d->address), &a, NULL), ERR_OK);
  CHECK_INT(exists(&a), 1);
  CHECK_INT(unlink(a.as.un.sun_path), 0);
}
static void a_released_unix_socket_keeps_its_file(void **state) {
  struct folder d = {"", ""};
  folder_make(&d);
  run_fiber(hand_over_unix, &d);
  folder_remove(&d);
}

/* Shared exclusively, this one may have been the only one to be woken. */
static void hand_over_exclusive(void *arg) {
  struct folder *d = arg;
  struct server srv = {0}, next = {0};
  struct addr bound;
  int fd = bind_text(d->address, false, &bound), other_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  CHECK_ERR(listener_start(loop_current(), fd, true, on_accept, &srv, &srv.listener), ERR_OK);
  int waiting[2] = {connect_to(&bound), connect_to(&bound)};
  srv.in_fiber = true;
  listener_release(srv.listener);
  srv.listener = NULL;
  CHECK_INT(srv.count, 2);
  CHECK_ERR(listen_adopt(other_fd, &bound, NULL), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), other_fd, true, on_accept, &next, &next.listener), ERR_OK);
  int late = connect_to(&bound);
  wait_for(&next.count, 1);
  CHECK_INT(srv.count, 2);
  close_all(&srv);
  close_all(&next); /* the last removes the file */
  CHECK_INT(exists(&bound), 0);
  close(waiting[0]);
  close(waiting[1]);
  close(late);
}
static void an_exclusive_listener_takes_along_what_it_was_woken_for(void **state) {
  struct folder d = {"", ""};
  folder_make(&d);
  run_fiber(hand_over_exclusive, &d);
  folder_remove(&d);
}

/* --- trouble --- */
static void stop_inside(void *arg) {
  (void)arg;
  struct server srv = {.stops_itself = true};
  struct addr bound;
  int fd = bind_text("127.0.0.1:0", false, &bound);
  int first = connect_to(&bound), second = connect_to(&bound);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  wait_for(&srv.count, 1);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(srv.count, 1);
  close_all(&srv);
  close(first);
  close(second);
}
static void a_listener_may_stop_inside_its_callback(void **state) { run_fiber(stop_inside, NULL); }

static size_t accepted;
static void only_count(void *ctx, struct stream *s, const struct addr *peer) {
  (void)ctx, (void)peer;
  accepted++;
  stream_close(s, true);
}

static void burst(void *arg) {
  (void)arg;
  enum { CLIENTS = 500, TURN = 128 };
  static int clients[CLIENTS];
  struct listener *l = NULL;
  struct addr bound;
  int fd = bind_text("127.0.0.1:0", false, &bound);
  accepted = 0;
  CHECK_ERR(listener_start(loop_current(), fd, false, only_count, NULL, &l), ERR_OK);
  for (int i = 0; i < CLIENTS; i++)
    clients[i] = connect_to(&bound);
  for (size_t before = 0, turns = 0; accepted < CLIENTS && turns < 100; turns++, before = accepted) {
    uint64_t turn = loop_stats(loop_current()).turns;
    CHECK_ERR(fiber_yield(), ERR_OK);
    CHECK_INT(loop_stats(loop_current()).turns, turn + 1);
    CHECK_INT(accepted - before <= TURN, 1);
    CHECK_INT(accepted > before, 1); /* and it does not wait for another event */
  }
  CHECK_INT(accepted, CLIENTS);
  listener_stop(l);
  for (int i = 0; i < CLIENTS; i++)
    close(clients[i]);
}
static void a_burst_of_connections_is_taken_over_several_turns(void **state) { run_fiber(burst, NULL); }

static void release_inside(void *arg) {
  bool exclusive = *(bool *)arg;
  struct server srv = {.releases_itself = true};
  struct addr bound;
  int fd = bind_text("127.0.0.1:0", false, &bound), other_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int clients[3] = {connect_to(&bound), connect_to(&bound), connect_to(&bound)};
  CHECK_ERR(listener_start(loop_current(), fd, exclusive, on_accept, &srv, &srv.listener), ERR_OK);
  wait_for(&srv.count, exclusive ? 3 : 1);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(srv.count, exclusive ? 3 : 1);
  CHECK_INT(loop_stats(loop_current()).watches, srv.count);
  close_all(&srv);
  for (int i = 0; i < 3; i++)
    close(clients[i]);
  close(other_fd);
}
static void a_listener_may_be_released_inside_its_callback(void **state) {
  bool exclusive[] = {false, true};
  for (size_t i = 0; i < 2; i++)
    run_fiber(release_inside, &exclusive[i]);
}

static void out_of_descriptors(void *arg) {
  (void)arg;
  struct server srv = {0};
  struct addr bound;
  struct rlimit before, tight;
  int clients[3], fd = bind_text("127.0.0.1:0", false, &bound);
  CHECK_ERR(listener_start(loop_current(), fd, false, on_accept, &srv, &srv.listener), ERR_OK);
  for (int i = 0; i < 3; i++)
    clients[i] = connect_to(&bound);
  int lowest = dup(0);
  close(lowest);
  CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
  tight = before;
  tight.rlim_cur = (rlim_t)lowest;
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &tight), 0);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_ERR(fiber_sleep(1000), ERR_OK);
  CHECK_INT(srv.count, 0);
  CHECK_INT(loop_stats(loop_current()).timers > 0, 1);
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
  char c;
  CHECK_INT(recv(clients[0], &c, 1, 0), 0); /* told at once, with the help of the reserve */
  wait_for(&srv.count, 2);                  /* the others after the pause */
  close_all(&srv);
  for (int i = 0; i < 3; i++)
    close(clients[i]);
}
static void without_descriptors_one_client_is_told_and_the_rest_are_served_after_a_pause(void **state) {
  run_fiber(out_of_descriptors, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tcp_connections_arrive_without_delay_and_with_their_peer),
      cmocka_unit_test(all_interfaces_take_ipv4_and_name_its_peers_so),
      cmocka_unit_test(a_taken_port_is_said_in_plain_words),
      cmocka_unit_test(a_unix_socket_is_shared_defended_while_alive_and_removed_at_the_end),
      cmocka_unit_test(a_dead_socket_file_is_replaced_and_a_successors_file_is_left_alone),
      cmocka_unit_test(a_listener_that_leaves_lets_another_go_on),
      cmocka_unit_test(a_reserved_address_gets_no_client_before_its_time),
      cmocka_unit_test(an_ordinary_file_is_never_replaced),
      cmocka_unit_test(only_a_listening_stream_socket_is_adopted),
      cmocka_unit_test(an_adopted_socket_is_like_one_of_ours),
      cmocka_unit_test(a_released_socket_goes_on_in_another_process),
      cmocka_unit_test(a_released_unix_socket_keeps_its_file),
      cmocka_unit_test(an_exclusive_listener_takes_along_what_it_was_woken_for),
      cmocka_unit_test(a_burst_of_connections_is_taken_over_several_turns),
      cmocka_unit_test(a_listener_may_stop_inside_its_callback),
      cmocka_unit_test(a_listener_may_be_released_inside_its_callback),
      cmocka_unit_test(without_descriptors_one_client_is_told_and_the_rest_are_served_after_a_pause),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
