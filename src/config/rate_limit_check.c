/* The rows of shared rates, their checks, and the order in which they are looked through. Called by section.c and
 * check_root; which of them a call is under is found in rate_limit.c. */
#include "config/rate_limit_check.h"

#include "config/check.h"
#include "config/config.h"
#include "config/rows.h"
#include "config/section.h"

static const struct key rate_limit_keys[] = {
    {"workspace", KEY_TEXT, true, AT(config_rate_limit, workspace), .initial = "", .max = 128,
     .help = "a workspace, as keys name it; `*`: each one that has no entry of its own, by itself"},
    {"user", KEY_TEXT, true, AT(config_rate_limit, user), .initial = "", .max = 128,
     .help = "or a user, as keys name them; `*`: each one that has no entry of their own, by themselves"},
    {"organisation", KEY_COUNT, true, AT(config_rate_limit, organisation), .initial = "0", .max = INT64_MAX,
     .help =
         "or an organisation, by its id; keys of the file and tokens of `jwt_issuers` are of the first, which is 1"},
    {"model", KEY_TEXT, true, AT(config_rate_limit, model), .initial = "", .max = 256,
     .help = "or a model, as clients ask for it; `*` matches any run of characters, and all that it matches share one "
             "limit. An entry of just the name goes before the first that matches. Exactly one of the four"},
    {"rpm", KEY_COUNT, true, AT(config_rate_limit, rpm), .initial = "0", .max = 1000000000,
     .help = "requests a minute; 0 for no limit"},
    {"tpm", KEY_COUNT, true, AT(config_rate_limit, tpm), .initial = "0", .max = 1000000000000,
     .help = "tokens a minute; 0 for no limit"},
    {"concurrency", KEY_COUNT, true, AT(config_rate_limit, concurrency), .initial = "0", .max = 1000000,
     .help = "requests at one time; 0 for no limit. One of the three at least"},
};
const struct key_section keys_rate_limit = {"rate_limits[]",
                                            "Rates that hold for more than one key, beside the key's own: a call has "
                                            "to pass all of them. Each replica counts by "
                                            "itself.",
                                            sizeof(struct config_rate_limit), ROWS(rate_limit_keys), check_rate_limit};

void check_rate_limit(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_rate_limit *r = at;
  const struct text names[CONFIG_SUBJECT_COUNT] = {
      r->user, r->workspace,
      r->organisation > 0 ? arena_format(l->arena, "%lld", (long long)r->organisation) : TEXT_NONE, r->model};
  int given = 0;
  for (enum config_subject s = 0; s < CONFIG_SUBJECT_COUNT; s++) {
    if (names[s].len == 0)
      continue;
    given++;
    r->subject = s;
    r->name = names[s];
  }
  if (given != 1)
    section_refuse(l, n, path, NULL, "must give exactly one of `workspace`, `user`, `organisation` and `model`");
  if (r->rpm == 0 && r->tpm == 0 && r->concurrency == 0)
    section_refuse(l, n, path, NULL, "must give one of `rpm`, `tpm` and `concurrency` at least");
}

static int by_subject(const void *a, const void *b) {
  const struct config_rate_limit *y = *(const struct config_rate_limit *const *)b;
  return rate_limit_order(*(const struct config_rate_limit *const *)a, y->subject, y->name);
}

/* Where they are looked for. */
static void sort_in(struct config_rate_limits *r, const struct config_rate_limit **sorted) {
  size_t n = 0;
  for (size_t i = 0; i < r->count; i++) {
    const struct config_rate_limit *one = sorted[i];
    bool is_model = one->subject == CONFIG_SUBJECT_MODEL;
    if (is_model ? text_find_char(one->name, '*') >= 0 : text_equal(one->name, TEXT("*"))) {
      r->each[one->subject] = is_model ? NULL : one;
      continue;
    }
    r->named[n++] = one;
    r->from[one->subject + 1] = n;
  }
  for (size_t s = 1; s <= CONFIG_SUBJECT_COUNT; s++)
    if (r->from[s] < r->from[s - 1])
      r->from[s] = r->from[s - 1];
  for (size_t i = 0; i < r->count; i++)
    if (r->at[i].subject == CONFIG_SUBJECT_MODEL && text_find_char(r->at[i].name, '*') >= 0)
      r->patterns[r->pattern_count++] = &r->at[i];
}

void check_rate_limits(struct loader *l, const struct node *n) {
  struct config_rate_limits *r = &l->config->rates;
  const struct node *list = n == NULL ? NULL : check_child(n, "rate_limits");
  size_t bytes = (r->count + 1) * sizeof(const struct config_rate_limit *);
  const struct config_rate_limit **sorted = arena_zalloc(l->arena, bytes);
  r->named = arena_zalloc(l->arena, bytes);
  r->patterns = arena_zalloc(l->arena, bytes);
  for (size_t i = 0; i < r->count; i++)
    sorted[i] = &r->at[i];
  qsort(sorted, r->count, sizeof *sorted, by_subject);
  for (size_t i = 1; i < r->count; i++) {
    const struct config_rate_limit *a = sorted[i - 1], *b = sorted[i];
    if (a->name.len > 0 && rate_limit_order(a, b->subject, b->name) == 0)
      errors_add(l->errors, list == NULL ? 0 : list->line, list == NULL ? 0 : list->column,
                 "`rate_limits[%td]` is for the same as `rate_limits[%td]`", (a > b ? a : b) - r->at,
                 (a > b ? b : a) - r->at);
  }
  sort_in(r, sorted);
}
