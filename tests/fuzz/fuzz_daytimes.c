/* Times of the day: what is accepted has a latest moment within the last two days, and a list is as good as its parts.
 */
#include "base/daytimes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const int64_t now_us = INT64_C(1796040000000000);
  struct text input = {(const char *)data, size};
  int64_t at_us = daytimes_latest(input, now_us);
  if (daytimes_are_valid(input) ? at_us > now_us || at_us < now_us - INT64_C(2) * 86400 * 1000000 : at_us != 0)
    abort();
  return 0;
}
