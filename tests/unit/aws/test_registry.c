/* One source for one credential, whoever asks, for as long as somebody holds it. */
#include "aws/registry.h"

#include "base/random.h"
#include "base/secret.h"
#include "sigv4_example.h"

static struct aws_source_options fixed(struct text id) {
  return (struct aws_source_options){.kind = AWS_SOURCE_STATIC,
                                     .fixed = {.access_key_id = id, .secret_access_key = TEXT("s")}};
}

static void test_the_same_credential_is_the_same_source(void **state) {
  struct aws_source_options o = fixed(TEXT("id")), other = fixed(TEXT("other"));
  struct aws_source *first = aws_registry_find(TEXT("p"), TEXT("c"), &o);
  struct aws_source *again = aws_registry_find(TEXT("p"), TEXT("c"), &o);
  struct aws_source *others[] = {
      aws_registry_find(TEXT("q"), TEXT("c"), &o), aws_registry_find(TEXT("p"), TEXT("d"), &o),
      aws_registry_find(TEXT("pc"), TEXT(""), &o), aws_registry_find(TEXT("p"), TEXT("c"), &other)};
  assert_non_null(first);
  assert_ptr_equal(first, again);
  for (size_t i = 0; i < 4; i++) {
    assert_non_null(others[i]);
    assert_ptr_not_equal(first, others[i]);
    aws_registry_release(others[i]);
  }
  aws_registry_release(first);
  aws_registry_release(again);
}

static void test_a_source_lives_while_somebody_holds_it(void **state) {
  struct aws_source_options o = fixed(TEXT("id"));
  struct arena a = {0};
  struct aws_credentials c;
  bool stale;
  struct aws_source *old = aws_registry_find(TEXT("p"), TEXT("c"), &o);
  struct aws_source *reloaded = aws_registry_find(TEXT("p"), TEXT("c"), &o);
  aws_registry_release(old);
  assert_int_equal(aws_source_get(reloaded, 1, &a, &c, &stale), ERR_OK);
  assert_text(c.access_key_id, TEXT("id"));
  aws_registry_release(reloaded);
  aws_registry_release(NULL);
  arena_done(&a);
}

static void test_there_is_an_end_to_sources(void **state) {
  static struct aws_source *all[AWS_REGISTRY_MAX];
  struct aws_source_options o = fixed(TEXT("id"));
  char name[16];
  for (size_t i = 0; i < AWS_REGISTRY_MAX; i++) {
    snprintf(name, sizeof(name), "%zu", i);
    all[i] = aws_registry_find(text_of(name), TEXT("c"), &o);
    assert_non_null(all[i]);
  }
  assert_null(aws_registry_find(TEXT("one more"), TEXT("c"), &o));
  for (size_t i = 0; i < AWS_REGISTRY_MAX; i++)
    aws_registry_release(all[i]);
  struct aws_source *again = aws_registry_find(TEXT("one more"), TEXT("c"), &o);
  assert_non_null(again);
  aws_registry_release(again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_same_credential_is_the_same_source),
      cmocka_unit_test(test_a_source_lives_while_somebody_holds_it),
      cmocka_unit_test(test_there_is_an_end_to_sources),
  };
  random_start();
  secret_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
