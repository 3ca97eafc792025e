/* What rows cannot say of shared rates. Run by section.c after the rows of an entry, and by check_root after all. */
#ifndef CONFIG_RATE_LIMIT_CHECK_H
#define CONFIG_RATE_LIMIT_CHECK_H

#include "config/keys.h"
#include "config/rate_limit.h"

/* Exactly one subject and one limit at least; fills subject and name. */
void check_rate_limit(struct loader *l, const struct node *n, const struct key_path *path, void *at);
/* Sorts what config_rate_limits_for looks through, and refuses a subject that comes twice. */
void check_rate_limits(struct loader *l, const struct node *n);
/* The order of entries: by subject, then by name. Negative: *a comes before (subject, name). */
int rate_limit_order(const struct config_rate_limit *a, enum config_subject subject, struct text name);

#endif
