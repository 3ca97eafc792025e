/* The part of the table about work in the background: how long data is kept. keys.c has the rest and the top level,
 * section.c reads it. */
#include "config/rows.h"

#include "config/config.h"

static const struct key retention_keys[] = {
    {"jobs", KEY_COUNT, true, AT(config_retention, jobs_days), .initial = "30", .min = 1, .max = 36500,
     .help = "jobs that have ended, however they did"},
};
const struct key_section keys_retention = {
    "retention", "For how many days each class of data is kept. The job `purge` deletes what is older.",
    sizeof(struct config_retention), ROWS(retention_keys), NULL};
