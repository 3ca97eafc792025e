/* Whose turn it is: the rules one by one, then thousands of random steps beside a model that looks at everybody. */
#include "traffic/fair_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

static struct fair_waiter waiter(int64_t key_id, int64_t deadline_us) {
  return (struct fair_waiter){.key_id = key_id, .deadline_us = deadline_us};
}

static void an_empty_queue_has_nobody_first_and_nobody_to_refuse(void **unused) {
  struct fair_queue *q = fair_queue_new();
  assert_null(fair_queue_first(q));
  assert_null(fair_queue_last_of_greediest(q, 1));
  fair_queue_start(q, 1);
  fair_queue_end(q, 1);
  assert_int_equal(fair_queue_running(q), 0);
  assert_int_equal(fair_queue_waiting(q), 0);
  fair_queue_free(q);
  fair_queue_free(NULL);
}

/* Takes all out in their turns and starts each. */
static void expect_turns(struct fair_queue *q, struct fair_waiter *const *expected, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct fair_waiter *w = fair_queue_first(q);
    assert_ptr_equal(w, expected[i]);
    fair_queue_remove(q, w);
    fair_queue_start(q, w->key_id);
  }
  assert_null(fair_queue_first(q));
}

static void within_a_key_the_earliest_deadline_is_first_then_first_come(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a = waiter(1, 20), b = waiter(1, 10), c = waiter(1, 20), d = waiter(1, 10);
  fair_queue_add(q, &a);
  fair_queue_add(q, &b);
  fair_queue_add(q, &c);
  fair_queue_add(q, &d);
  expect_turns(q, (struct fair_waiter *[]){&b, &d, &a, &c}, 4);
  fair_queue_free(q);
}

static void the_key_with_the_fewest_calls_running_goes_first(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a1 = waiter(1, 1), a2 = waiter(1, 2), b1 = waiter(2, 8), b2 = waiter(2, 9), c = waiter(3, 10);
  fair_queue_start(q, 1);
  fair_queue_start(q, 1);
  fair_queue_start(q, 3);
  fair_queue_add(q, &a1);
  fair_queue_add(q, &a2);
  fair_queue_add(q, &b1);
  fair_queue_add(q, &b2);
  fair_queue_add(q, &c);
  expect_turns(q, (struct fair_waiter *[]){&b1, &c, &b2, &a1, &a2}, 5);
  fair_queue_free(q);
}

static void a_call_that_ends_brings_its_key_forward(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a = waiter(1, 2), b = waiter(2, 1);
  fair_queue_start(q, 1);
  fair_queue_start(q, 2);
  fair_queue_add(q, &a);
  fair_queue_add(q, &b);
  assert_ptr_equal(fair_queue_first(q), &a);
  fair_queue_end(q, 2);
  assert_ptr_equal(fair_queue_first(q), &b);
  fair_queue_end(q, 1);
  assert_ptr_equal(fair_queue_first(q), &a);
  fair_queue_free(q);
}

static void with_one_place_keys_take_turns_however_many_wait(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a[4], b[2], c = waiter(3, 100);
  struct fair_waiter *const turns[] = {&a[0], &b[0], &c, &a[1], &b[1], &a[2], &a[3]};
  for (int i = 0; i < 4; i++) {
    a[i] = waiter(1, i);
    fair_queue_add(q, &a[i]);
  }
  for (int i = 0; i < 2; i++) {
    b[i] = waiter(2, 50 + i);
    fair_queue_add(q, &b[i]);
  }
  fair_queue_add(q, &c);
  for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
    struct fair_waiter *w = fair_queue_first(q);
    assert_ptr_equal(w, turns[i]);
    fair_queue_remove(q, w);
    fair_queue_start(q, w->key_id);
    fair_queue_end(q, w->key_id);
  }
  fair_queue_free(q);
}

static void among_equal_keys_the_earliest_deadline_goes_first(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a = waiter(1, 30), b = waiter(2, 20), c = waiter(3, 20), d = waiter(1, 10);
  fair_queue_add(q, &a);
  fair_queue_add(q, &b);
  fair_queue_add(q, &c);
  fair_queue_add(q, &d);
  expect_turns(q, (struct fair_waiter *[]){&d, &b, &c, &a}, 4);
  fair_queue_free(q);
}

static void the_last_of_the_greediest_key_makes_room_for_a_key_with_fewer(void **unused) {
  struct fair_queue *q = fair_queue_new();
  struct fair_waiter a1 = waiter(1, 10), a2 = waiter(1, 30), a3 = waiter(1, 20), b1 = waiter(2, 90), b2 = waiter(2, 5);
  fair_queue_add(q, &a1);
  fair_queue_add(q, &a2);
  fair_queue_add(q, &a3);
  fair_queue_add(q, &b1);
  assert_ptr_equal(fair_queue_last_of_greediest(q, 2), &a2);
  assert_ptr_equal(fair_queue_last_of_greediest(q, 3), &a2);
  assert_null(fair_queue_last_of_greediest(q, 1));
  fair_queue_remove(q, &a2);
  fair_queue_add(q, &b2);
  assert_ptr_equal(fair_queue_last_of_greediest(q, 3), &b1);
  assert_null(fair_queue_last_of_greediest(q, 1));
  assert_null(fair_queue_last_of_greediest(q, 2));
  fair_queue_free(q);
}

/* The model: everybody in one array. */
#define WAITERS 60
#define KEYS    9

struct model {
  struct fair_waiter waiters[WAITERS];
  uint64_t arrival[WAITERS]; /* 0: does not wait */
  size_t running[KEYS];
  uint64_t began[KEYS]; /* the step in which its last call did */
};

static uint64_t state = 88172645463325252u;
static uint64_t next_random(uint64_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 20) % below;
}

static bool is_before(const struct model *m, size_t a, size_t b) {
  int64_t x = m->waiters[a].deadline_us, y = m->waiters[b].deadline_us;
  return x != y ? x < y : m->arrival[a] < m->arrival[b];
}

static size_t waiting_of(const struct model *m, int64_t key_id) {
  size_t n = 0;
  for (size_t i = 0; i < WAITERS; i++)
    n += m->arrival[i] != 0 && m->waiters[i].key_id == key_id;
  return n;
}

/* The earliest or the latest waiter of a key. */
static size_t end_of(const struct model *m, int64_t key_id, bool latest) {
  size_t found = WAITERS;
  for (size_t i = 0; i < WAITERS; i++)
    if (m->arrival[i] != 0 && m->waiters[i].key_id == key_id)
      if (found == WAITERS || is_before(m, i, found) != latest)
        found = i;
  return found;
}

static bool key_is_before(const struct model *m, int64_t a, int64_t b) {
  if (m->running[a] != m->running[b])
    return m->running[a] < m->running[b];
  return m->began[a] != m->began[b] ? m->began[a] < m->began[b]
                                    : is_before(m, end_of(m, a, false), end_of(m, b, false));
}

static const struct fair_waiter *first_by_model(const struct model *m) {
  size_t found = WAITERS;
  for (int64_t key = 0; key < KEYS; key++) {
    size_t i = end_of(m, key, false);
    if (i == WAITERS)
      continue;
    if (found == WAITERS || key_is_before(m, key, m->waiters[found].key_id))
      found = i;
  }
  return found == WAITERS ? NULL : &m->waiters[found];
}

static const struct fair_waiter *refused_by_model(const struct model *m, int64_t newcomer) {
  size_t found = WAITERS, most = 0;
  for (int64_t key = 0; key < KEYS; key++) {
    size_t count = waiting_of(m, key);
    if (count > most || (count == most && count > 0 && is_before(m, found, end_of(m, key, true)))) {
      most = count;
      found = end_of(m, key, true);
    }
  }
  return waiting_of(m, newcomer) < most ? &m->waiters[found] : NULL;
}

static void step(struct fair_queue *q, struct model *m, uint64_t now) {
  size_t i = next_random(WAITERS);
  int64_t key = (int64_t)next_random(KEYS);
  if (next_random(2) == 0) {
    if (m->running[key] > 0 && next_random(2) == 0) {
      m->running[key]--;
      fair_queue_end(q, key);
    } else if (m->running[key] < 4) {
      m->running[key]++;
      m->began[key] = now;
      fair_queue_start(q, key);
    }
  } else if (m->arrival[i] != 0) {
    m->arrival[i] = 0;
    fair_queue_remove(q, &m->waiters[i]);
  } else {
    key = next_random(2) == 0 ? key : 0; /* one is greedier than the others */
    m->waiters[i] = waiter(key, (int64_t)(now / 8 + next_random(12)));
    m->arrival[i] = now;
    fair_queue_add(q, &m->waiters[i]);
  }
}

static void any_sequence_chooses_as_the_model_does(void **unused) {
  struct fair_queue *q = fair_queue_new();
  static struct model m;
  for (uint64_t now = 1; now < 60000; now++) {
    step(q, &m, now);
    size_t waiting = 0, running = 0;
    for (int64_t key = 0; key < KEYS; key++) {
      waiting += waiting_of(&m, key);
      running += m.running[key];
    }
    assert_int_equal(fair_queue_waiting(q), waiting);
    assert_int_equal(fair_queue_running(q), running);
    assert_ptr_equal(fair_queue_first(q), first_by_model(&m));
    int64_t newcomer = (int64_t)next_random(KEYS + 1);
    assert_ptr_equal(fair_queue_last_of_greediest(q, newcomer), refused_by_model(&m, newcomer));
  }
  fair_queue_free(q);
}

static void any_number_of_keys_come_and_go(void **unused) {
  struct fair_queue *q = fair_queue_new();
  static struct fair_waiter many[2000];
  for (int64_t i = 0; i < 2000; i++) {
    many[i] = waiter(i, 2000 - i);
    fair_queue_start(q, i);
    fair_queue_add(q, &many[i]);
  }
  for (int64_t i = 0; i < 2000; i++) {
    struct fair_waiter *w = fair_queue_first(q);
    assert_int_equal(w->key_id, i);
    fair_queue_remove(q, w);
    fair_queue_end(q, i);
  }
  assert_int_equal(fair_queue_running(q), 0);
  assert_int_equal(fair_queue_waiting(q), 0);
  fair_queue_free(q);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_queue_has_nobody_first_and_nobody_to_refuse),
      cmocka_unit_test(within_a_key_the_earliest_deadline_is_first_then_first_come),
      cmocka_unit_test(the_key_with_the_fewest_calls_running_goes_first),
      cmocka_unit_test(a_call_that_ends_brings_its_key_forward),
      cmocka_unit_test(with_one_place_keys_take_turns_however_many_wait),
      cmocka_unit_test(among_equal_keys_the_earliest_deadline_goes_first),
      cmocka_unit_test(the_last_of_the_greediest_key_makes_room_for_a_key_with_fewer),
      cmocka_unit_test(any_sequence_chooses_as_the_model_does),
      cmocka_unit_test(any_number_of_keys_come_and_go),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
