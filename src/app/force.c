/* The configuration in force: what was read, with the credentials of the store laid over it, exchanged for all workers
 * at once. Reading it is configured.c's, the credentials are credentials.c's. Called on the main thread; app_config by
 * any.
 * house: tested-by tests/sdk/src/credentials.test.ts */
#include "app/state.h"

struct config *app_config(struct app *a) {
  pthread_mutex_lock(&a->config_lock);
  struct config *c = config_ref(a->config);
  pthread_mutex_unlock(&a->config_lock);
  return c;
}

void app_put_in_force(struct app *a, struct config *base) {
  struct config *joined = credential_desk_join(a->credentials, base);
  for (unsigned w = 0; w < a->worker_count && a->workers[w]; w++)
    worker_use(a->workers[w], config_ref(joined));
  pthread_mutex_lock(&a->config_lock);
  struct config *old = a->config, *old_base = a->base;
  a->config = joined;
  a->base = base;
  pthread_mutex_unlock(&a->config_lock);
  config_unref(old);
  config_unref(old_base);
}

void app_renew(struct app *a) { app_put_in_force(a, config_ref(a->base)); }
