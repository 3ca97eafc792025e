/* Helpers of the provider tests: one call addressed, its headers found. */
#ifndef TESTS_UNIT_PROVIDER_TEST_H
#define TESTS_UNIT_PROVIDER_TEST_H

#include "../base/expect.h"

#include "ports/provider.h"

static inline struct text header_of(const struct provider_target *t, const char *name) {
  struct text found = TEXT_NONE;
  for (size_t i = 0; i < t->header_count; i++)
    if (text_equal_nocase(t->headers[i].name, text_of(name))) {
      assert_int_equal(found.len, 0); /* never twice */
      found = t->headers[i].value;
    }
  return found;
}

static inline struct provider_target address_ok(const struct provider *p, struct provider_call c, struct arena *a) {
  struct provider_target t = {0};
  struct fault f = {0};
  enum err e = p->address(&c, a, &t, &f);
  if (e)
    fail_msg("refused: %s", fault_text(&f));
  return t;
}

#endif
