/* Showing and setting what the gateway has learned of its targets. It reads the tables of traffic/ and holds nothing.
 * Called by app/local.c. */
#include "gateway/inspect.h"

#include "base/json.h"

#define ROWS_A_STEP 100
#define REASON_MAX  60

static const char *const force_names[] = {
    [BREAKER_AUTOMATIC] = "automatic", [BREAKER_FORCED_OPEN] = "open", [BREAKER_FORCED_CLOSED] = "closed"};

static void write_breaker(struct json_writer *w, const struct breakers_row *row, int64_t now_us) {
  static const char *const states[] = {"closed", "open", "half_open"};
  const struct breaker_view *v = &row->view;
  json_object(w);
  json_field_text(w, "provider", row->name.provider);
  json_field_text(w, "endpoint", row->name.endpoint);
  json_field_text(w, "credential", row->name.credential);
  json_field_str(w, "state", states[v->state]);
  json_field_str(w, "force", force_names[v->force]);
  json_field_bool(w, "probing", v->probing);
  json_name(w, "retry_in_ms");
  if (v->state == BREAKER_OPEN && v->force == BREAKER_AUTOMATIC)
    json_put_i64(w, (v->until_us - now_us) / 1000);
  else
    json_put_null(w);
  json_field_u64(w, "failures_in_window", v->failures_in_window);
  json_field_u64(w, "failures", v->failures);
  json_field_u64(w, "successes", v->successes);
  json_field_u64(w, "refused", v->refused);
  json_field_u64(w, "times_opened", v->times_opened);
  json_field_str(w, "reason", v->reason);
  json_object_end(w);
}

/* Some at a time. */
void inspect_breakers(const struct gateway *g, const struct config *c, int64_t now_us, struct buf *out) {
  const struct breaker_rule rule = routes_breaker_rule(c);
  struct json_writer w;
  size_t cursor = 0, count = 1;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "breakers");
  json_array(&w);
  while (g->state.breakers && count > 0) {
    struct arena a;
    struct breakers_row *rows = NULL;
    arena_init(&a);
    count = breakers_list(g->state.breakers, &rule, now_us, &cursor, ROWS_A_STEP, &a, &rows);
    for (size_t i = 0; i < count; i++)
      write_breaker(&w, &rows[i], now_us);
    arena_done(&a);
  }
  json_array_end(&w);
  json_object_end(&w);
}

uint64_t inspect_open_breakers(const struct gateway *g) {
  return g->state.breakers ? breakers_not_closed(g->state.breakers) : 0;
}

static void write_ms(struct json_writer *w, const char *name, int64_t us) {
  json_name(w, name);
  if (us < 0)
    json_put_null(w);
  else
    json_put_i64(w, us / 1000);
}

void inspect_targets(const struct gateway *g, int64_t now_us, struct buf *out) {
  struct json_writer w;
  struct load_row row;
  size_t cursor = 0;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "targets");
  json_array(&w);
  while (g->state.loads && loads_next(g->state.loads, &cursor, now_us, &row)) {
    json_object(&w);
    json_field_text(&w, "provider", row.provider);
    json_field_text(&w, "credential", row.credential);
    json_field_text(&w, "model", row.model);
    json_field_u64(&w, "in_flight", row.in_flight);
    json_field_u64(&w, "waiting", row.waiting);
    write_ms(&w, "first_token_ms", row.first_token_us);
    write_ms(&w, "first_token_p95_ms", row.first_token_p95_us);
    write_ms(&w, "answer_ms", row.answer_us);
    write_ms(&w, "answer_p95_ms", row.answer_p95_us);
    json_object_end(&w);
  }
  json_array_end(&w);
  json_object_end(&w);
}

struct force_ask {
  struct text provider, credential, reason;
  enum breaker_force force;
};

/* A member that is not understood could have said that fewer breakers are meant. */
static enum err read_texts(yyjson_val *root, struct force_ask *out, struct text *force, struct fault *f) {
  const struct {
    const char *name;
    struct text *into;
  } texts[] = {
      {"provider", &out->provider}, {"credential", &out->credential}, {"reason", &out->reason}, {"force", force}};
  size_t i, most;
  yyjson_val *key, *value;
  yyjson_obj_foreach (root, i, most, key, value) {
    const char *name = yyjson_get_str(key);
    size_t k = 0;
    while (k < sizeof(texts) / sizeof(texts[0]) && strcmp(name, texts[k].name) != 0)
      k++;
    if (k == sizeof(texts) / sizeof(texts[0]))
      return fault_set(f, ERR_BAD_REQUEST, name, "%.64s is not understood here", name);
    if (!yyjson_is_str(value) && !yyjson_is_null(value))
      return fault_set(f, ERR_BAD_REQUEST, name, "%s must be a text", name);
    *texts[k].into = json_text(value);
  }
  return ERR_OK;
}

static enum err read_force(yyjson_val *root, struct force_ask *out, struct fault *f) {
  struct text force = TEXT_NONE;
  enum err e = read_texts(root, out, &force, f);
  if (e != ERR_OK)
    return e;
  if (text_is_empty(out->provider))
    return fault_set(f, ERR_BAD_REQUEST, "provider", "provider must be the name of one");
  for (size_t i = 0; i < sizeof(force_names) / sizeof(force_names[0]); i++) {
    if (!text_equal(force, text_of(force_names[i])))
      continue;
    out->force = (enum breaker_force)i;
    return ERR_OK;
  }
  return fault_set(f, ERR_BAD_REQUEST, "force", "force must be open, closed or automatic");
}

static const struct config_provider *find_provider(const struct config *c, struct text name) {
  for (size_t i = 0; i < c->provider_count; i++) {
    if (text_equal(c->providers[i].name, name))
      return &c->providers[i];
  }
  return NULL;
}

/* All that the provider's credentials have; those of callers with credentials of their own, too. */
static void set_all(struct breakers *all, const struct config_provider *p, enum breaker_force f, const char *reason,
                    int64_t now_us) {
  for (size_t i = 0; i < p->credential_count; i++)
    (void)breakers_find(all, p->name, p->base_url, p->credentials[i].name);
  if (p->credential_count == 0)
    (void)breakers_find(all, p->name, p->base_url, TEXT_NONE);
  breakers_set_force(all, p->name, p->base_url, f, reason, now_us);
}

static enum err set_one(struct breakers *all, const struct config_provider *p, const struct force_ask *ask,
                        const char *reason, int64_t now_us, struct fault *f) {
  for (size_t i = 0; i < p->credential_count; i++) {
    if (!text_equal(ask->credential, p->credentials[i].name))
      continue;
    breaker_set_force(breakers_find(all, p->name, p->base_url, ask->credential), ask->force, reason, now_us);
    return ERR_OK;
  }
  return fault_set(f, ERR_NOT_FOUND, "credential", "the provider \"%.*s\" has no credential \"%.*s\"",
                   TEXT_ARGS(p->name), TEXT_ARGS(ask->credential));
}

static enum err force(const struct gateway *g, const struct config *c, const struct force_ask *ask, int64_t now_us,
                      struct fault *f) {
  const struct config_provider *p = find_provider(c, ask->provider);
  struct text said = text_is_empty(ask->reason) ? TEXT("by the operator") : text_head(ask->reason, REASON_MAX);
  char reason[REASON_MAX + 1];
  if (!p)
    return fault_set(f, ERR_NOT_FOUND, "provider", "there is no provider \"%.*s\"", TEXT_ARGS(ask->provider));
  snprintf(reason, sizeof(reason), "%.*s", TEXT_ARGS(said));
  if (!text_is_empty(ask->credential))
    return set_one(g->state.breakers, p, ask, reason, now_us, f);
  set_all(g->state.breakers, p, ask->force, reason, now_us);
  return ERR_OK;
}

enum err inspect_force(const struct gateway *g, const struct config *c, struct text body, int64_t now_us,
                       struct buf *out, struct fault *f) {
  struct force_ask ask = {0};
  struct json doc;
  if (!g->state.breakers)
    return fault_set(f, ERR_NOT_FOUND, NULL, "this process has no breakers");
  enum err e = json_read(body, NULL, &doc, f);
  if (e != ERR_OK)
    return e;
  e = yyjson_is_obj(doc.root) ? read_force(doc.root, &ask, f)
                              : fault_set(f, ERR_BAD_REQUEST, NULL, "the body must be a JSON object");
  if (e == ERR_OK)
    e = force(g, c, &ask, now_us, f);
  json_done(&doc);
  if (e == ERR_OK)
    inspect_breakers(g, c, now_us, out);
  return e;
}
