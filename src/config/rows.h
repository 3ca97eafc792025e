/* What the files of the key table share: how a row names its member, and bounds that occur in more than one of them. */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include "config/keys.h"

/* The member of the section's struct that a row fills; of an array also its count; or that there is none. */
#define AT(type, member) .offset = offsetof(struct type, member)
#define ARRAY(type, member, counter)                                                                                   \
  .offset = offsetof(struct type, member), .count_offset = offsetof(struct type, counter)
#define NO_MEMBER  .offset = 0
#define ROWS(rows) .keys = (rows), .count = sizeof(rows) / sizeof((rows)[0])
#define DAY_MS     INT64_C(86400000)
#define GIB        (INT64_C(1) << 30)

/* Of keys_identity.c. */
extern const struct key_section keys_issuer;
/* Of keys_backup.c. */
extern const struct key_section keys_backup;
/* Of keys_vault.c. */
extern const struct key_section keys_vault;
/* Sections of keys_routing.c, in the order of the file. */
extern const struct key_section keys_provider, keys_model, keys_breaker, keys_retry, keys_affinity, keys_queue,
    keys_policy, keys_assignment;
/* Of keys_signin.c. */
extern const struct key_section keys_signin, keys_smtp, keys_user, keys_oidc;
/* And of keys_jobs.c. */
extern const struct key_section keys_retention, keys_job;
/* Of rate_limit_check.c. */
extern const struct key_section keys_rate_limit;
/* And of keys_control.c. */
extern const struct key_section keys_control;

#endif
