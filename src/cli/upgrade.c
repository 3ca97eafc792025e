/* weir upgrade and weir status: the running gateway replaced by the program that now lies where it was started from,
 * and what runs. Both ask the running process through its socket; it does the work. Called by main.c. */
#include "base/json.h"
#include "cli/cli.h"

#include <time.h>

#define ANSWER_MAX_BYTES (1024 * 1024)
#define WAIT_MS          10000
/* Beyond the new process's time to be ready: taking over, or being ended. */
#define UPGRADE_SLACK_MS 30000

static const char upgrade_usage[] =
    "usage: weir upgrade [--timeout DURATION] [-c FILE]\n"
    "  starts the program anew beside the running one, hands it the listening sockets when it is ready, and lets the\n"
    "  old one finish its streams. If the new one does not become ready, the old one carries on.\n"
    "  --timeout DURATION  how long it may take to be ready (default 30s, at most 1h)\n"
    "  exit status: 0 upgraded, 1 not, 2 called wrongly\n";

static const char status_usage[] = "usage: weir status [--json] [-c FILE]\n"
                                   "  the running process, and those it has replaced that still finish their calls\n";

static bool read_json(struct buf *body, struct json *out) {
  struct json_limits limits = {0};
  return json_read(buf_text(body), &limits, out, NULL) == ERR_OK;
}

static uint64_t number(yyjson_val *object, const char *name) {
  uint64_t n = 0;
  (void)json_get_u64(object, name, &n);
  return n;
}

static int print_upgrade(int status, struct buf *body) {
  struct json j;
  struct text error = TEXT("the answer cannot be read");
  if (!read_json(body, &j)) {
    fprintf(stderr, "weir: %.*s\n", TEXT_ARGS(error));
    return 1;
  }
  if (status == 200) {
    printf("upgraded: process %llu serves (generation %llu); the old one finishes its calls\n",
           (unsigned long long)number(j.root, "pid"), (unsigned long long)number(j.root, "generation"));
  } else {
    (void)json_get_text(j.root, "error", &error);
    fprintf(stderr, "weir: not upgraded: %.*s\n", TEXT_ARGS(error));
  }
  json_done(&j);
  return status == 200 ? 0 : 1;
}

int cli_upgrade(int argc, char **argv) {
  const char *config = NULL, *timeout = NULL;
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0}, {"--timeout", false, &timeout, NULL, 0}};
  size_t words;
  bool help;
  int64_t timeout_ms = 30000;
  char target[64];
  struct buf body;
  int status = 0;
  if (!cli_parse(argc, argv, upgrade_usage, options, 2, NULL, 0, &words, &help))
    return help ? 0 : 2;
  if (timeout && (!text_to_duration_ms(text_of(timeout), &timeout_ms) || timeout_ms < 1 || timeout_ms > 3600000)) {
    fprintf(stderr, "weir: --timeout must be a duration from 1ms to 1h, such as 30s\n");
    return 2;
  }
  snprintf(target, sizeof(target), "/upgrade?timeout_ms=%lld", (long long)timeout_ms);
  buf_init(&body, ANSWER_MAX_BYTES);
  bool answered = cli_local_call(config, "POST", target, timeout_ms + UPGRADE_SLACK_MS, &status, &body);
  int result = answered ? print_upgrade(status, &body) : 1;
  buf_done(&body);
  return result;
}

static void print_status(yyjson_val *root) {
  struct text version = TEXT_NONE;
  struct tm local;
  char at[32] = "";
  bool draining = false;
  time_t seconds = (time_t)(number(root, "started_us") / 1000000);
  (void)json_get_text(root, "version", &version);
  (void)json_get_bool(root, "draining", &draining);
  if (localtime_r(&seconds, &local))
    strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &local);
  printf("weir %.*s, process %llu, generation %llu, %s since %s, configuration %llu\n", TEXT_ARGS(version),
         (unsigned long long)number(root, "pid"), (unsigned long long)number(root, "generation"),
         draining ? "draining, started" : "serving", at, (unsigned long long)number(root, "config_generation"));
  size_t i, count;
  yyjson_val *old, *all = json_get(root, "predecessors");
  yyjson_arr_foreach (all, i, count, old) {
    printf("replaced: process %llu (generation %llu) finishes its calls\n", (unsigned long long)number(old, "pid"),
           (unsigned long long)number(old, "generation"));
  }
}

static void print_replicas(yyjson_val *root) {
  size_t i, count;
  yyjson_val *one, *all = json_get(root, "replicas");
  yyjson_arr_foreach (all, i, count, one) {
    struct text name = TEXT_NONE, version = TEXT_NONE;
    bool is_this = false;
    (void)json_get_text(one, "name", &name);
    (void)json_get_text(one, "version", &version);
    (void)json_get_bool(one, "this", &is_this);
    printf("replica %llu: %.*s, weir %.*s, seen %.1f s ago%s\n", (unsigned long long)number(one, "seat"),
           TEXT_ARGS(name), TEXT_ARGS(version), (double)number(one, "seen_ms_ago") / 1000,
           is_this ? " (this one)" : "");
  }
}

static void print_events(yyjson_val *root) {
  yyjson_val *events = json_get(root, "events");
  bool failing = false, listening = true;
  (void)json_get_bool(events, "failing", &failing);
  (void)json_get_bool(events, "listening", &listening);
  printf("events: %llu behind, looked %llu ms ago%s%s\n", (unsigned long long)number(events, "behind"),
         (unsigned long long)number(events, "looked_ms_ago"), failing ? ", the store does not answer" : "",
         listening ? "" : ", not listening (it looks every half second)");
}

static void print_health(yyjson_val *root) {
  size_t i, count;
  yyjson_val *name, *one;
  yyjson_obj_foreach (json_get(json_get(root, "health"), "checks"), i, count, name, one) {
    struct text status = TEXT_NONE, detail = TEXT_NONE;
    (void)json_get_text(one, "status", &status);
    (void)json_get_text(one, "detail", &detail);
    if (!text_equal(status, TEXT("ok")))
      printf("%s: %.*s, %.*s\n", yyjson_get_str(name), TEXT_ARGS(status), TEXT_ARGS(detail));
  }
}

static void print_all(yyjson_val *root) {
  print_status(root);
  print_replicas(root);
  print_events(root);
  print_health(root);
}

int cli_status(int argc, char **argv) {
  const char *config = NULL, *json = NULL;
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0}, {"--json", true, &json, NULL, 0}};
  size_t words;
  bool help, good = false;
  struct buf body;
  struct json j;
  int status = 0;
  if (!cli_parse(argc, argv, status_usage, options, 2, NULL, 0, &words, &help))
    return help ? 0 : 2;
  buf_init(&body, ANSWER_MAX_BYTES);
  if (cli_local_call(config, "GET", "/status", WAIT_MS, &status, &body) && status == 200 && read_json(&body, &j)) {
    good = true;
    if (json)
      printf("%.*s\n", TEXT_ARGS(buf_text(&body)));
    else
      print_all(j.root);
    json_done(&j);
  }
  buf_done(&body);
  return good ? 0 : 1;
}
