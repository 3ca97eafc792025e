/* What the commands have in common: reading their options and opening the store they work on. getopt_long would print
 * in its own words and permute silently; commands here are small enough for a table and a loop. */
#include "cli/cli.h"

#include "store/store.h"

#include <errno.h>
#include <sys/stat.h>

static bool misuse(const char *usage, const char *what, const char *which) {
  fprintf(stderr, "weir: %s %s\n%s", what, which, usage);
  return false;
}

static const struct cli_option *find(const struct cli_option *options, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(options[i].name, name) == 0)
      return &options[i];
  }
  return NULL;
}

static bool keep(const struct cli_option *o, const char *value) {
  if (!o->list) {
    *o->value = value;
    return true;
  }
  for (size_t i = 0; i + 1 < o->list_max; i++) {
    if (!o->list[i]) {
      o->list[i] = value;
      return true;
    }
  }
  return false;
}

bool cli_parse(int argc, char **argv, const char *usage, const struct cli_option *options, size_t option_count,
               const char **words, size_t max_words, size_t *out_words, bool *out_help) {
  size_t word_count = 0;
  *out_help = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
      fputs(usage, stdout);
      *out_help = true;
      return false;
    }
    if (argv[i][0] != '-' || argv[i][1] == 0) {
      if (word_count == max_words)
        return misuse(usage, "what is meant by", argv[i]);
      words[word_count++] = argv[i];
      continue;
    }
    const struct cli_option *o = find(options, option_count, argv[i]);
    if (!o)
      return misuse(usage, "unknown option", argv[i]);
    if (!o->is_flag && i + 1 == argc)
      return misuse(usage, "a value is missing behind", argv[i]);
    if (!keep(o, o->is_flag ? "" : argv[++i]))
      return misuse(usage, "too many times", o->name);
  }
  *out_words = word_count;
  return true;
}

int cli_fail(const struct fault *f) {
  fprintf(stderr, "weir: %s\n", fault_text(f));
  return 1;
}

bool cli_config_load(const char *path, struct config **out) {
  static struct config_errors errors;
  struct source source = {.path = source_path(path)};
  if (source_load(&source, out, &errors) == ERR_OK)
    return true;
  source_print_errors(&errors);
  return false;
}

enum err cli_store_place(const struct config *c, char *path, size_t cap, struct store_place *out, struct fault *f) {
  if (c->store == CONFIG_STORE_MEMORY)
    return fault_set(f, ERR_CONFIG, "store", "store: memory keeps nothing between two programs; ask the running one");
  if (source_store_place(c, path, cap, out) != ERR_OK)
    return fault_set(f, ERR_CONFIG, "data_dir", "data_dir is too long");
  return ERR_OK;
}

static enum err open_store(struct cli_store *s, struct fault *f) {
  char path[1100];
  struct store_place place;
  enum err e = cli_store_place(s->config, path, sizeof(path), &place, f);
  if (e != ERR_OK)
    return e;
  snprintf(s->data_dir, sizeof(s->data_dir), "%.*s", TEXT_ARGS(s->config->data_dir));
  if (mkdir(s->data_dir, 0700) != 0 && errno != EEXIST)
    return fault_set(f, ERR_CONFIG, "data_dir", "cannot create %s: %s", s->data_dir, strerror(errno));
  return store_open(&place, &s->store, f);
}

bool cli_store_open(const char *config_path, struct cli_store *out) {
  struct fault f = {0};
  memset(out, 0, sizeof(*out));
  if (!cli_config_load(config_path, &out->config))
    return false;
  if (open_store(out, &f) == ERR_OK)
    return true;
  cli_fail(&f);
  cli_store_close(out);
  return false;
}

void cli_store_close(struct cli_store *s) {
  if (s->store)
    s->store->ops->close(s->store);
  config_unref(s->config);
  memset(s, 0, sizeof(*s));
}

static int run_on_store(const struct cli_verb *verb, const char *config_path, const void *ask) {
  struct fault f = {0};
  struct cli_store s;
  struct arena a;
  if (!cli_store_open(config_path, &s))
    return 1;
  arena_init(&a);
  enum err e = verb->run(ask, &s, &a, &f);
  arena_done(&a);
  cli_store_close(&s);
  return e == ERR_OK ? 0 : cli_fail(&f);
}

int cli_verb_run(const struct cli_verbs *verbs, const char *const *words, size_t word_count, const char *config_path,
                 const void *ask) {
  for (size_t i = 0; i < verbs->count; i++) {
    if (word_count == verbs->at[i].words && strcmp(words[0], verbs->at[i].name) == 0)
      return run_on_store(&verbs->at[i], config_path, ask);
  }
  fputs(verbs->usage, stderr);
  return 2;
}
