/* Answers that hold credentials, as JSON and XML, and the files AWS's tools share. What is accepted must be fit for
 * headers. */
#include "aws/credentials.h"
#include "aws/profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text in = {(const char *)data, size};
  struct aws_credentials c = {0};
  struct profile p;
  struct arena a = {0};
  if (credentials_read_metadata(in, &a, &c, NULL) == ERR_OK && credentials_check(&c, NULL) != ERR_OK)
    abort();
  if (credentials_read_sts(in, &a, &c, NULL) == ERR_OK && credentials_check(&c, NULL) != ERR_OK)
    abort();
  (void)credentials_sts_error(in, &a);
  profile_read(in, in, TEXT("default"), &p);
  profile_read(in, in, TEXT("p"), &p);
  arena_done(&a);
  return 0;
}
