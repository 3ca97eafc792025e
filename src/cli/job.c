/* weir job: what waits, runs and has ended in the background; asking for a job, trying one again, cancelling, and when
 * the schedules are due. Works on the store, whether a weir runs or not; one that does hears of new work by an event.
 * It runs no job itself. */
#include "base/calendar.h"
#include "base/json.h"
#include "cli/cli.h"
#include "jobs/kinds.h"

static const char usage[] =
    "usage: weir job list [--kind K] [--state S] [--max N] [--json]  [-c FILE]\n"
    "       weir job show ID | retry ID | cancel ID  [-c FILE]\n"
    "       weir job run KIND [--args JSON]  [-c FILE]\n"
    "       weir job schedules  [-c FILE]\n"
    "  list       newest first, 20 unless --max says otherwise; S is queued, running, done, failed, dead or cancelled\n"
    "  show       all there is to know about one, as JSON\n"
    "  run        queues a job; the next weir that looks runs it\n"
    "  retry      queues one again that has failed, is dead or was cancelled\n"
    "  cancel     a waiting one at once; a running one is asked to stop\n"
    "  schedules  when each kind is due next, and was last\n";

struct ask {
  const char *kind, *state, *args;
  uint64_t max;
  bool json;
};

static void write_json(const struct store_job *j, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_i64(&w, "id", j->id);
  json_field_text(&w, "kind", j->kind);
  json_field_text(&w, "state", j->state);
  json_name(&w, "args");
  json_put_raw(&w, j->args);
  json_field_i64(&w, "attempts", j->attempts);
  json_field_i64(&w, "max_attempts", j->max_attempts);
  json_field_i64(&w, "progress", j->progress);
  json_field_text(&w, "note", j->note);
  json_name(&w, "result");
  json_put_raw(&w, j->result);
  json_field_text(&w, "error", j->error);
  json_field_text(&w, "unique_key", j->unique_key);
  json_field_text(&w, "leased_by", j->leased_by);
  json_field_bool(&w, "cancel_asked", j->cancel_asked);
  json_field_i64(&w, "run_at_us", j->run_at_us);
  json_field_i64(&w, "lease_until_us", j->lease_until_us);
  json_field_i64(&w, "created_us", j->created_us);
  json_field_i64(&w, "started_us", j->started_us);
  json_field_i64(&w, "ended_us", j->ended_us);
  json_object_end(&w);
  buf_add_char(out, '\n');
}

static void print_json(const struct store_job *j) {
  struct buf b;
  buf_init(&b, 8 * STORE_JOB_JSON_MAX);
  write_json(j, &b);
  fwrite(b.at, 1, b.len, stdout);
  buf_done(&b);
}

static const char *format_time(int64_t us, char out[32]) {
  time_t seconds = (time_t)(us / 1000000);
  struct tm local;
  localtime_r(&seconds, &local);
  if (us <= 0)
    snprintf(out, 32, "never");
  else
    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &local);
  return out;
}

static void print_line(const struct store_job *j) {
  char at[32];
  int64_t when_us = j->ended_us > 0 ? j->ended_us : j->lease_until_us > 0 ? j->started_us : j->run_at_us;
  printf("%-6lld %-16.*s %-9.*s %s  attempt %lld of %lld  %3lld%%  %.*s\n", (long long)j->id, TEXT_ARGS(j->kind),
         TEXT_ARGS(j->state), format_time(when_us, at), (long long)j->attempts, (long long)j->max_attempts,
         (long long)(j->progress / 10), TEXT_ARGS(j->error.len > 0 ? j->error : j->note));
}

static enum err list(struct store *s, const struct ask *ask, struct arena *a, struct fault *f) {
  struct store_job *jobs = NULL;
  size_t count = 0;
  enum err e = s->ops->jobs->list(s, 0, text_of(ask->kind), text_of(ask->state), ask->max, a, &jobs, &count, f);
  for (size_t i = 0; i < count && !e; i++) {
    if (ask->json)
      print_json(&jobs[i]);
    else
      print_line(&jobs[i]);
  }
  return e;
}

static enum err show(struct store *s, int64_t id, struct arena *a, struct fault *f) {
  struct store_job j;
  enum err e = s->ops->jobs->get(s, id, a, &j, f);
  if (e == ERR_OK)
    print_json(&j);
  return e;
}

static enum err run(struct store *s, const char *kind, const struct ask *ask, struct fault *f) {
  const struct job_kind *k = job_kind_find(text_of(kind));
  int64_t now_us = 0, id = 0;
  if (!k) {
    struct buf known;
    buf_init(&known, 4096);
    for (size_t i = 0; i < job_kind_count; i++)
      buf_add_format(&known, "%s%s", i > 0 ? ", " : "", job_kinds[i].name);
    fault_set(f, ERR_BAD_REQUEST, NULL, "there is no kind of job \"%s\"; there are: %.*s", kind,
              TEXT_ARGS(buf_text(&known)));
    buf_done(&known);
    return ERR_BAD_REQUEST;
  }
  struct store_job_new n = {.kind = text_of(kind), .args = text_of(ask->args), .max_attempts = k->attempts};
  enum err e = s->ops->jobs->now(s, &now_us, f);
  if (e == ERR_OK)
    e = s->ops->jobs->enqueue(s, &n, now_us, &id, f);
  if (e == ERR_OK)
    printf("job %lld is queued\n", (long long)id);
  return e;
}

static enum err cancel(struct store *s, int64_t id, struct fault *f) {
  int64_t now_us = 0;
  bool is_running = false;
  enum err e = s->ops->jobs->now(s, &now_us, f);
  if (e == ERR_OK)
    e = s->ops->jobs->cancel(s, id, now_us, &is_running, f);
  if (e == ERR_OK)
    printf("job %lld %s\n", (long long)id, is_running ? "runs and is asked to stop" : "is cancelled");
  return e;
}

static enum err retry(struct store *s, int64_t id, struct arena *a, struct fault *f) {
  struct store_job j;
  int64_t now_us = 0;
  enum err e = s->ops->jobs->now(s, &now_us, f);
  if (e == ERR_OK)
    e = s->ops->jobs->get(s, id, a, &j, f);
  if (e != ERR_OK)
    return e;
  const struct job_kind *k = job_kind_find(j.kind);
  e = s->ops->jobs->retry(s, id, k ? k->attempts : 1, now_us, f);
  if (e == ERR_OK)
    printf("job %lld is queued again\n", (long long)id);
  return e;
}

static enum err schedules(struct store *s, struct arena *a, struct fault *f) {
  struct store_schedule *at = NULL;
  size_t count = 0;
  char next[32], last[32];
  enum err e = s->ops->jobs->schedule_list(s, a, &at, &count, f);
  for (size_t i = 0; i < count && !e; i++)
    printf("%-16.*s %-32.*s next %s  last %s\n", TEXT_ARGS(at[i].kind), TEXT_ARGS(at[i].cron),
           format_time(at[i].next_us, next), format_time(at[i].last_us, last));
  if (!e && count == 0)
    printf("no schedules yet: weir serve puts them there\n");
  return e;
}

static const struct verb {
  const char *name;
  bool takes_id, takes_kind;
} verbs[] = {{"list", false, false}, {"show", true, false},   {"run", false, true},
             {"retry", true, false}, {"cancel", true, false}, {"schedules", false, false}};

static const struct verb *find_verb(const char *word) {
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (strcmp(verbs[i].name, word) == 0)
      return &verbs[i];
  return NULL;
}

static enum err act(struct store *s, const struct verb *v, const char *word, int64_t id, const struct ask *ask,
                    struct fault *f) {
  struct arena a;
  enum err e;
  arena_init(&a);
  switch (v->name[0]) {
  case 'l': e = list(s, ask, &a, f); break;
  case 'c': e = cancel(s, id, f); break;
  case 'r': e = v->takes_kind ? run(s, word, ask, f) : retry(s, id, &a, f); break;
  default: e = v->takes_id ? show(s, id, &a, f) : schedules(s, &a, f); break;
  }
  arena_done(&a);
  return e;
}

int cli_job(int argc, char **argv) {
  const char *config = NULL, *max_text = "20", *json = NULL, *word[2] = {NULL, NULL};
  struct ask ask = {"", "", "", 0, false};
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0},         {"--kind", false, &ask.kind, NULL, 0},
                                       {"--state", false, &ask.state, NULL, 0}, {"--args", false, &ask.args, NULL, 0},
                                       {"--max", false, &max_text, NULL, 0},    {"--json", true, &json, NULL, 0}};
  size_t words;
  bool help;
  int64_t id = 0;
  if (!cli_parse(argc, argv, usage, options, 6, word, 2, &words, &help))
    return help ? 0 : 2;
  const struct verb *v = words > 0 ? find_verb(word[0]) : NULL;
  bool is_good = v && words == (v->takes_id || v->takes_kind ? 2U : 1U) &&
                 (!v->takes_id || (text_to_i64(text_of(word[1]), &id) && id > 0)) &&
                 text_to_u64(text_of(max_text), &ask.max) && ask.max >= 1 && ask.max <= 100000;
  if (!is_good) {
    fputs(usage, stderr);
    return 2;
  }
  struct cli_store s;
  struct fault f = {0};
  ask.json = json != NULL;
  if (!cli_store_open(config, &s))
    return 1;
  calendar_set_zone(s.config->timezone);
  int status = act(s.store, v, word[1], id, &ask, &f) == ERR_OK ? 0 : cli_fail(&f);
  cli_store_close(&s);
  return status;
}
