/* Fetching a vendor's list of models. Who has to fetch is decided by traffic/catalogue; here is only how: one GET with
 * short limits, on this worker, with the snapshot that asked held until it is done. What was fetched is kept in the
 * store, and what another replica has put there is taken instead of fetching. Called by choose for prices and by models
 * for lists. */
#include "gateway/catalogue.h"

#include "base/log.h"
#include "fiber/loop.h"
#include "gateway/background.h"
#include "traffic/catalogue.h"

#define FETCH_US        INT64_C(8000000)
#define CATALOGUE_BYTES ((size_t)32 * 1024 * 1024)

struct fetch {
  struct gateway_worker *worker;
  struct gateway_snapshot *snapshot;
  const struct config_provider *provider;
  const struct provider *adapter;
};

static enum err read_list(const struct fetch *f, struct arena *a, struct buf *body, struct fault *why) {
  struct http_header accept[] = {{TEXT("accept"), TEXT("application/json")}};
  const struct text path[] = {f->snapshot->base_paths[f->provider->index], text_of(f->adapter->catalogue_path)};
  struct http_client_request rq = {
      .method = TEXT("GET"),
      .target = arena_join(a, path, 2),
      .headers = accept,
      .header_count = 1,
      .timeouts = {FETCH_US, FETCH_US, FETCH_US, loop_clock_us() + FETCH_US},
  };
  struct http_reply *reply = NULL;
  enum err e = http_client_send(f->worker->client, f->snapshot->origins[f->provider->index], &rq, a, &reply, why);
  if (e != ERR_OK)
    return e;
  int status = http_reply_head(reply)->status;
  e = status == 200 ? http_reply_read_all(reply, body, why)
                    : fault_set(why, ERR_UPSTREAM_STATUS, NULL, "the list of models has status %d", status);
  http_reply_close(reply);
  return e;
}

/* A call into the store, on the offload pool. */
struct keeping {
  struct store *store;
  struct text vendor, body;
  struct arena *arena;
  struct store_catalogue kept;
  struct fault fault;
};

static enum err keep_run(void *arg) {
  struct keeping *k = arg;
  return k->store->ops->catalogues->put(k->store, k->vendor, k->body, &k->fault);
}

static enum err kept_run(void *arg) {
  struct keeping *k = arg;
  return k->store->ops->catalogues->get(k->store, k->vendor, k->arena, &k->kept, &k->fault);
}

static void keep(const struct fetch *f, struct text body) {
  struct keeping k = {.store = f->worker->gateway->store, .vendor = f->provider->base_url, .body = body};
  if (offload_call(f->worker->gateway->offload, keep_run, &k) != ERR_OK)
    LOG_WARN("catalogue_not_kept", log_text("provider", f->provider->name), log_str("detail", fault_text(&k.fault)));
}

/* What another replica has fetched a short while ago. False when there is nothing fresh. */
static bool take_kept(const struct fetch *f) {
  struct catalogues *all = f->worker->gateway->catalogues;
  struct llm_catalogue *list = NULL;
  struct arena a;
  arena_init(&a);
  struct keeping k = {.store = f->worker->gateway->store, .vendor = f->provider->base_url, .arena = &a};
  bool taken = offload_call(f->worker->gateway->offload, kept_run, &k) == ERR_OK &&
               k.kept.age_us < CATALOGUE_FRESH_US && f->adapter->read_catalogue(k.kept.body, &list, &k.fault) == ERR_OK;
  if (taken)
    catalogues_put(all, f->provider->base_url, list, loop_clock_us() - k.kept.age_us);
  arena_done(&a);
  return taken;
}

static void fetch(const struct fetch *f) {
  struct catalogues *all = f->worker->gateway->catalogues;
  struct llm_catalogue *fresh = NULL;
  struct fault why = {0};
  struct arena a;
  struct buf body;
  arena_init(&a);
  buf_init(&body, CATALOGUE_BYTES);
  enum err e = read_list(f, &a, &body, &why);
  if (e == ERR_OK)
    e = f->adapter->read_catalogue(buf_text(&body), &fresh, &why);
  if (e == ERR_OK) {
    catalogues_put(all, f->provider->base_url, fresh, loop_clock_us());
    keep(f, buf_text(&body));
  } else {
    catalogues_failed(all, f->provider->base_url, loop_clock_us());
    LOG_WARN("catalogue_not_read", log_text("provider", f->provider->name), log_str("detail", fault_text(&why)));
  }
  buf_done(&body);
  arena_done(&a);
}

static void fetch_in_background(struct gateway_worker *w, struct gateway_snapshot *s, const void *about) {
  const struct config_provider *p = about;
  const struct fetch f = {w, s, p, w->gateway->provider_find(p->kind_name)};
  if (!take_kept(&f))
    fetch(&f);
}

struct llm_catalogue *gateway_catalogue(struct gateway_worker *w, struct gateway_snapshot *s,
                                        const struct config_provider *p) {
  const struct provider *adapter = w->gateway->provider_find(p->kind_name);
  struct catalogues *all = w->gateway->catalogues;
  bool due = false;
  if (!all || !adapter || !adapter->catalogue_path)
    return NULL;
  struct llm_catalogue *list = catalogues_get(all, p->base_url, loop_clock_us(), &due);
  if (!due)
    return list;
  if (list) {
    if (!background_start(w, s, fetch_in_background, p))
      catalogues_failed(all, p->base_url, loop_clock_us());
    return list;
  }
  fetch(&(struct fetch){w, s, p, adapter});
  return catalogues_get(all, p->base_url, loop_clock_us(), &due);
}
