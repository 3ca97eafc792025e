/* GET /v1/models and /v1/models/{id}: the models of the snapshot that the caller's key may use and that answer in the
 * caller's dialect. Names with a wildcard cannot be listed, but an id that one of them matches is found. Nothing is
 * asked of any provider. */
#include "gateway/exchange.h"

#define PAGE_DEFAULT 20
#define PAGE_MAX     1000

/* In this version a target serves its own dialect only. */
static bool speaks(const struct exchange *x, const struct config_model *m) {
  bool anthropic = x->route.wire->id == WIRE_ANTHROPIC;
  for (size_t i = 0; i < m->target_count; i++) {
    const struct provider *adapter = x->worker->gateway->provider_find(m->targets[i].provider->kind_name);
    if (adapter && adapter->serves(anthropic ? PROVIDER_MESSAGES : PROVIDER_CHAT))
      return true;
  }
  return false;
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
      .created_s = 1704067200,
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

static size_t list(struct exchange *x, struct wire_model **out) {
  struct wire_model *models = arena_alloc(x->arena, (x->config->model_count + 1) * sizeof(*models));
  size_t n = 0;
  for (size_t i = 0; i < x->config->model_count; i++) {
    const struct config_model *m = &x->config->models[i];
    if (text_find_char(m->name, '*') >= 0 || !speaks(x, m) || !principal_allows_model(x->principal, m->name))
      continue;
    models[n++] = describe(x, m, m->name);
  }
  *out = models;
  return n;
}

static enum err number_param(struct exchange *x, struct text value, uint64_t *out) {
  if (text_to_u64(value, out) && *out >= 1 && *out <= PAGE_MAX)
    return ERR_OK;
  return fault_set(&x->fault, ERR_BAD_REQUEST, "limit", "limit must be a whole number from 1 to %d", PAGE_MAX);
}

struct page {
  uint64_t limit;
  struct text after, before;
};

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
    if (text_equal(name, TEXT("after_id")))
      out->after = value;
    if (text_equal(name, TEXT("before_id")))
      out->before = value;
    if (!text_equal(name, TEXT("limit")))
      continue;
    enum err e = number_param(x, value, &out->limit);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

/* Cuts the list to Anthropic's page. */
static enum err paginate(struct exchange *x, struct wire_model **models, size_t *count, bool *out_more) {
  struct page page = {0};
  enum err e = read_page(x, &page);
  if (e != ERR_OK)
    return e;
  size_t from = 0, to = *count;
  for (size_t i = 0; i < *count; i++) {
    if (text_equal((*models)[i].id, page.after))
      from = i + 1;
    if (text_equal((*models)[i].id, page.before))
      to = i;
  }
  if (from > to)
    from = to;
  if (!text_is_empty(page.before) && to - from > page.limit)
    from = to - page.limit;
  *out_more = to - from > page.limit;
  *models += from;
  *count = *out_more ? page.limit : to - from;
  return ERR_OK;
}

/* %XX of the path segment; a model id is at most 256 bytes. */
static bool decode(struct text t, char *out, size_t cap, size_t *out_len) {
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++) {
    unsigned byte = (unsigned char)t.at[i];
    if (byte == '%') {
      char hex[3] = {i + 1 < t.len ? t.at[i + 1] : 'x', i + 2 < t.len ? t.at[i + 2] : 'x', 0};
      char *end;
      byte = (unsigned)strtoul(hex, &end, 16);
      if (end != hex + 2)
        return false;
      i += 2;
    }
    if (n == cap)
      return false;
    out[n++] = (char)byte;
  }
  *out_len = n;
  return true;
}

static enum err write_one(struct exchange *x, struct buf *out) {
  char *id = arena_alloc(x->arena, 256);
  size_t len = 0;
  if (decode(x->route.model_id, id, 256, &len)) {
    struct text name = {id, len};
    const struct config_model *m = config_find_model(x->config, name, text_of(x->route.wire->name), NULL);
    if (m && speaks(x, m) && principal_allows_model(x->principal, name)) {
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
