/* weir breaker: the circuit breakers of the running weir, shown and set by hand. They live in its memory, so it is
 * asked over its socket. Called by main.c. */
#include "base/json.h"
#include "cli/cli.h"

static const char usage[] =
    "usage: weir breaker list [--json] [-c FILE]\n"
    "       weir breaker open|close|auto PROVIDER [CREDENTIAL] [--reason TEXT] [-c FILE]\n"
    "  open: the provider gets no requests until `auto`; close: it gets them whatever happens;\n"
    "  auto: back to its rule, closed. Without CREDENTIAL all of the provider's.\n";

#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define WAIT_MS          10000

static void print_row(yyjson_val *b) {
  struct text credential = json_text(json_get(b, "credential")), force = json_text(json_get(b, "force"));
  struct text reason = json_text(json_get(b, "reason"));
  printf("%-16.*s %-14.*s %-9.*s", TEXT_ARGS(json_text(json_get(b, "provider"))),
         TEXT_ARGS(text_is_empty(credential) ? TEXT("-") : credential), TEXT_ARGS(json_text(json_get(b, "state"))));
  printf(" failures %lld, successes %lld, refused %lld, opened %lld times",
         (long long)yyjson_get_sint(json_get(b, "failures")), (long long)yyjson_get_sint(json_get(b, "successes")),
         (long long)yyjson_get_sint(json_get(b, "refused")), (long long)yyjson_get_sint(json_get(b, "times_opened")));
  if (yyjson_is_int(json_get(b, "retry_in_ms")))
    printf(", tried again in %lld s", (long long)yyjson_get_sint(json_get(b, "retry_in_ms")) / 1000 + 1);
  if (!text_equal(force, TEXT("automatic")))
    printf(", set to %.*s", TEXT_ARGS(force));
  if (!text_is_empty(reason))
    printf(" (%.*s)", TEXT_ARGS(reason));
  printf("\n");
}

static int print_answer(int status, const struct buf *body, bool as_json) {
  struct json doc;
  struct text error = TEXT("the running weir refuses");
  if (as_json && status == 200) {
    printf("%.*s\n", TEXT_ARGS(buf_text(body)));
    return 0;
  }
  if (json_read(buf_text(body), NULL, &doc, NULL) != ERR_OK) {
    fprintf(stderr, "weir: the answer of the running weir cannot be read\n");
    return 1;
  }
  size_t i, most;
  yyjson_val *row;
  (void)json_get_text(doc.root, "error", &error);
  if (status == 200)
    yyjson_arr_foreach (json_get(doc.root, "breakers"), i, most, row)
      print_row(row);
  else
    fprintf(stderr, "weir: %.*s\n", TEXT_ARGS(error));
  json_done(&doc);
  return status == 200 ? 0 : 1;
}

static void write_force(struct buf *out, const char *force, const char *provider, const char *credential,
                        const char *reason) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "provider", provider);
  if (credential)
    json_field_str(&w, "credential", credential);
  json_field_str(&w, "force", force);
  if (reason)
    json_field_str(&w, "reason", reason);
  json_object_end(&w);
}

static int call(const char *config, const struct cli_local_ask *ask, bool as_json) {
  struct config *c = NULL;
  struct fault f = {0};
  struct buf answer;
  int status = 0;
  if (!cli_config_load(config, &c))
    return 1;
  buf_init(&answer, ANSWER_MAX_BYTES);
  enum err e = cli_local_ask(c, ask, &status, &answer, &f);
  int result = e == ERR_OK ? print_answer(status, &answer, as_json) : cli_fail(&f);
  buf_done(&answer);
  config_unref(c);
  return result;
}

static const char *force_of(const char *word) {
  static const char *const words[][2] = {{"open", "open"}, {"close", "closed"}, {"auto", "automatic"}};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (strcmp(word, words[i][0]) == 0)
      return words[i][1];
  }
  return NULL;
}

int cli_breaker(int argc, char **argv) {
  const char *config = NULL, *json = NULL, *reason = NULL, *words[3] = {0};
  const struct cli_option options[] = {
      {"-c", false, &config, NULL, 0}, {"--json", true, &json, NULL, 0}, {"--reason", false, &reason, NULL, 0}};
  size_t count = 0;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 3, words, 3, &count, &help))
    return help ? 0 : 2;
  if (count == 1 && strcmp(words[0], "list") == 0)
    return call(config, &(struct cli_local_ask){"GET", "/breakers", TEXT_NONE, WAIT_MS}, json != NULL);
  const char *force = count > 1 ? force_of(words[0]) : NULL;
  if (!force) {
    fputs(usage, stderr);
    return 2;
  }
  struct buf body;
  buf_init(&body, 65536);
  write_force(&body, force, words[1], words[2], reason);
  int result = call(config, &(struct cli_local_ask){"POST", "/breakers", buf_text(&body), WAIT_MS}, json != NULL);
  buf_done(&body);
  return result;
}
