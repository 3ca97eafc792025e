/* Vendors' lists of models are fetched once, kept in the store, and there for a process that starts without the vendor.
 */
#include "app/catalogues.h"

#include "../store/expect.h"

#include "config/errors.h"
#include "fiber/loop.h"
#include "provider/table.h"
#include "sim/background.h"

static struct config *config;
static struct store *store;
static struct sim_background *sim;

static struct config *get_config(void *ctx) { return config_ref(config); }
static enum err go_on(void *data, struct fault *f) { return ERR_OK; }
static enum err stop(void *data, struct fault *f) { return fault_set(f, ERR_CANCELLED, NULL, "enough"); }
static const struct catalogue_watch watch = {go_on, NULL}, stopped = {stop, NULL};

static void use(const char *providers) {
  static struct config_errors errors;
  config_unref(config);
  config = NULL;
  if (config_load_text(text_of(providers), "weir.yaml", NULL, &config, &errors) != ERR_OK)
    fail_msg("%s", errors.at[0].text);
}

/* Two providers at one address, and one without a list. */
static void use_vendor(const char *base) {
  char text[2048];
  snprintf(text, sizeof(text),
           "providers:\n"
           "  - { name: router, kind: openrouter, base_url: \"%s/api/v1\", credentials: [ { name: a, api_key: k } ] }\n"
           "  - { name: again, kind: openrouter, base_url: \"%s/api/v1\", credentials: [ { name: a, api_key: k } ] }\n"
           "  - { name: plain, kind: openai, base_url: \"%s/v1\", credentials: [ { name: a, api_key: k } ] }\n",
           base, base, base);
  use(text);
}

static int with_world(void **state) {
  test_fault = (struct fault){0};
  store = open_memory();
  EXPECT_OK(sim_background_start(&(struct sim_options){0}, &sim, &test_fault));
  use_vendor(sim_background_url(sim));
  return 0;
}

static int end_world(void **state) {
  sim_background_stop(sim);
  sim = NULL;
  store->ops->close(store);
  config_unref(config);
  config = NULL;
  return 0;
}

/* A process of its own: nothing in memory yet. */
static struct catalogue_desk process(void) {
  struct catalogue_desk d;
  const struct catalogue_desk_options o = {get_config, NULL, store, catalogues_new(16), provider_find};
  catalogue_desk_init(&d, &o);
  return d;
}

static size_t models_of(struct catalogue_desk *d, bool *out_due) {
  struct llm_catalogue *list =
      catalogues_get(d->options.catalogues, config->providers[0].base_url, loop_clock_us(), out_due);
  size_t count = list ? list->count : 0;
  llm_catalogue_drop(list);
  return count;
}

static void a_list_is_fetched_once_and_there_when_the_vendor_is_gone(void **state) {
  struct catalogue_desk first = process(), second = process();
  struct catalogue_refreshed done;
  bool due = true;
  EXPECT_OK(first.port.run(&first.port, &watch, &done, &test_fault));
  assert_int_equal(done.vendors, 1);
  assert_int_equal(done.failed, 0);
  size_t models = models_of(&first, &due);
  assert_true(models > 0);
  assert_false(due);
  sim_background_stop(sim);
  sim = NULL;
  catalogue_desk_load(&second, TEXT_NONE);
  assert_int_equal(models_of(&second, &due), models);
  assert_false(due);
  catalogues_free(first.options.catalogues);
  catalogues_free(second.options.catalogues);
}

static void a_list_that_is_old_is_used_and_fetched_again(void **state) {
  struct catalogue_desk first = process(), second = process();
  struct catalogue_refreshed done;
  struct store_catalogue kept;
  struct arena a;
  bool due = false;
  EXPECT_OK(first.port.run(&first.port, &watch, &done, &test_fault));
  arena_init(&a);
  EXPECT_OK(store->ops->catalogues->get(store, config->providers[0].base_url, &a, &kept, &test_fault));
  assert_true(kept.age_us < CATALOGUE_FRESH_US);
  arena_done(&a);
  catalogue_desk_load(&second, TEXT_NONE);
  struct llm_catalogue *list =
      catalogues_get(second.options.catalogues, config->providers[0].base_url,
                     loop_clock_us() + CATALOGUE_FRESH_US - kept.age_us + INT64_C(60000000), &due);
  assert_non_null(list);
  assert_true(due);
  llm_catalogue_drop(list);
  catalogues_free(first.options.catalogues);
  catalogues_free(second.options.catalogues);
}

static void a_vendor_that_fails_costs_nothing_that_was_kept(void **state) {
  struct catalogue_desk d = process(), later = process();
  struct catalogue_refreshed done = {.vendors = 77};
  bool due;
  EXPECT_OK(d.port.run(&d.port, &watch, &done, &test_fault));
  sim_background_stop(sim);
  sim = NULL;
  done.vendors = 77;
  assert_int_not_equal(d.port.run(&d.port, &watch, &done, &test_fault), ERR_OK);
  assert_int_equal(done.vendors, 77);
  assert_true(models_of(&d, &due) > 0);
  catalogue_desk_load(&later, TEXT_NONE);
  assert_true(models_of(&later, &due) > 0);
  catalogues_free(d.options.catalogues);
  catalogues_free(later.options.catalogues);
}

static void what_is_no_list_is_not_kept(void **state) {
  struct catalogue_desk d = process(), later = process();
  struct catalogue_refreshed done;
  char base[256];
  bool due;
  snprintf(base, sizeof(base), "%s/nowhere", sim_background_url(sim));
  use_vendor(base);
  assert_int_not_equal(d.port.run(&d.port, &watch, &done, &test_fault), ERR_OK);
  EXPECT_OK(store->ops->catalogues->put(store, config->providers[0].base_url, TEXT("<html>"), &test_fault));
  catalogue_desk_load(&later, TEXT_NONE);
  assert_int_equal(models_of(&later, &due), 0);
  assert_true(due);
  catalogues_free(d.options.catalogues);
  catalogues_free(later.options.catalogues);
}

static void it_can_be_stopped_and_has_nothing_to_do_without_vendors(void **state) {
  struct catalogue_desk d = process();
  struct catalogue_refreshed done;
  EXPECT_ERR(d.port.run(&d.port, &stopped, &done, &test_fault), ERR_CANCELLED);
  use("workers: 1\n");
  EXPECT_OK(d.port.run(&d.port, &stopped, &done, &test_fault));
  assert_int_equal(done.vendors, 0);
  catalogues_free(d.options.catalogues);
}

static void a_list_is_taken_when_it_is_told_of(void **state) {
  struct catalogue_desk first = process(), second = process();
  struct catalogue_refreshed done;
  bool due;
  EXPECT_OK(first.port.run(&first.port, &watch, &done, &test_fault));
  catalogue_desk_load(&second, TEXT("https://elsewhere/api/v1")); /* of a vendor that this one does not have */
  assert_int_equal(models_of(&second, &due), 0);
  catalogue_desk_load(&second, config->providers[0].base_url);
  assert_int_equal(models_of(&second, &due), models_of(&first, &due));
  assert_false(due);
  catalogues_free(first.options.catalogues);
  catalogues_free(second.options.catalogues);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, with_world, end_world)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_WORLD(a_list_is_fetched_once_and_there_when_the_vendor_is_gone),
      IN_WORLD(a_list_that_is_old_is_used_and_fetched_again),
      IN_WORLD(a_vendor_that_fails_costs_nothing_that_was_kept),
      IN_WORLD(what_is_no_list_is_not_kept),
      IN_WORLD(a_list_is_taken_when_it_is_told_of),
      IN_WORLD(it_can_be_stopped_and_has_nothing_to_do_without_vendors),
  };
  return RUN_TESTS(tests);
}
