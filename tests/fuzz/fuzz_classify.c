/* Failed answers of any content: every provider has a class for each, and none of them is a success. */
#include "provider/classify.h"
#include "provider/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two bytes of status, a line that stands in the header, then the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct provider *const all[] = {&provider_anthropic, &provider_openai, &provider_openrouter,
                                               &provider_bedrock};
  if (size < 2)
    return 0;
  int status = 300 + (data[0] << 8 | data[1]) % 300;
  struct text body = {(const char *)data + 2, size - 2}, type = TEXT_NONE;
  (void)text_cut(body, '\n', &type, &body);
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    enum provider_class c = provider_classify(all[i], status, body, type);
    if (c == PROVIDER_OK || c > PROVIDER_CLIENT_ERROR)
      abort();
  }
  return 0;
}
