/* weir route explain: which targets a request would be tried at, in which order, and why others would not. A running
 * weir on the same data is asked, so that its breakers and loads count; without one the configuration alone answers.
 * Called by main.c. */
#include "base/json.h"
#include "base/random.h"
#include "cli/cli.h"
#include "fiber/loop.h"
#include "gateway/explain.h"
#include "identity/principal.h"
#include "provider/table.h"

static const char usage[] =
    "usage: weir route explain MODEL [--wire W] [--stream] [--key NAME] [--user U] [--workspace W] [--policy P]\n"
    "                          [--own-credentials] [--input-tokens N] [--output-tokens N] [--offline] [--json] [-c "
    "FILE]\n"
    "  W is the caller's dialect: anthropic (the default), openai_chat, openai_responses, openai_embeddings,\n"
    "  bedrock_invoke or bedrock_converse. --key takes user, workspace and policy from that key.\n"
    "  --own-credentials: the caller brings Anthropic credentials of its own (by /ak). --offline asks no running "
    "weir.\n";

#define ANSWER_MAX_BYTES ((size_t)1 << 20)
#define KEYS_A_PAGE      200
#define WAIT_MS          10000

struct question {
  const char *config, *wire, *stream, *key, *user, *workspace, *policy, *own, *input, *output, *offline, *json;
};

static enum err number(const char *text, const char *option, uint64_t *out, struct fault *f) {
  if (!text || text_to_u64(text_of(text), out))
    return ERR_OK;
  return fault_set(f, ERR_BAD_REQUEST, option, "%s must be a whole number", option);
}

/* What the key says of itself; what the command line says goes before it. */
static void fill_from(struct explain_ask *ask, const struct principal *p, struct arena *a) {
  ask->principal_id = p->id;
  ask->org_id = p->org_id;
  if (text_is_empty(ask->user))
    ask->user = arena_copy(a, p->user);
  if (text_is_empty(ask->workspace))
    ask->workspace = arena_copy(a, p->workspace);
  if (text_is_empty(ask->policy))
    ask->policy = arena_copy(a, p->policy);
}

static const struct principal *find_declared(const struct config *c, struct text name) {
  for (size_t i = 0; i < c->key_count; i++) {
    const struct config_key *k = &c->keys[i];
    if (!text_equal(k->name, name))
      continue;
    const struct apikey_declared declared = {.name = k->name,
                                             .user = k->user,
                                             .models = k->models,
                                             .model_count = k->model_count,
                                             .expires_us = k->expires_us,
                                             .blocked = k->blocked,
                                             .workspace = k->workspace,
                                             .policy = k->policy};
    return principal_from_declared(&declared);
  }
  return NULL;
}

static const struct principal *find_stored(const char *config, struct text name, struct arena *a) {
  struct cli_store s;
  struct store_key *keys = NULL;
  size_t count = 0;
  int64_t after = 0;
  const struct principal *found = NULL;
  if (!cli_store_open(config, &s))
    return NULL;
  do {
    if (s.store->ops->key_list(s.store, after, KEYS_A_PAGE, a, &keys, &count, NULL) != ERR_OK)
      break;
    for (size_t i = 0; i < count && !found; i++) {
      found = text_equal(keys[i].name, name) ? principal_from_stored(&keys[i]) : NULL;
      after = keys[i].id;
    }
  } while (count == KEYS_A_PAGE && !found);
  cli_store_close(&s);
  return found;
}

/* A key that would be refused goes nowhere. */
static enum err fill_from_key(const struct question *q, const struct config *c, struct explain_ask *ask,
                              struct arena *a, struct fault *f) {
  const struct principal *p = find_declared(c, ask->key_name);
  if (!p && c->store == CONFIG_STORE_SQLITE)
    p = find_stored(q->config, ask->key_name, a);
  if (!p)
    return fault_set(f, ERR_NOT_FOUND, "--key", "there is no key named \"%s\"", q->key);
  enum err e = principal_check(p, loop_wall_us(), f);
  if (e == ERR_OK && !principal_allows_model(p, ask->model))
    e = fault_set(f, ERR_FORBIDDEN, "--key", "the key \"%s\" may not use the model \"%.*s\"", q->key,
                  TEXT_ARGS(ask->model));
  if (e == ERR_OK)
    fill_from(ask, p, a);
  principal_unref(p);
  return e;
}

static enum err read_question(const struct question *q, const struct config *c, struct explain_ask *ask,
                              struct arena *a, struct fault *f) {
  ask->wire = text_of(q->wire);
  ask->key_name = text_of(q->key);
  ask->user = text_of(q->user);
  ask->workspace = text_of(q->workspace);
  ask->policy = text_of(q->policy);
  ask->stream = q->stream != NULL;
  ask->own_credentials = q->own != NULL;
  enum err e = number(q->input, "--input-tokens", &ask->input_tokens, f);
  if (e == ERR_OK)
    e = number(q->output, "--output-tokens", &ask->output_tokens, f);
  return e == ERR_OK && q->key ? fill_from_key(q, c, ask, a, f) : e;
}

/* The configuration alone: nothing has failed yet and nobody is busy. */
static enum err ask_config(const struct config *c, const struct explain_ask *ask, struct buf *out, struct fault *f) {
  const struct routes_state nothing = {0};
  struct routes *routes = routes_new(c, provider_find, &nothing);
  random_start();
  enum err e = explain(c, routes, &nothing, false, ask, random_u64(), loop_clock_us(), out, f);
  routes_free(routes);
  return e;
}

static void print_target(yyjson_val *t) {
  struct text why = json_text(json_get(t, "why")), verdict = json_text(json_get(t, "verdict"));
  struct text state = json_text(json_get(json_get(t, "breaker"), "state")), mode = json_text(json_get(t, "mode"));
  yyjson_val *order = json_get(t, "order");
  if (yyjson_is_int(order))
    printf("%3lld", (long long)yyjson_get_sint(order));
  else
    printf("  -");
  printf("  %-16.*s %-40.*s %-10.*s %-10.*s breaker %-9.*s in flight %-4lld",
         TEXT_ARGS(json_text(json_get(t, "provider"))), TEXT_ARGS(json_text(json_get(t, "model"))),
         TEXT_ARGS(json_text(json_get(t, "credential"))), TEXT_ARGS(mode),
         TEXT_ARGS(text_is_empty(state) ? TEXT("-") : state), (long long)yyjson_get_sint(json_get(t, "in_flight")));
  if (yyjson_is_int(json_get(t, "first_token_ms")))
    printf(" first token %lld ms", (long long)yyjson_get_sint(json_get(t, "first_token_ms")));
  if (!yyjson_is_int(order))
    printf(" %.*s", TEXT_ARGS(verdict));
  printf("%s%.*s\n", text_is_empty(why) ? "" : ": ", TEXT_ARGS(why));
}

static void print_limit(yyjson_val *limit) {
  static const char *const rates[][2] = {
      {"rpm", "requests a minute"}, {"tpm", "tokens a minute"}, {"concurrency", "calls at once"}};
  const char *between = ":";
  printf("     limit of the %.*s %.*s", TEXT_ARGS(json_text(json_get(limit, "subject"))),
         TEXT_ARGS(json_text(json_get(limit, "name"))));
  for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
    long long most = (long long)yyjson_get_sint(json_get(limit, rates[i][0]));
    if (most > 0)
      printf("%s %lld %s", between, most, rates[i][1]);
    between = most > 0 ? "," : between;
  }
  putchar('\n');
}

static enum err print_answer(struct text answer, struct fault *f) {
  struct json doc;
  enum err e = json_read(answer, NULL, &doc, f);
  if (e != ERR_OK)
    return e;
  struct text policy = json_text(json_get(doc.root, "policy"));
  bool live = false;
  (void)json_get_bool(doc.root, "live", &live);
  printf("%.*s: entry %.*s, strategy %.*s, policy %.*s, %s\n", TEXT_ARGS(json_text(json_get(doc.root, "model"))),
         TEXT_ARGS(json_text(json_get(doc.root, "entry"))), TEXT_ARGS(json_text(json_get(doc.root, "strategy"))),
         TEXT_ARGS(text_is_empty(policy) ? TEXT("none") : policy),
         live ? "as the running weir would now"
              : "by the configuration file alone, whatever is stored, has failed or is busy");
  size_t i, most;
  yyjson_val *target, *limit;
  yyjson_arr_foreach (json_get(doc.root, "limits"), i, most, limit)
    print_limit(limit);
  yyjson_arr_foreach (json_get(doc.root, "targets"), i, most, target)
    print_target(target);
  json_done(&doc);
  return ERR_OK;
}

/* What the running weir says; its refusals are ours. */
static enum err ask_running(const struct config *c, const struct explain_ask *ask, struct buf *out, struct fault *f) {
  struct buf body;
  int status = 0;
  buf_init(&body, 65536);
  explain_write_ask(ask, &body);
  const struct cli_local_ask call = {"POST", "/routes/explain", buf_text(&body), WAIT_MS};
  enum err e = cli_local_ask(c, &call, &status, out, f);
  buf_done(&body);
  if (e != ERR_OK || status == 200)
    return e;
  struct json doc;
  struct text error = TEXT("the running weir refuses the question");
  if (json_read(buf_text(out), NULL, &doc, NULL) != ERR_OK)
    return fault_set(f, ERR_PROTOCOL, NULL, "%.*s", TEXT_ARGS(error));
  (void)json_get_text(doc.root, "error", &error);
  fault_set(f, ERR_BAD_REQUEST, NULL, "%.*s", TEXT_ARGS(error));
  json_done(&doc);
  return ERR_BAD_REQUEST;
}

static enum err answer(const struct question *q, const struct config *c, const struct explain_ask *ask, struct buf *out,
                       struct fault *f) {
  enum err e = q->offline ? ERR_UNAVAILABLE : ask_running(c, ask, out, f);
  if (e != ERR_UNAVAILABLE && e != ERR_UNSUPPORTED)
    return e;
  *f = (struct fault){0};
  return ask_config(c, ask, out, f);
}

static int explain_route(const struct question *q, const char *model) {
  struct explain_ask ask = {.model = text_of(model)};
  struct config *c = NULL;
  struct fault f = {0};
  struct arena a;
  struct buf out;
  if (!cli_config_load(q->config, &c))
    return 1;
  arena_init(&a);
  buf_init(&out, ANSWER_MAX_BYTES);
  enum err e = read_question(q, c, &ask, &a, &f);
  if (e == ERR_OK)
    e = answer(q, c, &ask, &out, &f);
  if (e == ERR_OK && q->json)
    printf("%.*s\n", TEXT_ARGS(buf_text(&out)));
  else if (e == ERR_OK)
    e = print_answer(buf_text(&out), &f);
  buf_done(&out);
  arena_done(&a);
  config_unref(c);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

int cli_route(int argc, char **argv) {
  struct question q = {0};
  const char *words[2] = {0};
  size_t count = 0;
  bool help;
  const struct cli_option options[] = {
      {"-c", false, &q.config, NULL, 0},
      {"--wire", false, &q.wire, NULL, 0},
      {"--stream", true, &q.stream, NULL, 0},
      {"--key", false, &q.key, NULL, 0},
      {"--user", false, &q.user, NULL, 0},
      {"--workspace", false, &q.workspace, NULL, 0},
      {"--policy", false, &q.policy, NULL, 0},
      {"--own-credentials", true, &q.own, NULL, 0},
      {"--input-tokens", false, &q.input, NULL, 0},
      {"--output-tokens", false, &q.output, NULL, 0},
      {"--offline", true, &q.offline, NULL, 0},
      {"--json", true, &q.json, NULL, 0},
  };
  if (!cli_parse(argc, argv, usage, options, sizeof(options) / sizeof(options[0]), words, 2, &count, &help))
    return help ? 0 : 2;
  if (count != 2 || strcmp(words[0], "explain") != 0) {
    fputs(usage, stderr);
    return 2;
  }
  return explain_route(&q, words[1]);
}
