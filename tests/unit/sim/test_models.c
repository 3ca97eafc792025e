/* The listed models. */
#include "sim/models.h"

#include "sim/behaviour.h"
#include "sim_test.h"

static void every_listed_model_is_a_behaviour(void **state) {
  static const struct behaviour plain;
  size_t plain_ones = 0;
  for (size_t i = 0; i < SIM_MODELS_COUNT; i++) {
    struct behaviour b = behaviour_of_model(text_of(sim_models[i]));
    plain_ones += memcmp(&b, &plain, sizeof(b)) == 0;
  }
  assert_int_equal(plain_ones, 2); /* sim-text and sim-image say nothing special */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_listed_model_is_a_behaviour)};
  return RUN_TESTS(tests);
}
