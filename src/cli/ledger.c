/* weir ledger: what was called and what it cost, newest first, and the proof that the balances are the sum of their
 * rows. Reads the store only; a running weir may still hold the last moments in its journal. */
#include "base/calendar.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "ports/store_usage.h"
#include "store/archive_file.h"
#include "store/ledger_json.h"

static const char usage[] =
    "usage: weir ledger list [--since TIME] [--until TIME] [--key NAME|ID] [--user U] [--workspace W] [--provider P]\n"
    "                        [--model M] [--outcome WORD] [--below TIME_US,ID] [--max N] [--json]  [-c FILE]\n"
    "       weir ledger verify  [-c FILE]\n"
    "       weir ledger archive --before TIME  [-c FILE]\n"
    "       weir ledger archives [verify]  [-c FILE]\n"
    "  list    what was settled last first, 20 unless --max says otherwise; --json prints one object a line, the last "
    "one\n"
    "          settled last. TIME is a day, 2026-11-30T12:00 (in `timezone`), or how long ago: 36h, 7d. An outcome is\n"
    "          ok, error, cancelled, cut, recovered, or `failed` for all but ok. --below gives what follows the row "
    "with\n"
    "          that settled_us and id\n"
    "  verify  recomputes every balance from the rows; exit status 1 when one differs\n"
    "  archive moves what was settled before TIME into files of data_dir/archive; sums and balances stay what they "
    "are\n"
    "  archives lists those files, and reads each whole with `verify`: exit status 1 when one is damaged or missing\n";

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
    buf_init(&line, LEDGER_JSON_MAX);
    ledger_json_write(&rows[count - 1 - i], &line);
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
    if (t.archived > 0)
      printf("%llu rows are archived: ", (unsigned long long)t.archived);
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

#define ARCHIVE_ROWS 20000 /* of one file */

static const char *archive_folder(const struct cli_store *s) {
  static char folder[sizeof s->data_dir + 16];
  snprintf(folder, sizeof folder, "%s/archive", s->data_dir);
  return folder;
}

static enum err archive_until(const struct cli_store *s, const char *folder, int64_t before_us, struct fault *f) {
  const struct usage_archive_ask ask = {.folder = folder, .before_us = before_us, .max = ARCHIVE_ROWS};
  size_t rows = ARCHIVE_ROWS;
  unsigned long long all = 0;
  enum err e = ERR_OK;
  while (!e && rows == ARCHIVE_ROWS) {
    e = s->store->ops->usage->archive(s->store, &ask, &rows, f);
    all += e ? 0 : rows;
  }
  printf("%llu rows archived in %s\n", all, folder);
  return e;
}

static enum err archive_command(const struct cli_store *s, const char *before, struct fault *f) {
  int64_t days = s->config->retention.usage_minutes_days, before_us, none;
  int64_t minutes_us = loop_wall_us() - days * 86400 * CALENDAR_US_PER_S;
  if (!before)
    return fault_set(f, ERR_BAD_REQUEST, "--before", "--before says what is old enough: 90d, or a day");
  enum err e = cli_times(before, NULL, &before_us, &none, f);
  if (!e && before_us > minutes_us)
    e = fault_set(f, ERR_BAD_REQUEST, "--before",
                  "rows stay for %lld days at least: usage is kept by the minute so long (retention.usage_minutes)",
                  (long long)days);
  if (e)
    return e;
  return archive_until(s, archive_folder(s), before_us, f);
}

/* One file's line, and whether all is well with it. */
static bool print_archive(const struct usage_archive *a, const char *folder, bool verify) {
  char from[32], to[32];
  struct fault f = {0};
  enum err e = verify ? archive_file_check(folder, a->name, a->digest, a->entries, &f) : ERR_OK;
  calendar_write(a->first_us, true, from);
  calendar_write(a->last_us, true, to);
  printf("%.*s  %s to %s  %llu rows  %llu bytes  $%lld.%09lld%s%s\n", TEXT_ARGS(a->name), from, to,
         (unsigned long long)a->entries, (unsigned long long)a->bytes, (long long)(a->cost_nano / 1000000000),
         (long long)(a->cost_nano % 1000000000), verify && !e ? "  good" : "", e ? "  WRONG: " : "");
  if (e)
    printf("  %s\n", fault_text(&f));
  return !e;
}

static int archives_command(const struct cli_store *s, bool verify) {
  struct usage_archive *list = NULL;
  struct fault f = {0};
  struct arena a;
  size_t count = 0, wrong = 0;
  arena_init(&a);
  enum err e = s->store->ops->usage->archives(s->store, &a, &list, &count, &f);
  for (size_t i = 0; !e && i < count; i++)
    wrong += !print_archive(&list[i], archive_folder(s), verify);
  arena_done(&a);
  return e ? cli_fail(&f) : wrong > 0;
}

struct words {
  const char *before, *config, *max, *json, *since, *until, *key, *user, *workspace, *provider, *model, *outcome,
      *below;
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

static enum err list(const struct words *w, const struct cli_store *s, struct fault *f) {
  struct usage_log_ask ask;
  enum err e = read_ask(w, s, &ask, f);
  return e ? e : print_rows(s->store, &ask, w->json != NULL, f);
}

int cli_ledger(int argc, char **argv) {
  struct words w = {0};
  const char *word[2] = {NULL, NULL};
  const struct cli_option options[] = {{"--before", false, &w.before, NULL, 0},
                                       {"-c", false, &w.config, NULL, 0},
                                       {"--max", false, &w.max, NULL, 0},
                                       {"--json", true, &w.json, NULL, 0},
                                       {"--since", false, &w.since, NULL, 0},
                                       {"--until", false, &w.until, NULL, 0},
                                       {"--key", false, &w.key, NULL, 0},
                                       {"--user", false, &w.user, NULL, 0},
                                       {"--workspace", false, &w.workspace, NULL, 0},
                                       {"--provider", false, &w.provider, NULL, 0},
                                       {"--model", false, &w.model, NULL, 0},
                                       {"--outcome", false, &w.outcome, NULL, 0},
                                       {"--below", false, &w.below, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, word, 2, &words, &help))
    return help ? 0 : 2;
  enum { LIST, VERIFY, ARCHIVE, ARCHIVES, COMMANDS } command = LIST;
  static const char *const names[COMMANDS] = {"list", "verify", "archive", "archives"};
  while (words > 0 && command < COMMANDS && strcmp(word[0], names[command]) != 0)
    command++;
  bool checks = words == 2 && command == ARCHIVES && strcmp(word[1], "verify") == 0;
  if (words == 0 || command == COMMANDS || (words == 2 && !checks)) {
    fputs(usage, stderr);
    return 2;
  }
  struct cli_store s;
  struct fault f = {0};
  if (!cli_store_open(w.config, &s))
    return 1;
  int status = 0;
  calendar_set_zone(s.config->timezone);
  switch (command) {
  case VERIFY: status = verify(s.store, &f); break;
  case ARCHIVES: status = archives_command(&s, checks); break;
  case ARCHIVE: status = archive_command(&s, w.before, &f) ? cli_fail(&f) : 0; break;
  default: status = list(&w, &s, &f) ? cli_fail(&f) : 0;
  }
  cli_store_close(&s);
  return status;
}
