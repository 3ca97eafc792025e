/* When to come back, by headers of any content: a wait within its bounds or none, and forms that agree with each other.
 */
#include "provider/retry_after.h"

#include <stdlib.h>

#define DAY_US INT64_C(86400000000)
#define NOW_US INT64_C(1800000000000000)
#define MOST   16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line alone, as each form; then all of them as headers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct provider_header headers[MOST];
  struct text rest = {(const char *)data, size}, line;
  size_t count = 0;
  int64_t us;
  while (count < MOST && text_cut(rest, '\n', &line, &rest))
    if (text_cut(line, ':', &headers[count].name, &headers[count].value))
      count++;
  for (size_t i = 0; i < count; i++) {
    struct text value = text_trim(headers[i].value);
    if (retry_after_duration(value, &us) && (us < 0 || us > DAY_US))
      abort();
    if (retry_after_http_date(value, NOW_US, &us) && (us < 0 || us % 1000000 != 0))
      abort();
    if (retry_after_rfc3339(value, &us) && retry_after_duration(value, &us))
      abort();
  }
  us = provider_retry_after_us(headers, count, NOW_US);
  if (us < -1 || us > DAY_US)
    abort();
  return 0;
}
