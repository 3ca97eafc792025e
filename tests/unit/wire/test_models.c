/* Model lists in both dialects. */
#include "wire/wire.h"

#include "wire_test.h"

static const struct wire_model full = {.id = {"claude-sonnet", 13},
                                       .display_name = {"Claude \"Sonnet\"", 15},
                                       .owned_by = {"anthropic", 9},
                                       .context_tokens = 200000,
                                       .max_output_tokens = 64000,
                                       .input_price = 3000000000,
                                       .output_price = 15500000000,
                                       .created_s = 1759104000};
static const struct wire_model bare = {.id = {"local", 5}, .input_price = -1, .output_price = -1};

#define FULL_ANTHROPIC                                                                                                 \
  "{\"type\":\"model\",\"id\":\"claude-sonnet\",\"display_name\":\"Claude "                                            \
  "\\\"Sonnet\\\"\",\"created_at\":\"2025-09-29T00:00:00Z\","                                                          \
  "\"max_input_tokens\":200000,\"max_tokens\":64000,\"pricing\":{\"input\":\"3\",\"output\":\"15.5\"}}"
#define BARE_ANTHROPIC                                                                                                 \
  "{\"type\":\"model\",\"id\":\"local\",\"display_name\":\"local\",\"created_at\":\"1970-01-01T00:00:00Z\"}"
#define FULL_OPENAI                                                                                                    \
  "{\"id\":\"claude-sonnet\",\"object\":\"model\",\"created\":1759104000,\"owned_by\":\"anthropic\",\"context_"        \
  "window\":200000,"                                                                                                   \
  "\"max_output_tokens\":64000,\"pricing\":{\"input\":\"3\",\"output\":\"15.5\"}}"
#define BARE_OPENAI "{\"id\":\"local\",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir\"}"

static void the_anthropic_list_has_its_page_ids(void **state) {
  const struct wire_model models[] = {full, bare};
  struct buf b;
  buf_init(&b, 4096);
  wire_anthropic_write_models(&b, models, 2, true);
  expect_json(buf_text(&b), "{\"data\":[" FULL_ANTHROPIC "," BARE_ANTHROPIC
                            "],\"has_more\":true,\"first_id\":\"claude-sonnet\",\"last_id\":\"local\"}");
  buf_reset(&b);
  wire_anthropic_write_models(&b, NULL, 0, false);
  expect_json(buf_text(&b), "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
  buf_reset(&b);
  wire_anthropic_write_model(&b, &full);
  expect_json(buf_text(&b), FULL_ANTHROPIC);
  buf_done(&b);
}

static void the_openai_list_is_a_list_object(void **state) {
  const struct wire_model models[] = {full, bare};
  struct buf b;
  buf_init(&b, 4096);
  wire_openai_write_models(&b, models, 2);
  expect_json(buf_text(&b), "{\"object\":\"list\",\"data\":[" FULL_OPENAI "," BARE_OPENAI "]}");
  buf_reset(&b);
  wire_openai_write_models(&b, NULL, 0);
  expect_json(buf_text(&b), "{\"object\":\"list\",\"data\":[]}");
  buf_reset(&b);
  wire_openai_write_model(&b, &bare);
  expect_json(buf_text(&b), BARE_OPENAI);
  buf_done(&b);
}

static void one_known_price_stands_alone_and_free_is_not_unknown(void **state) {
  struct wire_model m = bare;
  struct buf b;
  m.output_price = 0;
  buf_init(&b, 4096);
  wire_openai_write_model(&b, &m);
  expect_json(
      buf_text(&b),
      "{\"id\":\"local\",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir\",\"pricing\":{\"output\":\"0\"}}");
  buf_done(&b);
}

static void times_outside_rfc3339_read_as_the_epoch(void **state) {
  const int64_t times[] = {-1, INT64_MIN, INT64_MAX, 253402300800};
  for (size_t i = 0; i < 4; i++) {
    struct wire_model m = bare;
    struct buf b;
    m.created_s = times[i];
    buf_init(&b, 4096);
    wire_anthropic_write_model(&b, &m);
    expect_json(buf_text(&b), BARE_ANTHROPIC);
    buf_done(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_anthropic_list_has_its_page_ids),
      cmocka_unit_test(the_openai_list_is_a_list_object),
      cmocka_unit_test(one_known_price_stands_alone_and_free_is_not_unknown),
      cmocka_unit_test(times_outside_rfc3339_read_as_the_epoch),
  };
  return RUN_TESTS(tests);
}
