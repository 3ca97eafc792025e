/* The table of open reservations against a simple array, through growth and removal. */
#include "ledger/opens.h"

#include "expect.h"

#define IDS 400

static void it_agrees_with_an_array(void **state) {
  struct opens o;
  bool in[IDS + 1] = {false};
  size_t count = 0;
  uint64_t random = 1;
  opens_init(&o);
  assert_null(opens_find(&o, 1));
  for (int step = 0; step < 100000; step++) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    int64_t id = 1 + (int64_t)(random >> 33) % IDS;
    int64_t key = id << 22; /* as real ids: equal low bits */
    struct open_entry e = {0};
    if (random >> 63) {
      opens_add(&o, key)->reserve = (struct record_head *)(uintptr_t)(id * 8);
      count += !in[id];
      in[id] = true;
    } else {
      assert_int_equal(opens_remove(&o, key, &e), in[id]);
      if (in[id])
        assert_int_equal((uintptr_t)e.reserve, id * 8);
      count -= in[id];
      in[id] = false;
    }
    assert_int_equal(o.count, count);
    int64_t other = 1 + (int64_t)(random >> 20) % IDS;
    assert_int_equal(opens_find(&o, other << 22) != NULL, in[other]);
  }
  opens_done(&o);
}

static void adding_again_keeps_what_is_there(void **state) {
  struct opens o;
  struct open_entry e;
  opens_init(&o);
  opens_add(&o, 5)->note = (struct record_head *)(uintptr_t)8;
  assert_non_null(opens_add(&o, 5)->note);
  assert_int_equal(o.count, 1);
  assert_true(opens_remove(&o, 5, &e));
  assert_null(opens_add(&o, 5)->note);
  opens_done(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_agrees_with_an_array),
      cmocka_unit_test(adding_again_keeps_what_is_there),
  };
  return RUN_TESTS(tests);
}
