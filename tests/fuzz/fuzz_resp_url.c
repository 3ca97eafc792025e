/* URLs of Redis: any text gives places that can be used, or a reason. */
#include "net/resp_url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct resp_url u;
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  if (resp_url_parse((struct text){(const char *)data, size}, &a, &u, &f) == ERR_OK) {
    must(u.host_count > 0 && u.host_count <= RESP_URL_HOSTS_MAX && (u.is_cluster || u.host_count == 1));
    must(u.user.len == 0 || u.password.len > 0);
    for (size_t i = 0; i < u.host_count; i++)
      must(u.hosts[i].host.len > 0 && u.hosts[i].port > 0 && text_find_char(u.hosts[i].host, ',') < 0);
  } else {
    must(f.text[0] != 0);
  }
  arena_done(&a);
  return 0;
}
