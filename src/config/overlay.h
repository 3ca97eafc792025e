/* Credentials of providers that are kept outside the file, laid over a snapshot: the result is a snapshot like any
 * other, in which a provider has those of the file and then these. The secrets are here, opened, for as long as some
 * snapshot uses them. Where they come from is not known here. Made by app/credentials.c. */
#ifndef CONFIG_OVERLAY_H
#define CONFIG_OVERLAY_H

#include "config/config.h"

struct overlay; /* counted, like a snapshot; does not change once it is joined */

/* One reference, nothing in it. */
struct overlay *overlay_new(void);
/* Behind those that are there. Texts are copied; the secrets of *c are taken over (they may be NULL, which is empty).
 * NULL: the provider has some, of which none is to be used now. */
void overlay_add(struct overlay *s, struct text provider, const struct config_credential *c);
size_t overlay_count(const struct overlay *s); /* of those to be used */
struct overlay *overlay_ref(struct overlay *s);
void overlay_unref(struct overlay *s); /* NULL is fine; the last one wipes the secrets */

/* A snapshot with one reference, which keeps base and s; both references stay the caller's. s NULL: nothing is joined.
 * A credential with the name of one of the file is not used, nor one of a provider that base has not. Has base's
 * generation. Any thread. */
struct config *overlay_join(const struct config *base, struct overlay *s);

/* Which of the provider's credentials is used where a call names none: the first for the workspace, else the first for
 * all; NULL when there is none. workspace "": no workspace. */
const struct config_credential *overlay_first(const struct config_provider *p, struct text workspace);

#endif
