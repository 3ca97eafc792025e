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

#define ID_MAX_BYTES 256

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An id as it stands in a path or a query, %XX undone. False when it cannot be the id of a model: broken escapes, more
 * than ID_MAX_BYTES, control bytes, not UTF-8. */
static bool decode(struct text t, struct arena *a, struct text *out) {
  char *id = arena_alloc(a, ID_MAX_BYTES);
  size_t n = 0;
  for (size_t i = 0; i < t.len && n < ID_MAX_BYTES; i++, n++) {
    int byte = (unsigned char)t.at[i];
    if (byte == '%') {
      int high = t.len - i > 2 ? hex_digit(t.at[i + 1]) : -1, low = t.len - i > 2 ? hex_digit(t.at[i + 2]) : -1;
      if (high < 0 || low < 0)
        return false;
      byte = high * 16 + low;
      i += 2;
    }
    if (byte < ' ' || byte == 0x7f)
      return false;
    id[n] = (char)byte;
    if (n + 1 == ID_MAX_BYTES && i + 1 < t.len)
      return false;
  }
  *out = (struct text){id, n};
  return text_is_utf8(*out);
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
        !decode(value, x->arena, is_after ? &out->after : &out->before))
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

static enum err write_one(struct exchange *x, struct buf *out) {
  struct text name;
  if (decode(x->route.model_id, x->arena, &name)) {
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
