/* What the files about stored keys share. Not for other rooms. */
#ifndef STORE_STORE_KEYS_H
#define STORE_STORE_KEYS_H

#include "store/driver.h"

#define STORE_KEY_COLUMNS 22

/* Reads the current row of a statement that yields the columns of a key, into the arena. */
void store_key_read(struct driver_link *l, struct arena *a, struct store_key *out);

#endif
