/* Dollars to the last nano, and what an answer costs. */
#include "sim/openrouter_price.h"

#include "sim_test.h"

static void dollars_are(uint64_t nano, const char *want) {
  struct buf b;
  buf_init(&b, 100);
  openrouter_put_dollars(&b, nano);
  EXPECT_TEXT(buf_text(&b), text_of(want));
  buf_done(&b);
}

static void dollars_are_decimals_without_exponent(void **state) {
  dollars_are(0, "0");
  dollars_are(1, "0.000000001");
  dollars_are(3000, "0.000003");
  dollars_are(3750, "0.00000375");
  dollars_are(1500000000, "1.5");
  dollars_are(2000000000, "2");
}

static void each_class_has_its_price(void **state) {
  struct buf b;
  buf_init(&b, 1000);
  openrouter_put_cost(
      &b, &(struct sim_usage){.input = 1000, .output = 100, .cache_read = 10, .write_5m = 4, .write_1h = 4});
  EXPECT_TEXT(buf_text(&b),
              TEXT("\"cost\":0.004533,\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":null,"
                   "\"upstream_inference_prompt_cost\":0.003033,"
                   "\"upstream_inference_completions_cost\":0.0015},"));
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dollars_are_decimals_without_exponent),
      cmocka_unit_test(each_class_has_its_price),
  };
  return RUN_TESTS(tests);
}
