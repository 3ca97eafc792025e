/* X-Forwarded-For is read from its end: each proxy adds whom it has seen, so the last entry that no trusted proxy made
 * is the client. Called by confine.c, and by the control API. */
#include "gateway/peer.h"

#include "base/cidr.h"

/* "127.0.0.1:5555" -> "127.0.0.1"; "[::1]:80" -> "::1"; an address alone stays. */
static struct text without_port(struct text t) {
  struct cidr unused;
  if (text_starts(t, TEXT("["))) {
    ptrdiff_t end = text_find_char(t, ']');
    return end < 0 ? TEXT_NONE : (struct text){t.at + 1, (size_t)end - 1};
  }
  if (cidr_read_address(t, &unused))
    return t;
  ptrdiff_t colon = text_find_char(t, ':');
  return colon < 0 ? t : text_head(t, (size_t)colon);
}

static bool is_trusted(const struct config *c, struct text address) {
  for (size_t i = 0; i < c->trusted_proxy_count; i++) {
    if (text_equal(c->trusted_proxies[i], TEXT("unix")) && text_equal(address, TEXT("unix")))
      return true;
  }
  return cidr_any_has(c->trusted_proxies, c->trusted_proxy_count, address);
}

/* The last element of a list, which it loses. */
static struct text take_last(struct text *list) {
  size_t from = list->len;
  while (from > 0 && list->at[from - 1] != ',')
    from--;
  struct text last = text_trim(text_skip(*list, from));
  *list = text_head(*list, from > 0 ? from - 1 : 0);
  return last;
}

struct text peer_address(const struct http_request *rq, const struct config *c) {
  const struct http_headers *h = &rq->head.headers;
  struct text address = without_port(rq->peer);
  if (!is_trusted(c, address))
    return address;
  for (size_t i = h->count; i > 0; i--) {
    struct text list = h->at[i - 1].value;
    if (!text_equal_nocase(h->at[i - 1].name, TEXT("x-forwarded-for")))
      continue;
    while (list.len > 0) {
      address = without_port(take_last(&list));
      if (!is_trusted(c, address))
        return address;
    }
  }
  return address; /* nobody before them, or nobody they tell of */
}
