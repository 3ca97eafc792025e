/* weir setting: single values of the configuration that are kept in the store, shown and given through the running
 * weir: it is asked over its socket for what the control API has, as the operator. Called by main.c. */
#include "base/json.h"
#include "cli/cli.h"

static const char usage[] =
    "usage: weir setting list [SECTION] [--json] [-c FILE]\n"
    "       weir setting get KEY [--json] [-c FILE]\n"
    "       weir setting set KEY VALUE [-c FILE]\n"
    "       weir setting unset KEY [-c FILE]\n"
    "  Keys are as in the reference, with points: breaker.failures. set: on every replica within a second; unset: "
    "back\n"
    "  to the default. What the configuration file gives, and what takes effect only after a restart, is changed in\n"
    "  the file\n";

#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define WAIT_MS          10000
#define PATH             "/api/v1/settings"

struct ask {
  struct config *config;
  bool as_json;
};

static struct text shown(yyjson_val *value, struct arena *a) {
  return yyjson_is_str(value) ? json_text(value) : json_value_text(value, a);
}

static void print_row(yyjson_val *s, struct arena *a) {
  struct text source = json_text(json_get(s, "source")), why = json_text(json_get(s, "why"));
  struct text problem = json_text(json_get(s, "problem")), stored = shown(json_get(s, "stored"), a);
  printf("%-28.*s %-12.*s %.*s", TEXT_ARGS(json_text(json_get(s, "key"))), TEXT_ARGS(shown(json_get(s, "value"), a)),
         TEXT_ARGS(source));
  if (!text_equal(source, TEXT("default")))
    printf(", default %.*s", TEXT_ARGS(shown(json_get(s, "default"), a)));
  if (!text_is_empty(why) && !text_equal(why, TEXT("file")))
    printf(", %.*s", TEXT_ARGS(why));
  if (!yyjson_is_null(json_get(s, "stored")) && !text_equal(source, TEXT("store")))
    printf(", stored %.*s", TEXT_ARGS(stored));
  if (!text_is_empty(problem))
    printf(" (left out: %.*s)", TEXT_ARGS(problem));
  printf("\n");
}

static void print_more(yyjson_val *s) {
  printf("%.*s; allowed: %.*s\n", TEXT_ARGS(json_text(json_get(s, "description"))),
         TEXT_ARGS(json_text(json_get(s, "allowed"))));
}

/* Every reason of a 422, or the sentence of another problem. */
static void print_problem(yyjson_val *root) {
  yyjson_val *errors = json_get(root, "errors"), *one;
  size_t i, most;
  if (yyjson_arr_size(errors) == 0)
    fprintf(stderr, "weir: %.*s\n", TEXT_ARGS(json_text(json_get(root, "detail"))));
  yyjson_arr_foreach (errors, i, most, one)
    fprintf(stderr, "weir: the value %.*s\n", TEXT_ARGS(json_text(json_get(one, "detail"))));
}

/* Asks, and reads the answer into *out. False after printing why there is none that says it was done. */
static bool call(const struct ask *k, const char *method, struct text target, struct text body, struct buf *answer,
                 struct json *out) {
  const struct cli_local_ask ask = {method, target.at, body, WAIT_MS};
  struct fault f = {0};
  int status = 0;
  enum err e = cli_local_ask(k->config, &ask, &status, answer, &f);
  *out = (struct json){0};
  if (e == ERR_OK && status == 204)
    return true;
  if (e == ERR_OK)
    e = json_read(buf_text(answer), NULL, out, &f);
  if (e != ERR_OK)
    (void)cli_fail(&f);
  else if (status != 200)
    print_problem(out->root);
  return e == ERR_OK && status == 200;
}

typedef int run_verb(const struct ask *k, const char *const *words, struct arena *a, struct buf *answer,
                     struct json *j);

static int list(const struct ask *k, const char *const *words, struct arena *a, struct buf *answer, struct json *j) {
  struct text target = arena_format(a, PATH "?limit=200%s%s", words[1] ? "&section=" : "", words[1] ? words[1] : "");
  struct text first = target;
  yyjson_val *one;
  size_t i, most;
  for (;;) {
    if (!call(k, "GET", target, TEXT_NONE, answer, j))
      return 1;
    yyjson_arr_foreach (json_get(j->root, "data"), i, most, one) {
      if (k->as_json)
        printf("%.*s\n", TEXT_ARGS(json_value_text(one, a)));
      else
        print_row(one, a);
    }
    struct text next = json_text(json_get(j->root, "next"));
    if (text_is_empty(next))
      return 0;
    target = arena_format(a, "%s&cursor=%.*s", first.at, TEXT_ARGS(next));
    json_done(j);
    buf_reset(answer);
  }
}

static int get(const struct ask *k, const char *const *words, struct arena *a, struct buf *answer, struct json *j) {
  if (!call(k, "GET", arena_format(a, PATH "/%s", words[1]), TEXT_NONE, answer, j))
    return 1;
  if (k->as_json) {
    printf("%.*s\n", TEXT_ARGS(buf_text(answer)));
    return 0;
  }
  print_row(j->root, a);
  print_more(j->root);
  return 0;
}

/* As JSON of the setting's type; what is not written so is a text, and the running weir says what is wrong with it. */
static void write_value(struct buf *out, struct text type, struct text value) {
  struct json_writer w;
  struct json parsed = {0};
  bool is_text =
      text_equal(type, TEXT("text")) || text_equal(type, TEXT("duration")) || text_equal(type, TEXT("choice"));
  bool is_json = !is_text && json_read(value, NULL, &parsed, NULL) == ERR_OK;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "value");
  if (is_json)
    json_put_raw(&w, value);
  else
    json_put_text(&w, value);
  json_object_end(&w);
  json_done(&parsed);
}

static int set(const struct ask *k, const char *const *words, struct arena *a, struct buf *answer, struct json *j) {
  struct text target = arena_format(a, PATH "/%s", words[1]);
  struct buf body;
  if (!call(k, "GET", target, TEXT_NONE, answer, j))
    return 1;
  buf_init(&body, 65536);
  write_value(&body, json_text(json_get(j->root, "type")), text_of(words[2]));
  json_done(j);
  buf_reset(answer);
  bool is_done = call(k, "PUT", target, buf_text(&body), answer, j);
  buf_done(&body);
  if (is_done)
    print_row(j->root, a);
  return is_done ? 0 : 1;
}

static int unset(const struct ask *k, const char *const *words, struct arena *a, struct buf *answer, struct json *j) {
  return call(k, "DELETE", arena_format(a, PATH "/%s", words[1]), TEXT_NONE, answer, j) ? 0 : 1;
}

static const struct verb {
  const char *name;
  size_t least, most;
  run_verb *run;
} verbs[] = {{"list", 1, 2, list}, {"get", 2, 2, get}, {"set", 3, 3, set}, {"unset", 2, 2, unset}};

static int run(const struct verb *verb, const char *config, bool as_json, const char *const *words) {
  struct ask k = {.as_json = as_json};
  struct json j = {0};
  struct arena arena;
  struct buf answer;
  if (!cli_config_load(config, &k.config))
    return 1;
  arena_init(&arena);
  buf_init(&answer, ANSWER_MAX_BYTES);
  int status = verb->run(&k, words, &arena, &answer, &j);
  json_done(&j);
  buf_done(&answer);
  arena_done(&arena);
  config_unref(k.config);
  return status;
}

/* It becomes a part of the address that is asked. */
static bool is_key(const char *word) {
  for (; *word; word++)
    if (!((*word >= 'a' && *word <= 'z') || (*word >= '0' && *word <= '9') || *word == '_' || *word == '.'))
      return false;
  return true;
}

int cli_setting(int argc, char **argv) {
  const char *config = NULL, *json = NULL, *words[3] = {0};
  const struct cli_option options[] = {{.name = "-c", .value = &config},
                                       {.name = "--json", .is_flag = true, .value = &json}};
  size_t count = 0;
  bool help = false;
  if (!cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, words, 3, &count, &help))
    return help ? 0 : 2;
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs && count > 0; i++) {
    if (strcmp(words[0], verbs[i].name) != 0 || count < verbs[i].least || count > verbs[i].most)
      continue;
    if (!words[1] || is_key(words[1]))
      return run(&verbs[i], config, json != NULL, words);
    fprintf(stderr, "weir: %s is no key: keys are of small letters, digits, '_' and points\n", words[1]);
    return 2;
  }
  fputs(usage, stderr);
  return 2;
}
