/* The map against a plain array, its bound, and removal in long chains. */
#include "base/map.h"

#include "base/random.h"
#include "expect.h"

static struct text numbered(char *out, size_t size, unsigned n) {
  int len = snprintf(out, size, "key-%u", n);
  return (struct text){out, (size_t)len};
}

static void what_is_set_is_found_until_removed(void **state) {
  enum { NAMES = 500 };
  struct map *m = map_new(NAMES);
  int values[NAMES];
  bool present[NAMES] = {false};
  char name[32];
  for (int step = 0; step < 20000; step++) {
    unsigned n = (unsigned)(random_fast() % NAMES);
    struct text key = numbered(name, sizeof name, n);
    void *expected = present[n] ? &values[n] : NULL;
    assert_ptr_equal(map_get(m, key), expected);
    if (random_fast() % 2) {
      void *old = m;
      assert_int_equal(map_set(m, key, &values[n], &old), ERR_OK);
      assert_ptr_equal(old, expected);
      present[n] = true;
    } else {
      assert_ptr_equal(map_remove(m, key), expected);
      present[n] = false;
    }
  }
  size_t count = 0;
  for (size_t i = 0; i < NAMES; i++)
    count += present[i];
  assert_int_equal(map_count(m), count);
  map_free(m);
}

static void a_full_map_refuses_new_keys_but_replaces_old_ones(void **state) {
  struct map *m = map_new(2);
  int a, b, c;
  void *old;
  assert_int_equal(map_set(m, TEXT("a"), &a, NULL), ERR_OK);
  assert_int_equal(map_set(m, TEXT(""), &b, NULL), ERR_OK);
  assert_int_equal(map_set(m, TEXT("c"), &c, NULL), ERR_LIMIT);
  assert_null(map_get(m, TEXT("c")));
  assert_int_equal(map_set(m, TEXT("a"), &c, &old), ERR_OK);
  assert_ptr_equal(old, &a);
  assert_ptr_equal(map_remove(m, TEXT("")), &b);
  assert_int_equal(map_set(m, TEXT("c"), &c, NULL), ERR_OK);
  map_free(m);
  map_free(NULL);
}

static void keys_are_copied(void **state) {
  struct map *m = map_new(10);
  char key[] = "one";
  int value;
  assert_int_equal(map_set(m, text_of(key), &value, NULL), ERR_OK);
  key[0] = 'x';
  assert_ptr_equal(map_get(m, TEXT("one")), &value);
  assert_null(map_get(m, text_of(key)));
  map_free(m);
}

static void iterating_meets_every_entry_once(void **state) {
  struct map *m = map_new(100);
  int seen[50] = {0};
  char name[32];
  for (unsigned n = 0; n < 50; n++)
    assert_int_equal(map_set(m, numbered(name, sizeof name, n), &seen[n], NULL), ERR_OK);
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(m, &cursor, &key, &value)) {
    assert_true(text_starts(key, TEXT("key-")));
    (*(int *)value)++;
  }
  for (unsigned n = 0; n < 50; n++)
    assert_int_equal(seen[n], 1);
  map_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_set_is_found_until_removed),
      cmocka_unit_test(a_full_map_refuses_new_keys_but_replaces_old_ones),
      cmocka_unit_test(keys_are_copied),
      cmocka_unit_test(iterating_meets_every_entry_once),
  };
  return RUN_TESTS(tests);
}
