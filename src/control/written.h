/* Who has changed something sees it in every list from then on, whichever replica they ask and whichever standby it
 * reads from: an answer to a change says how far the database had come, in the header `x-weir-written` and, for
 * browsers, in a cookie of that name; a call that shows either is not answered from anything older. Nothing secret is
 * in it, and a number that is too high only costs the caller a look at the primary. For api.c. */
#ifndef CONTROL_WRITTEN_H
#define CONTROL_WRITTEN_H

#include "net/http_server.h"
#include "ports/store.h"

#define WRITTEN_HEADERS 2

/* Before the call is handled. Blocks where there are standbys. */
void written_catch_up(struct store *s, const struct http_headers *asked);
/* After a change: the headers that say so, in the arena; none where there are no standbys. How many. */
size_t written_headers(struct store *s, struct arena *a, struct http_header out[WRITTEN_HEADERS]);

#endif
