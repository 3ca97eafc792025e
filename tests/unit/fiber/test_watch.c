/* Descriptors: readiness, hang-up, idle callbacks, and events that come too late. */
#include "fiber/loop.h"

#include "fiber_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* A loop and a socket pair, the first end watched. */
struct pair {
  struct loop_watch watch; /* first: on_event casts back */
  int fds[2];
  struct loop *loop;
  struct pair *other;
};

static void pair_open(struct pair *p, struct loop *loop) {
  *p = (struct pair){.loop = loop};
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
  assert_int_equal(loop_watch_add(loop, &p->watch, p->fds[0], false), ERR_OK);
}
static void pair_close(struct pair *p) {
  loop_watch_remove(&p->watch);
  close(p->fds[0]);
  close(p->fds[1]);
}
static void run_with_pair(void (*fn)(void *arg)) {
  struct pair p;
  struct loop *loop = test_loop_new();
  pair_open(&p, loop);
  test_start(loop, fn, &p);
  /* The watch is idle work: without a stop the loop would wait for it for ever. */
  loop_stop(loop);
  loop_run(loop);
  pair_close(&p);
  loop_free(loop);
}

static void send_byte(void *arg) {
  struct pair *p = arg;
  assert_int_equal(write(p->fds[1], "x", 1), 1);
}
static void read_twice(void *arg) {
  struct pair *p = arg;
  char c;
  test_start(p->loop, send_byte, p);
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  assert_int_equal(read(p->fds[0], &c, 1), 1);
  /* Readiness is remembered until the owner says otherwise. */
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  p->watch.readable = false;
  assert_int_equal(loop_wait_readable(&p->watch, loop_clock_us() + 500), ERR_TIMEOUT);
  test_start(p->loop, send_byte, p);
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  assert_null(p->watch.reader);
}
static void a_reader_waits_for_bytes(void **state) { run_with_pair(read_twice); }

static void wait_writable(void *arg) {
  struct pair *p = arg;
  char block[1024] = {0};
  assert_int_equal(loop_wait_writable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  while (write(p->fds[0], block, sizeof block) > 0) {
  }
  p->watch.writable = false;
  assert_int_equal(loop_wait_writable(&p->watch, loop_clock_us() + 500), ERR_TIMEOUT);
  while (read(p->fds[1], block, sizeof block) > 0) {
  }
  assert_int_equal(loop_wait_writable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
}
static void a_writer_waits_for_room(void **state) { run_with_pair(wait_writable); }

static void cancel_arg(void *arg) { fiber_cancel(arg); }
static void wait_cancelled(void *arg) {
  struct pair *p = arg;
  test_start(p->loop, cancel_arg, fiber_self());
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_CANCELLED);
  p->watch.readable = true;
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_CANCELLED);
  fiber_clear_cancel();
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
}
static void a_cancelled_fiber_waits_for_nothing_even_if_it_is_ready(void **state) { run_with_pair(wait_cancelled); }

#define TRANSFER_BYTES (1 << 20)
/* Both ends watched, two fibers each. */
struct transfer {
  struct loop_watch ends[2];
  size_t received[2];
};
static struct transfer transfer;
static void receive_all(void *arg) {
  size_t end = (size_t)(uintptr_t)arg;
  struct loop_watch *w = &transfer.ends[end];
  char block[1000];
  while (transfer.received[end] < TRANSFER_BYTES) {
    assert_int_equal(loop_wait_readable(w, FIBER_NO_DEADLINE), ERR_OK);
    ssize_t n = read(w->fd, block, sizeof block);
    if (n < 0) {
      assert_int_equal(errno, EAGAIN);
      w->readable = false;
      continue;
    }
    transfer.received[end] += (size_t)n;
  }
}
static void send_all(void *arg) {
  struct loop_watch *w = &transfer.ends[(size_t)(uintptr_t)arg];
  char block[1024] = {0};
  for (size_t sent = 0; sent < TRANSFER_BYTES;) {
    assert_int_equal(loop_wait_writable(w, FIBER_NO_DEADLINE), ERR_OK);
    ssize_t n = write(w->fd, block, sizeof block);
    if (n < 0) {
      assert_int_equal(errno, EAGAIN);
      w->writable = false;
      continue;
    }
    sent += (size_t)n;
  }
}
static void both_directions_of_both_ends_work_at_once(void **state) {
  struct loop *loop = test_loop_new();
  int fds[2];
  transfer = (struct transfer){0};
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(loop_watch_add(loop, &transfer.ends[i], fds[i], false), ERR_OK);
    test_start(loop, receive_all, (void *)i);
    test_start(loop, send_all, (void *)i);
  }
  assert_int_equal(loop_stats(loop).watches, 2);
  loop_stop(loop);
  loop_run(loop);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(transfer.received[i], TRANSFER_BYTES);
    loop_watch_remove(&transfer.ends[i]);
    close(fds[i]);
  }
  loop_free(loop);
}

static void wait_for_hang_up(void *arg) {
  struct pair *p = arg;
  assert_false(p->watch.hung_up);
  assert_int_equal(shutdown(p->fds[1], SHUT_WR), 0);
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  assert_true(p->watch.hung_up);
}
static void a_hang_up_is_seen_and_makes_readable(void **state) { run_with_pair(wait_for_hang_up); }

static void note_readable(struct loop_watch *w) {
  char c;
  assert_null(fiber_self());
  if (w->readable && read(w->fd, &c, 1) == 1) {
    w->readable = false;
    test_note("event");
  }
}
static void send_idle_and_awaited(void *arg) {
  struct pair *p = arg;
  char c;
  p->watch.on_event = note_readable;
  send_byte(p);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_string_equal(test_trace, "event");
  test_start(p->loop, send_byte, p);
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_OK);
  assert_int_equal(read(p->fds[0], &c, 1), 1);
  assert_string_equal(test_trace, "event");
}
static void an_idle_watch_calls_back_unless_a_fiber_waits(void **state) { run_with_pair(send_idle_and_awaited); }

static void close_and_free(struct loop_watch *w) {
  struct pair *p = (struct pair *)(void *)w;
  test_note("freed");
  pair_close(p);
  free(p);
}
static void a_watch_may_be_removed_and_freed_in_its_own_event(void **state) {
  struct loop *loop = test_loop_new();
  struct pair *p = malloc(sizeof *p);
  assert_non_null(p);
  pair_open(p, loop);
  p->watch.on_event = close_and_free;
  loop_run(loop);
  assert_string_equal(test_trace, "freed");
  assert_int_equal(loop_stats(loop).watches, 0);
  loop_free(loop);
}

/* Both watches have an event in the same turn; whoever is first replaces the other by a new socket with the same
 * number. */
static int reused_fd;
static void note_late_event(struct loop_watch *w) { test_note(w->readable ? "late" : "writable"); }
static void replace_other(struct loop_watch *w) {
  struct pair *p = (struct pair *)(void *)w, *other = p->other;
  w->on_event = NULL;
  if (other == NULL || !w->readable) {
    return;
  }
  int fd = other->fds[0];
  p->other = other->other = NULL;
  loop_watch_remove(&other->watch);
  close(fd);
  int fresh[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fresh), 0);
  reused_fd = dup2(fresh[0], fd);
  if (fresh[0] != fd) {
    close(fresh[0]);
  }
  close(other->fds[1]);
  other->fds[0] = fd;
  other->fds[1] = fresh[1];
  other->watch.on_event = note_late_event;
  assert_int_equal(loop_watch_add(p->loop, &other->watch, fd, false), ERR_OK);
}
static void yield_few(void *arg) {
  (void)arg;
  for (int i = 0; i < 4; i++) {
    assert_int_equal(fiber_yield(), ERR_OK);
  }
}
static void a_late_event_does_not_reach_a_new_watch_of_the_same_number(void **state) {
  struct loop *loop = test_loop_new();
  struct pair a, b;
  pair_open(&a, loop);
  pair_open(&b, loop);
  a.other = &b;
  b.other = &a;
  a.watch.on_event = b.watch.on_event = replace_other;
  send_byte(&a);
  send_byte(&b);
  test_start(loop, yield_few, NULL);
  loop_stop(loop);
  loop_run(loop);
  assert_true(reused_fd > 0);
  assert_string_equal(test_trace, "writable");
  pair_close(&a);
  pair_close(&b);
  loop_free(loop);
}

static void remove_watch(void *arg) { loop_watch_remove(&((struct pair *)arg)->watch); }
static void wait_on_removed(void *arg) {
  struct pair *p = arg;
  test_start(p->loop, remove_watch, p);
  assert_int_equal(loop_wait_readable(&p->watch, FIBER_NO_DEADLINE), ERR_CANCELLED);
  assert_true(fiber_is_cancelled(fiber_self()));
}
static void removing_a_watch_cancels_who_waits_on_it(void **state) { run_with_pair(wait_on_removed); }

static void a_descriptor_that_cannot_be_watched_is_refused(void **state) {
  struct loop *loop = test_loop_new();
  struct loop_watch w = {0};
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(loop_watch_add(loop, &w, fd, false), ERR_SYSTEM);
  assert_int_equal(errno, EPERM);
  assert_int_equal(loop_watch_add(loop, &w, -1, false), ERR_SYSTEM);
  assert_int_equal(loop_stats(loop).watches, 0);
  loop_watch_remove(&w);
  close(fd);
  loop_free(loop);
}

static void wait_for_freed_slots(void *arg) {
  struct loop *loop = arg;
  static struct pair pairs[100];
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < TEST_COUNT(pairs); i++) {
      pair_open(&pairs[i], loop);
    }
    for (size_t i = 0; i < TEST_COUNT(pairs); i++) {
      test_start(loop, send_byte, &pairs[i]);
    }
    for (size_t i = 0; i < TEST_COUNT(pairs); i++) {
      assert_int_equal(loop_wait_readable(&pairs[i].watch, loop_clock_us() + TEST_FAR_US), ERR_OK);
    }
    for (size_t i = 0; i < TEST_COUNT(pairs); i++) {
      pair_close(&pairs[i]);
    }
  }
}
static void slots_are_used_again(void **state) {
  struct loop *loop = test_loop_new();
  test_start(loop, wait_for_freed_slots, loop);
  loop_run(loop);
  loop_free(loop);
}

/* Two loops on two threads accept from one shared listener. */
#define CONNECTIONS 200
static int listen_fd;
static atomic_int accepted;
static struct loop *acceptors[2];
static void accept_all(struct loop_watch *w) {
  int fd;
  while ((fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
    close(fd);
    if (atomic_fetch_add(&accepted, 1) + 1 == CONNECTIONS) {
      loop_stop(acceptors[0]);
      loop_stop(acceptors[1]);
    }
  }
  w->readable = false;
}
static void *run_acceptor(void *arg) {
  struct loop_watch w = {.on_event = accept_all};
  if (loop_watch_add(arg, &w, listen_fd, true) == ERR_OK) {
    loop_run(arg);
    loop_watch_remove(&w);
  }
  return NULL;
}
static void connect_once(const struct sockaddr_in *to) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)to, sizeof *to), 0);
  close(fd);
}
static void a_listener_shared_by_two_threads_loses_no_connection(void **state) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  pthread_t threads[2];
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listen_fd, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(listen_fd, 256), 0);
  assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&address, &size), 0);
  for (size_t i = 0; i < 2; i++) {
    acceptors[i] = test_loop_new();
  }
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, run_acceptor, acceptors[i]), 0);
  }
  for (int i = 0; i < CONNECTIONS; i++) {
    connect_once(&address);
  }
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(atomic_load(&accepted), CONNECTIONS);
  for (size_t i = 0; i < 2; i++) {
    loop_free(acceptors[i]);
  }
  close(listen_fd);
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_reader_waits_for_bytes),
      TEST(a_writer_waits_for_room),
      TEST(a_cancelled_fiber_waits_for_nothing_even_if_it_is_ready),
      TEST(both_directions_of_both_ends_work_at_once),
      TEST(a_hang_up_is_seen_and_makes_readable),
      TEST(an_idle_watch_calls_back_unless_a_fiber_waits),
      TEST(a_watch_may_be_removed_and_freed_in_its_own_event),
      TEST(a_late_event_does_not_reach_a_new_watch_of_the_same_number),
      TEST(removing_a_watch_cancels_who_waits_on_it),
      TEST(a_descriptor_that_cannot_be_watched_is_refused),
      TEST(slots_are_used_again),
      TEST(a_listener_shared_by_two_threads_loses_no_connection),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
