/* Schedules as times of the day or in cron's notation: whatever is accepted has its next moments in order, and the last
 * moment before each but the first is the one before it. */
#include "base/recurrence.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A zone that is put forward and back by an hour every half year. */
static int64_t offset_s(void *ctx, int64_t at_s) { return at_s / 15552000 % 2 ? 7200 : 3600; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cron_zone zone = {offset_s, NULL};
  struct recurrence r;
  struct fault f = {0};
  int64_t us = INT64_C(1800000000000000), next, latest;
  if (recurrence_parse((struct text){(const char *)data, size}, &r, &f) != ERR_OK)
    return 0;
  if (r.count == 0 || r.count > RECURRENCE_TIMES_MAX)
    abort();
  for (int i = 0; i < 5 && recurrence_next(&r, us, &zone, &next); i++, us = next) {
    if (next <= us)
      abort();
    if (i > 0 && (!recurrence_latest(&r, next - 1, &zone, &latest) || latest != us))
      abort();
  }
  return 0;
}
