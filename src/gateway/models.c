/* GET /v1/models and /v1/models/{id}: the models of the snapshot that the caller's key may use, that its policy leaves
 * a target, and that answer in the caller's dialect. Names with a wildcard cannot be listed, but an id that one of them
 * matches is found. Nothing is asked of any provider. */
#include "gateway/exchange.h"

#include "gateway/catalogue.h"
#include "gateway/percent.h"
#include "gateway/plan.h"

#define PAGE_DEFAULT      20
#define PAGE_MAX          1000
#define LISTED_MAX        8192
#define DEFAULT_CREATED_S 1704067200 /* where nobody says when a model appeared */

static const struct config_policy *policy_of(const struct exchange *x) {
  const struct principal *p = x->principal;
  return config_policy_for(x->config, p->policy, p->name, p->user, p->workspace);
}

/* Can a request for this name in this wire be served by one of the entry's targets? */
static bool serves_in(const struct exchange *x, const struct config_model *m, struct text name, enum wire_id id) {
  const struct wire *wire = wire_get(id);
  const struct config_policy *policy = policy_of(x);
  struct text star = TEXT_NONE;
  if (config_find_model(x->config, name, text_of(wire->name), &star) != m)
    return false;
  for (size_t i = 0; i < m->target_count; i++) {
    const struct config_target *t = &m->targets[i];
    const struct provider *adapter = x->worker->gateway->provider_find(t->provider->kind_name);
    struct pairing unused;
    if (adapter && plan_policy_allows(policy, t->provider) &&
        pairing_find(wire, t->provider, t->model, adapter, &unused) == ERR_OK)
      return true;
  }
  return false;
}

/* Does the model answer in the dialect in which the list is asked for? */
static bool speaks(const struct exchange *x, const struct config_model *m, struct text name) {
  enum wire_id id = x->route.wire->id;
  if (id == WIRE_ANTHROPIC)
    return serves_in(x, m, name, id);
  if (x->route.mount == ROUTE_BEDROCK)
    return serves_in(x, m, name, WIRE_BEDROCK_CONVERSE) || serves_in(x, m, name, WIRE_BEDROCK_INVOKE);
  return serves_in(x, m, name, WIRE_OPENAI_CHAT) || serves_in(x, m, name, WIRE_OPENAI_RESPONSES) ||
         serves_in(x, m, name, WIRE_OPENAI_EMBEDDINGS);
}

static struct wire_model describe(const struct exchange *x, const struct config_model *m, struct text id) {
  struct wire_model out = {
      .id = id,
      .display_name = text_is_empty(m->display_name) ? id : m->display_name,
      .owned_by = m->target_count > 0 ? m->targets[0].provider->name : TEXT("weir"),
      .context_tokens = m->context_tokens,
      .max_output_tokens = m->max_output_tokens,
      .input_price = -1,
      .output_price = -1,
      .created_s = DEFAULT_CREATED_S,
  };
  if (m->target_count == 0)
    return out;
  const struct config_target *t = &m->targets[0];
  const struct config_price *price =
      config_find_price(x->config, t->provider->name, text_find_char(t->model, '*') >= 0 ? id : t->model);
  if (price) {
    out.input_price = price->input;
    out.output_price = price->output;
  }
  return out;
}

/* A growing list in the arena. */
struct listing {
  struct wire_model *at;
  size_t count, room;
};

static void listing_add(struct exchange *x, struct listing *l, struct wire_model model) {
  if (l->count == l->room) {
    struct wire_model *grown = arena_alloc(x->arena, 2 * l->room * sizeof(*grown));
    memcpy(grown, l->at, l->count * sizeof(*grown));
    l->at = grown;
    l->room *= 2;
  }
  l->at[l->count++] = model;
}

/* What a name with '*' stands for, as far as the vendor of its first target publishes a list. */
static void list_catalogue(struct exchange *x, const struct config_model *m, struct listing *l) {
  const struct config_target *t = &m->targets[0];
  struct llm_catalogue *published = gateway_catalogue(x->worker, x->snapshot, t->provider);
  ptrdiff_t star_at = text_find_char(m->name, '*');
  for (size_t i = 0; published && i < published->count && l->count < LISTED_MAX; i++) {
    const struct llm_catalogue_model *p = &published->models[i];
    struct text star;
    if (!text_glob(t->model, p->id, &star) || text_find_char(t->model, '*') < 0)
      continue;
    const struct text parts[] = {text_head(m->name, (size_t)star_at), star, text_skip(m->name, (size_t)star_at + 1)};
    struct text name = arena_join(x->arena, parts, 3);
    if (!speaks(x, m, name) || !principal_allows_model(x->principal, name))
      continue;
    listing_add(x, l,
                (struct wire_model){.id = name,
                                    .display_name = text_is_empty(p->name) ? name : arena_copy(x->arena, p->name),
                                    .owned_by = t->provider->name,
                                    .context_tokens = p->context_tokens,
                                    .max_output_tokens = p->max_output_tokens,
                                    .input_price = p->price.version ? p->price.input : -1,
                                    .output_price = p->price.version ? p->price.output : -1,
                                    .created_s = p->created_s ? p->created_s : DEFAULT_CREATED_S});
  }
  llm_catalogue_drop(published);
}

static size_t list(struct exchange *x, struct wire_model **out) {
  struct listing l = {arena_alloc(x->arena, (x->config->model_count + 1) * sizeof(*l.at)), 0,
                      x->config->model_count + 1};
  for (size_t i = 0; i < x->config->model_count; i++) {
    const struct config_model *m = &x->config->models[i];
    if (text_find_char(m->name, '*') >= 0) {
      if (m->target_count > 0)
        list_catalogue(x, m, &l);
      continue;
    }
    if (!speaks(x, m, m->name) || !principal_allows_model(x->principal, m->name))
      continue;
    listing_add(x, &l, describe(x, m, m->name));
  }
  *out = l.at;
  return l.count;
}

#define ID_MAX_BYTES 256

static enum err number_param(struct exchange *x, struct text value, uint64_t *out) {
  if (text_to_u64(value, out) && *out >= 1 && *out <= PAGE_MAX)
    return ERR_OK;
  return fault_set(&x->fault, ERR_BAD_REQUEST, "limit", "limit must be a whole number from 1 to %d", PAGE_MAX);
}

struct page {
  uint64_t limit;
  struct text after, before;
};

static enum err no_such_id(struct exchange *x, const char *field, struct text id) {
  return fault_set(&x->fault, ERR_BAD_REQUEST, field, "%s is not the id of a model here: \"%.*s\"", field,
                   TEXT_ARGS(text_head(id, 200)));
}

static enum err read_page(struct exchange *x, struct page *out) {
  struct text rest = x->rq->query, one, name, value;
  out->limit = PAGE_DEFAULT;
  while (!text_is_empty(rest)) {
    if (!text_cut(rest, '&', &one, &rest)) {
      one = rest;
      rest = TEXT_NONE;
    }
    if (!text_cut(one, '=', &name, &value))
      continue;
    bool is_after = text_equal(name, TEXT("after_id"));
    if ((is_after || text_equal(name, TEXT("before_id"))) &&
        !percent_decode(value, ID_MAX_BYTES, x->arena, is_after ? &out->after : &out->before))
      return no_such_id(x, is_after ? "after_id" : "before_id", value);
    if (!text_equal(name, TEXT("limit")))
      continue;
    enum err e = number_param(x, value, &out->limit);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

static size_t place_of(const struct wire_model *models, size_t count, struct text id) {
  size_t i = 0;
  while (i < count && !text_equal(models[i].id, id))
    i++;
  return i;
}

/* Cuts the list to Anthropic's page. Backwards, what is left out stands before the page. */
static enum err paginate(struct exchange *x, struct wire_model **models, size_t *count, bool *out_more) {
  struct page page = {0};
  enum err e = read_page(x, &page);
  if (e != ERR_OK)
    return e;
  size_t from = 0, to = *count;
  if (!text_is_empty(page.after)) {
    from = place_of(*models, *count, page.after) + 1;
    if (from > *count)
      return no_such_id(x, "after_id", page.after);
  }
  if (!text_is_empty(page.before)) {
    to = place_of(*models, *count, page.before);
    if (to == *count)
      return no_such_id(x, "before_id", page.before);
  }
  if (from > to)
    from = to;
  *out_more = to - from > page.limit;
  if (*out_more && !text_is_empty(page.before))
    from = to - page.limit;
  *models += from;
  *count = *out_more ? page.limit : to - from;
  return ERR_OK;
}

/* The first entry that serves the name in the list's dialect; it may be another for each of its wires. */
static const struct config_model *entry_of(const struct exchange *x, struct text name) {
  for (enum wire_id id = 0; id < WIRE_COUNT; id++) {
    const struct config_model *m = config_find_model(x->config, name, text_of(wire_get(id)->name), NULL);
    if (m && speaks(x, m, name))
      return m;
  }
  return NULL;
}

static enum err write_one(struct exchange *x, struct buf *out) {
  struct text name;
  if (percent_decode(x->route.model_id, ID_MAX_BYTES, x->arena, &name) && principal_allows_model(x->principal, name)) {
    const struct config_model *m = entry_of(x, name);
    if (m) {
      struct wire_model model = describe(x, m, name);
      if (x->route.wire->id == WIRE_ANTHROPIC)
        wire_anthropic_write_model(out, &model);
      else
        wire_openai_write_model(out, &model);
      return ERR_OK;
    }
  }
  return fault_set(&x->fault, ERR_NOT_FOUND, "model", "the model \"%.*s\" does not exist here",
                   TEXT_ARGS(text_head(x->route.model_id, 200)));
}

static enum err write_list(struct exchange *x, struct buf *out) {
  struct wire_model *models;
  size_t count = list(x, &models);
  if (x->route.mount == ROUTE_BEDROCK) {
    bool profiles = text_equal(x->route.vendor_path, TEXT("/inference-profiles"));
    (profiles ? wire_bedrock_write_profiles : wire_bedrock_write_models)(out, models, count);
    return ERR_OK;
  }
  if (x->route.wire->id != WIRE_ANTHROPIC) {
    wire_openai_write_models(out, models, count);
    return ERR_OK;
  }
  bool more = false;
  enum err e = paginate(x, &models, &count, &more);
  if (e == ERR_OK)
    wire_anthropic_write_models(out, models, count, more);
  return e;
}

enum err exchange_models(struct exchange *x) {
  struct buf body;
  struct http_header headers[16];
  buf_init(&body, 4 * 1024 * 1024);
  enum err e = x->route.kind == ROUTE_MODEL ? write_one(x, &body) : write_list(x, &body);
  if (e == ERR_OK) {
    size_t count = headers_own(x, headers, 15);
    headers[count++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
    x->status = 200;
    x->outcome = "ok";
    x->response_bytes = body.len;
    e = http_respond(x->rq, 200, headers, count, buf_text(&body)) == ERR_OK ? ERR_OK : ERR_CANCELLED;
  }
  buf_done(&body);
  return e;
}
