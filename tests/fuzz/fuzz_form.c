/* Forms: whatever bytes come, each value that comes out is no longer than what it came of, and it comes to an end. */
#include "control/form.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text rest = {(const char *)data, size}, name, value;
  struct arena a;
  arena_init(&a);
  for (size_t before = rest.len; form_next(&rest, &a, &name, &value); before = rest.len) {
    if (rest.len >= before || name.len + value.len > before - rest.len || text_find_char(name, '\0') >= 0)
      abort();
  }
  arena_done(&a);
  return 0;
}
