/* The table of breakers: one a name, whatever thread asks; bounded; listed page by page for operators. What replicas do
 * to each other's is in test_breaker_share.c. */
#include "traffic/breakers.h"

#include "breaker_bus.h"

static const struct breaker_rule rule = {3, 60000000, 1800000000, 60000000};

static void each_provider_endpoint_and_credential_has_its_own(void **state) {
  struct breakers *all = breakers_new(100, NULL);
  const char *parts[] = {"", "a", "b", "ab", "aa"};
  struct breaker *found[125];
  size_t count = 0;
  breakers_free(NULL);
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < 64; i++) {
      struct breaker *b = breakers_find(all, text_of(parts[i % 4]), text_of(parts[i / 4 % 4]), text_of(parts[i / 16]));
      assert_non_null(b);
      if (round == 0)
        found[count++] = b;
      assert_ptr_equal(b, found[i]);
      for (size_t j = 0; j < i; j++)
        assert_ptr_not_equal(b, found[j]);
    }
  }
  struct breaker_view v;
  breaker_set_force(found[5], BREAKER_FORCED_OPEN, "x", 0);
  breaker_look(found[6], &rule, 0, &v);
  assert_int_equal(v.state, BREAKER_CLOSED);
  assert_false(breaker_lets(breakers_find(all, TEXT("a"), TEXT("a"), TEXT("")), &rule, 0));
  breakers_free(all);
}

static void names_may_be_long_and_are_copied(void **state) {
  struct breakers *all = breakers_new(10, NULL);
  char name[3000];
  memset(name, 'n', sizeof(name));
  struct breaker *b = breakers_find(all, TEXT("p"), (struct text){name, sizeof(name)}, TEXT("c"));
  name[2999] = 'm';
  assert_ptr_not_equal(breakers_find(all, TEXT("p"), (struct text){name, sizeof(name)}, TEXT("c")), b);
  name[2999] = 'n';
  assert_ptr_equal(breakers_find(all, TEXT("p"), (struct text){name, sizeof(name)}, TEXT("c")), b);
  memset(name, 0, sizeof(name));
  assert_int_equal(breaker_name_of(b)->endpoint.len, sizeof(name));
  assert_int_equal(breaker_name_of(b)->endpoint.at[2999], 'n');
  breakers_free(all);
}

static void past_the_bound_there_is_none_and_calls_go(void **state) {
  struct breakers *all = breakers_new(2, NULL);
  struct breaker *a = breakers_find(all, TEXT("a"), TEXT("e"), TEXT("c"));
  assert_non_null(breakers_find(all, TEXT("b"), TEXT("e"), TEXT("c")));
  struct breaker *none = breakers_find(all, TEXT("c"), TEXT("e"), TEXT("c"));
  assert_null(none);
  struct breaker_pass p;
  assert_true(breaker_enter(none, &rule, 0, &p));
  assert_ptr_equal(breakers_find(all, TEXT("a"), TEXT("e"), TEXT("c")), a);
  struct breaker_news news = {.name = {TEXT("c"), TEXT("e"), TEXT("c")}, .state_version = {1, 1}, .is_open = true};
  struct breaker_claim claim = {.name = news.name};
  breakers_hear(all, &news, 0);
  breakers_granted(all, &claim, 0);
  breakers_tick(all, &rule, 0);
  assert_null(breakers_find(all, TEXT("c"), TEXT("e"), TEXT("c")));
  breakers_free(all);
}

static enum breaker_force force_of(struct breakers *all, const char *provider, const char *credential) {
  struct breaker_view v;
  breaker_look(breakers_find(all, text_of(provider), TEXT("e"), text_of(credential)), &rule, 9, &v);
  if (v.force != BREAKER_AUTOMATIC)
    assert_string_equal(v.reason, "maintenance");
  return v.force;
}

static void a_word_for_an_endpoint_is_for_those_to_come_too(void **state) {
  struct breakers *all = breakers_new(10, NULL);
  assert_int_equal(force_of(all, "p", "one"), BREAKER_AUTOMATIC);
  breakers_set_force(all, TEXT("p"), TEXT("e"), BREAKER_FORCED_OPEN, "maintenance", 5);
  assert_int_equal(force_of(all, "p", "one"), BREAKER_FORCED_OPEN);
  assert_int_equal(force_of(all, "p", "two"), BREAKER_FORCED_OPEN);
  assert_int_equal(force_of(all, "other", "one"), BREAKER_AUTOMATIC);
  breaker_set_force(breakers_find(all, TEXT("p"), TEXT("e"), TEXT("two")), BREAKER_AUTOMATIC, NULL, 6);
  assert_int_equal(force_of(all, "p", "two"), BREAKER_AUTOMATIC);
  breakers_set_force(all, TEXT("p"), TEXT("e"), BREAKER_FORCED_CLOSED, "maintenance", 7);
  assert_int_equal(force_of(all, "p", "two"), BREAKER_FORCED_CLOSED);
  assert_int_equal(force_of(all, "p", "three"), BREAKER_FORCED_CLOSED);
  breakers_set_force(all, TEXT("p"), TEXT("e"), BREAKER_AUTOMATIC, NULL, 8);
  assert_int_equal(force_of(all, "p", "one"), BREAKER_AUTOMATIC);
  assert_int_equal(force_of(all, "p", "four"), BREAKER_AUTOMATIC);
  breakers_free(all);
}

struct exported {
  struct breakers *into;
  unsigned count, for_all;
};

static void carry_over(void *ctx, const struct breaker_news *news, bool for_all) {
  struct exported *e = ctx;
  e->count++;
  e->for_all += for_all;
  breakers_import(e->into, news, for_all, 1000);
}

static struct breaker_view view_of(struct breakers *all, const char *provider, const char *credential) {
  struct breaker_view v;
  breaker_look(breakers_find(all, text_of(provider), TEXT("e"), text_of(credential)), &rule, 1000, &v);
  return v;
}

static void fail_thrice(struct breaker *b, int64_t at_us) {
  for (int i = 0; i < 3; i++) {
    struct breaker_pass p;
    assert_true(breaker_enter(b, &rule, at_us, &p));
    breaker_leave(&p, &rule, BREAKER_FAILURE, "timeout", at_us);
  }
}

static void a_successor_knows_what_is_open_and_what_was_said(void **state) {
  struct breakers *old = breakers_new(20, NULL), *new = breakers_new(20, NULL);
  struct exported e = {.into = new};
  assert_non_null(breakers_find(old, TEXT("p"), TEXT("e"), TEXT("well")));
  fail_thrice(breakers_find(old, TEXT("p"), TEXT("e"), TEXT("down")), 400);
  breaker_set_force(breakers_find(old, TEXT("p"), TEXT("e"), TEXT("kept")), BREAKER_FORCED_OPEN, "lunch", 500);
  breakers_set_force(old, TEXT("q"), TEXT("e"), BREAKER_FORCED_OPEN, "maintenance", 600);
  assert_non_null(breakers_find(new, TEXT("p"), TEXT("e"), TEXT("down"))); /* as the new one's own targets */
  breakers_export(old, 900, carry_over, &e);
  assert_int_equal(e.count, 3);
  assert_int_equal(e.for_all, 1);
  assert_int_equal(view_of(new, "p", "well").state, BREAKER_CLOSED);
  assert_int_equal(view_of(new, "p", "down").state, BREAKER_OPEN);
  assert_int_equal(view_of(new, "p", "down").opened_us, 500); /* 500 before it was told, which is when it came */
  assert_string_equal(view_of(new, "p", "down").reason, "timeout");
  assert_int_equal(view_of(new, "p", "kept").force, BREAKER_FORCED_OPEN);
  assert_string_equal(view_of(new, "p", "kept").reason, "lunch");
  assert_int_equal(view_of(new, "q", "anybody").force, BREAKER_FORCED_OPEN);
  assert_string_equal(view_of(new, "q", "anybody").reason, "maintenance");
  breakers_set_force(new, TEXT("q"), TEXT("e"), BREAKER_AUTOMATIC, NULL, 1100);
  e = (struct exported){.into = old};
  breakers_export(new, 1200, carry_over, &e);
  assert_int_equal(e.for_all, 0);
  breakers_free(old);
  breakers_free(new);
}

static void operators_see_every_breaker_once_page_by_page(void **state) {
  struct breakers *all = breakers_new(100, NULL);
  struct arena a;
  arena_init(&a);
  for (char c = 'a'; c <= 'w'; c++) {
    struct breaker *b = breakers_find(all, (struct text){&c, 1}, TEXT("https://e"), TEXT("main"));
    breaker_set_force(b, c % 2 == 0 ? BREAKER_FORCED_OPEN : BREAKER_AUTOMATIC, "why", 5);
  }
  assert_int_equal(breakers_not_closed(all), 11);
  struct breakers_row *rows;
  size_t cursor = 0, seen = 0, n;
  while ((n = breakers_list(all, &rule, 7, &cursor, 5, &a, &rows)) > 0) {
    assert_int_equal(n, seen < 20 ? 5 : 3);
    for (size_t i = 0; i < n; i++, seen++) {
      char c = (char)('a' + seen);
      assert_true(text_equal(rows[i].name.provider, (struct text){&c, 1}));
      assert_true(text_equal(rows[i].name.endpoint, TEXT("https://e")));
      assert_true(text_equal(rows[i].name.credential, TEXT("main")));
      assert_int_equal(rows[i].view.state, c % 2 == 0 ? BREAKER_OPEN : BREAKER_CLOSED);
    }
  }
  assert_int_equal(seen, 23);
  assert_int_equal(cursor, 23);
  cursor = 500; /* of a table that was larger */
  assert_int_equal(breakers_list(all, &rule, 7, &cursor, 5, &a, &rows), 0);
  arena_done(&a);
  breakers_free(all);
}

/* --- threads --- */

#define THREADS 6
#define NAMES   200

struct crowd {
  struct breakers *all;
  struct breaker *found[THREADS][NAMES];
  pthread_barrier_t gate;
};
struct member {
  struct crowd *crowd;
  size_t number;
};

static void *find_all(void *arg) {
  struct member *m = arg;
  struct arena a;
  struct breakers_row *rows;
  arena_init(&a);
  pthread_barrier_wait(&m->crowd->gate);
  for (size_t i = 0; i < NAMES; i++) {
    size_t name = (i + 31 * m->number) % NAMES, cursor = i / 2;
    struct text provider = arena_format(&a, "provider-%zu", name);
    struct breaker *b = breakers_find(m->crowd->all, provider, TEXT("e"), TEXT("c"));
    struct breaker_pass p;
    m->crowd->found[m->number][name] = b;
    if (breaker_enter(b, &rule, 0, &p))
      breaker_leave(&p, &rule, BREAKER_SUCCESS, NULL, 0);
    breakers_list(m->crowd->all, &rule, 0, &cursor, 3, &a, &rows);
  }
  arena_done(&a);
  return NULL;
}

static void threads_that_look_at_once_find_the_same(void **state) {
  static struct crowd c;
  struct member members[THREADS];
  pthread_t threads[THREADS];
  c.all = breakers_new(NAMES, NULL);
  assert_int_equal(pthread_barrier_init(&c.gate, NULL, THREADS), 0);
  for (size_t i = 0; i < THREADS; i++) {
    members[i] = (struct member){&c, i};
    assert_int_equal(pthread_create(&threads[i], NULL, find_all, &members[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&c.gate);
  for (size_t n = 0; n < NAMES; n++) {
    assert_non_null(c.found[0][n]);
    for (size_t i = 1; i < THREADS; i++)
      assert_ptr_equal(c.found[i][n], c.found[0][n]);
  }
  breakers_free(c.all);
}

/* --- a replica that takes no new calls --- */

static struct breaker *on(struct bus *bus, size_t i) {
  return breakers_find(bus->replicas[i].all, TEXT("vendor"), TEXT("endpoint"), TEXT("main"));
}
static bool enters(struct bus *bus, size_t i, struct breaker_pass *out) {
  return breaker_enter(on(bus, i), &rule, bus_time(&bus->replicas[i]), out);
}
static struct bus *half_open(void) {
  struct bus *bus = bus_new();
  struct breaker_pass p;
  for (int n = 0; n < 3; n++) {
    assert_true(enters(bus, 0, &p));
    breaker_leave(&p, &rule, BREAKER_FAILURE, "server_error", bus_time(&bus->replicas[0]));
  }
  bus->now_us += rule.open_us;
  bus->is_late = true;
  assert_false(enters(bus, 0, &p)); /* asks for the right to probe */
  return bus;
}

static void who_resigns_leaves_an_unused_right_to_the_others(void **state) {
  struct bus *bus = half_open();
  struct breaker_pass p;
  bus_settle(bus);
  assert_false(enters(bus, 1, &p));
  bus_settle(bus);
  assert_false(enters(bus, 1, &p));
  breakers_resign(bus->replicas[0].all);
  bus_settle(bus);
  bus->is_late = false;
  bus->now_us += 1000000; /* asks again after a second */
  assert_true(enters(bus, 1, &p));
  assert_true(p.is_probe);
  breaker_leave(&p, &rule, BREAKER_SUCCESS, NULL, bus_time(&bus->replicas[1]));
  bus_free(bus);
}

static void a_right_that_is_granted_after_the_resignation_goes_back_too(void **state) {
  struct bus *bus = half_open();
  struct breaker_pass p;
  breakers_resign(bus->replicas[0].all); /* the answer is still under way */
  bus_settle(bus);
  bus->is_late = false;
  assert_true(enters(bus, 1, &p));
  breaker_leave(&p, &rule, BREAKER_NEUTRAL, NULL, bus_time(&bus->replicas[1]));
  bus_free(bus);
}

static void a_probe_that_is_out_is_not_resigned(void **state) {
  struct bus *bus = half_open();
  struct breaker_pass probe, other;
  bus_settle(bus);
  bus->is_late = false;
  assert_true(enters(bus, 0, &probe));
  breakers_resign(bus->replicas[0].all);
  assert_false(enters(bus, 1, &other));
  breaker_leave(&probe, &rule, BREAKER_SUCCESS, NULL, bus_time(&bus->replicas[0]));
  assert_true(enters(bus, 1, &other)); /* closed */
  assert_false(other.is_probe);
  bus_free(bus);
}

static void who_is_alone_has_nothing_to_resign(void **state) {
  struct breakers *all = breakers_new(4, NULL);
  struct breaker_pass p;
  assert_true(breaker_enter(breakers_find(all, TEXT("p"), TEXT("e"), TEXT("c")), &rule, 0, &p));
  breakers_resign(all);
  breakers_resign(NULL);
  breaker_leave(&p, &rule, BREAKER_SUCCESS, NULL, 0);
  breakers_free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_provider_endpoint_and_credential_has_its_own),
      cmocka_unit_test(names_may_be_long_and_are_copied),
      cmocka_unit_test(past_the_bound_there_is_none_and_calls_go),
      cmocka_unit_test(a_word_for_an_endpoint_is_for_those_to_come_too),
      cmocka_unit_test(a_successor_knows_what_is_open_and_what_was_said),
      cmocka_unit_test(operators_see_every_breaker_once_page_by_page),
      cmocka_unit_test(threads_that_look_at_once_find_the_same),
      cmocka_unit_test(who_resigns_leaves_an_unused_right_to_the_others),
      cmocka_unit_test(a_right_that_is_granted_after_the_resignation_goes_back_too),
      cmocka_unit_test(a_probe_that_is_out_is_not_resigned),
      cmocka_unit_test(who_is_alone_has_nothing_to_resign),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breakers", tests, NULL, NULL);
}
