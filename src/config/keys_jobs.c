/* The part of the table about work in the background: how long data is kept. keys.c has the rest and the top level,
 * section.c reads it. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key retention_keys[] = {
    {"jobs", KEY_COUNT, true, AT(config_retention, jobs_days), .initial = "30", .min = 1, .max = 36500,
     .help = "jobs that have ended, however they did"},
    {"events", KEY_COUNT, true, AT(config_retention, events_days), .initial = "1", .min = 1, .max = 36500,
     .help = "what processes on one database told each other"},
    {"ledger", KEY_COUNT, true, AT(config_retention, ledger_days), .initial = "0", .max = 36500,
     .help = "rows of the ledger; older ones move into files of `data_dir`/archive, sums stay; at least "
             "`usage_minutes`, or 0 for ever"},
    {"usage_minutes", KEY_COUNT, true, AT(config_retention, usage_minutes_days), .initial = "7", .min = 1, .max = 366,
     .help = "usage by the minute; by quarters of an hour and days it stays"},
    {"audit", KEY_COUNT, true, AT(config_retention, audit_days), .initial = "400", .min = 365, .max = 36500,
     .help = "the audit log", .file_only = true},
    {"signin", KEY_COUNT, true, AT(config_retention, signin_days), .initial = "30", .min = 1, .max = 36500,
     .help = "sessions and links whose time is over, and counts of failed attempts"},
    {"exports", KEY_COUNT, true, AT(config_retention, exports_days), .initial = "7", .min = 1, .max = 366,
     .help = "files in `data_dir`/exports, which jobs `export_person` write"},
};
const struct key_section keys_retention = {
    "retention", "For how many days each class of data is kept. The job `purge` deletes what is older.",
    sizeof(struct config_retention), ROWS(retention_keys), check_retention};

static const struct key job_keys[] = {
    {"kind", KEY_NAME, true, AT(config_job, kind), .help = "as `weir job schedules` lists them"},
    {"schedule", KEY_TEXT, true, AT(config_job, schedule), .initial = "", .max = 128,
     .help =
         "minute, hour, day of month, month, day of week, in `timezone`, a word such as `@daily`, or times of the day "
         "such as `03:30, 15:30`; the kind's own when empty"},
    {"enabled", KEY_BOOL, true, AT(config_job, enabled), .initial = "true",
     .help = "false: never by the clock; `weir job run` still runs it"},
};
const struct key_section keys_job = {"jobs[]", "When a kind of job is made by itself, where that is not as it comes.",
                                     sizeof(struct config_job), ROWS(job_keys), check_job};
