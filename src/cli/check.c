/* weir check: reads the configuration as serve would and says what is wrong with it, each error with its place.
 * Certificates are loaded. It starts nothing and opens no store. Called by main.c. */
#include "cli/cli.h"

static const char usage[] = "usage: weir check [-c FILE]\n  validates the configuration and the certificates it names; "
                            "prints every error with file, line and column\n";

static enum err check_certificates(const struct config *c, struct fault *f) {
  struct tls_context *client = NULL, *server = NULL, *redis = NULL;
  enum err e = source_open_tls(c, &client, &server, f);
  if (e == ERR_OK)
    e = source_open_redis_tls(c, &redis, f);
  tls_context_unref(client);
  tls_context_unref(server);
  tls_context_unref(redis);
  return e;
}

int cli_check(int argc, char **argv) {
  const char *path = NULL;
  const struct cli_option options[] = {{"-c", false, &path, NULL, 0}};
  size_t words;
  bool help;
  if (!cli_parse(argc, argv, usage, options, 1, NULL, 0, &words, &help))
    return help ? 0 : 2;
  struct config *c = NULL;
  struct fault f = {0};
  if (!cli_config_load(path, &c))
    return 1;
  const char *file = source_path(path);
  enum err e = check_certificates(c, &f);
  if (e == ERR_OK) {
    printf("%s is valid: %zu providers, %zu models, %zu prices, %zu keys\n", file ? file : "the environment",
           c->provider_count, c->model_count, c->price_count, c->key_count);
  } else {
    fprintf(stderr, "%s: %s\n", file ? file : "defaults", fault_text(&f));
  }
  config_unref(c);
  return e == ERR_OK ? 0 : 1;
}
