/* Server-sent events for the relay (reading what providers send) and for writers of events. Buffers belong to the
 * callers, and so do all limits. An event ends at its blank line, at once: a line feed that follows a carriage return
 * in a later packet becomes a comment event of its own, so that no event waits for a byte that may never come and the
 * raw bytes still add up to the stream. */
#include "net/sse.h"

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

/* Offset of the first line end at or behind from, or bytes.len. */
static size_t find_line_end(struct text bytes, size_t from) {
  if (from >= bytes.len)
    return bytes.len;
  const char *lf = memchr(bytes.at + from, '\n', bytes.len - from);
  size_t end = lf ? (size_t)(lf - bytes.at) : bytes.len;
  const char *cr = memchr(bytes.at + from, '\r', end - from);
  return cr ? (size_t)(cr - bytes.at) : end;
}

static size_t line_end_length(struct text bytes, size_t at) {
  return bytes.at[at] == '\r' && at + 1 < bytes.len && bytes.at[at + 1] == '\n' ? 2 : 1;
}

/* Length of the first event with its blank line; 0 when it has not ended yet. *scan is always at a byte that is not yet
 * judged: in the middle of a line, at the start of one, or at a carriage return that ends a line and whose line feed
 * may still come. */
static size_t find_event_end(struct text bytes, size_t *scan) {
  size_t at = *scan;
  for (;;) {
    size_t end = find_line_end(bytes, at);
    bool is_blank = end < bytes.len && (end == 0 || (end == at && ends_line(bytes.at[end - 1])));
    *scan = end;
    if (end == bytes.len)
      return 0;
    size_t n = line_end_length(bytes, end);
    if (is_blank)
      return end + n;
    if (bytes.at[end] == '\r' && end + 1 == bytes.len)
      return 0;
    at = end + n;
    *scan = at;
  }
}

/* Takes the first line off *rest, without its end. */
static struct text take_line(struct text *rest) {
  size_t end = find_line_end(*rest, 0);
  struct text line = text_head(*rest, end);
  *rest = end < rest->len ? text_skip(*rest, end + line_end_length(*rest, end)) : TEXT_NONE;
  return line;
}

static void add_data(struct sse_event *e, struct text value, size_t *lines, struct buf *joined) {
  if (++*lines == 1) {
    e->data = value;
    return;
  }
  if (*lines == 2) {
    buf_reset(joined);
    buf_add(joined, e->data);
  }
  buf_add_char(joined, '\n');
  buf_add(joined, value);
}

static void read_lines(struct sse_event *e, struct buf *joined) {
  size_t data_lines = 0;
  struct text rest = e->raw;
  e->is_comment = true;
  while (rest.len) {
    struct text line = take_line(&rest), name = line, value = TEXT_NONE;
    if (line.len == 0 || line.at[0] == ':')
      continue;
    e->is_comment = false;
    if (text_cut(line, ':', &name, &value) && value.len && value.at[0] == ' ')
      value = text_skip(value, 1);
    if (text_equal(name, TEXT("data")))
      add_data(e, value, &data_lines, joined);
    else if (text_equal(name, TEXT("event")))
      e->event = value;
    else if (text_equal(name, TEXT("id")) && text_find_char(value, '\0') < 0)
      e->id = value;
  }
  if (data_lines > 1)
    e->data = buf_text(joined);
}

bool sse_next(struct text *bytes, size_t *scan, struct buf *joined, struct sse_event *out) {
  size_t len = find_event_end(*bytes, scan);
  if (len == 0)
    return false;
  *out = (struct sse_event){.raw = text_head(*bytes, len)};
  read_lines(out, joined);
  *bytes = text_skip(*bytes, len);
  *scan = 0;
  return true;
}

void sse_write(struct buf *out, struct text event, struct text data) {
  if (find_line_end(event, 0) < event.len || text_find_char(event, '\0') >= 0) {
    out->failed = true;
    return;
  }
  if (event.len) {
    buf_add(out, TEXT("event: "));
    buf_add(out, event);
    buf_add_char(out, '\n');
  }
  bool more;
  do {
    size_t end = find_line_end(data, 0);
    buf_add(out, TEXT("data: "));
    buf_add(out, text_head(data, end));
    buf_add_char(out, '\n');
    more = end < data.len;
    if (more)
      data = text_skip(data, end + line_end_length(data, end));
  } while (more);
  buf_add_char(out, '\n');
}
