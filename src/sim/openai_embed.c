/* Embeddings and model lists of the OpenAI dialect. A vector is made from a hash of its input: equal inputs have equal
 * vectors, and that is all it means. Called by sim.c. */
#include "sim/openai.h"

#include "sim/models.h"
#include "sim/openrouter_price.h"

/* Values of +s and -s with s = 1 / sqrt(dimensions): the length is 1 without a division per value. */
static float unit_value(uint32_t dimensions) {
  float low = 0.0f, high = 1.0f;
  for (int i = 0; i < 32; i++) {
    float middle = (low + high) / 2.0f;
    if (middle * middle * (float)dimensions < 1.0f)
      low = middle;
    else
      high = middle;
  }
  return high;
}

static void fill_vector(yyjson_val *input, uint32_t dimensions, float *out) {
  struct digest d = {0};
  float unit = unit_value(dimensions);
  digest_json(&d, input);
  for (uint32_t i = 0; i < dimensions; i++) {
    if (i % 32 == 0)
      digest_u64(&d, i);
    out[i] = (d.hash >> (i % 32) & 1) != 0 ? unit : -unit;
  }
}

static void put_vector(struct buf *out, const struct sim_embed_ask *ask, yyjson_val *input) {
  float *vector = calloc(ask->dimensions, sizeof(float));
  if (!vector)
    abort();
  fill_vector(input, ask->dimensions, vector);
  size_t bytes = ask->dimensions * sizeof(float);
  if (ask->base64) {
    buf_add_char(out, '"');
    char *room = buf_reserve(out, (bytes + 2) / 3 * 4);
    if (room)
      buf_commit(out, digest_base64(vector, bytes, room));
    buf_add_char(out, '"');
  } else {
    for (uint32_t i = 0; i < ask->dimensions; i++)
      buf_add_format(out, "%c%.8f", i == 0 ? '[' : ',', (double)vector[i]);
    buf_add_char(out, ']');
  }
  free(vector);
}

static void put_embedding(struct buf *out, const struct sim_embed_ask *ask, yyjson_val *input, size_t index) {
  buf_add_format(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", index > 0 ? "," : "", index);
  put_vector(out, ask, input);
  buf_add_char(out, '}');
}

void sim_openai_write_embed(struct buf *out, const struct sim_embed_ask *ask) {
  bool one = yyjson_is_str(ask->input) || yyjson_is_num(yyjson_arr_get_first(ask->input));
  size_t i, n;
  yyjson_val *item;
  buf_add(out, TEXT("{\"object\":\"list\",\"data\":["));
  if (one)
    put_embedding(out, ask, ask->input, 0);
  else
    yyjson_arr_foreach (ask->input, i, n, item)
      put_embedding(out, ask, item, i);
  buf_add(out, TEXT("],\"model\":\""));
  json_escape(out, ask->model);
  buf_add_char(out, '"');
  if (!ask->behaviour.no_usage) {
    unsigned long long tokens = digest_tokens(ask->digest.bytes);
    buf_add_format(out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu", tokens, tokens);
    if (ask->has_cost) {
      buf_add(out, TEXT(",\"cost\":"));
      openrouter_put_dollars(out, tokens * OPENROUTER_PROMPT_NANO);
    }
    buf_add_char(out, '}');
  }
  buf_add_char(out, '}');
}

static void put_model(struct json_writer *w, struct text id) {
  json_object(w);
  json_field_text(w, "id", id);
  json_field_str(w, "object", "model");
  json_field_u64(w, "created", SIM_OPENAI_CREATED);
  json_field_str(w, "owned_by", "weir-sim");
  json_object_end(w);
}

void sim_openai_write_models(struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "object", "list");
  json_name(&w, "data");
  json_array(&w);
  for (size_t i = 0; i < SIM_MODELS_COUNT; i++)
    put_model(&w, text_of(sim_models[i]));
  json_array_end(&w);
  json_object_end(&w);
}

void sim_openai_write_model(struct buf *out, struct text id) {
  struct json_writer w;
  json_writer_init(&w, out);
  put_model(&w, id);
}
