/* The table of kinds. Read by the runner (which claims only these), by `weir job` and by the schedules; it does nothing
 * itself. */
#include "jobs/kinds.h"

const struct job_kind job_kinds[] = {
    {"backup", "copy the store's file and keep the newest copies", 3, 60000, job_backup},
    {"catalogue", "fetch vendors' lists of models and prices", 3, 60000, job_catalogue},
    {"purge", "delete what is older than `retention` says", 5, 60000, job_purge, "20 3 * * *"},
};
const size_t job_kind_count = sizeof job_kinds / sizeof *job_kinds;

const struct job_kind *job_kind_find(struct text name) {
  for (size_t i = 0; i < job_kind_count; i++)
    if (text_equal(text_of(job_kinds[i].name), name))
      return &job_kinds[i];
  return NULL;
}
