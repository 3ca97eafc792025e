/* What other replicas say about breakers through Redis: any message gives news whose names can be read, or nothing. */
#include "cluster/breaker_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct breaker_news news;
  struct arena a;
  struct buf out;
  arena_init(&a);
  buf_init(&out, 1 << 22);
  if (breaker_record_message((struct text){(const char *)data, size}, 7, &a, &news)) {
    must(news.force <= BREAKER_FORCED_CLOSED && news.opened_ago_us >= 0);
    breaker_record_tell(&out, &news, 7);
    must(buf_check(&out) == ERR_OK);
  }
  buf_done(&out);
  arena_done(&a);
  return 0;
}
