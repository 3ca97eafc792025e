/* The request target and the Host field (RFC 9112 section 3.2, RFC 3986): which resource a request is about, without
 * doubt. Pure. */
#ifndef NET_HTTP_TARGET_H
#define NET_HTTP_TARGET_H

#include "net/http_headers.h"

/* Finds the path (starts with '/') and the query (without '?', may be empty) of a request. Origin-form, and
 * absolute-form with http or https whose authority equals Host, are accepted. ERR_PROTOCOL for: CONNECT and
 * asterisk-form, user information, a fragment, bytes outside RFC 3986, bad percent signs, a Host that is missing
 * (HTTP/1.1), twice there, empty or not host[:port]. Slices of the input or constants. */
enum err http_target_split(struct text target, const struct http_headers *headers, int minor_version,
                           struct text *out_path, struct text *out_query, struct fault *f) MUST_CHECK;

#endif
