/* Where conversations are cached: time, renewal, the bound, many threads; and a digest that no other cutting of the
 * same bytes gives. */
#include "traffic/affinity.h"

#include "../base/expect.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define TTL    (300 * SECOND)

static uint64_t state_of_random = 88172645463325252u;
static uint64_t next_random(void) {
  state_of_random ^= state_of_random << 13;
  state_of_random ^= state_of_random >> 7;
  state_of_random ^= state_of_random << 17;
  return state_of_random;
}

#define CONVERSATION(n) ((const uint64_t[2]){(n), 7})

/* The place, or 0 when it is not known. */
static uint64_t look(struct affinity *a, uint64_t n, int64_t now_us) {
  uint64_t place = 99;
  if (!affinity_find(a, CONVERSATION(n), now_us, &place)) {
    assert_int_equal(place, 99);
    return 0;
  }
  return place;
}

static void a_conversation_is_known_until_its_time_is_over(void **state) {
  struct affinity *a = affinity_new(10);
  assert_int_equal(look(a, 1, 0), 0);
  affinity_put(a, CONVERSATION(1), 5, 1000, TTL);
  assert_int_equal(look(a, 1, 1000), 5);
  assert_int_equal(look(a, 1, 1000 + TTL - 1), 5);
  assert_int_equal(look(a, 1, 1000 + TTL), 0);
  assert_int_equal(look(a, 2, 1000), 0);
  uint64_t place = 99;
  assert_false(affinity_find(a, (const uint64_t[2]){1, 8}, 1000, &place)); /* both halves count */
  assert_false(affinity_find(a, (const uint64_t[2]){7, 1}, 1000, &place));
  affinity_free(a);
  affinity_free(NULL);
}

static void putting_again_renews_and_moves(void **state) {
  struct affinity *a = affinity_new(10);
  affinity_put(a, CONVERSATION(1), 5, 0, TTL);
  affinity_put(a, CONVERSATION(1), 5, TTL - 1, TTL);
  assert_int_equal(look(a, 1, 2 * TTL - 2), 5);
  affinity_put(a, CONVERSATION(1), 6, TTL, 10);
  assert_int_equal(look(a, 1, TTL + 9), 6);
  assert_int_equal(look(a, 1, TTL + 10), 0); /* also sooner than before */
  affinity_put(a, CONVERSATION(1), 8, 5, INT64_MAX);
  assert_int_equal(look(a, 1, INT64_MAX - 1), 8);
  affinity_put(a, CONVERSATION(1), 8, 5, 0);
  assert_int_equal(look(a, 1, 5), 0);
  affinity_free(a);
}

static void the_one_put_the_longest_ago_goes_when_it_is_full(void **state) {
  struct affinity *a = affinity_new(3);
  affinity_put(a, CONVERSATION(1), 1, 0, TTL);
  affinity_put(a, CONVERSATION(2), 2, 1, TTL);
  affinity_put(a, CONVERSATION(3), 3, 2, TTL);
  affinity_put(a, CONVERSATION(1), 1, 3, TTL); /* 2 is the oldest now */
  assert_int_equal(look(a, 2, 4), 2);          /* asking does not renew */
  affinity_put(a, CONVERSATION(4), 4, 5, TTL);
  assert_int_equal(look(a, 2, 5), 0);
  assert_int_equal(look(a, 1, 5), 1);
  assert_int_equal(look(a, 3, 5), 3);
  assert_int_equal(look(a, 4, 5), 4);
  affinity_free(a);
}

static void without_entries_nothing_is_remembered(void **state) {
  struct affinity *a = affinity_new(0);
  affinity_put(a, CONVERSATION(1), 1, 0, TTL);
  assert_int_equal(look(a, 1, 0), 0);
  affinity_free(a);
}

/* The model: for each of a few conversations where, until when and put when. */
#define KNOWN 200
#define MAX   64
struct known {
  uint64_t place;
  int64_t until_us, put;
};

static uint64_t by_model(const struct known *all, uint64_t n, int64_t now_us) {
  size_t newer = 0;
  for (size_t i = 0; i < KNOWN; i++)
    newer += all[i].put > all[n].put;
  return all[n].put > 0 && newer < MAX && now_us < all[n].until_us ? all[n].place : 0;
}

static void any_sequence_finds_what_the_model_finds(void **state) {
  struct affinity *a = affinity_new(MAX);
  static struct known all[KNOWN];
  int64_t now_us = 0;
  for (int64_t step = 1; step < 100000; step++) {
    uint64_t r = next_random() >> 8, n = r % KNOWN;
    now_us += (int64_t)(r >> 8 & 3);
    if (r >> 16 & 1) {
      all[n] = (struct known){1 + (r >> 20 & 7), now_us + (int64_t)(r >> 24 & 255), step};
      affinity_put(a, CONVERSATION(n), all[n].place, now_us, all[n].until_us - now_us);
    } else {
      assert_int_equal(look(a, n, now_us), by_model(all, n, now_us));
    }
  }
  affinity_free(a);
}

static void a_large_table_is_bounded_and_keeps_the_newest(void **state) {
  enum { MANY = 40000 };
  struct affinity *a = affinity_new(MANY);
  uint64_t(*all)[2] = calloc(3 * MANY, sizeof(*all)), place;
  assert_non_null(all);
  size_t found = 0;
  for (size_t i = 0; i < 3 * MANY; i++) {
    all[i][0] = next_random();
    all[i][1] = next_random();
    affinity_put(a, all[i], i, 0, TTL);
  }
  for (size_t i = 0; i < 3 * MANY; i++) {
    bool is_known = affinity_find(a, all[i], 1, &place);
    found += is_known;
    if (is_known)
      assert_int_equal(place, i);
    if (i >= 3 * MANY - MANY * 9 / 10)
      assert_true(is_known);
  }
  assert_int_equal(found, MANY);
  free(all);
  affinity_free(a);
}

#define THREADS 4
static void *put_and_find(void *arg) {
  struct affinity *a = arg;
  for (uint64_t i = 0; i < 20000; i++) {
    uint64_t n = i * 7919 % 6000, place = 0;
    affinity_put(a, CONVERSATION(n), n + 1, (int64_t)i, TTL);
    if (affinity_find(a, CONVERSATION(n + 1), (int64_t)i, &place))
      assert_int_equal(place, n + 2);
  }
  return NULL;
}
static void many_threads_share_a_table(void **state) {
  for (size_t max = 500; max <= 5000; max += 4500) { /* one shard, and sixteen */
    struct affinity *a = affinity_new(max);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, put_and_find, a), 0);
    for (size_t i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
    affinity_free(a);
  }
}

static struct affinity_digest digest_of(const struct text *parts, size_t count) {
  struct affinity_digest d = {{0}};
  for (size_t i = 0; i < count; i++)
    affinity_digest(&d, parts[i]);
  return d;
}
#define DIGEST(...)                                                                                                    \
  digest_of((const struct text[]){__VA_ARGS__}, sizeof((const struct text[]){__VA_ARGS__}) / sizeof(struct text))

static void expect_all_different(const struct affinity_digest *all, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < i; k++)
      for (size_t half = 0; half < 2; half++)
        assert_int_not_equal(all[i].hash[half], all[k].hash[half]);
}

static void a_digest_depends_on_where_the_parts_are_cut(void **state) {
  const struct affinity_digest all[] = {
      DIGEST(TEXT("ab"), TEXT("c")),
      DIGEST(TEXT("a"), TEXT("bc")),
      DIGEST(TEXT("abc")),
      DIGEST(TEXT("abc"), TEXT_NONE),
      DIGEST(TEXT_NONE, TEXT("abc")),
      DIGEST(TEXT("a"), TEXT("b"), TEXT("c")),
      DIGEST(TEXT("c"), TEXT("ab")),
      DIGEST(TEXT_NONE),
      DIGEST(TEXT_NONE, TEXT_NONE),
      DIGEST(TEXT("\0")),
      DIGEST(TEXT("\0\0")),
      DIGEST(TEXT("0123456789abcdef")),
      DIGEST(TEXT("0123456789abcdef"), TEXT_NONE),
      DIGEST(TEXT("0123456789abcdef\0")),
      DIGEST(TEXT("01234567"), TEXT("89abcdef")),
      {{0}},
  };
  expect_all_different(all, sizeof(all) / sizeof(all[0]));
}

static void the_same_parts_give_the_same_digest_wherever_they_stand(void **state) {
  char text[70], copy[80];
  for (size_t len = 0; len < sizeof(text); len++) {
    memset(text, 'x', sizeof(text));
    memcpy(copy + len % 9, text, len);
    struct affinity_digest a = DIGEST(TEXT("system"), ((struct text){text, len}));
    struct affinity_digest b = DIGEST(TEXT("system"), ((struct text){copy + len % 9, len}));
    assert_memory_equal(&a, &b, sizeof(a));
  }
}

static void every_bit_of_a_part_changes_both_halves(void **state) {
  char text[100] = {0};
  static struct affinity_digest all[801];
  all[800] = DIGEST(((struct text){text, sizeof(text)}));
  for (size_t bit = 0; bit < 800; bit++) {
    text[bit / 8] = (char)(1u << bit % 8);
    all[bit] = DIGEST(((struct text){text, sizeof(text)}));
    text[bit / 8] = 0;
  }
  expect_all_different(all, 801);
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}
static void short_parts_do_not_meet(void **state) {
  enum { MANY = 200000 };
  uint64_t *halves = calloc(2 * MANY, sizeof(uint64_t));
  assert_non_null(halves);
  for (uint32_t i = 0; i < MANY; i++) {
    struct affinity_digest d = DIGEST(((struct text){(const char *)&i, sizeof(i)}));
    halves[i] = d.hash[0];
    halves[MANY + i] = d.hash[1];
  }
  qsort(halves, 2 * (size_t)MANY, sizeof(uint64_t), by_value);
  for (size_t i = 1; i < 2 * (size_t)MANY; i++)
    assert_true(halves[i - 1] != halves[i]);
  free(halves);
}

static void a_digest_is_keyed_with_the_process_s_seed(void **state) {
  struct affinity_digest all[3];
  for (uint64_t i = 0; i < 3; i++) {
    text_hash_seed(i * 2 + 1);
    all[i] = DIGEST(TEXT("the same"));
  }
  expect_all_different(all, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_conversation_is_known_until_its_time_is_over),
      cmocka_unit_test(putting_again_renews_and_moves),
      cmocka_unit_test(the_one_put_the_longest_ago_goes_when_it_is_full),
      cmocka_unit_test(without_entries_nothing_is_remembered),
      cmocka_unit_test(any_sequence_finds_what_the_model_finds),
      cmocka_unit_test(a_large_table_is_bounded_and_keeps_the_newest),
      cmocka_unit_test(many_threads_share_a_table),
      cmocka_unit_test(a_digest_depends_on_where_the_parts_are_cut),
      cmocka_unit_test(the_same_parts_give_the_same_digest_wherever_they_stand),
      cmocka_unit_test(every_bit_of_a_part_changes_both_halves),
      cmocka_unit_test(short_parts_do_not_meet),
      cmocka_unit_test(a_digest_is_keyed_with_the_process_s_seed),
  };
  return RUN_TESTS(tests);
}
