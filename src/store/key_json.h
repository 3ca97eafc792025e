/* A key as the audit log has it: everything that can be set, nothing that is secret or made of a secret. */
#ifndef STORE_KEY_JSON_H
#define STORE_KEY_JSON_H

#include "base/buf.h"
#include "ports/store.h"

/* One JSON object, appended to out. Neither the hash nor the last use is in it. */
void key_json_write(const struct store_key *k, struct buf *out);

#endif
