/* weir serve: the gateway. Everything it does is app/app.c's; here are only its options.
 * Called by main.c. */
#include "app/app.h"
#include "cli/cli.h"

static const char usage[] =
    "usage: weir serve [-c FILE] [--demo] [--roles LIST]\n"
    "  -c FILE       configuration (default: weir.yaml when there is one, else the environment)\n"
    "  --demo        serve the models of the built-in simulator\n"
    "  --roles LIST  what this process does, of gateway (the data paths), worker (jobs), workspace and admin (which "
    "serve\n"
    "                nothing yet); all unless given. Health and metrics are served in any case\n"
    "signals: TERM, INT drain and end; HUP reloads the configuration; USR2 as weir upgrade\n";

/* The sum of the roles in the list; 0 after printing which is unknown. */
static unsigned read_roles(const char *roles) {
  static const struct {
    const char *name;
    enum app_role role;
  } known[] = {{"gateway", APP_ROLE_GATEWAY},
               {"workspace", APP_ROLE_WORKSPACE},
               {"admin", APP_ROLE_ADMIN},
               {"worker", APP_ROLE_WORKER}};
  struct text list = text_of(roles), word;
  unsigned sum = 0;
  while (text_next_in_list(&list, &word)) {
    unsigned role = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
      if (text_equal(word, text_of(known[i].name)))
        role = known[i].role;
    if (role == 0) {
      fprintf(stderr, "weir: there is no role \"%.*s\"; there are: gateway, workspace, admin, worker\n",
              TEXT_ARGS(word));
      return 0;
    }
    sum |= role;
  }
  if (sum == 0)
    fputs("weir: --roles needs at least one of: gateway, workspace, admin, worker\n", stderr);
  return sum;
}

int cli_serve(int argc, char **argv) {
  const char *config = NULL, *demo = NULL, *roles = NULL;
  const struct cli_option options[] = {
      {"-c", false, &config, NULL, 0}, {"--demo", true, &demo, NULL, 0}, {"--roles", false, &roles, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 3, NULL, 0, &words, &help))
    return help ? 0 : 2;
  unsigned sum = roles ? read_roles(roles) : 0;
  if (roles && sum == 0)
    return 2;
  return app_serve(&(struct app_options){.config_path = config, .roles = sum, .demo = demo != NULL});
}
