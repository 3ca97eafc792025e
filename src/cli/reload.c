/* weir reload: the running gateway reads its configuration anew, or all replicas on its store do. Asks over the
 * operator's socket and looks at the status until it is done. Called by main.c. */
#include "base/json.h"
#include "cli/cli.h"
#include "fiber/loop.h"

#include <poll.h>

#define ANSWER_MAX_BYTES (1024 * 1024)
#define WAIT_MS          35000 /* for one answer: with --all the store is asked */
#define DONE_WITHIN_US   INT64_C(10000000)
#define LOOK_MS          50

static const char usage[] =
    "usage: weir reload [--all] [-c FILE]\n"
    "  the running weir reads its configuration anew; a file with errors changes nothing\n"
    "  --all   so does every replica on the same store, each its own file; this waits for the one here\n"
    "  exit status: 0 done, 1 not, 2 called wrongly\n";

struct state {
  uint64_t generation, failures;
};

static bool look(const char *config, struct state *out) {
  struct json_limits limits = {0};
  struct buf body;
  struct json j;
  int status = 0;
  buf_init(&body, ANSWER_MAX_BYTES);
  bool good = cli_local_call(config, "GET", "/status", WAIT_MS, &status, &body) && status == 200 &&
              json_read(buf_text(&body), &limits, &j, NULL) == ERR_OK;
  if (good) {
    (void)json_get_u64(j.root, "config_generation", &out->generation);
    (void)json_get_u64(j.root, "reload_failures", &out->failures);
    json_done(&j);
  }
  buf_done(&body);
  return good;
}

static bool ask(const char *config, bool all) {
  struct buf body;
  int status = 0;
  buf_init(&body, ANSWER_MAX_BYTES);
  bool answered = cli_local_call(config, "POST", all ? "/reload?all=true" : "/reload", WAIT_MS, &status, &body);
  if (answered && status != 202)
    fprintf(stderr, "weir: not reloaded: %.*s\n", TEXT_ARGS(buf_text(&body)));
  buf_done(&body);
  return answered && status == 202;
}

int cli_reload(int argc, char **argv) {
  const char *config = NULL, *all = NULL;
  const struct cli_option options[] = {{"-c", false, &config, NULL, 0}, {"--all", true, &all, NULL, 0}};
  struct state before = {0}, now;
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 2, NULL, 0, &words, &help))
    return help ? 0 : 2;
  if (!look(config, &before) || !ask(config, all != NULL))
    return 1;
  now = before;
  for (int64_t until_us = loop_clock_us() + DONE_WITHIN_US; loop_clock_us() < until_us;) {
    if (!look(config, &now))
      return 1;
    if (now.generation != before.generation) {
      printf("configuration %llu is in force%s\n", (unsigned long long)now.generation,
             all ? "; every other replica has been told" : "");
      return 0;
    }
    if (now.failures != before.failures) {
      fprintf(stderr, "weir: not reloaded: the file has errors, and the old configuration stays in force; `weir check` "
                      "shows them\n");
      return 1;
    }
    (void)poll(NULL, 0, LOOK_MS);
  }
  fprintf(stderr, "weir: not reloaded within 10 seconds; the log of the running weir says why\n");
  return 1;
}
