/* weir ledger: what was called and what it cost, newest first, and the proof that the balances are the sum of their
 * rows. Reads the store only; a running weir may still hold the last moments in its journal. */
#include "base/calendar.h"
#include "base/json.h"
#include "cli/cli.h"
#include "ports/store_usage.h"

static const char usage[] =
    "usage: weir ledger list [--since TIME] [--until TIME] [--key NAME|ID] [--user U] [--workspace W] [--provider P]\n"
    "                        [--model M] [--outcome WORD] [--below TIME_US,ID] [--max N] [--json]  [-c FILE]\n"
    "       weir ledger verify  [-c FILE]\n"
    "  list    what was settled last first, 20 unless --max says otherwise; --json prints one object a line, the last "
    "one\n"
    "          settled last. TIME is a day, 2026-11-30T12:00 (in `timezone`), or how long ago: 36h, 7d. An outcome is\n"
    "          ok, error, cancelled, cut, recovered, or `failed` for all but ok. --below gives what follows the row "
    "with\n"
    "          that settled_us and id\n"
    "  verify  recomputes every balance from the rows; exit status 1 when one differs\n";

static void write_json(const struct ledger_row *r, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_i64(&w, "id", r->id);
  json_field_text(&w, "request_id", r->request_id);
  json_field_u64(&w, "attempt", r->attempt);
  json_field_i64(&w, "reserved_us", r->reserved_us);
  json_field_i64(&w, "settled_us", r->settled_us);
  json_field_i64(&w, "key_id", r->key_id);
  json_field_text(&w, "key_name", r->key_name);
  json_field_text(&w, "user", r->user);
  json_field_text(&w, "workspace", r->workspace);
  json_field_text(&w, "wire", r->wire);
  json_field_text(&w, "operation", r->operation);
  json_field_text(&w, "provider", r->provider);
  json_field_text(&w, "credential", r->credential);
  json_field_text(&w, "model", r->model);
  json_field_text(&w, "upstream_model", r->upstream_model);
  json_field_text(&w, "upstream_request_id", r->upstream_request_id);
  json_field_text(&w, "outcome", r->outcome);
  json_field_text(&w, "error", r->error);
  json_field_i64(&w, "status", r->status);
  json_field_i64(&w, "upstream_status", r->upstream_status);
  json_field_bool(&w, "streamed", r->streamed);
  json_field_bool(&w, "billable", r->billable);
  json_name(&w, "usage");
  json_object(&w);
  json_field_u64(&w, "input", r->usage.input);
  json_field_u64(&w, "output", r->usage.output);
  json_field_u64(&w, "cache_write_5m", r->usage.cache_write_5m);
  json_field_u64(&w, "cache_write_1h", r->usage.cache_write_1h);
  json_field_u64(&w, "cache_read", r->usage.cache_read);
  json_field_u64(&w, "reasoning", r->usage.reasoning);
  json_field_bool(&w, "known", r->usage.known);
  json_field_bool(&w, "estimated", r->usage.estimated);
  json_object_end(&w);
  if (r->cost.known)
    json_field_i64(&w, "cost_nano", r->cost.total);
  else
    json_field_str(&w, "cost_nano", NULL);
  json_field_u64(&w, "price_version", r->price_version);
  json_field_i64(&w, "reserved_nano", r->reserved_nano);
  json_field_i64(&w, "first_token_us", r->first_token_us);
  json_field_i64(&w, "duration_us", r->duration_us);
  json_field_i64(&w, "overhead_us", r->overhead_us);
  json_object_end(&w);
  buf_add_char(out, '\n');
}

static void print_line(const struct ledger_row *r) {
  char at[32], cost[40] = "unknown";
  calendar_write(r->settled_us, true, at);
  if (r->cost.known)
    snprintf(cost, sizeof(cost), "$%lld.%09lld", (long long)(r->cost.total / 1000000000),
             (long long)(r->cost.total % 1000000000));
  printf("%s  %-9.*s %3d  %-12.*s %-24.*s in %-7llu out %-6llu %-14s %.*s\n", at, TEXT_ARGS(r->outcome), r->status,
         TEXT_ARGS(r->key_name), TEXT_ARGS(r->model),
         (unsigned long long)(r->usage.input + r->usage.cache_read + r->usage.cache_write_5m + r->usage.cache_write_1h),
         (unsigned long long)r->usage.output, cost, TEXT_ARGS(r->request_id));
}

static enum err print_rows(struct store *store, const struct usage_log_ask *ask, bool json, struct fault *f) {
  struct arena a;
  struct ledger_row *rows;
  size_t count = 0;
  arena_init(&a);
  enum err e = store->ops->usage->log(store, ask, &a, &rows, &count, f);
  for (size_t i = 0; e == ERR_OK && i < count; i++) {
    struct buf line;
    if (!json) {
      print_line(&rows[i]);
      continue;
    }
    buf_init(&line, 65536);
    write_json(&rows[count - 1 - i], &line);
    fwrite(line.at, 1, line.len, stdout);
    buf_done(&line);
  }
  arena_done(&a);
  return e;
}

static int verify(struct store *store, struct fault *f) {
  struct arena a;
  struct ledger_totals t = {0};
  arena_init(&a);
  enum err e = store->ops->ledger_verify(store, &a, &t, f);
  if (e == ERR_OK) {
    printf("%llu rows, %llu keys, $%lld.%09lld\n", (unsigned long long)t.rows, (unsigned long long)t.keys,
           (long long)(t.cost_nano / 1000000000), (long long)(t.cost_nano % 1000000000));
    if (t.mismatched_keys > 0)
      printf("WRONG: %llu balances differ from their rows: %.*s\n", (unsigned long long)t.mismatched_keys,
             TEXT_ARGS(t.first_mismatch));
    else
      printf("every balance is the sum of its rows\n");
  }
  arena_done(&a);
  if (e != ERR_OK)
    return cli_fail(f);
  return t.mismatched_keys > 0 ? 1 : 0;
}

struct words {
  const char *config, *max, *json, *since, *until, *key, *user, *workspace, *provider, *model, *outcome, *below;
};

static enum err read_below(const char *word, struct usage_log_ask *ask, struct fault *f) {
  struct text at, id;
  if (word &&
      (!text_cut(text_of(word), ',', &at, &id) || !text_to_i64(at, &ask->below_us) || !text_to_i64(id, &ask->below_id)))
    return fault_set(f, ERR_BAD_REQUEST, "--below", "--below must be settled_us and id of a row, with a comma between");
  return ERR_OK;
}

static struct text given(const char *word) { return text_of(word ? word : ""); }

static enum err read_ask(const struct words *w, const struct cli_store *s, struct usage_log_ask *out, struct fault *f) {
  struct usage_log_ask ask = {.user = given(w->user),
                              .workspace = given(w->workspace),
                              .provider = given(w->provider),
                              .model = given(w->model),
                              .outcome = given(w->outcome)};
  uint64_t max = w->json ? 100000 : 20;
  if (w->max && (!text_to_u64(text_of(w->max), &max) || max < 1 || max > 1000000))
    return fault_set(f, ERR_BAD_REQUEST, "--max", "--max must be from 1 to 1000000");
  ask.max = max;
  enum err e = cli_times(w->since, w->until, &ask.since_us, &ask.until_us, f);
  if (!e)
    e = read_below(w->below, &ask, f);
  if (!e && w->key)
    e = cli_key_id(s, w->key, &ask.key_id, f);
  if (!e)
    *out = ask;
  return e;
}

int cli_ledger(int argc, char **argv) {
  struct words w = {0};
  const char *word[1] = {NULL};
  const struct cli_option options[] = {
      {"-c", false, &w.config, NULL, 0},           {"--max", false, &w.max, NULL, 0},
      {"--json", true, &w.json, NULL, 0},          {"--since", false, &w.since, NULL, 0},
      {"--until", false, &w.until, NULL, 0},       {"--key", false, &w.key, NULL, 0},
      {"--user", false, &w.user, NULL, 0},         {"--workspace", false, &w.workspace, NULL, 0},
      {"--provider", false, &w.provider, NULL, 0}, {"--model", false, &w.model, NULL, 0},
      {"--outcome", false, &w.outcome, NULL, 0},   {"--below", false, &w.below, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, word, 1, &words, &help))
    return help ? 0 : 2;
  bool is_list = words == 1 && strcmp(word[0], "list") == 0, is_verify = words == 1 && strcmp(word[0], "verify") == 0;
  if (!is_list && !is_verify) {
    fputs(usage, stderr);
    return 2;
  }
  struct cli_store s;
  struct fault f = {0};
  if (!cli_store_open(w.config, &s))
    return 1;
  struct usage_log_ask ask;
  int status;
  calendar_set_zone(s.config->timezone);
  if (is_verify)
    status = verify(s.store, &f);
  else
    status = read_ask(&w, &s, &ask, &f) == ERR_OK && print_rows(s.store, &ask, w.json != NULL, &f) == ERR_OK
                 ? 0
                 : cli_fail(&f);
  cli_store_close(&s);
  return status;
}
