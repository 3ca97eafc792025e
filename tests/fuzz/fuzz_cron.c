/* Schedules in cron's notation: whatever is accepted has its next moments in order, on whole minutes, and is found
 * again from just before each. */
#include "base/cron.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A zone that is put forward and back by an hour every half year. */
static int64_t offset_s(void *ctx, int64_t at_s) { return at_s / 15552000 % 2 ? 7200 : 3600; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cron_zone zone = {offset_s, NULL};
  struct cron c;
  struct fault f = {0};
  int64_t us = INT64_C(1800000000000000), next, again;
  if (cron_parse((struct text){(const char *)data, size}, &c, &f) != ERR_OK)
    return 0;
  for (int i = 0; i < 20 && cron_next(&c, us, &zone, &next); i++, us = next)
    if (next <= us || next % 60000000 != 0 || !cron_next(&c, next - 1, &zone, &again) || again != next)
      abort();
  return 0;
}
