/* Credentials of providers that are kept outside the file, laid over a snapshot: the result is a snapshot like any
 * other, in which a provider has those of the file and then these. The secrets are here, opened, for as long as some
 * snapshot uses them. Where they come from is not known here. Made by app/credentials.c. */
#ifndef CONFIG_STORED_H
#define CONFIG_STORED_H

#include "config/config.h"

struct config_stored; /* counted, like a snapshot; does not change once it is joined */

/* One reference, nothing in it. */
struct config_stored *config_stored_new(void);
/* Behind those that are there. Texts are copied; the secrets of *c are taken over (they may be NULL, which is empty).
 * NULL: the provider has some, of which none is to be used now. */
void config_stored_add(struct config_stored *s, struct text provider, const struct config_credential *c);
size_t config_stored_count(const struct config_stored *s); /* of those to be used */
struct config_stored *config_stored_ref(struct config_stored *s);
void config_stored_unref(struct config_stored *s); /* NULL is fine; the last one wipes the secrets */

/* A snapshot with one reference, which keeps base and s; both references stay the caller's. s NULL: nothing is joined.
 * A credential with the name of one of the file is not used, nor one of a provider that base has not. Has base's
 * generation. Any thread. */
struct config *config_join(const struct config *base, struct config_stored *s);

/* Which of the provider's credentials is used where a call names none: the first for the workspace, else the first for
 * all; NULL when there is none. workspace "": no workspace. */
const struct config_credential *config_first_credential(const struct config_provider *p, struct text workspace);

#endif
