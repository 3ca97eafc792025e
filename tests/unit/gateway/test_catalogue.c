/* A vendor's list of models: fetched when it is first needed, kept for a while, and what it says is used where the
 * configuration says nothing. */
#include "gateway_ask.h"

#include "gateway/catalogue.h"
#include "traffic/catalogue.h"

#define LIST                                                                                                           \
  "{\"data\":[{\"id\":\"vendor/one\",\"name\":\"One\",\"created\":5,\"context_length\":1000,\"pricing\":{\"prompt\":"  \
  "\"0.000003\",\"completion\":\"0.000015\"},\"top_provider\":{\"max_completion_tokens\":77}},"                        \
  "{\"id\":\"vendor/two\",\"name\":\"Two\",\"pricing\":{\"prompt\":\"0\",\"completion\":\"0\"}}]}"
#define VIA_ROUTER "{\"model\":\"router/vendor/one\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static unsigned lists;

static void play_router(struct upstream *up, struct stream *s) {
  struct world *w = up->data;
  bool is_list = strncmp(up->request, "GET /api/v1/models ", 19) == 0;
  lists += is_list;
  (void)say(up, s, is_list ? json_answer(w, up->gate > 0 ? 500 : 200, LIST) : json_answer(w, 200, COMPLETION));
}

static void with_catalogue(struct world *w) {
  lists = 0;
  w->gateway.catalogues = catalogues_new(4);
  w->gateway.store = w->store; /* a real one, which keeps lists */
  w->up[0].play = play_router;
  w->up[0].data = w;
}

static void priced(struct world *w) {
  with_catalogue(w);
  CHECK_INT(ask_chat(w, VIA_ROUTER), 200);
  CHECK_INT(lists, 1);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.cost.known, 1);
  CHECK_INT(row.cost.total, COST_OF_MESSAGE);
  CHECK_INT(ask_chat(w, VIA_ROUTER), 200);
  CHECK_INT(lists, 1);
  CHECK_INT(ask(w, "GET /v1/models", X_API_KEY, TEXT_NONE), 200);
  CHECK_BODY_HAS(w, "\"router/vendor/two\"");
  CHECK_INT(lists, 1);
  catalogues_free(w->gateway.catalogues);
  w->gateway.catalogues = NULL;
}
static void test_a_list_is_fetched_once_and_prices_what_is_called(void **state) { run_world(priced, NULL); }

static void failing(struct world *w) {
  with_catalogue(w);
  w->up[0].gate = 1;
  CHECK_INT(ask_chat(w, VIA_ROUTER), 200);
  CHECK_INT(lists, 1);
  CHECK_INT(newest_row(w, 0).cost.known, 0);
  /* A failure is not repeated with every call. */
  CHECK_INT(ask_chat(w, VIA_ROUTER), 200);
  CHECK_INT(lists, 1);
  catalogues_free(w->gateway.catalogues);
  w->gateway.catalogues = NULL;
}
static void test_without_a_list_calls_go_on_and_prices_are_unknown(void **state) { run_world(failing, NULL); }

/* What the list of a process that has just begun to be old is replaced by. */
static void shared(struct world *w) {
  static const struct text newer = TEXT("{\"data\":[{\"id\":\"vendor/three\",\"name\":\"Three\"}]}");
  struct arena a;
  struct store_catalogue kept;
  struct fault f = {0};
  with_catalogue(w);
  CHECK_INT(ask_chat(w, VIA_ROUTER), 200);
  CHECK_INT(lists, 1);
  struct text vendor = w->worker.snapshot->config->providers[4].base_url;
  arena_init(&a);
  CHECK_INT(w->gateway.store->ops->catalogues->get(w->gateway.store, vendor, &a, &kept, &f), ERR_OK);
  CHECK_INT(text_equal(kept.body, TEXT(LIST)), 1);
  arena_done(&a);
  CHECK_INT(w->gateway.store->ops->catalogues->put(w->gateway.store, vendor, newer, &f), ERR_OK);
  catalogues_failed(w->gateway.catalogues, vendor, loop_clock_us() - CATALOGUE_RETRY_US); /* it is due */
  CHECK_INT(ask(w, "GET /v1/models", X_API_KEY, TEXT_NONE), 200);
  CHECK_BODY_HAS(w, "\"router/vendor/one\"");
  for (int i = 0; i < 500 && text_find(wire_text(w->c), TEXT("vendor/three")) < 0; i++) {
    CHECK_INT(fiber_sleep(2000), ERR_OK);
    CHECK_INT(ask(w, "GET /v1/models", X_API_KEY, TEXT_NONE), 200);
  }
  CHECK_BODY_HAS(w, "\"router/vendor/three\"");
  CHECK_INT(lists, 1);
  catalogues_free(w->gateway.catalogues);
  w->gateway.catalogues = NULL;
}
static void test_what_another_replica_has_fetched_is_taken_from_the_store(void **state) { run_world(shared, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_list_is_fetched_once_and_prices_what_is_called),
      cmocka_unit_test(test_what_another_replica_has_fetched_is_taken_from_the_store),
      cmocka_unit_test(test_without_a_list_calls_go_on_and_prices_are_unknown),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
