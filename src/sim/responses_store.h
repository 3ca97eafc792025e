/* What the simulator has answered under POST /v1/responses and was told to keep: for previous_response_id, for items
 * that are named by their ids, and to be looked up and deleted. Bounded: the oldest goes. One owner, not locked. */
#ifndef SIM_RESPONSES_STORE_H
#define SIM_RESPONSES_STORE_H

#include "base/arena.h"
#include "sim/digest.h"

#define RESPONSES_KEPT_MAX  256
#define RESPONSES_BYTES_MAX (256 * 1024) /* a larger one is not kept */

struct responses_kept {
  struct text id;       /* "resp_..." */
  struct text json;     /* the whole object */
  struct digest prompt; /* all that led to it, and its output */
};

struct responses_store;
struct responses_store *responses_store_new(void);
void responses_store_free(struct responses_store *s); /* NULL is fine */
void responses_store_reset(struct responses_store *s);
/* Copies. */
void responses_store_keep(struct responses_store *s, struct text id, struct text json, struct digest prompt);
/* NULL when there is none; valid until the next keep, drop or reset. s may be NULL. */
const struct responses_kept *responses_store_find(const struct responses_store *s, struct text id);
bool responses_store_drop(struct responses_store *s, struct text id);
/* The item with that id out of the output of any response kept, as JSON; false when there is none. s may be NULL. */
bool responses_store_item(const struct responses_store *s, struct arena *a, struct text item_id, struct text *out_json);

#endif
