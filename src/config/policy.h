/* What the checks need of policies; requests use config_find_policy and its neighbours in config/config.h. */
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "config/config.h"

/* The policy of that name that is there without any file; NULL when it is none of them. */
const struct config_policy *policy_built_in(struct text name);
/* One of the kinds of providers. */
bool policy_is_kind(struct text entry);
/* A total order in which two assignments are equal when they are to the same key, user or workspace. Below zero, zero,
 * above zero, as memcmp. */
int policy_order(const struct config_assignment *a, const struct config_assignment *b);

#endif
