/* Bodies of entries: from JSON to the nodes that the file is read as, and back. For join.c. */
#ifndef CONFIG_STORED_BODY_H
#define CONFIG_STORED_BODY_H

#include "config/keys.h"
#include "config/stored.h"

/* Of a kind that is a list: the row of the root that has it. So in all that takes a kind here. */
const struct key *stored_row(enum config_kind k);
/* The body as a mapping whose nodes all say that they are of this entry (1, 2, ...), in the arena. ERR_BAD_JSON,
 * ERR_CONFIG (it is no object) with the reason in f. */
enum err stored_body_read(struct text body, int entry, struct arena *a, struct node **out, struct fault *f) MUST_CHECK;
/* What may not stand in the store although it may in the file: ERR_CONFIG, with a sentence that begins with the member
 * in backticks in f. Secrets; addresses of the machine's own link, where clouds tell their secrets. */
enum err stored_body_check(enum config_kind k, const struct node *n, struct fault *f) MUST_CHECK;
/* The unique name of an entry, in the arena; "" when it has none that can be read. */
struct text stored_body_name(enum config_kind k, const struct node *n, struct arena *a);
/* An entry of the file as a body, without secrets, in the arena. */
struct text stored_body_write(enum config_kind k, const struct node *n, struct arena *a);
/* Whether a host is in the IPv4 or IPv6 range of link-local addresses, however it is written, or the name or address
 * under which a cloud tells its machines their credentials. */
bool stored_host_is_link_local(struct text host);

#endif
