/* The checks of what decides between targets: policies, who is under which, and waits that belong together. Which
 * target a request then gets is not decided here. Called by section.c after the rows of each section, and by
 * check_root. */
#include "config/check.h"

#include "config/policy.h"
#include "config/section.h"

#define ENTRY_MOST 64

static bool is_entry(const struct config *c, struct text entry) {
  for (size_t i = 0; i < c->provider_count; i++)
    if (config_entry_means(entry, &c->providers[i]))
      return true;
  return policy_is_kind(entry);
}

/* It may have come from the environment, where anything may have been pasted; then it is not shown. */
static void refuse_entry(struct loader *l, const struct node *at, const struct key_path *path, const char *name,
                         struct text entry) {
  if (at != NULL && !at->expanded)
    section_refuse(l, at, path, name, "names `%.*s`, which is neither a provider nor a kind of providers",
                   TEXT_ARGS(text_head(entry, ENTRY_MOST)));
  else
    section_refuse(l, at, path, name, "names what is neither a provider nor a kind of providers");
}

static void check_entries(struct loader *l, const struct node *n, const struct key_path *path, const char *name,
                          const struct text *entries, size_t count) {
  const struct node *list = check_child(n, name);
  bool is_list = list != NULL && list->kind == NODE_LIST;
  const struct node *at = is_list ? list->first : list;
  for (size_t i = 0; i < count; i++) {
    if (!is_entry(l->config, entries[i]))
      refuse_entry(l, at, path, name, entries[i]);
    at = is_list && at != NULL ? at->next : at;
  }
}

static bool is_taken(const struct config *c, const struct config_policy *p) {
  for (const struct config_policy *other = c->policies; other < p; other++)
    if (text_equal(other->name, p->name))
      return true;
  return false;
}

void check_policy(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_policy *p = at;
  int choice = (int)p->strategy; /* of the row, where "not given" is the first */
  p->has_strategy = choice > 0;
  p->strategy = choice > 0 ? (enum config_strategy)(choice - 1) : CONFIG_STRATEGY_ORDERED;
  if (policy_built_in(p->name) != NULL)
    section_refuse(l, check_child(n, "name"), path, "name", "is the name of a policy that is always there");
  else if (p->name.len > 0 && is_taken(l->config, p))
    section_refuse(l, check_child(n, "name"), path, "name", "is taken by another policy");
  check_entries(l, n, path, "only", p->only, p->only_count);
  check_entries(l, n, path, "first", p->first, p->first_count);
}

void check_assignment(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  struct config_assignment *a = at;
  if ((a->key.len > 0) + (a->user.len > 0) + (a->workspace.len > 0) != 1)
    section_refuse(l, n, path, NULL, "must give exactly one of `key`, `user` and `workspace`");
  if (a->policy_name.len == 0)
    return;
  a->policy = config_find_policy(l->config, a->policy_name);
  if (a->policy == NULL)
    check_refuse_name(l, n, path, "policy", "the policy");
}

static int by_subject(const void *a, const void *b) {
  return policy_order(*(const struct config_assignment *const *)a, *(const struct config_assignment *const *)b);
}

void check_assignments(struct loader *l, const struct node *n) {
  struct config *c = l->config;
  const struct node *list = n == NULL ? NULL : check_child(n, "assignments");
  c->assigned = arena_zalloc(l->arena, (c->assignment_count + 1) * sizeof(const struct config_assignment *));
  for (size_t i = 0; i < c->assignment_count; i++)
    c->assigned[i] = &c->assignments[i];
  qsort(c->assigned, c->assignment_count, sizeof(const struct config_assignment *), by_subject);
  for (size_t i = 1; i < c->assignment_count; i++) {
    const struct config_assignment *a = c->assigned[i - 1], *b = c->assigned[i];
    bool is_somebody = a->key.len + a->user.len + a->workspace.len > 0;
    if (is_somebody && policy_order(a, b) == 0)
      errors_add(l->errors, list == NULL ? 0 : list->line, list == NULL ? 0 : list->column,
                 "`assignments[%td]` is for the same as `assignments[%td]`", (a > b ? a : b) - c->assignments,
                 (a > b ? b : a) - c->assignments);
  }
}

void check_retry(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_retry *r = at;
  if (r->base_ms > r->max_ms)
    section_refuse(l, check_child(n, "base"), path, "base", "must not be longer than `max`");
}

void check_hedge(struct loader *l, const struct node *n, const struct key_path *path, void *at) {
  const struct config_hedge *h = at;
  if (h->min_ms > h->max_ms)
    section_refuse(l, check_child(n, "min"), path, "min", "must not be longer than `max`");
}
