/* What a caller has seen of the database, carried by the caller. It decides nothing: what is read from where is the
 * store's matter. Called by api.c. */
#include "control/written.h"

#define NAME   TEXT("x-weir-written")
#define LIFE_S 3600

/* The cookie's value among those of one line; "" without. */
static struct text cookie_of(struct text line) {
  while (line.len > 0) {
    struct text one = line, rest = TEXT_NONE, name, value;
    (void)text_cut(line, ';', &one, &rest);
    line = rest;
    if (text_cut(text_trim(one), '=', &name, &value) && text_equal(name, NAME))
      return value;
  }
  return TEXT_NONE;
}

void written_catch_up(struct store *s, const struct http_headers *asked) {
  int64_t by_header = 0, by_cookie = 0;
  if (!s->ops->catch_up)
    return;
  if (!text_to_i64(http_header_value(asked, NAME), &by_header))
    by_header = 0;
  if (!text_to_i64(cookie_of(http_header_value(asked, TEXT("cookie"))), &by_cookie))
    by_cookie = 0;
  int64_t place = by_header > by_cookie ? by_header : by_cookie;
  if (place > 0)
    s->ops->catch_up(s, place);
}

size_t written_headers(struct store *s, struct arena *a, struct http_header out[WRITTEN_HEADERS]) {
  int64_t place = s->ops->written ? s->ops->written(s) : 0;
  if (place <= 0)
    return 0;
  out[0] = (struct http_header){NAME, arena_format(a, "%lld", (long long)place)};
  out[1] = (struct http_header){TEXT("set-cookie"),
                                arena_format(a, "%.*s=%lld; Path=/api; Max-Age=%d; HttpOnly; SameSite=Strict",
                                             TEXT_ARGS(NAME), (long long)place, LIFE_S)};
  return 2;
}
