/* What a row of the key table takes, in words. For reference.c and settings.c. */
#ifndef CONFIG_ALLOWED_H
#define CONFIG_ALLOWED_H

#include "config/keys.h"

/* Markdown: "1 to 1000", "`a`, `b`". */
void allowed_write(struct buf *out, const struct key *row);

#endif
