/* weir serve: the gateway. Everything it does is app/app.c's; here are only its options.
 * Called by main.c. */
#include "app/app.h"
#include "cli/cli.h"

static const char usage[] =
    "usage: weir serve [-c FILE] [--demo] [--roles LIST]\n"
    "  -c FILE       configuration (default: weir.yaml when there is one, else the environment)\n"
    "  --demo        serve the models of the built-in simulator\n"
    "  --roles LIST  what this process does; this version has one role: gateway\n"
    "signals: TERM, INT drain and end; HUP reloads the configuration; USR2 as weir upgrade\n";

/* Roles that this version lacks are refused, so that nobody believes they run. */
static bool roles_are_known(const char *roles) {
  struct text list = text_of(roles), role;
  while (text_next_in_list(&list, &role)) {
    if (text_equal(role, TEXT("gateway")))
      continue;
    fprintf(stderr, "weir: the role \"%.*s\" is not available in this version; available: gateway\n", TEXT_ARGS(role));
    return false;
  }
  return true;
}

int cli_serve(int argc, char **argv) {
  const char *config = NULL, *demo = NULL, *roles = NULL;
  const struct cli_option options[] = {
      {"-c", false, &config, NULL, 0}, {"--demo", true, &demo, NULL, 0}, {"--roles", false, &roles, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 3, NULL, 0, &words, &help))
    return help ? 0 : 2;
  if (roles && !roles_are_known(roles))
    return 2;
  return app_serve(&(struct app_options){.config_path = config, .demo = demo != NULL});
}
