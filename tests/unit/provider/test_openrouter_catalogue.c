/* OpenRouter's list of models: exact prices, missing parts, damaged lists. */
#include "provider/openrouter_catalogue.h"

#include "../base/expect.h"

#include <stdio.h>
#include <string.h>

static struct llm_catalogue *read_ok(const char *body) {
  struct llm_catalogue *c = NULL;
  struct fault f = {0};
  enum err e = openrouter_catalogue_read(text_of(body), &c, &f);
  if (e)
    fail_msg("%s: %s, of %s", err_name(e), fault_text(&f), body);
  return c;
}

static void a_model_has_its_prices_sizes_and_name(void **state) {
  struct llm_catalogue *c =
      read_ok("{\"data\":[{\"id\":\"z/other\",\"name\":\"Other\",\"pricing\":{\"prompt\":\"0\",\"completion\":\"0\"}},"
              "{\"id\":\"a/claude\",\"canonical_slug\":\"a/claude-1\",\"name\":\"A: Claude\",\"created\":1760000000,"
              "\"description\":\"text\",\"context_length\":200000,\"architecture\":{\"modality\":\"text->text\"},"
              "\"pricing\":{\"prompt\":\"0.000003\",\"completion\":\"0.000015\",\"request\":\"0\",\"image\":\"0.0048\","
              "\"input_cache_read\":\"0.0000003\",\"input_cache_write\":\"0.00000375\"},"
              "\"top_provider\":{\"context_length\":1000000,\"max_completion_tokens\":64000,\"is_moderated\":true},"
              "\"per_request_limits\":null,\"supported_parameters\":[\"tools\"]}]}");
  assert_int_equal(c->count, 2);
  const struct llm_catalogue_model *m = llm_catalogue_find(c, TEXT("a/claude"));
  assert_non_null(m);
  EXPECT_TEXT(m->name, TEXT("A: Claude"));
  assert_int_equal(m->context_tokens, 200000);
  assert_int_equal(m->max_output_tokens, 64000);
  assert_int_equal(m->created_s, 1760000000);
  assert_int_equal(m->price.input, 3000000000);
  assert_int_equal(m->price.output, 15000000000);
  assert_int_equal(m->price.cache_read, 300000000);
  assert_int_equal(m->price.cache_write_5m, 3750000000);
  assert_int_equal(m->price.cache_write_1h, 3750000000);
  assert_int_equal(m->price.version, price_version(&m->price));
  m = llm_catalogue_find(c, TEXT("z/other"));
  assert_int_equal(m->price.output, 0);
  assert_int_not_equal(m->price.version, 0); /* free of charge is a known price */
  llm_catalogue_drop(c);
}

static void prices_are_read_digit_by_digit(void **state) {
  const struct {
    const char *text;
    int64_t want; /* -1: not a price */
  } cases[] = {
      {"\"0.000000000000001\"", 1},
      {"\"0.0000000000000014999\"", 1},
      {"\"0.0000000000000015\"", 2},
      {"\"0.0000000000000004\"", 0},
      {"\"0.0000008\"", 800000000},
      {"\"3e-06\"", 3000000000},
      {"\"3E-6\"", 3000000000},
      {"\"1.25e-7\"", 125000000},
      {"\"0.00001e+1\"", 100000000000},
      {"\"1\"", PRICE_MAX},
      {"\"1.0\"", PRICE_MAX},
      {"\".5\"", PRICE_MAX / 2},
      {"\"00.00\"", 0},
      {"0.000002", 2000000000},
      {"2e-6", 2000000000},
      {"0", 0},
      {"\"1.000000000000001\"", -1},
      {"\"0.9999999999999999\"", PRICE_MAX},
      {"\"99999999999999999999999999\"", -1},
      {"\"-1\"", -1},
      {"-1", -1},
      {"\"\"", -1},
      {"\".\"", -1},
      {"\"1.2.3\"", -1},
      {"\"1e\"", -1},
      {"\"1e999999999999999999999\"", -1},
      {"\"0e64\"", 0},
      {"\"0x10\"", -1},
      {"\"1 \"", -1},
      {"\"nan\"", -1},
      {"null", -1},
      {"{}", -1},
      {"true", -1},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char body[256];
    (void)snprintf(body, sizeof(body), "{\"data\":[{\"id\":\"m\",\"pricing\":{\"prompt\":%s,\"completion\":\"0\"}}]}",
                   cases[i].text);
    struct llm_catalogue *c = read_ok(body);
    const struct price *p = &llm_catalogue_find(c, TEXT("m"))->price;
    int64_t got = p->version ? p->input : -1;
    if (got != cases[i].want)
      fail_msg("%s gave %lld, expected %lld", cases[i].text, (long long)got, (long long)cases[i].want);
    llm_catalogue_drop(c);
  }
}

static void what_is_not_said_is_not_known(void **state) {
  struct llm_catalogue *c = read_ok("{\"data\":[{\"id\":\"a\"},{\"id\":\"b\",\"pricing\":{\"prompt\":\"0.5\"}},"
                                    "{\"id\":\"c\",\"context_length\":null,\"created\":\"then\",\"name\":7,"
                                    "\"top_provider\":{\"context_length\":7,\"max_completion_tokens\":-4},"
                                    "\"pricing\":{\"prompt\":\"0.000001\",\"completion\":\"0.000002\"}}]}");
  assert_int_equal(llm_catalogue_find(c, TEXT("a"))->price.version, 0);
  assert_int_equal(llm_catalogue_find(c, TEXT("b"))->price.version, 0);
  const struct llm_catalogue_model *m = llm_catalogue_find(c, TEXT("c"));
  assert_int_equal(m->context_tokens, 7);
  assert_int_equal(m->max_output_tokens, 0);
  assert_int_equal(m->created_s, 0);
  EXPECT_TEXT(m->name, TEXT(""));
  assert_int_equal(m->price.cache_read, 1000000000);
  assert_int_equal(m->price.cache_write_5m, 1000000000);
  assert_int_equal(m->price.cache_write_1h, 1000000000);
  llm_catalogue_drop(c);
}

static void entries_without_a_usable_id_are_left_out(void **state) {
  char body[600];
  (void)snprintf(body, sizeof(body), "{\"data\":[7,{\"name\":\"x\"},{\"id\":\"\"},{\"id\":\"%0300d\"},{\"id\":\"a\"}]}",
                 1);
  struct llm_catalogue *c = read_ok(body);
  assert_int_equal(c->count, 1);
  assert_non_null(llm_catalogue_find(c, TEXT("a")));
  llm_catalogue_drop(c);
}

static void an_empty_list_is_a_list(void **state) {
  struct llm_catalogue *c = read_ok("{\"data\":[]}");
  assert_int_equal(c->count, 0);
  llm_catalogue_drop(c);
}

static void what_is_not_a_list_of_models_is_refused(void **state) {
  const char *bodies[] = {"",
                          "<html>",
                          "null",
                          "[]",
                          "{}",
                          "{\"data\":{}}",
                          "{\"data\":[{\"name\":1},3]}",
                          "{\"data\":[",
                          "{\"error\":{\"message\":\"no\",\"code\":401}}"};
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    struct llm_catalogue *c = NULL;
    struct fault f = {0};
    enum err e = openrouter_catalogue_read(text_of(bodies[i]), &c, &f);
    if (e != ERR_UPSTREAM_PROTOCOL || c)
      fail_msg("%s gave %s", bodies[i], err_name(e));
    assert_true(strlen(f.text) > 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_model_has_its_prices_sizes_and_name),
      cmocka_unit_test(prices_are_read_digit_by_digit),
      cmocka_unit_test(what_is_not_said_is_not_known),
      cmocka_unit_test(entries_without_a_usable_id_are_left_out),
      cmocka_unit_test(an_empty_list_is_a_list),
      cmocka_unit_test(what_is_not_a_list_of_models_is_refused),
  };
  return RUN_TESTS(tests);
}
