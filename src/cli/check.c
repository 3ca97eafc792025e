/* weir check: reads the configuration as serve would and says what is wrong with it, each error with its place.
 * It starts nothing and opens no store. Called by main.c. */
#include "cli/cli.h"
#include "net/addr.h"
#include "net/url.h"

static const char usage[] =
    "usage: weir check [-c FILE]\n  validates the configuration; prints every error with file, line and column\n";

/* What the loader leaves to the rooms that know addresses. */
static enum err check_addresses(const struct config *c, struct fault *f) {
  for (size_t i = 0; i < c->listen_count; i++) {
    struct addr a;
    enum err e = addr_parse(c->listen[i], &a, f);
    if (e != ERR_OK)
      return e;
  }
  for (size_t i = 0; i < c->provider_count; i++) {
    struct url u;
    enum err e = url_parse(c->providers[i].base_url, &u, f);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

int cli_check(int argc, char **argv) {
  const char *path = NULL;
  const struct cli_option options[] = {{"-c", false, &path, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 1, NULL, 0, &words, &help))
    return help ? 0 : 2;
  struct source source = {source_path(path), TEXT_NONE};
  struct config *c = NULL;
  struct fault f = {0};
  if (source_load(&source, &c) != ERR_OK)
    return 1;
  enum err e = check_addresses(c, &f);
  if (e == ERR_OK) {
    printf("%s is valid: %zu providers, %zu models, %zu prices, %zu keys\n",
           source.path ? source.path : "the environment", c->provider_count, c->model_count, c->price_count,
           c->key_count);
  }
  config_unref(c);
  return e == ERR_OK ? 0 : cli_fail(&f);
}
