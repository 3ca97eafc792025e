#include "net/dns.h"

#include "fake_resolver.h"
#include "net_fixture.h"

static struct offload *pool;
static struct dns *dns;

static int set_up(void **state) {
  (void)state;
  assert_int_equal(offload_new(2, 64, &pool), ERR_OK);
  dns = dns_new(pool);
  atomic_store(&resolver_calls, 0);
  atomic_store(&resolver_is_held, false);
  resolver_failure = 0;
  resolver_script = "one 192.0.2.1;both 192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2;none ";
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  offload_free(pool);
  dns_free(dns);
  return 0;
}

struct found {
  struct addr addrs[DNS_MAX_ADDRS];
  size_t count;
  enum err result;
  struct fault f;
  char text[512];
};
static void look_up(const char *host, int64_t deadline_us, struct found *out) {
  *out = (struct found){.count = 0};
  out->result = dns_lookup(dns, text_of(host), 443, deadline_us, out->addrs, &out->count, &out->f);
  for (size_t i = 0; i < out->count; i++) {
    size_t at = strlen(out->text);
    char name[ADDR_TEXT_MAX];
    (void)snprintf(out->text + at, sizeof(out->text) - at, "%s ", addr_format(&out->addrs[i], name, sizeof(name)));
  }
}

static void literals(void *arg) {
  (void)arg;
  struct found r;
  look_up("127.0.0.1", after(SECOND_US), &r);
  CHECK_TEXT(text_of(r.text), TEXT("127.0.0.1:443 "));
  look_up("::1", after(SECOND_US), &r);
  CHECK_TEXT(text_of(r.text), TEXT("[::1]:443 "));
  CHECK_INT(atomic_load(&resolver_calls), 0);
}
static void literals_ask_nobody(void **state) { run_fiber(literals, NULL); }

static void families(void *arg) {
  (void)arg;
  struct found r;
  look_up("both", after(SECOND_US), &r);
  CHECK_ERR(r.result, ERR_OK);
  CHECK_TEXT(text_of(r.text), TEXT("[2001:db8::1]:443 192.0.2.1:443 [2001:db8::2]:443 192.0.2.2:443 192.0.2.3:443 "));
}
static void families_take_turns_with_ipv6_first(void **state) { run_fiber(families, NULL); }

static void many(void *arg) {
  (void)arg;
  struct found r;
  resolver_script = "many 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10";
  look_up("many", after(SECOND_US), &r);
  CHECK_INT(r.count, DNS_MAX_ADDRS);
}
static void no_more_addresses_than_fit_are_taken(void **state) { run_fiber(many, NULL); }

static void cached(void *arg) {
  (void)arg;
  struct found r;
  for (int i = 0; i < 3; i++) {
    look_up("one", after(SECOND_US), &r);
    CHECK_TEXT(text_of(r.text), TEXT("192.0.2.1:443 "));
    look_up("missing", after(SECOND_US), &r);
    CHECK_ERR(r.result, ERR_DNS);
    CHECK_TEXT(text_of(r.f.text), TEXT("look up missing: there is no such host"));
  }
  CHECK_INT(atomic_load(&resolver_calls), 2);
}
static void answers_and_refusals_are_remembered(void **state) { run_fiber(cached, NULL); }

static void trouble(void *arg) {
  (void)arg;
  struct found r;
  resolver_failure = EAI_AGAIN;
  look_up("one", after(SECOND_US), &r);
  CHECK_ERR(r.result, ERR_DNS);
  CHECK_TEXT(text_of(r.f.text), TEXT("look up one: the name servers do not answer"));
  look_up("", after(SECOND_US), &r);
  CHECK_ERR(r.result, ERR_DNS);
  resolver_failure = 0;
  look_up("none", after(SECOND_US), &r); /* a name without addresses */
  CHECK_ERR(r.result, ERR_DNS);
  char name[300];
  memset(name, 'a', sizeof(name) - 1);
  name[sizeof(name) - 1] = '\0';
  look_up(name, after(SECOND_US), &r);
  CHECK_ERR(r.result, ERR_DNS);
  CHECK_HAS(r.f.text, "is not a host name");
}
static void failures_say_why(void **state) { run_fiber(trouble, NULL); }

/* --- many at once --- */
struct asker {
  struct found found;
  int64_t deadline_us;
  bool is_done;
};
static void ask_one(void *arg) {
  struct asker *a = arg;
  look_up("one", a->deadline_us, &a->found);
  a->is_done = true;
}
static void wait_done(const struct asker *a) {
  for (int i = 0; i < 20000 && !a->is_done; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(a->is_done, 1);
}

static void together(void *arg) {
  (void)arg;
  static struct asker askers[20];
  atomic_store(&resolver_is_held, true);
  for (size_t i = 0; i < 20; i++) {
    askers[i] = (struct asker){.deadline_us = after(5 * SECOND_US)};
    start(ask_one, &askers[i]);
  }
  for (int i = 0; i < 20000 && atomic_load(&resolver_calls) == 0; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(askers[0].is_done, 0);
  CHECK_INT(atomic_load(&resolver_calls), 1);
  atomic_store(&resolver_is_held, false);
  for (size_t i = 0; i < 20; i++) {
    wait_done(&askers[i]);
    CHECK_ERR(askers[i].found.result, ERR_OK);
    CHECK_TEXT(text_of(askers[i].found.text), TEXT("192.0.2.1:443 "));
  }
  CHECK_INT(atomic_load(&resolver_calls), 1);
}
static void fibers_that_ask_for_the_same_name_share_one_look_up(void **state) { run_fiber(together, NULL); }

static void give_up(void *arg) {
  (void)arg;
  static struct asker late, patient, cancelled;
  late.deadline_us = after(3000);
  patient.deadline_us = cancelled.deadline_us = after(5 * SECOND_US);
  atomic_store(&resolver_is_held, true);
  start(ask_one, &late);
  start(ask_one, &patient);
  struct fiber *f = start(ask_one, &cancelled);
  CHECK_ERR(fiber_yield(), ERR_OK);
  fiber_cancel(f);
  wait_done(&cancelled);
  CHECK_ERR(cancelled.found.result, ERR_CANCELLED);
  wait_done(&late);
  CHECK_ERR(late.found.result, ERR_TIMEOUT);
  CHECK_TEXT(text_of(late.found.f.text), TEXT("look up one: timed out"));
  CHECK_INT(patient.is_done, 0);
  atomic_store(&resolver_is_held, false);
  wait_done(&patient);
  CHECK_ERR(patient.found.result, ERR_OK);
}
static void who_gives_up_leaves_the_others_waiting(void **state) { run_fiber(give_up, NULL); }

static void all_gone(void *arg) {
  (void)arg;
  struct asker late = {.deadline_us = after(1000)};
  atomic_store(&resolver_is_held, true);
  start(ask_one, &late);
  wait_done(&late);
  CHECK_ERR(late.found.result, ERR_TIMEOUT);
  atomic_store(&resolver_is_held, false);
}
static void a_look_up_nobody_waits_for_ends_quietly(void **state) { run_fiber(all_gone, NULL); }

static void crowd(void *arg) {
  (void)arg;
  struct found r;
  char name[32];
  for (int i = 0; i < 1100; i++) {
    (void)snprintf(name, sizeof(name), "name-%d", i);
    look_up(name, after(5 * SECOND_US), &r);
  }
  CHECK_INT(atomic_load(&resolver_calls), 1100);
  look_up("name-1099", after(5 * SECOND_US), &r); /* the newest is still known */
  CHECK_INT(atomic_load(&resolver_calls), 1100);
  look_up("one", after(5 * SECOND_US), &r);
  CHECK_ERR(r.result, ERR_OK);
}
static void the_cache_stays_within_its_limit_and_goes_on_working(void **state) { run_fiber(crowd, NULL); }

static void full_pool(void *arg) {
  (void)arg;
  struct found r;
  struct offload *tiny = NULL, *usual = pool;
  CHECK_ERR(offload_new(1, 0, &tiny), ERR_OK);
  struct dns *other = dns_new(tiny), *mine = dns;
  dns = other;
  look_up("one", after(SECOND_US), &r);
  CHECK_ERR(r.result, ERR_DNS);
  CHECK_HAS(r.f.text, "too many look-ups");
  dns = mine;
  pool = usual;
  dns_free(other);
  offload_free(tiny);
}
static void a_full_pool_is_an_error_of_the_look_up(void **state) { run_fiber(full_pool, NULL); }

static void *ask_on_thread(void *arg) {
  (void)arg;
  struct loop *loop = NULL;
  struct asker *a = calloc(1, sizeof(*a));
  if (loop_new(NULL, &loop) != ERR_OK)
    abort();
  a->deadline_us = FIBER_NO_DEADLINE;
  if (fiber_start(loop, ask_one, a, NULL) != ERR_OK)
    abort();
  loop_stop(loop);
  loop_run(loop);
  loop_free(loop);
  return a;
}
static void loops_on_several_threads_share_the_cache(void **state) {
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, ask_on_thread, NULL), 0);
  for (size_t i = 0; i < 4; i++) {
    void *out = NULL;
    assert_int_equal(pthread_join(threads[i], &out), 0);
    struct asker *a = out;
    assert_int_equal(a->found.result, ERR_OK);
    assert_string_equal(a->found.text, "192.0.2.1:443 ");
    free(a);
  }
  int calls = atomic_load(&resolver_calls);
  assert_true(calls >= 1 && calls <= 4);
  struct asker *again = ask_on_thread(NULL);
  assert_int_equal(atomic_load(&resolver_calls), calls);
  free(again);
}

#define DNS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      DNS_TEST(literals_ask_nobody),
      DNS_TEST(families_take_turns_with_ipv6_first),
      DNS_TEST(no_more_addresses_than_fit_are_taken),
      DNS_TEST(answers_and_refusals_are_remembered),
      DNS_TEST(failures_say_why),
      DNS_TEST(fibers_that_ask_for_the_same_name_share_one_look_up),
      DNS_TEST(who_gives_up_leaves_the_others_waiting),
      DNS_TEST(a_look_up_nobody_waits_for_ends_quietly),
      DNS_TEST(the_cache_stays_within_its_limit_and_goes_on_working),
      DNS_TEST(a_full_pool_is_an_error_of_the_look_up),
      DNS_TEST(loops_on_several_threads_share_the_cache),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
