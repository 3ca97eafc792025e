/* What the rows of `jobs` and `retention` cannot say: whether a schedule is one, and that no kind has two. Which kinds
 * there are is the business of app/source.c, which knows their table. */
#include "config/check.h"

#include "base/recurrence.h"
#include "config/config.h"
#include "config/section.h"

void check_job(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_job *job = at;
  struct recurrence r;
  struct fault f = {0};
  if (job->schedule.len > 0 && recurrence_parse(job->schedule, &r, &f) != ERR_OK)
    section_refuse(l, check_child(n, "schedule"), path, "schedule", "is not a schedule: %s", fault_text(&f));
  for (const struct config_job *other = l->config->jobs; other && other < job; other++)
    if (text_equal(other->kind, job->kind))
      section_refuse(l, check_child(n, "kind"), path, "kind", "is given twice");
}

/* Usage by the minute is made from the rows, and made anew when late ones come. */
void check_retention(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_retention *r = at;
  if (r->ledger_days > 0 && r->ledger_days < r->usage_minutes_days)
    section_refuse(l, check_child(n, "ledger"), path, "ledger",
                   "must be 0 or at least as many days as `usage_minutes` (%lld)", (long long)r->usage_minutes_days);
}
