/* Addresses and URLs: whatever is accepted reads back as the same address, and stays inside the input. */
#include "net/addr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct text part, struct text whole) {
  if (part.len > 0 && (part.at < whole.at || part.at + part.len > whole.at + whole.len))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text input = {(const char *)data, size};
  struct addr a, again;
  struct url u;
  struct fault f = {0};
  char text[ADDR_TEXT_MAX];
  if (addr_parse(input, &a, &f) == ERR_OK) {
    struct text written = text_of(addr_format(&a, text, sizeof(text)));
    addr_unmap(&a);
    if (addr_parse(written, &again, &f) != ERR_OK || !addr_equal(&a, &again))
      abort();
  }
  if (url_parse(input, &u, &f) == ERR_OK) {
    check_inside(u.host, input);
    check_inside(u.path, input);
    if (u.host.len == 0 || u.port == 0)
      abort();
  }
  return 0;
}
