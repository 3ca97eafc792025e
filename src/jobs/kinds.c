/* The table of kinds. Read by the runner (which claims only these), by `weir job` and by the schedules; it does nothing
 * itself. */
#include "jobs/kinds.h"

const struct job_kind job_kinds[] = {
    {"archive", "move old rows of the ledger into files", 5, 60000, job_archive, "50 3 * * *"},
    {"backup", "copy the store's file and keep the newest copies", 3, 60000, job_backup, NULL, job_backup_schedule,
     true},
    /* A list is fresh for 15 minutes (traffic/catalogue.h). */
    {"catalogue", "fetch vendors' lists of models and prices", 3, 60000, job_catalogue, "7-59/12 * * * *", NULL, true},
    {"erase_person", "put a pseudonym in place of a user's name", 10, 60000, job_erase_person},
    {"export_person", "write what is known of a user into a file", 5, 60000, job_export_person},
    {"keys", "note what has expired", 5, 60000, job_keys, "*/5 * * * *"},
    {"mail", "send somebody a link", 8, 60000, job_mail},
    {"purge", "delete what is older than `retention` says", 5, 60000, job_purge, "20 3 * * *"},
    {"recheck", "compare the sums of usage with the balances", 3, 60000, job_recheck, "40 3 * * *"},
    {"rollup", "bring the sums of usage up to date", 3, 60000, job_rollup, "* * * * *"},
};
const size_t job_kind_count = sizeof job_kinds / sizeof *job_kinds;

const struct job_kind *job_kind_find(struct text name) {
  for (size_t i = 0; i < job_kind_count; i++)
    if (text_equal(text_of(job_kinds[i].name), name))
      return &job_kinds[i];
  return NULL;
}
