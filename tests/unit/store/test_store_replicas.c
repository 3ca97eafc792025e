/* Seats of replicas: no two processes share one, a dead or departed one's is free again, and what all must agree on is
 * what the first one said. */
#include "contract.h"

#include <pthread.h>

static unsigned claim(struct store *s, uint64_t boot, unsigned first) {
  struct store_replica r = {.boot = boot, .name = TEXT("host/1"), .version = TEXT("0.1")};
  unsigned seat = 9999;
  EXPECT_OK(s->ops->replicas->claim(s, &r, first, &seat, &test_fault));
  return seat;
}

static void the_lowest_free_seat_is_taken_and_the_own_one_found_again(void **state) {
  struct store *s = contract_store(state);
  assert_int_equal(claim(s, 0xa, 0), 0);
  assert_int_equal(claim(s, 0xb, 0), 1);
  assert_int_equal(claim(s, 0xc, 0), 2);
  assert_int_equal(claim(s, 0xb, 0), 1);
  EXPECT_OK(s->ops->replicas->release(s, 0xb, &test_fault));
  EXPECT_OK(s->ops->replicas->release(s, 0xb, &test_fault));
  assert_int_equal(claim(s, 0xffffffffffffffff, 0), 1);
  assert_int_equal(claim(s, 0xd, 32), 32);
  assert_int_equal(claim(s, 0xe, 0), 3);
  assert_int_equal(claim(s, 0xf, 32), 33);
}

static void a_seat_is_free_after_its_lease_and_not_before(void **state) {
  struct store *s = contract_store(state);
  assert_int_equal(claim(s, 0xa, 0), 0);
  assert_int_equal(claim(s, 0xb, 0), 1);
  contract_exec(s, "UPDATE weir_replicas SET seen_us = seen_us - 86390000000 WHERE seat = 0");
  assert_int_equal(claim(s, 0xc, 0), 2);
  contract_exec(s, "UPDATE weir_replicas SET seen_us = seen_us - 10000000 WHERE seat = 0");
  assert_int_equal(claim(s, 0xd, 0), 0);
  EXPECT_ERR(s->ops->replicas->renew(s, 0, 0xa, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->replicas->renew(s, 0, 0xd, &test_fault));
}

static void a_renewal_is_seen_by_all(void **state) {
  struct store *s = contract_store(state);
  struct store_replica *at = NULL;
  size_t count = 0;
  struct arena a;
  assert_int_equal(claim(s, 0xdeadbeef00000001, 0), 0);
  assert_int_equal(claim(s, 0xb, 0), 1);
  contract_exec(s, "UPDATE weir_replicas SET seen_us = seen_us - 5000000");
  EXPECT_OK(s->ops->replicas->renew(s, 1, 0xb, &test_fault));
  arena_init(&a);
  EXPECT_OK(s->ops->replicas->list(s, &a, &at, &count, &test_fault));
  assert_int_equal(count, 2);
  assert_true(at[0].seat == 0 && at[0].boot == 0xdeadbeef00000001 && at[1].boot == 0xb);
  EXPECT_TEXT(at[0].name, TEXT("host/1"));
  EXPECT_TEXT(at[0].version, TEXT("0.1"));
  assert_true(at[0].started_us > 1700000000000000);
  assert_true(at[0].age_us >= 4900000 && at[1].age_us >= 0 && at[1].age_us < at[0].age_us);
  arena_done(&a);
}

static void with_every_seat_taken_the_next_is_refused(void **state) {
  struct store *s = contract_store(state);
  struct store_replica r = {.boot = 1, .name = TEXT("n"), .version = TEXT("v")};
  unsigned seat = 9999;
  contract_exec(s, "INSERT INTO weir_replicas WITH RECURSIVE t(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM t WHERE "
                   "i < 1023) SELECT i, 'b' || i, 'n', 'v', 1, 9000000000000000 FROM t");
  EXPECT_ERR(s->ops->replicas->claim(s, &r, 0, &seat, &test_fault), ERR_LIMIT);
  EXPECT_MENTIONS("1024 seats");
  assert_int_equal(seat, 9999);
}

#define CLAIMERS 8

struct claimer {
  struct store *store;
  uint64_t boot;
  unsigned seat;
};

static void *claim_in_thread(void *arg) {
  struct claimer *c = arg;
  struct store_replica r = {.boot = c->boot, .name = TEXT("n"), .version = TEXT("v")};
  struct fault f = {0};
  if (c->store->ops->replicas->claim(c->store, &r, 0, &c->seat, &f) != ERR_OK)
    c->seat = 9999;
  return NULL;
}

static void processes_that_start_together_get_seats_of_their_own(void **state) {
  struct store *s = contract_store(state);
  struct claimer claimers[CLAIMERS];
  pthread_t threads[CLAIMERS];
  unsigned seen = 0;
  for (unsigned i = 0; i < CLAIMERS; i++) {
    claimers[i] = (struct claimer){s, 100 + i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, claim_in_thread, &claimers[i]), 0);
  }
  for (unsigned i = 0; i < CLAIMERS; i++) {
    pthread_join(threads[i], NULL);
    assert_true(claimers[i].seat < CLAIMERS);
    seen |= 1u << claimers[i].seat;
  }
  assert_int_equal(seen, (1u << CLAIMERS) - 1);
}

static void what_the_first_said_stands(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct text found;
  arena_init(&a);
  EXPECT_OK(s->ops->replicas->agreed(s, TEXT("color"), &a, &found, &test_fault));
  EXPECT_TEXT(found, TEXT(""));
  EXPECT_OK(s->ops->replicas->agree(s, TEXT("color"), TEXT("green"), &a, &found, &test_fault));
  EXPECT_TEXT(found, TEXT("green"));
  EXPECT_OK(s->ops->replicas->agree(s, TEXT("color"), TEXT("red"), &a, &found, &test_fault));
  EXPECT_TEXT(found, TEXT("green"));
  EXPECT_OK(s->ops->replicas->agreed(s, TEXT("color"), &a, &found, &test_fault));
  EXPECT_TEXT(found, TEXT("green"));
  arena_done(&a);
}

/* Its journal may be all there is of some settlements: a replay must not begin at its beginning. */
static void the_position_of_a_living_replica_is_not_forgotten(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row row = make_row(1, 1, 1, 1);
  uint64_t position = 0;
  claim(s, 0xabc, 0);
  EXPECT_OK(s->ops->ledger_append(s, &row, 1, TEXT("journal/0/0000000000000abc"), 7, &test_fault));
  EXPECT_OK(s->ops->ledger_append(s, &row, 1, TEXT("journal/0/0000000000000abd"), 8, &test_fault));
  EXPECT_OK(store_ledger_forget(s, INT64_MAX, &test_fault));
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/0000000000000abc"), &position, &test_fault));
  assert_int_equal(position, 7);
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/0000000000000abd"), &position, &test_fault));
  assert_int_equal(position, 0);
}

static void only_a_server_is_shared(void **state) {
  const struct store *s = contract_store(state);
  assert_int_equal(s->ops->is_shared, strcmp(s->ops->name, "postgres") == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_lowest_free_seat_is_taken_and_the_own_one_found_again),
      CONTRACT(a_seat_is_free_after_its_lease_and_not_before),
      CONTRACT(a_renewal_is_seen_by_all),
      CONTRACT(with_every_seat_taken_the_next_is_refused),
      CONTRACT(processes_that_start_together_get_seats_of_their_own),
      CONTRACT(what_the_first_said_stands),
      CONTRACT(the_position_of_a_living_replica_is_not_forgotten),
      CONTRACT(only_a_server_is_shared),
  };
  return RUN_CONTRACT(tests);
}
