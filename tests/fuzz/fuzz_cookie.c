/* The Cookie header: whatever bytes come, a value that comes out is a part of them without a semicolon or space around
 * it, there is none where two have its name, and a pair put behind is found unless its name was there. */
#include "identity/cookie.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct text header, struct text value) {
  if (value.len == 0 || value.at < header.at || value.at + value.len > header.at + header.len)
    abort();
  if (text_find_char(value, ';') >= 0 || !text_equal(text_trim(value), value))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text header = {(const char *)data, size}, value = TEXT_NONE;
  const char *name = cookie_name(COOKIE_ACCESS, true);
  char *twice = malloc(2 * size + 64);
  if (!twice)
    abort();
  bool found = cookie_find(header, name, &value);
  if (found)
    check_value(header, value);
  memcpy(twice, header.at ? header.at : "", size);
  int n = snprintf(twice + size, 64, ";%s=mine", name);
  struct text more = {twice, size + (size_t)n}, second = TEXT_NONE;
  bool both = cookie_find(more, name, &second);
  if (found && both) /* of two nobody can say which */
    abort();
  if (both && !text_equal(second, TEXT("mine")))
    abort();
  free(twice);
  return 0;
}
