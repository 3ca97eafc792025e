/* Any bytes as a configuration file: a snapshot whose references hold together, or errors with places. And as bodies of
 * entries of the store, of every kind: whatever they are, the configuration loads. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(const char *name) {
  return strcmp(name, "KEY") == 0 ? "sk-12345678" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static void check_snapshot(const struct config *c) {
  struct text star;
  if (c->listen_count == 0 || c->data_dir.len == 0 || c->limits.json_depth == 0)
    abort();
  for (size_t i = 0; i < c->model_count; i++)
    for (size_t k = 0; k < c->models[i].target_count; k++)
      if (c->models[i].targets[k].provider != &c->providers[c->models[i].targets[k].provider->index])
        abort();
  (void)config_find_model(c, TEXT("openai/gpt"), TEXT("openai_chat"), &star);
  (void)config_find_price(c, TEXT("a"), TEXT("m"));
}

/* A value from the environment is told only if the file itself holds it. */
static void check_errors(const struct config_errors *e, struct text file) {
  char said[800];
  if (e->count == 0)
    abort();
  for (size_t i = 0; i < e->count; i++) {
    config_error_format(e, i, said, sizeof said);
    if (e->at[i].line < 0 || e->at[i].text[0] == '\0' ||
        (strstr(said, "sk-1234") != NULL && text_find(file, TEXT("sk-1234")) < 0))
      abort();
  }
}

static void check_entries(struct text body) {
  static struct config_errors errors;
  struct config_entry entries[CONFIG_KIND_COUNT + 1] = {0};
  struct config *c = NULL;
  for (size_t i = 0; i <= CONFIG_KIND_COUNT; i++)
    entries[i] = (struct config_entry){
        .kind = (enum config_kind)(i % CONFIG_KIND_COUNT), .id = (int64_t)i + 1, .version = 1, .body = body};
  if (config_load_joined(TEXT("providers: [{name: a, kind: openai}]\n"), "fuzz", lookup, entries, CONFIG_KIND_COUNT + 1,
                         &c, &errors) != ERR_OK)
    abort();
  check_snapshot(c);
  for (size_t i = 0; i <= CONFIG_KIND_COUNT; i++)
    if (text_find(c->joined.entries[i].problem, TEXT("sk-12345678")) >= 0 && text_find(body, TEXT("sk-1234")) < 0)
      abort();
  config_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct config_errors errors;
  struct config *c = NULL;
  struct text file = {(const char *)data, size};
  if (config_load_text(file, "fuzz", lookup, &c, &errors) == ERR_OK)
    check_snapshot(c);
  else
    check_errors(&errors, file);
  config_unref(c);
  check_entries(file);
  return 0;
}
