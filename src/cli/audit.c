/* weir audit: who changed what, the proof that nothing of the log was changed, and the log as JSON lines. Reads the
 * store only, also while weir runs. */
#include "base/json.h"
#include "cli/cli.h"

#include <stdlib.h>

static const char usage[] =
    "usage: weir audit list [--max N] [--since WHEN] [--until WHEN] [--actor A] [--action A] [--subject S]\n"
    "                       [--before ID] [--json]  [-c FILE]\n"
    "       weir audit verify [--seen ID:HASH]  [-c FILE]\n"
    "       weir audit export  [-c FILE]\n"
    "  list    newest first, 20 unless --max says otherwise; WHEN is a day, a day and a time\n"
    "          (2026-11-30T12:00), or how long ago (36h, 7d); --before goes on where a page ended\n"
    "  verify  recomputes the chain of hashes and prints its newest end as ID:HASH; write that down elsewhere and\n"
    "          give it back with --seen: only so a log that was written anew as a whole is found. Exit status 1 when\n"
    "          something is wrong\n"
    "  export  every entry, oldest first, one JSON object a line, with all that the chain is made of\n";

#define PAGE 500

static void put_hex(struct json_writer *w, const char *name, const uint8_t *at, size_t n) {
  char hex[2 * AUDIT_HASH_BYTES];
  json_field_text(w, name, (struct text){hex, text_hex(at, n, hex)});
}

static void print_json(const struct audit_row *r, bool chain) {
  struct buf line;
  struct json_writer w;
  buf_init(&line, 4 * AUDIT_JSON_MAX);
  json_writer_init(&w, &line);
  json_object(&w);
  json_field_i64(&w, "id", r->id);
  json_field_i64(&w, "at_us", r->at_us);
  json_field_text(&w, "actor", r->actor);
  json_field_text(&w, "origin", r->origin);
  json_field_text(&w, "action", r->action);
  json_field_text(&w, "subject", r->subject);
  json_name(&w, "before");
  json_put_raw(&w, r->before);
  json_name(&w, "after");
  json_put_raw(&w, r->after);
  json_field_bool(&w, "erased", r->is_erased);
  json_field_i64(&w, "org_id", r->org_id);
  if (chain) {
    put_hex(&w, "salt", r->salt, r->is_erased ? 0 : sizeof(r->salt));
    put_hex(&w, "personal_sum", r->personal_sum, sizeof(r->personal_sum));
    put_hex(&w, "prev_hash", r->prev_hash, sizeof(r->prev_hash));
    put_hex(&w, "hash", r->hash, sizeof(r->hash));
  }
  json_object_end(&w);
  buf_add_char(&line, '\n');
  fwrite(line.at, 1, line.len, stdout);
  buf_done(&line);
}

/* What differs between two values of one member. */
static void print_member(const char *name, yyjson_val *was, yyjson_val *is, struct arena *a) {
  if (was && is)
    printf("  %s: %.*s -> %.*s\n", name, TEXT_ARGS(json_value_text(was, a)), TEXT_ARGS(json_value_text(is, a)));
  else
    printf("  %s: %.*s\n", name, TEXT_ARGS(json_value_text(is ? is : was, a)));
}

static bool is_same(yyjson_val *was, yyjson_val *is, struct arena *a) {
  return was && is && text_equal(json_value_text(was, a), json_value_text(is, a));
}

/* One line a member: all of what was made or removed, of a change only what is another. */
static void print_changes(const struct audit_row *r, struct arena *a) {
  struct json was, is;
  size_t i, max;
  yyjson_val *name, *value;
  if (json_read(r->before, NULL, &was, NULL) != ERR_OK)
    return;
  if (json_read(r->after, NULL, &is, NULL) != ERR_OK) {
    json_done(&was);
    return;
  }
  yyjson_val *from = yyjson_is_obj(is.root) ? is.root : was.root;
  yyjson_obj_foreach (from, i, max, name, value) {
    const char *member = yyjson_get_str(name);
    yyjson_val *before = json_get(was.root, member), *after = json_get(is.root, member);
    if (!is_same(before, after, a))
      print_member(member, before, after, a);
  }
  json_done(&was);
  json_done(&is);
}

static void print_row(const struct audit_row *r, struct arena *a) {
  time_t seconds = (time_t)(r->at_us / 1000000);
  struct tm local;
  char at[32];
  localtime_r(&seconds, &local);
  strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &local);
  printf("%-6lld %s  %-14.*s %-14.*s %.*s (%.*s)%s\n", (long long)r->id, at, TEXT_ARGS(r->action),
         TEXT_ARGS(r->subject), TEXT_ARGS(r->actor), TEXT_ARGS(r->origin), r->is_erased ? "  [erased in part]" : "");
  print_changes(r, a);
}

static enum err list(struct store *store, struct audit_filter *filter, bool json, struct fault *f) {
  size_t left = filter->max, count = 1;
  enum err e = ERR_OK;
  while (e == ERR_OK && left > 0 && count > 0) {
    struct arena a;
    struct audit_row *rows;
    arena_init(&a);
    filter->max = left < PAGE ? left : PAGE;
    e = store->ops->audit->list(store, filter, &a, &rows, &count, f);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
      if (json)
        print_json(&rows[i], false);
      else
        print_row(&rows[i], &a);
      filter->before_id = rows[i].id;
      left--;
    }
    arena_done(&a);
  }
  return e;
}

static enum err export(struct store *store, struct fault *f) {
  int64_t after = 0; size_t count = 1; enum err e = ERR_OK; while (e == ERR_OK && count > 0){
      struct arena a; struct audit_row * rows; arena_init(&a);
      e = store->ops->audit->page(store, after, PAGE, &a, &rows, &count, f);
      for (size_t i = 0; e == ERR_OK && i < count; i++){print_json(&rows[i], true); after = rows[i].id;}
arena_done(&a);
}
return e;
}

static bool read_seen(const char *text, struct audit_end *out) {
  struct text id, hex;
  if (!text_cut(text_of(text), ':', &id, &hex) || !text_to_i64(id, &out->id) || hex.len != sizeof(out->hash) * 2)
    return false;
  for (size_t i = 0; i < sizeof(out->hash); i++) {
    char pair[3] = {hex.at[2 * i], hex.at[2 * i + 1], 0}, *end;
    out->hash[i] = (uint8_t)strtoul(pair, &end, 16);
    if (end != pair + 2)
      return false;
  }
  return true;
}

static int verify(struct store *store, const struct audit_end *seen, struct fault *f) {
  struct arena a;
  struct audit_verdict v;
  char hex[2 * AUDIT_HASH_BYTES];
  arena_init(&a);
  enum err e = store->ops->audit->verify(store, seen, &a, &v, f);
  if (e != ERR_OK) {
    arena_done(&a);
    return cli_fail(f);
  }
  printf("%llu entries", (unsigned long long)v.rows);
  if (v.erased > 0)
    printf(", %llu of them erased in part", (unsigned long long)v.erased);
  if (v.anchor.id > 0)
    printf(", those up to %lld removed by retention", (long long)v.anchor.id);
  putchar('\n');
  if (v.bad_id != 0) {
    printf("WRONG: %.*s\n", TEXT_ARGS(v.why));
  } else {
    text_hex(v.head.hash, sizeof(v.head.hash), hex);
    printf("every entry is what it was; the newest is\n%lld:%.*s\n", (long long)v.head.id, (int)sizeof(hex), hex);
  }
  arena_done(&a);
  return v.bad_id != 0;
}

struct ask {
  const char *config, *max, *since, *until, *actor, *action, *subject, *before, *json, *seen;
};

static bool read_filter(const struct ask *a, struct audit_filter *out) {
  uint64_t max;
  *out =
      (struct audit_filter){.actor = text_of(a->actor), .action = text_of(a->action), .subject = text_of(a->subject)};
  if (!text_to_u64(text_of(a->max), &max) || max < 1 || max > 1000000) {
    fprintf(stderr, "weir: --max must be a whole number from 1 to 1000000\n");
    return false;
  }
  if (a->before && (!text_to_i64(text_of(a->before), &out->before_id) || out->before_id < 1)) {
    fprintf(stderr, "weir: --before must be the id of an entry\n");
    return false;
  }
  out->max = max;
  struct fault f = {0};
  if (cli_times(a->since, a->until, &out->since_us, &out->until_us, &f) == ERR_OK)
    return true;
  cli_fail(&f);
  return false;
}

static int run(const struct ask *a, const char *what) {
  struct cli_store s;
  struct fault f = {0};
  struct audit_filter filter;
  struct audit_end seen;
  int status;
  if (!read_filter(a, &filter))
    return 2;
  if (a->seen && !read_seen(a->seen, &seen)) {
    fprintf(stderr, "weir: --seen must be ID:HASH as `weir audit verify` prints it\n");
    return 2;
  }
  if (!cli_store_open(a->config, &s))
    return 1;
  if (strcmp(what, "verify") == 0)
    status = verify(s.store, a->seen ? &seen : NULL, &f);
  else if (strcmp(what, "export") == 0)
    status = export(s.store, &f) == ERR_OK ? 0 : cli_fail(&f);
  else
    status = list(s.store, &filter, a->json != NULL, &f) == ERR_OK ? 0 : cli_fail(&f);
  cli_store_close(&s);
  return status;
}

int cli_audit(int argc, char **argv) {
  struct ask a = {.max = "20"};
  const char *word[1] = {NULL};
  const struct cli_option options[] = {
      {"-c", false, &a.config, NULL, 0},         {"--max", false, &a.max, NULL, 0},
      {"--since", false, &a.since, NULL, 0},     {"--until", false, &a.until, NULL, 0},
      {"--actor", false, &a.actor, NULL, 0},     {"--action", false, &a.action, NULL, 0},
      {"--subject", false, &a.subject, NULL, 0}, {"--before", false, &a.before, NULL, 0},
      {"--json", true, &a.json, NULL, 0},        {"--seen", false, &a.seen, NULL, 0},
  };
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, sizeof(options) / sizeof(options[0]), word, 1, &words, &help))
    return help ? 0 : 2;
  if (words == 1 && (strcmp(word[0], "list") == 0 || strcmp(word[0], "verify") == 0 || strcmp(word[0], "export") == 0))
    return run(&a, word[0]);
  fputs(usage, stderr);
  return 2;
}
