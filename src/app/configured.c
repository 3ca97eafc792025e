/* The configuration of the process: read from the file at the start, joined with what the store has once that is open,
 * and read anew with each reload. What its parts are and which of them are good is the loader's to say. Called by
 * app.c, life.c and, for what would be, by the control API.
 * house: tested-by tests/sdk/src/routing-api.test.ts */
#include "app/configured.h"

#include "app/callers.h"
#include "app/door.h"
#include "app/entities.h"
#include "app/source.h"
#include "app/state.h"
#include "base/log.h"

static enum err load_config(struct app *a, const struct config_entry *entries, size_t count, struct config **out,
                            struct config_errors *errors) {
  struct buf demo;
  buf_init(&demo, 65536);
  if (a->demo)
    source_write_demo(&demo, sim_background_url(a->demo));
  struct source source = {a->config_path, buf_text(&demo), entries, count};
  enum err e = source_load(&source, out, errors);
  buf_done(&demo);
  return e;
}

enum err configured_for_api(void *ctx, const struct config_entry *entries, size_t count, struct config **out,
                            struct config_errors *errors) {
  return load_config(ctx, entries, count, out, errors);
}

/* With what the store has; while it does not answer, with what it had. */
static enum err load_joined(struct app *a, struct config **out, struct config_errors *errors) {
  struct arena arena;
  struct fault f = {0};
  struct config_entry *entries = NULL;
  size_t count = 0;
  arena_init(&arena);
  bool is_away = a->events && events_stats(a->events).is_failing;
  enum err e = is_away ? ERR_UNAVAILABLE : entities_read(a->store, &arena, &entries, &count, &f);
  a->entities_are_old = e != ERR_OK;
  if (e != ERR_OK) {
    LOG_WARN("stored_entries_not_read", log_str("detail", is_away ? "the store is away" : fault_text(&f)));
    entries = entities_again(a->base, &arena, &count);
  }
  e = load_config(a, entries, count, out, errors);
  arena_done(&arena);
  return e;
}

enum err configured_first(struct app *a, struct fault *f) {
  static struct config_errors errors;
  enum err e = load_config(a, NULL, 0, &a->config, &errors);
  if (e == ERR_OK)
    return e;
  source_print_errors(&errors);
  return fault_set(f, e, NULL, "the configuration is not valid");
}

/* The store is known from the file alone; from here on the configuration has what stands in the store too. */
enum err configured_join(struct app *a, struct fault *f) {
  static struct config_errors errors;
  struct config *joined = NULL;
  enum err e = load_joined(a, &joined, &errors);
  if (e != ERR_OK)
    return fault_set(f, e, NULL, "the configuration is not valid any more");
  entities_log(NULL, joined);
  log_set_level(joined->log_level);
  config_unref(a->config);
  config_unref(a->base);
  a->config = joined;
  a->base = config_ref(joined);
  atomic_store(&a->config_generation, joined->generation);
  return ERR_OK;
}

/* A reload that cannot do all that the file asks for says so. */
static void warn_of_restart_keys(const struct app *a, const struct config *fresh) {
  struct buf keys;
  buf_init(&keys, 4096);
  if (config_restart_keys(a->first, fresh, &keys))
    LOG_WARN("config_needs_restart", log_text("keys", buf_text(&keys)));
  buf_done(&keys);
}

static void log_errors(const struct config_errors *errors) {
  char line[640];
  for (size_t i = 0; i < errors->count; i++) {
    config_error_format(errors, i, line, sizeof(line));
    LOG_ERROR("config_error", log_str("detail", line));
  }
}

void app_reload(struct app *a) {
  static struct config_errors errors;
  struct config *fresh = NULL;
  if (load_joined(a, &fresh, &errors) != ERR_OK) {
    log_errors(&errors);
    atomic_fetch_add(&a->reload_failures, 1);
    LOG_ERROR("config_reload_failed", log_u64("errors", errors.count),
              log_str("detail", "the old configuration stays in force"));
    return;
  }
  warn_of_restart_keys(a, fresh);
  callers_declare(a, fresh);
  door_adjust(a, fresh);
  log_set_level(fresh->log_level);
  atomic_store(&a->memory.max, fresh->limits.memory_bytes);
  entities_log(a->base, fresh);
  app_put_in_force(a, fresh);
  atomic_store(&a->config_generation, fresh->generation);
  LOG_INFO("config_reloaded", log_u64("generation", fresh->generation), log_u64("providers", fresh->provider_count),
           log_u64("models", fresh->model_count));
}
