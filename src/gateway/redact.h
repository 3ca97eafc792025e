/* Providers quote what they refuse, and sometimes that is a credential. It is covered before anything of theirs is
 * shown or kept. */
#ifndef GATEWAY_REDACT_H
#define GATEWAY_REDACT_H

#include "base/text.h"

/* Overwrites every occurrence of secret in at[0..len) with asterisks; secrets shorter than 8 bytes are words like
 * others and stay. Length and JSON validity do not change. */
void redact(char *at, size_t len, struct text secret);

#endif
