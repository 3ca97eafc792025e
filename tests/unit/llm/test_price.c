/* Money: checked against long multiplication and division written out in 32-bit limbs. */
#include "llm/price.h"

#include "../base/expect.h"

/* out = a * b in four limbs, least significant first */
static void multiply(uint64_t a, uint64_t b, uint32_t out[5]) {
  const uint32_t x[2] = {(uint32_t)a, (uint32_t)(a >> 32)}, y[2] = {(uint32_t)b, (uint32_t)(b >> 32)};
  memset(out, 0, 5 * sizeof(uint32_t));
  for (size_t i = 0; i < 2; i++) {
    uint64_t carry = 0;
    for (size_t k = 0; k < 2; k++) {
      carry += (uint64_t)x[i] * y[k] + out[i + k];
      out[i + k] = (uint32_t)carry;
      carry >>= 32;
    }
    out[i + 2] += (uint32_t)carry;
  }
}

static void add_limbs(uint32_t sum[5], const uint32_t other[5]) {
  uint64_t carry = 0;
  for (size_t i = 0; i < 5; i++) {
    carry += (uint64_t)sum[i] + other[i];
    sum[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

/* limbs / 10^6, half up, saturated */
static int64_t divide_half_up(uint32_t limbs[5]) {
  const uint32_t half[5] = {500000};
  uint64_t rest = 0;
  add_limbs(limbs, half);
  for (size_t i = 5; i-- > 0;) {
    rest = rest << 32 | limbs[i];
    limbs[i] = (uint32_t)(rest / 1000000);
    rest %= 1000000;
  }
  if (limbs[4] || limbs[3] || limbs[2] || limbs[1] > INT32_MAX)
    return INT64_MAX;
  return (int64_t)((uint64_t)limbs[1] << 32 | limbs[0]);
}

static int64_t reference(uint64_t tokens, int64_t price) {
  uint32_t limbs[5];
  multiply(tokens, (uint64_t)price, limbs);
  return divide_half_up(limbs);
}

static uint64_t next(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

/* Small, middling and enormous numbers alike. */
static uint64_t any_size(uint64_t *seed, uint64_t most) {
  uint64_t n = next(seed) >> (next(seed) % 64);
  return n % (most + 1);
}

static struct price any_price(uint64_t *seed) {
  struct price p = {.input = (int64_t)any_size(seed, PRICE_MAX),
                    .output = (int64_t)any_size(seed, PRICE_MAX),
                    .cache_write_5m = (int64_t)any_size(seed, PRICE_MAX),
                    .cache_write_1h = (int64_t)any_size(seed, PRICE_MAX),
                    .cache_read = (int64_t)any_size(seed, PRICE_MAX)};
  p.version = price_version(&p);
  return p;
}

static struct usage any_usage(uint64_t *seed) {
  return (struct usage){.input = any_size(seed, USAGE_MAX_TOKENS),
                        .output = any_size(seed, USAGE_MAX_TOKENS),
                        .cache_write_5m = any_size(seed, USAGE_MAX_TOKENS),
                        .cache_write_1h = any_size(seed, USAGE_MAX_TOKENS),
                        .cache_read = any_size(seed, USAGE_MAX_TOKENS),
                        .known = true};
}

static int64_t saturating_sum(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

static void every_class_matches_long_arithmetic(void **state) {
  uint64_t seed = 88172645463325252ULL;
  for (int i = 0; i < 20000; i++) {
    struct price p = any_price(&seed);
    struct usage u = any_usage(&seed);
    struct cost c;
    uint32_t five[5], hour[5];
    price_cost(&p, &u, &c);
    multiply(u.cache_write_5m, (uint64_t)p.cache_write_5m, five);
    multiply(u.cache_write_1h, (uint64_t)p.cache_write_1h, hour);
    add_limbs(five, hour);
    assert_int_equal(c.input, reference(u.input, p.input));
    assert_int_equal(c.output, reference(u.output, p.output));
    assert_int_equal(c.cache_read, reference(u.cache_read, p.cache_read));
    assert_int_equal(c.cache_write, divide_half_up(five));
    assert_int_equal(c.total,
                     saturating_sum(saturating_sum(c.input, c.output), saturating_sum(c.cache_write, c.cache_read)));
    assert_true(c.known);
  }
}

static void no_split_of_the_input_costs_more_than_the_worst_case(void **state) {
  uint64_t seed = 1234567;
  for (int i = 0; i < 20000; i++) {
    struct price p = any_price(&seed);
    struct usage u = any_usage(&seed);
    struct cost c;
    price_cost(&p, &u, &c);
    uint64_t input = u.input + u.cache_write_5m + u.cache_write_1h + u.cache_read;
    if (price_worst_case(&p, input, u.output) < c.total)
      fail_msg("worst case %lld is below the cost %lld", (long long)price_worst_case(&p, input, u.output),
               (long long)c.total);
  }
}

static void the_worst_case_is_exact_where_a_product_passes_64_bits(void **state) {
  struct price p = {.input = PRICE_MAX};
  p.version = price_version(&p);
  const uint64_t last = UINT64_MAX / PRICE_MAX;
  for (uint64_t tokens = last - 2; tokens <= last + 2; tokens++)
    assert_int_equal(price_worst_case(&p, tokens, 0), (int64_t)tokens * (PRICE_MAX / 1000000) + 1);
}

static void three_halves_that_round_up_stay_below_the_worst_case(void **state) {
  struct price p = {.input = 1, .output = 1, .cache_write_5m = 1, .cache_write_1h = 1, .cache_read = 1, .version = 1};
  struct usage u = {.input = 500000, .output = 500000, .cache_write_5m = 500000, .cache_read = 500000};
  struct cost c;
  price_cost(&p, &u, &c);
  assert_int_equal(c.total, 4);
  assert_true(price_worst_case(&p, 1500000, 500000) >= 4);
}

static void half_a_nano_rounds_up_and_less_rounds_down(void **state) {
  struct price p = {.input = 1, .output = 1, .version = 1};
  struct usage u = {.input = 500000, .output = 499999};
  struct cost c;
  price_cost(&p, &u, &c);
  assert_int_equal(c.input, 1);
  assert_int_equal(c.output, 0);
  assert_int_equal(c.total, 1);
}

static void a_known_example_comes_out_to_the_nano(void **state) {
  /* 3.00 / 15.00 / 3.75 / 6.00 / 0.30 USD per million */
  struct price p = {.input = 3000000000,
                    .output = 15000000000,
                    .cache_write_5m = 3750000000,
                    .cache_write_1h = 6000000000,
                    .cache_read = 300000000};
  struct usage u = {.input = 7, .output = 9, .cache_write_5m = 500, .cache_write_1h = 1000, .cache_read = 20480};
  struct cost c;
  p.version = price_version(&p);
  price_cost(&p, &u, &c);
  assert_int_equal(c.input, 21000);
  assert_int_equal(c.output, 135000);
  assert_int_equal(c.cache_write, 1875000 + 6000000);
  assert_int_equal(c.cache_read, 6144000);
  assert_int_equal(c.total, 14175000);
}

static void an_unknown_price_costs_nothing_and_says_so(void **state) {
  struct price p = {.input = 5, .output = 5};
  struct usage u = {.input = 1000000, .output = 1000000};
  struct cost c = {.total = 77, .known = true};
  price_cost(&p, &u, &c);
  assert_false(c.known);
  assert_int_equal(c.total, 0);
  c.known = true;
  price_cost(NULL, &u, &c);
  assert_false(c.known);
  assert_int_equal(price_worst_case(NULL, 1, 1), 0);
  assert_int_equal(price_worst_case(&p, 1, 1), 0);
}

static void a_price_of_zero_is_known_and_free(void **state) {
  struct price p = {0};
  struct usage u = {.input = 1000000, .output = 1000000};
  struct cost c;
  p.version = price_version(&p);
  price_cost(&p, &u, &c);
  assert_true(c.known);
  assert_int_equal(c.total, 0);
  assert_int_equal(price_worst_case(&p, 1000, 1000), 0);
}

static void enormous_counts_saturate(void **state) {
  struct price p = {.input = PRICE_MAX,
                    .output = PRICE_MAX,
                    .cache_write_5m = PRICE_MAX,
                    .cache_write_1h = PRICE_MAX,
                    .cache_read = PRICE_MAX,
                    .version = 1};
  struct usage u = {.input = UINT64_MAX,
                    .output = UINT64_MAX,
                    .cache_write_5m = UINT64_MAX,
                    .cache_write_1h = UINT64_MAX,
                    .cache_read = UINT64_MAX};
  struct cost c;
  price_cost(&p, &u, &c);
  assert_int_equal(c.input, INT64_MAX);
  assert_int_equal(c.total, INT64_MAX);
  assert_int_equal(price_worst_case(&p, UINT64_MAX, UINT64_MAX), INT64_MAX);
}

static void the_version_changes_with_every_number_and_never_is_zero(void **state) {
  const struct price base = {.input = 1, .output = 2, .cache_write_5m = 3, .cache_write_1h = 4, .cache_read = 5};
  uint32_t version = price_version(&base);
  struct price changed[5] = {base, base, base, base, base};
  changed[0].input++;
  changed[1].output++;
  changed[2].cache_write_5m++;
  changed[3].cache_write_1h++;
  changed[4].cache_read++;
  for (size_t i = 0; i < 5; i++)
    assert_int_not_equal(price_version(&changed[i]), version);
  struct price same = base;
  same.version = 99;
  assert_int_equal(price_version(&same), version);
  for (int64_t n = 0; n < 10000; n++)
    assert_int_not_equal(price_version(&(struct price){.input = n}), 0);
}

static void prices_are_written_as_short_decimals(void **state) {
  const struct {
    int64_t nano;
    const char *text;
  } cases[] = {{0, "0"},
               {1, "0.000000001"},
               {3000000000, "3"},
               {3750000000, "3.75"},
               {300000000, "0.3"},
               {10000000000, "10"},
               {PRICE_MAX, "1000000"},
               {-3750000000, "-3.75"},
               {INT64_MAX, "9223372036.854775807"},
               {INT64_MIN, "-9223372036.854775808"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[PRICE_TEXT_BYTES];
    assert_int_equal(price_text(cases[i].nano, text), strlen(cases[i].text));
    assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_class_matches_long_arithmetic),
      cmocka_unit_test(no_split_of_the_input_costs_more_than_the_worst_case),
      cmocka_unit_test(the_worst_case_is_exact_where_a_product_passes_64_bits),
      cmocka_unit_test(three_halves_that_round_up_stay_below_the_worst_case),
      cmocka_unit_test(half_a_nano_rounds_up_and_less_rounds_down),
      cmocka_unit_test(a_known_example_comes_out_to_the_nano),
      cmocka_unit_test(an_unknown_price_costs_nothing_and_says_so),
      cmocka_unit_test(a_price_of_zero_is_known_and_free),
      cmocka_unit_test(enormous_counts_saturate),
      cmocka_unit_test(the_version_changes_with_every_number_and_never_is_zero),
      cmocka_unit_test(prices_are_written_as_short_decimals),
  };
  return RUN_TESTS(tests);
}
