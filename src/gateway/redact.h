/* Providers quote what they refuse, and sometimes that is a credential. It is covered before anything of theirs is
 * shown or kept. */
#ifndef GATEWAY_REDACT_H
#define GATEWAY_REDACT_H

#include "base/text.h"

/* Overwrites every occurrence of secret in at[0..len) with asterisks; secrets shorter than 8 bytes are words like
 * others and stay. Length and JSON validity do not change. */
void redact(char *at, size_t len, struct text secret);

/* A path as it may be shown and logged: the segment behind every "/ak/" is covered, for keys also come in paths that
 * nothing serves. Returns path itself where there is none, else a copy in room, which has path.len bytes. */
struct text redact_path(struct text path, char *room);

#endif
