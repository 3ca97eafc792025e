/* The bounded list of what is wrong with a configuration file. Beyond CONFIG_MAX_ERRORS further ones are dropped.
 * No call here may be given a secret's value. */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include "config/config.h"

void errors_start(struct config_errors *e, const char *source);
/* line and column are 1-based; 0 for an error without a place. */
void errors_add(struct config_errors *e, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
