/* From which address a request comes, where that decides who may come in. Behind proxies that the configuration trusts
 * it is the address that the last of them has seen; whatever else stands in X-Forwarded-For may have been written by
 * anybody. Pure. */
#ifndef GATEWAY_PEER_H
#define GATEWAY_PEER_H

#include "config/config.h"
#include "net/http_server.h"

/* "10.0.0.1" or "2001:db8::1", a part of rq; "unix" for who comes over a socket in the file system, "" when a trusted
 * proxy does not say. */
struct text peer_address(const struct http_request *rq, const struct config *c);

#endif
