/* GET /v1/models in both dialects. Which models a caller sees has been decided before (control room of the gateway);
 * paging too. https://docs.anthropic.com/en/api/models-list,
 * https://platform.openai.com/docs/api-reference/models */
#include "wire/wire.h"

#include "llm/price.h"

#define YEAR_10000_S 253402300800LL

static void put_price(struct json_writer *w, const char *name, int64_t nano) {
  char text[PRICE_TEXT_BYTES];
  if (nano < 0)
    return;
  (void)price_text(nano, text);
  json_field_str(w, name, text);
}

static void put_pricing(struct json_writer *w, const struct wire_model *m) {
  if (m->input_price < 0 && m->output_price < 0)
    return;
  json_name(w, "pricing");
  json_object(w);
  put_price(w, "input", m->input_price);
  put_price(w, "output", m->output_price);
  json_object_end(w);
}

static void put_known(struct json_writer *w, const char *name, uint64_t tokens) {
  if (tokens > 0)
    json_field_u64(w, name, tokens);
}

static void put_time(struct json_writer *w, const char *name, int64_t time_s) {
  struct tm tm = {0};
  char text[32];
  time_t t = time_s < 0 || time_s >= YEAR_10000_S ? 0 : (time_t)time_s;
  (void)gmtime_r(&t, &tm);
  (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm); /* RFC 3339 section 5.6 */
  json_field_str(w, name, text);
}

static void put_anthropic(struct json_writer *w, const struct wire_model *m) {
  json_object(w);
  json_field_str(w, "type", "model");
  json_field_text(w, "id", m->id);
  json_field_text(w, "display_name", text_is_empty(m->display_name) ? m->id : m->display_name);
  put_time(w, "created_at", m->created_s);
  put_known(w, "max_input_tokens", m->context_tokens);
  put_known(w, "max_tokens", m->max_output_tokens);
  put_pricing(w, m);
  json_object_end(w);
}

static void put_id(struct json_writer *w, const char *name, const struct wire_model *m) {
  json_name(w, name);
  if (m)
    json_put_text(w, m->id);
  else
    json_put_null(w);
}

void wire_anthropic_write_models(struct buf *out, const struct wire_model *models, size_t count, bool has_more) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "data");
  json_array(&w);
  for (size_t i = 0; i < count; i++)
    put_anthropic(&w, &models[i]);
  json_array_end(&w);
  json_field_bool(&w, "has_more", has_more);
  put_id(&w, "first_id", count > 0 ? &models[0] : NULL);
  put_id(&w, "last_id", count > 0 ? &models[count - 1] : NULL);
  json_object_end(&w);
}

void wire_anthropic_write_model(struct buf *out, const struct wire_model *model) {
  struct json_writer w;
  json_writer_init(&w, out);
  put_anthropic(&w, model);
}

static void put_openai(struct json_writer *w, const struct wire_model *m) {
  json_object(w);
  json_field_text(w, "id", m->id);
  json_field_str(w, "object", "model");
  json_field_i64(w, "created", m->created_s < 0 ? 0 : m->created_s);
  json_field_text(w, "owned_by", text_is_empty(m->owned_by) ? TEXT("weir") : m->owned_by);
  put_known(w, "context_window", m->context_tokens);
  put_known(w, "max_output_tokens", m->max_output_tokens);
  put_pricing(w, m);
  json_object_end(w);
}

void wire_openai_write_models(struct buf *out, const struct wire_model *models, size_t count) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "object", "list");
  json_name(&w, "data");
  json_array(&w);
  for (size_t i = 0; i < count; i++)
    put_openai(&w, &models[i]);
  json_array_end(&w);
  json_object_end(&w);
}

void wire_openai_write_model(struct buf *out, const struct wire_model *model) {
  struct json_writer w;
  json_writer_init(&w, out);
  put_openai(&w, model);
}
