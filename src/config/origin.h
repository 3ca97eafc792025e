/* Origins of web pages (RFC 6454) as browsers write them in the header `Origin`. Pure. */
#ifndef CONFIG_ORIGIN_H
#define CONFIG_ORIGIN_H

#include "base/text.h"

#define ORIGIN_MAX_BYTES 256

/* http:// or https://, a host in lower case and, where it is not the scheme's own, a port; nothing else. */
bool origin_is_one(struct text t);

#endif
