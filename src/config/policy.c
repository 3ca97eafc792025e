/* Policies: the ones that are always there, and which of all of them a request is under. What a policy does to the
 * order of targets is decided where targets are chosen, not here. Called by check_routing.c while a snapshot is built
 * and for each request afterwards. */
#include "config/policy.h"

#include "config/config.h"

static struct text anthropic[] = {{"anthropic", 9}}, bedrock[] = {{"bedrock", 7}};
static struct text openrouter[] = {{"openrouter", 10}}, openai[] = {{"openai", 6}};

static const struct config_policy built_in[] = {
    {.name = {"plan_first", 10}, .first = anthropic, .first_count = 1, .own_credentials_first = true},
    {.name = {"anthropic_only", 14}, .only = anthropic, .only_count = 1},
    {.name = {"bedrock_only", 12}, .only = bedrock, .only_count = 1},
    {.name = {"openrouter_only", 15}, .only = openrouter, .only_count = 1},
    {.name = {"openai_only", 11}, .only = openai, .only_count = 1},
};

/* No provider has an empty name or kind. */
static struct text nobody[] = {{"", 0}};
static const struct config_policy forgotten = {
    .name = {"(not declared)", 14}, .only = nobody, .only_count = 1, .has_strategy = false};

const struct config_policy *policy_built_in(struct text name) {
  for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
    if (text_equal(built_in[i].name, name))
      return &built_in[i];
  return NULL;
}

bool policy_is_kind(struct text entry) {
  return text_equal(entry, anthropic[0]) || text_equal(entry, bedrock[0]) || text_equal(entry, openrouter[0]) ||
         text_equal(entry, openai[0]);
}

int policy_order(const struct config_assignment *a, const struct config_assignment *b) {
  const struct text x[] = {a->key, a->user, a->workspace}, y[] = {b->key, b->user, b->workspace};
  for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
    size_t least = x[i].len < y[i].len ? x[i].len : y[i].len;
    int order = least == 0 ? 0 : memcmp(x[i].at, y[i].at, least);
    if (order == 0 && x[i].len != y[i].len)
      order = x[i].len < y[i].len ? -1 : 1;
    if (order != 0)
      return order;
  }
  return 0;
}

const struct config_policy *config_find_policy(const struct config *c, struct text name) {
  for (size_t i = 0; i < c->policy_count; i++)
    if (text_equal(c->policies[i].name, name))
      return &c->policies[i];
  return policy_built_in(name);
}

static const struct config_policy *assigned(const struct config *c, struct config_assignment who) {
  size_t low = 0, high = c->assignment_count;
  if (text_is_empty(who.key) && text_is_empty(who.user) && text_is_empty(who.workspace))
    return NULL;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = policy_order(&who, c->assigned[middle]);
    if (order == 0)
      return c->assigned[middle]->policy;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const struct config_policy *config_policy_for(const struct config *c, struct text key_policy, struct text key_name,
                                              struct text user, struct text workspace) {
  if (!text_is_empty(key_policy)) {
    const struct config_policy *own = config_find_policy(c, key_policy);
    return own != NULL ? own : &forgotten;
  }
  if (c->assignment_count == 0)
    return NULL;
  const struct config_policy *found = assigned(c, (struct config_assignment){.key = key_name});
  if (found == NULL)
    found = assigned(c, (struct config_assignment){.user = user});
  return found != NULL ? found : assigned(c, (struct config_assignment){.workspace = workspace});
}

bool config_entry_means(struct text entry, const struct config_provider *p) {
  return text_equal(entry, p->name) || text_equal(entry, p->kind_name);
}
