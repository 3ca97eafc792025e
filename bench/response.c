/* The answer reader of the load generator (RFC 9112, sections 4, 6 and 7.1). Does not keep bodies.
 * Called by load_requests.c and load_streams.c. */
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Takes one line up to its newline; true when it is whole, then it lies in r->line without line end. */
static bool take_line(struct response *r, const char **at, const char *end) {
  const char *newline = memchr(*at, '\n', (size_t)(end - *at));
  const char *stop = newline != NULL ? newline : end;
  size_t room = sizeof(r->line) - 1 - r->line_length, length = (size_t)(stop - *at);
  if (length > room)
    length = room;
  memcpy(r->line + r->line_length, *at, length);
  r->line_length += length;
  *at = newline != NULL ? newline + 1 : end;
  if (newline == NULL)
    return false;
  if (r->line_length > 0 && r->line[r->line_length - 1] == '\r')
    r->line_length--;
  r->line[r->line_length] = '\0';
  return true;
}

static bool on_head_line(struct response *r) {
  if (r->status == 0) {
    if (strncmp(r->line, "HTTP/1.1 ", 9) != 0)
      return false;
    r->status = (int)strtol(r->line + 9, NULL, 10);
  } else if (strncasecmp(r->line, "content-length:", 15) == 0) {
    r->left = strtoull(r->line + 15, NULL, 10);
  } else if (strncasecmp(r->line, "transfer-encoding:", 18) == 0) {
    r->is_chunked = true;
  } else if (strncasecmp(r->line, "connection: close", 17) == 0) {
    r->closes = true;
  } else if (r->line_length == 0) {
    r->at = r->is_chunked ? RESPONSE_AT_CHUNK_SIZE : r->left > 0 ? RESPONSE_AT_BODY : RESPONSE_AT_END;
  }
  return true;
}

static bool on_line(struct response *r) {
  switch (r->at) {
  case RESPONSE_AT_HEAD: return on_head_line(r);
  case RESPONSE_AT_CHUNK_SIZE:
    r->left = strtoull(r->line, NULL, 16);
    r->at = r->left > 0 ? RESPONSE_AT_CHUNK : RESPONSE_AT_TRAILER;
    return r->line_length > 0;
  case RESPONSE_AT_CHUNK_END: r->at = RESPONSE_AT_CHUNK_SIZE; return r->line_length == 0;
  case RESPONSE_AT_TRAILER:
    if (r->line_length == 0)
      r->at = RESPONSE_AT_END;
    return true;
  default: return false;
  }
}

/* An event ends with an empty line. */
static void count_events(struct response *r, const char *at, const char *end) {
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (newline == at && r->after_newline)
      r->events++;
    r->after_newline = newline != NULL;
    at = newline != NULL ? newline + 1 : end;
  }
}

static void take_body(struct response *r, const char **at, const char *end) {
  size_t length = (size_t)(end - *at);
  if (length > r->left)
    length = (size_t)r->left;
  if (r->is_chunked)
    count_events(r, *at, *at + length);
  *at += length;
  r->left -= length;
  if (r->left == 0)
    r->at = r->is_chunked ? RESPONSE_AT_CHUNK_END : RESPONSE_AT_END;
}

size_t response_feed(struct response *r, const char *bytes, size_t length, bool *out_good) {
  const char *at = bytes, *end = bytes + length;
  *out_good = true;
  while (at < end && r->at != RESPONSE_AT_END && *out_good) {
    if (r->at == RESPONSE_AT_BODY || r->at == RESPONSE_AT_CHUNK) {
      take_body(r, &at, end);
    } else if (take_line(r, &at, end)) {
      *out_good = on_line(r);
      r->line_length = 0;
    }
  }
  return (size_t)(at - bytes);
}
