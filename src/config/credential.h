/* The secret of a stored credential as one text, which is what is sealed: the key itself or, of kind "aws", the id of
 * an access key, a line's end and its secret. Which kinds a provider takes, how much of a secret is shown, and the way
 * from the text to what a snapshot has. Pure. */
#ifndef CONFIG_CREDENTIAL_H
#define CONFIG_CREDENTIAL_H

#include "config/config.h"

#define CREDENTIAL_KINDS      "api_key|bearer|aws"
#define CREDENTIAL_SECRET_MAX 8192
#define CREDENTIAL_ID_MAX     256
#define CREDENTIAL_WEIGHT_MAX 1000

/* The kind where none is named: Bedrock's keys are bearer tokens. */
struct text credential_default_kind(const struct config_provider *p);
/* What is wrong with it, for "... must ..." about the member *out_member ("kind", "secret", "access_key_id"); NULL: it
 * is fine. access_key_id is "" but for "aws". */
const char *credential_refusal(const struct config_provider *p, struct text kind, struct text access_key_id,
                               struct text secret, const char **out_member);
/* Whether a name may be one: 1 to 64 letters, digits, '.', '_', '-'. */
bool credential_name_is_good(struct text name);
/* Appends the text to be sealed. Wipe it. */
void credential_write(struct text access_key_id, struct text secret, struct buf *out);
/* How it ends, for people: four characters, or none of one so short that they would give much of it away. */
struct text credential_last4(struct text secret);
/* The secrets of *out from the text that was sealed, new, and nothing else of it. False: it is of no kind known here,
 * and *out is untouched. */
bool credential_read(struct text kind, struct text sealed, struct config_credential *out);

#endif
