/* Answers of upstreams: whole and split must agree, and nothing that is accepted is ambiguous. */
#include "http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  http_fuzz(HTTP1_RESPONSE, (struct text){(const char *)data, size});
  return 0;
}
