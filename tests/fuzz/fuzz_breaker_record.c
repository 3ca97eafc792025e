/* What other replicas say about breakers through Redis: any message gives news whose names can be read, or nothing. */
#include "cluster/breaker_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct breaker_news news;
  struct breaker_record_call c;
  struct arena a;
  arena_init(&a);
  if (breaker_record_message((struct text){(const char *)data, size}, 7, &a, &news)) {
    must(news.force <= BREAKER_FORCED_CLOSED && news.opened_ago_us >= 0);
    breaker_record_tell(&a, &news, 7, &c);
    must(c.count == 10 && c.key.len > 0);
  }
  arena_done(&a);
  return 0;
}
