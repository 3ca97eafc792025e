/* The part of the table about backups that are made by themselves. keys.c has the rest and the top level,
 * section.c reads by it. */
#include "config/rows.h"

#include "config/check.h"
#include "config/config.h"

static const struct key backup_keys[] = {
    {"schedule", KEY_TEXT, true, AT(config_backup, schedule), .initial = "", .max = 256,
     .help =
         "when one is made, in `timezone`: times of the day such as `03:30` or `03:30, 15:30`, or minute, hour, day of "
         "month, month, day of week such as `30 3 * * sat`; never when empty",
     .file_only = true},
    {"dir", KEY_TEXT, true, AT(config_backup, dir), .initial = "", .max = 900,
     .help = "the folder they are kept in, best on another disk; `backups` in `data_dir` when empty",
     .file_only = true},
    {"keep", KEY_SIZE, true, AT(config_backup, keep), .initial = "14", .min = 1, .max = 1000,
     .help = "how many: the newest ones; older ones go when a new one has been read back", .file_only = true},
    {"passphrase_file", KEY_TEXT, true, AT(config_backup, passphrase_file), .initial = "", .max = 4096,
     .help = "encrypts them with the passphrase in this file; only then `server.key` and `master.key` are in them",
     .file_only = true},
    {"max_age", KEY_DURATION, true, AT(config_backup, max_age_ms), .initial = "48h", .max = DAY_MS * 366,
     .help = "with a schedule, `/health` is degraded when the newest is older; 0 for never", .file_only = true},
};
const struct key_section keys_backup = {
    "backup", "Backups of the store's file that are made by themselves. PostgreSQL has its own: docs/OPERATIONS.md.",
    sizeof(struct config_backup), ROWS(backup_keys), check_backup};
