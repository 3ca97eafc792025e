/* Answers of providers, plain and streamed, through the taps of all dialects: whatever comes, counts stay within their
 * maximum and nothing crashes. The first byte chooses the dialect and whether usage events are dropped; events are
 * separated by blank lines. */
#include "wire/wire.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds) {
  if (!holds)
    abort();
}

static void check_usage(const struct usage *u) {
  need(u->input <= USAGE_MAX_TOKENS && u->output <= USAGE_MAX_TOKENS && u->cache_read <= USAGE_MAX_TOKENS);
  need(u->cache_write_5m <= USAGE_MAX_TOKENS && u->cache_write_1h <= USAGE_MAX_TOKENS && u->reasoning <= u->output);
}

static void tap_stream(struct wire_tap *t, struct text stream) {
  while (stream.len > 0) {
    ptrdiff_t end = text_find(stream, TEXT("\n\n"));
    struct text block = end < 0 ? stream : text_head(stream, (size_t)end);
    struct text event = TEXT_NONE, line;
    enum wire_verdict verdict;
    stream = text_skip(stream, block.len + 2);
    if (text_starts(block, TEXT("event: ")) && text_cut(block, '\n', &line, &block))
      event = text_skip(line, 7);
    if (text_starts(block, TEXT("data: ")))
      block = text_skip(block, 6);
    if (t->wire->tap_event(t, event, block, &verdict, NULL) == ERR_OK)
      need(verdict == WIRE_PASS || (verdict == WIRE_DROP && t->drop_usage_event));
    check_usage(&t->usage);
  }
  need(!(t->failed && t->finished) && t->failed == (t->fault != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  const struct wire *wire = wire_get((enum wire_id)(data[0] % WIRE_COUNT));
  struct text body = {(const char *)data + 1, size - 1};
  struct arena a;
  struct wire_tap plain = {.wire = wire, .arena = &a};
  struct wire_tap stream = {.wire = wire, .arena = &a, .drop_usage_event = data[0] & 0x80};
  arena_init(&a);
  if (wire->tap_plain(&plain, body, NULL) == ERR_OK)
    need(plain.finished);
  check_usage(&plain.usage);
  tap_stream(&stream, body);
  need(text_is_utf8(wire->error_message(body, &a)));
  arena_done(&a);
  return 0;
}
