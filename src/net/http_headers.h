/* The fields of an HTTP message (RFC 9110 section 5): finding them and judging them. Pure; slices only, nothing is
 * owned. */
#ifndef NET_HTTP_HEADERS_H
#define NET_HTTP_HEADERS_H

#include "base/text.h"

struct http_header {
  struct text name, value; /* value trimmed; name as sent */
  bool is_parsed;          /* taken from a message that http1.h has accepted, so it may be sent as it is */
};
#define HTTP_MAX_HEADERS 128
struct http_headers {
  struct http_header *at;
  size_t count;
  bool connection_is_plain; /* the reader has seen that Connection names nothing but close and keep-alive, or is absent
                             */
};

/* First header of that name (ASCII case-insensitive), or NULL. */
const struct http_header *http_header_find(const struct http_headers *h, struct text name);
struct text http_header_value(const struct http_headers *h, struct text name); /* empty when absent */
/* Does a comma-separated header of that name, in any of its lines, hold this element (ASCII case-insensitive)? */
bool http_header_lists(const struct http_headers *h, struct text name, struct text element);
/* Is the header hop-by-hop (RFC 9110 section 7.6.1), by nature or because the Connection header of h names it? */
bool http_header_is_hop_by_hop(const struct http_headers *h, struct text name);
/* May this be sent as a header? token name (RFC 9110 section 5.6.2), value without control bytes other than HTAB. */
bool http_header_is_sane(struct text name, struct text value);

/* token of RFC 9110 section 5.6.2: one byte, and a whole non-empty name. */
bool http_is_token_byte(unsigned char c);
bool http_is_token(struct text t);
/* How many bytes at the beginning are neither control bytes nor DEL. */
size_t http_plain_bytes(struct text t);

#endif
