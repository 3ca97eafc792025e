/* A ledger row as one line of JSON: what `weir ledger list --json` prints and an archive holds. Pure. */
#ifndef STORE_LEDGER_JSON_H
#define STORE_LEDGER_JSON_H

#include "base/buf.h"
#include "ports/store.h"

#define LEDGER_JSON_MAX 65536 /* of a line; a row's texts are at most 256 bytes each */

/* Appends the object and '\n'. "cost_nano" is null when the cost is not known; "cost" has its parts all the same. */
void ledger_json_write(const struct ledger_row *r, struct buf *out);

#endif
