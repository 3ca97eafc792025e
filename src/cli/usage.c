/* weir usage: what was used and what it cost, added up per stretch of time and by whatever is asked for, as a table, as
 * CSV or as JSON lines. Reads the roll-ups and brings them up to date first, so that its answer is as of now; what is
 * still in a running weir's journal is missing. Single calls are `weir ledger list`. */
#include "base/calendar.h"
#include "base/json.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "ports/store_usage.h"

#define MINUTES_A_TURN 500

static const char usage[] =
    "usage: weir usage [--by WORDS] [--every WORD] [--since TIME] [--until TIME]\n"
    "                  [--key NAME|ID] [--user U] [--workspace W] [--provider P] [--model M] [--outcome ok|error]\n"
    "                  [--csv|--json]  [-c FILE]\n"
    "  --by      what to tell apart: key, user, workspace, provider, model, outcome, several with commas between;\n"
    "            model unless it is given, `none` for nothing\n"
    "  --every   minute, quarter (of an hour), hour, day, week or month; one sum over the whole time without it\n"
    "  --since   a day, 2026-11-30T12:00 (in `timezone`), or how long ago: 36h, 7d; 30d unless it is given. Rounded "
    "to\n"
    "            whole days for days, weeks and months, else to quarters of an hour (minutes for minutes)\n"
    "An attempt is one call to a provider; a request has one or more. What was settled counts when it was settled.\n";

struct words {
  const char *config, *by, *every, *since, *until, *key, *user, *workspace, *provider, *model, *outcome, *csv, *json;
};

static const struct {
  const char *name;
  enum usage_by by;
} kinds[] = {{"key", USAGE_BY_KEY},           {"user", USAGE_BY_USER},   {"workspace", USAGE_BY_WORKSPACE},
             {"provider", USAGE_BY_PROVIDER}, {"model", USAGE_BY_MODEL}, {"outcome", USAGE_BY_OUTCOME}};
#define KINDS (sizeof kinds / sizeof *kinds)

static const char *const every_names[] = {
    [USAGE_EVERY_MINUTE] = "minute", [USAGE_EVERY_QUARTER] = "quarter", [USAGE_EVERY_HOUR] = "hour",
    [USAGE_EVERY_DAY] = "day",       [USAGE_EVERY_WEEK] = "week",       [USAGE_EVERY_MONTH] = "month"};

static enum err read_by(const char *words, unsigned *out, struct fault *f) {
  struct text rest = text_of(words ? words : "model"), word;
  unsigned by = 0;
  while (rest.len && !text_equal(rest, TEXT("none"))) {
    size_t i = 0;
    if (!text_cut(rest, ',', &word, &rest)) {
      word = rest;
      rest = TEXT_NONE;
    }
    while (i < KINDS && !text_equal(word, text_of(kinds[i].name)))
      i++;
    if (i == KINDS)
      return fault_set(f, ERR_BAD_REQUEST, "--by",
                       "--by takes key, user, workspace, provider, model and outcome, not \"%.*s\"",
                       TEXT_ARGS(text_head(word, 64)));
    by |= kinds[i].by;
  }
  *out = by;
  return ERR_OK;
}

static enum err read_every(const char *word, enum usage_every *out, struct fault *f) {
  enum usage_every every = USAGE_EVERY_MONTH;
  if (!word)
    return ERR_OK;
  while (every > USAGE_EVERY_ALL && strcmp(word, every_names[every]) != 0)
    every--;
  if (every == USAGE_EVERY_ALL)
    return fault_set(f, ERR_BAD_REQUEST, "--every", "--every takes minute, quarter, hour, day, week or month");
  *out = every;
  return ERR_OK;
}

static struct text given(const char *word) { return text_of(word ? word : ""); }

static enum err read_ask(const struct words *w, const struct cli_store *s, struct usage_ask *out, struct fault *f) {
  struct usage_ask ask = {.user = given(w->user),
                          .workspace = given(w->workspace),
                          .provider = given(w->provider),
                          .model = given(w->model),
                          .outcome = given(w->outcome)};
  if (ask.outcome.len && !text_equal(ask.outcome, TEXT("ok")) && !text_equal(ask.outcome, TEXT("error")))
    return fault_set(f, ERR_BAD_REQUEST, "--outcome", "--outcome is ok or error here");
  enum err e = read_by(w->by, &ask.by, f);
  if (!e)
    e = read_every(w->every, &ask.every, f);
  if (!e)
    e = cli_times(w->since ? w->since : "30d", w->until, &ask.since_us, &ask.until_us, f);
  if (!e && w->key)
    e = cli_key_id(s, w->key, &ask.key_id, f);
  if (!e)
    *out = ask;
  return e;
}

/* Brings the roll-ups up to date. */
static enum err roll_up(const struct cli_store *s, struct fault *f) {
  int64_t kept_us = s->config->retention.usage_minutes_days * 86400 * CALENDAR_US_PER_S;
  const struct usage_roll_up_ask ask = {
      .zone = s->config->timezone, .minutes_since_us = loop_wall_us() - kept_us, .max = MINUTES_A_TURN};
  size_t minutes = 1;
  enum err e = ERR_OK;
  while (!e && minutes)
    e = s->store->ops->usage->roll_up(s->store, &ask, &minutes, f);
  return e;
}

static struct text value_of(const struct usage_sum *u, enum usage_by by) {
  switch (by) {
  case USAGE_BY_KEY: return u->key_name;
  case USAGE_BY_USER: return u->user;
  case USAGE_BY_WORKSPACE: return u->workspace;
  case USAGE_BY_PROVIDER: return u->provider;
  case USAGE_BY_MODEL: return u->model;
  case USAGE_BY_OUTCOME: return u->outcome;
  }
  return TEXT_NONE;
}

static const char *when(const struct usage_ask *ask, const struct usage_sum *u, char out[32]) {
  calendar_write(u->start_us, ask->every < USAGE_EVERY_DAY, out);
  return out;
}

static const struct {
  const char *name;
  size_t at;
} counts[] = {{"requests", offsetof(struct usage_sum, requests)},
              {"attempts", offsetof(struct usage_sum, attempts)},
              {"input_tokens", offsetof(struct usage_sum, input_tokens)},
              {"output_tokens", offsetof(struct usage_sum, output_tokens)},
              {"cache_write_5m_tokens", offsetof(struct usage_sum, cache_write_5m_tokens)},
              {"cache_write_1h_tokens", offsetof(struct usage_sum, cache_write_1h_tokens)},
              {"cache_read_tokens", offsetof(struct usage_sum, cache_read_tokens)},
              {"reasoning_tokens", offsetof(struct usage_sum, reasoning_tokens)},
              {"cost_nano", offsetof(struct usage_sum, cost_nano)},
              {"billable_nano", offsetof(struct usage_sum, billable_nano)},
              {"duration_us", offsetof(struct usage_sum, duration_us)},
              {"durations", offsetof(struct usage_sum, durations)},
              {"first_token_us", offsetof(struct usage_sum, first_token_us)},
              {"first_tokens", offsetof(struct usage_sum, first_tokens)}};
#define COUNTS (sizeof counts / sizeof *counts)

static long long count_of(const struct usage_sum *u, size_t which) {
  int64_t n;
  memcpy(&n, (const char *)u + counts[which].at, sizeof n);
  return (long long)n;
}

/* Quoted as RFC 4180 has it, also where nothing needs it. */
static void print_quoted(struct text t) {
  putchar('"');
  for (size_t i = 0; i < t.len; i++)
    fputs(t.at[i] == '"' ? "\"\"" : (char[]){t.at[i], 0}, stdout);
  putchar('"');
}

static void print_csv(const struct usage_ask *ask, const struct usage_sum *sums, size_t count) {
  char at[32];
  if (ask->every)
    printf("start,");
  for (size_t k = 0; k < KINDS; k++)
    if (ask->by & kinds[k].by)
      printf("%s,", kinds[k].name);
  for (size_t k = 0; k < COUNTS; k++)
    printf("%s%s", counts[k].name, k + 1 < COUNTS ? "," : "\r\n");
  for (size_t i = 0; i < count; i++) {
    if (ask->every)
      printf("%s,", when(ask, &sums[i], at));
    for (size_t k = 0; k < KINDS; k++)
      if (ask->by & kinds[k].by) {
        print_quoted(value_of(&sums[i], kinds[k].by));
        putchar(',');
      }
    for (size_t k = 0; k < COUNTS; k++)
      printf("%lld%s", count_of(&sums[i], k), k + 1 < COUNTS ? "," : "\r\n");
  }
}

static void print_json(const struct usage_ask *ask, const struct usage_sum *u) {
  char at[32];
  struct json_writer w;
  struct buf b;
  buf_init(&b, 65536);
  json_writer_init(&w, &b);
  json_object(&w);
  if (ask->every) {
    json_field_str(&w, "start", when(ask, u, at));
    json_field_i64(&w, "start_us", u->start_us);
    json_field_i64(&w, "end_us", u->end_us);
  }
  if (ask->by & USAGE_BY_KEY)
    json_field_i64(&w, "key_id", u->key_id);
  for (size_t k = 0; k < KINDS; k++)
    if (ask->by & kinds[k].by)
      json_field_text(&w, kinds[k].name, value_of(u, kinds[k].by));
  for (size_t k = 0; k < COUNTS; k++)
    json_field_i64(&w, counts[k].name, count_of(u, k));
  json_object_end(&w);
  buf_add_char(&b, '\n');
  fwrite(b.at, 1, b.len, stdout);
  buf_done(&b);
}

static void print_table(const struct usage_ask *ask, const struct usage_sum *sums, size_t count) {
  char at[32];
  if (ask->every)
    printf("%-20s", "from");
  for (size_t k = 0; k < KINDS; k++)
    if (ask->by & kinds[k].by)
      printf("%-24s ", kinds[k].name);
  printf("%10s %10s %14s %14s %18s %9s\n", "requests", "attempts", "tokens in", "tokens out", "cost", "mean ms");
  for (size_t i = 0; i < count; i++) {
    const struct usage_sum *u = &sums[i];
    long long in =
        (long long)(u->input_tokens + u->cache_read_tokens + u->cache_write_5m_tokens + u->cache_write_1h_tokens);
    if (ask->every)
      printf("%-20s", when(ask, u, at));
    for (size_t k = 0; k < KINDS; k++)
      if (ask->by & kinds[k].by)
        printf("%-24.*s ", TEXT_ARGS(value_of(u, kinds[k].by)));
    printf("%10lld %10lld %14lld %14lld %7lld.%09lld $ %9lld\n", (long long)u->requests, (long long)u->attempts, in,
           (long long)u->output_tokens, (long long)(u->cost_nano / 1000000000), (long long)(u->cost_nano % 1000000000),
           u->durations ? (long long)(u->duration_us / u->durations / 1000) : 0);
  }
}

static enum err answer(const struct words *w, const struct cli_store *s, struct fault *f) {
  struct usage_ask ask;
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  enum err e = read_ask(w, s, &ask, f);
  if (!e)
    e = roll_up(s, f);
  if (e)
    return e;
  arena_init(&a);
  e = s->store->ops->usage->sums(s->store, &ask, &a, &sums, &count, f);
  if (!e && w->csv)
    print_csv(&ask, sums, count);
  for (size_t i = 0; !e && w->json && i < count; i++)
    print_json(&ask, &sums[i]);
  if (!e && !w->csv && !w->json)
    print_table(&ask, sums, count);
  arena_done(&a);
  return e;
}

int cli_usage(int argc, char **argv) {
  struct words w = {0};
  const struct cli_option options[] = {
      {"-c", false, &w.config, NULL, 0},           {"--by", false, &w.by, NULL, 0},
      {"--every", false, &w.every, NULL, 0},       {"--since", false, &w.since, NULL, 0},
      {"--until", false, &w.until, NULL, 0},       {"--key", false, &w.key, NULL, 0},
      {"--user", false, &w.user, NULL, 0},         {"--workspace", false, &w.workspace, NULL, 0},
      {"--provider", false, &w.provider, NULL, 0}, {"--model", false, &w.model, NULL, 0},
      {"--outcome", false, &w.outcome, NULL, 0},   {"--csv", true, &w.csv, NULL, 0},
      {"--json", true, &w.json, NULL, 0}};
  size_t words;
  bool help;
  struct cli_store s;
  struct fault f = {0};
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, NULL, 0, &words, &help))
    return help ? 0 : 2;
  if (!cli_store_open(w.config, &s))
    return 1;
  calendar_set_zone(s.config->timezone);
  int status = answer(&w, &s, &f) ? cli_fail(&f) : 0;
  cli_store_close(&s);
  return status;
}
