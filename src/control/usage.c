/* Sums of usage as the control API shows them: per stretch of time and by what is asked for, from the roll-ups, so that
 * a question about a year reads days and not requests. They are as of the last minute that was rolled up. Row of
 * routes.c.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

#include "ports/store_usage.h"

#define BY_MAX 6

struct filter {
  uint64_t given;
  int64_t since_us, until_us, key_id;
  struct text every, user, workspace, provider, model, outcome;
  struct text *by;
  size_t by_count;
};
#define BY_CHOICES    "key|user|workspace|provider|model|outcome"
#define EVERY_CHOICES "minute|quarter|hour|day|week|month"
static const struct shape_field filter_fields[] = {
    {"since", SHAPE_TIME, 0, SHAPE_AT(filter, since_us), .help = "settled at or after it, rounded down to the stretch"},
    {"until", SHAPE_TIME, 0, SHAPE_AT(filter, until_us), .help = "settled before it, rounded up to the stretch"},
    {"every", SHAPE_TEXT, 0, SHAPE_AT(filter, every), .choices = EVERY_CHOICES,
     .help = "a sum for each such stretch, in the time zone of the configuration; one over the whole time without it"},
    {"by", SHAPE_TEXTS, 0, SHAPE_ARRAY(filter, by, by_count), .max = BY_MAX, .choices = BY_CHOICES,
     .help = "what sums are told apart by; may be repeated"},
    {"key_id", SHAPE_INTEGER, 0, SHAPE_AT(filter, key_id), .min = INT64_MIN, .max = INT64_MAX,
     .help = "of this key; ids of declared keys are negative"},
    {"user", SHAPE_TEXT, 0, SHAPE_AT(filter, user), .min = 1, .max = 128, .help = "of exactly this user"},
    {"workspace", SHAPE_TEXT, 0, SHAPE_AT(filter, workspace), .min = 1, .max = 128, .help = "of exactly this one"},
    {"provider", SHAPE_TEXT, 0, SHAPE_AT(filter, provider), .min = 1, .max = 64, .help = "that went to it"},
    {"model", SHAPE_TEXT, 0, SHAPE_AT(filter, model), .min = 1, .max = 256, .help = "as clients named it"},
    {"outcome", SHAPE_TEXT, 0, SHAPE_AT(filter, outcome), .choices = "ok|error", .help = "how they ended"},
};
const struct shape usage_filter = {"UsageFilter", "Which sums.", sizeof(struct filter), SHAPE_FIELDS(filter_fields)};

struct usage_view {
  uint64_t given;
  int64_t start_us, end_us, key_id, requests, attempts;
  struct text key_name, user, workspace, provider, model, outcome;
  int64_t input, output, cache_write_5m, cache_write_1h, cache_read, reasoning, cost_nano, billable_nano;
  int64_t duration_us, durations, first_token_us, first_tokens;
};
#define KIND_OF(member, text)                                                                                          \
  { #member, SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(usage_view, member), .max = 256, .help = text }
#define COUNT_OF(name, member, text)                                                                                   \
  { name, SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(usage_view, member), .max = INT64_MAX, .help = text }
static const struct shape_field usage_fields[] = {
    {"start", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(usage_view, start_us), .help = "of the stretch"},
    {"end", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(usage_view, end_us), .help = "of the stretch"},
    {"key_id", SHAPE_INTEGER, SHAPE_NULLABLE, SHAPE_AT(usage_view, key_id), .min = INT64_MIN, .max = INT64_MAX,
     .help = "null unless told apart by it"},
    KIND_OF(key_name, "null unless told apart by key"),
    KIND_OF(user, "null unless told apart by it"),
    KIND_OF(workspace, "null unless told apart by it"),
    KIND_OF(provider, "null unless told apart by it"),
    KIND_OF(model, "null unless told apart by it"),
    KIND_OF(outcome, "null unless told apart by it"),
    COUNT_OF("requests", requests, "calls of clients"),
    COUNT_OF("attempts", attempts, "calls to providers"),
    COUNT_OF("input_tokens", input, "neither read from the cache nor written to it"),
    COUNT_OF("output_tokens", output, "reasoning included"),
    COUNT_OF("cache_write_5m_tokens", cache_write_5m, "written to the cache for 5 minutes"),
    COUNT_OF("cache_write_1h_tokens", cache_write_1h, "written to the cache for an hour"),
    COUNT_OF("cache_read_tokens", cache_read, "read from the cache"),
    COUNT_OF("reasoning_tokens", reasoning, "of the output"),
    {"cost_usd", SHAPE_USD, SHAPE_REQUIRED, SHAPE_AT(usage_view, cost_nano), .max = INT64_MAX, .help = "exactly"},
    {"billable_usd", SHAPE_USD, SHAPE_REQUIRED, SHAPE_AT(usage_view, billable_nano), .max = INT64_MAX,
     .help = "the part that budgets count"},
    COUNT_OF("duration_us", duration_us, "microseconds of the attempts whose duration is known"),
    COUNT_OF("durations", durations, "how many these are"),
    COUNT_OF("first_token_us", first_token_us, "microseconds to the first token, where that is known"),
    COUNT_OF("first_tokens", first_tokens, "of how many attempts"),
};
const struct shape usage_shape = {"Usage", "A sum of usage.", sizeof(struct usage_view), SHAPE_FIELDS(usage_fields)};

/* The place of a word among those of a list. */
static unsigned place_of(struct text word, const char *choices) {
  struct text list = text_of(choices), one;
  unsigned i = 0;
  for (; text_cut(list, '|', &one, &list) && !text_equal(one, word); i++)
    continue;
  return i;
}

static struct usage_ask ask_of(const struct filter *q) {
  struct usage_ask ask = {.since_us = q->since_us,
                          .until_us = q->until_us,
                          .key_id = q->key_id,
                          .user = q->user,
                          .workspace = q->workspace,
                          .provider = q->provider,
                          .model = q->model,
                          .outcome = q->outcome};
  if (q->every.len > 0)
    ask.every = (enum usage_every)(USAGE_EVERY_MINUTE + place_of(q->every, EVERY_CHOICES));
  for (size_t i = 0; i < q->by_count; i++)
    ask.by |= 1U << place_of(q->by[i], BY_CHOICES);
  return ask;
}

static struct usage_view view_of(const struct usage_sum *s) {
  return (struct usage_view){.start_us = s->start_us,
                             .end_us = s->end_us,
                             .key_id = s->key_id,
                             .requests = s->requests,
                             .attempts = s->attempts,
                             .key_name = s->key_name,
                             .user = s->user,
                             .workspace = s->workspace,
                             .provider = s->provider,
                             .model = s->model,
                             .outcome = s->outcome,
                             .input = s->input_tokens,
                             .output = s->output_tokens,
                             .cache_write_5m = s->cache_write_5m_tokens,
                             .cache_write_1h = s->cache_write_1h_tokens,
                             .cache_read = s->cache_read_tokens,
                             .reasoning = s->reasoning_tokens,
                             .cost_nano = s->cost_nano,
                             .billable_nano = s->billable_nano,
                             .duration_us = s->duration_us,
                             .durations = s->durations,
                             .first_token_us = s->first_token_us,
                             .first_tokens = s->first_tokens};
}

/* Sums have no order that a later page could count on: all of them come at once, and too many are refused. */
enum err usage_list(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct usage_ask ask = ask_of(c->query);
  ask.org_id = c->org_id;
  struct usage_sum *sums = NULL;
  size_t count = 0;
  struct api_own own = {&ask.user, &ask.whole_since_us, false};
  enum err e = api_narrow(c, PERMISSION_USAGE_READ, PERMISSION_USAGE_OWN, ask.workspace, &own, f);
  if (e == ERR_OK)
    e = s->ops->usage->sums(s, &ask, c->arena, &sums, &count, f);
  if (e != ERR_OK)
    return e;
  struct usage_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&sums[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}
