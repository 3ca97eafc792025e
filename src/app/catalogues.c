/* Fetching vendors' lists of models and sharing them through the store. What a list says is the provider's matter
 * (read_catalogue), which one is used the gateway's. Called by the job `catalogue`, at the start, and when another
 * replica has fetched. */
#include "app/catalogues.h"

#include "aws/fetch.h"
#include "base/log.h"
#include "fiber/loop.h"

#define CONNECT_MS  INT64_C(5000)
#define TOTAL_MS    INT64_C(30000)
#define VENDORS_MAX 256

/* Providers that have one address have one list. */
struct vendors {
  const struct config_provider *at[VENDORS_MAX];
  size_t count;
};

static void vendors_of(const struct catalogue_desk *d, const struct config *c, struct vendors *out) {
  out->count = 0;
  for (size_t i = 0; i < c->provider_count && out->count < VENDORS_MAX; i++) {
    const struct config_provider *p = &c->providers[i];
    const struct provider *adapter = d->options.provider_find(p->kind_name);
    bool known = !adapter || !adapter->catalogue_path;
    for (size_t k = 0; k < out->count && !known; k++)
      known = text_equal(out->at[k]->base_url, p->base_url);
    if (!known)
      out->at[out->count++] = p;
  }
}

/* Takes a list into this process, as old as it is: it is fetched again when it would have been. */
static enum err take(struct catalogue_desk *d, const struct config_provider *p, struct text body, int64_t age_us,
                     struct fault *f) {
  struct llm_catalogue *list = NULL;
  enum err e = d->options.provider_find(p->kind_name)->read_catalogue(body, &list, f);
  if (e == ERR_OK)
    catalogues_put(d->options.catalogues, p->base_url, list, loop_clock_us() - age_us);
  return e;
}

static enum err fetch(const struct config *c, const struct config_provider *p, const struct provider *adapter,
                      struct arena *a, struct text *out, struct fault *f) {
  struct text base = p->base_url;
  if (text_ends(base, TEXT("/")))
    base = text_head(base, base.len - 1);
  const struct text url[] = {base, text_of(adapter->catalogue_path)};
  const struct fetch_request rq = {.method = "GET",
                                   .url = arena_join(a, url, 2),
                                   .headers = {{TEXT("accept"), TEXT("application/json")}},
                                   .header_count = 1,
                                   .ca_file = c->upstream_ca,
                                   .connect_ms = CONNECT_MS,
                                   .total_ms = TOTAL_MS,
                                   .max_bytes = STORE_CATALOGUE_BYTES_MAX};
  struct fetch_reply reply;
  enum err e = fetch_run(&rq, a, &reply, f);
  if (e == ERR_OK && reply.status != 200)
    e = fault_set(f, ERR_UPSTREAM_STATUS, NULL, "the list of models of %.*s has status %d", TEXT_ARGS(p->name),
                  reply.status);
  if (e == ERR_OK)
    *out = reply.body;
  return e;
}

/* Kept only when it can be read: a page of a proxy must not take the place of a list. */
static enum err refresh_one(struct catalogue_desk *d, const struct config *c, const struct config_provider *p,
                            struct fault *f) {
  struct arena a;
  struct text body = TEXT_NONE;
  arena_init(&a);
  enum err e = fetch(c, p, d->options.provider_find(p->kind_name), &a, &body, f);
  if (e == ERR_OK)
    e = take(d, p, body, 0, f);
  if (e == ERR_OK)
    e = d->options.store->ops->catalogues->put(d->options.store, p->base_url, body, f);
  arena_done(&a);
  return e;
}

static enum err run(struct catalogue_refresh *r, const struct catalogue_watch *w, struct catalogue_refreshed *out,
                    struct fault *f) {
  struct catalogue_desk *d = (struct catalogue_desk *)r;
  struct config *c = d->options.config(d->options.ctx);
  struct catalogue_refreshed done = {0};
  struct vendors v;
  enum err e = ERR_OK, last = ERR_OK;
  vendors_of(d, c, &v);
  for (size_t i = 0; i < v.count && e == ERR_OK; i++) {
    struct fault why = {0};
    e = w->go_on(w->data, f);
    if (e != ERR_OK)
      break;
    last = refresh_one(d, c, v.at[i], &why);
    done.vendors++;
    done.failed += last != ERR_OK;
    if (last == ERR_OK)
      continue;
    LOG_WARN("catalogue_not_read", log_text("provider", v.at[i]->name), log_str("detail", fault_text(&why)));
    *f = why;
  }
  if (e == ERR_OK && done.vendors > 0 && done.failed == done.vendors)
    e = f->err;
  config_unref(c);
  if (e == ERR_OK)
    *out = done;
  return e;
}

void catalogue_desk_init(struct catalogue_desk *d, const struct catalogue_desk_options *o) {
  *d = (struct catalogue_desk){{run}, *o};
}

static void load(struct catalogue_desk *d, const struct config_provider *p) {
  struct arena a;
  struct store_catalogue kept;
  struct fault why = {0};
  arena_init(&a);
  enum err e = d->options.store->ops->catalogues->get(d->options.store, p->base_url, &a, &kept, &why);
  if (e == ERR_OK)
    e = take(d, p, kept.body, kept.age_us, &why);
  if (e != ERR_OK && e != ERR_NOT_FOUND)
    LOG_WARN("catalogue_not_loaded", log_text("provider", p->name), log_str("detail", fault_text(&why)));
  arena_done(&a);
}

void catalogue_desk_load(struct catalogue_desk *d, struct text vendor) {
  struct config *c = d->options.config(d->options.ctx);
  struct vendors v;
  vendors_of(d, c, &v);
  for (size_t i = 0; i < v.count; i++)
    if (text_is_empty(vendor) || text_equal(v.at[i]->base_url, vendor))
      load(d, v.at[i]);
  config_unref(c);
}
