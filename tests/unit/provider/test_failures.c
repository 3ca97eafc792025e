/* The published page is the one that the tables give. */
#include "provider/failures.h"

#include "provider/classify.h"
#include "provider/table.h"

#include "../base/expect.h"

static void open_page(struct buf *page) {
  buf_init(page, 1 << 20);
  failures_write_page(page);
  assert_int_equal(buf_check(page), ERR_OK);
}

static void expect_in_page(struct text page, const char *what) {
  if (text_find(page, text_of(what)) < 0)
    fail_msg("the page does not have: %s", what);
}

static void every_row_is_on_the_page(void **state) {
  static const struct provider *const all[] = {&provider_anthropic, &provider_openai, &provider_openrouter,
                                               &provider_bedrock};
  struct buf page;
  open_page(&page);
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    assert_true(all[i]->failure_count > 0);
    expect_in_page(buf_text(&page), all[i]->kind);
    for (size_t k = 0; k < all[i]->failure_count; k++) {
      const struct provider_failure *row = &all[i]->failures[k];
      assert_true(row->high != 0 || row->name != NULL || row->opening != NULL);
      expect_in_page(buf_text(&page), row->name != NULL ? row->name : row->opening != NULL ? row->opening : "403");
    }
  }
  expect_in_page(buf_text(&page), "| 400 |  | begins \"Your credit balance is too low\" | `usage_limit` |\n");
  expect_in_page(buf_text(&page), "| any | `ThrottlingException` | speaks of usage | `usage_limit` |\n");
  expect_in_page(buf_text(&page), "| 400 to 499 |  |  | `client_error` |\n");
  expect_in_page(buf_text(&page), "\"credit balance\", ");
  buf_done(&page);
}

static void every_class_says_what_follows_from_it(void **state) {
  struct buf page;
  open_page(&page);
  expect_in_page(buf_text(&page), "| `rate_limit` | calls come too fast | yes | yes | yes |\n");
  expect_in_page(buf_text(&page), "waiting does not help soon | yes | no | no |\n");
  expect_in_page(buf_text(&page),
                 "| `client_error` | it does not accept the request; returned as it is | no | no | no |\n");
  buf_done(&page);
}

static void the_published_page_is_not_old(void **state) {
  struct buf page;
  static char published[1 << 16];
  open_page(&page);
  FILE *file = fopen(TEST_FIXTURES "/../../docs/generated/failures.md", "rb");
  assert_non_null(file);
  size_t n = fread(published, 1, sizeof(published), file);
  assert_int_equal(fclose(file), 0);
  if (!text_equal(buf_text(&page), (struct text){published, n}))
    fail_msg("docs/generated/failures.md is not what the tables give: run `make docs`");
  buf_done(&page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_on_the_page),
      cmocka_unit_test(every_class_says_what_follows_from_it),
      cmocka_unit_test(the_published_page_is_not_old),
  };
  return RUN_TESTS(tests);
}
