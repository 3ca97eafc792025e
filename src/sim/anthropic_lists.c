/* The Anthropic endpoints besides messages, in the smallest form a client can work with: counts, models with paging,
 * batches that have always ended, files that are only a size. Called by sim.c. */
#include "sim/anthropic.h"

#include "sim/models.h"

#define REFUSE(f, ...) fault_set((f), ERR_BAD_REQUEST, NULL, __VA_ARGS__)

void sim_anthropic_write_count(struct buf *out, const struct sim_ask *ask) {
  buf_add_format(out, "{\"input_tokens\":%llu}", (unsigned long long)digest_tokens(ask->digest.bytes));
}

static void put_model(struct json_writer *w, struct text id) {
  json_object(w);
  json_field_str(w, "type", "model");
  json_field_text(w, "id", id);
  json_field_text(w, "display_name", id);
  json_field_str(w, "created_at", "2026-01-01T00:00:00Z");
  json_field_u64(w, "max_input_tokens", 200000);
  json_field_u64(w, "max_tokens", 64000);
  json_object_end(w);
}

void sim_anthropic_write_model(struct buf *out, struct text id) {
  struct json_writer w;
  json_writer_init(&w, out);
  put_model(&w, id);
}

struct page {
  size_t from, to; /* of sim_models */
};

static size_t index_of(struct text id) {
  for (size_t i = 0; i < SIM_MODELS_COUNT; i++) {
    if (text_equal(text_of(sim_models[i]), id))
      return i;
  }
  return SIM_MODELS_COUNT;
}

static enum err read_page(struct text query, struct page *out, struct fault *f) {
  uint64_t limit = 20;
  struct page page = {0, SIM_MODELS_COUNT};
  bool from_end = false;
  while (!text_is_empty(query)) {
    struct text pair = query, name, value;
    if (!text_cut(query, '&', &pair, &query))
      query = TEXT_NONE;
    if (!text_cut(pair, '=', &name, &value))
      continue;
    if (text_equal(name, TEXT("limit"))) {
      if (!text_to_u64(value, &limit) || limit < 1 || limit > 1000)
        return REFUSE(f, "limit: Input should be between 1 and 1000");
    } else if (text_equal(name, TEXT("after_id"))) {
      if (index_of(value) == SIM_MODELS_COUNT)
        return REFUSE(f, "after_id: not a model");
      page.from = index_of(value) + 1;
    } else if (text_equal(name, TEXT("before_id"))) {
      if (index_of(value) == SIM_MODELS_COUNT)
        return REFUSE(f, "before_id: not a model");
      page.to = index_of(value);
      from_end = true;
    }
  }
  if (page.from > page.to)
    page.from = page.to;
  if (page.to - page.from > limit && from_end)
    page.from = page.to - limit;
  if (page.to - page.from > limit)
    page.to = page.from + limit;
  *out = page;
  return ERR_OK;
}

enum err sim_anthropic_write_models(struct buf *out, struct text query, struct fault *f) {
  struct page page = {0};
  enum err e = read_page(query, &page, f);
  if (e)
    return e;
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "data");
  json_array(&w);
  for (size_t i = page.from; i < page.to; i++)
    put_model(&w, text_of(sim_models[i]));
  json_array_end(&w);
  json_field_bool(&w, "has_more", page.to < SIM_MODELS_COUNT);
  json_field_str(&w, "first_id", page.from < page.to ? sim_models[page.from] : NULL);
  json_field_str(&w, "last_id", page.from < page.to ? sim_models[page.to - 1] : NULL);
  json_object_end(&w);
  return ERR_OK;
}

enum err sim_anthropic_read_batch(const struct json *doc, size_t *out_requests, struct fault *f) {
  yyjson_val *requests = json_get(doc->root, "requests"), *request;
  if (!yyjson_is_arr(requests))
    return REFUSE(f, "requests: Field required");
  size_t i, n;
  yyjson_arr_foreach (requests, i, n, request) {
    if (!yyjson_is_str(json_get(request, "custom_id")))
      return REFUSE(f, "requests.%zu.custom_id: Field required", i);
    if (!yyjson_is_obj(json_get(request, "params")))
      return REFUSE(f, "requests.%zu.params: Field required", i);
  }
  if (yyjson_arr_size(requests) == 0)
    return REFUSE(f, "requests: at least one request is required");
  *out_requests = yyjson_arr_size(requests);
  return ERR_OK;
}

void sim_anthropic_write_batch(struct buf *out, struct text id, size_t requests, bool has_ended) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "id", id);
  json_field_str(&w, "type", "message_batch");
  json_field_str(&w, "processing_status", has_ended ? "ended" : "in_progress");
  json_name(&w, "request_counts");
  json_object(&w);
  json_field_u64(&w, "processing", has_ended ? 0 : requests);
  json_field_u64(&w, "succeeded", has_ended ? requests : 0);
  json_field_u64(&w, "errored", 0);
  json_field_u64(&w, "canceled", 0);
  json_field_u64(&w, "expired", 0);
  json_object_end(&w);
  json_field_str(&w, "created_at", "2026-01-01T00:00:00Z");
  json_field_str(&w, "expires_at", "2026-01-02T00:00:00Z");
  json_field_str(&w, "ended_at", has_ended ? "2026-01-01T00:00:01Z" : NULL);
  json_field_str(&w, "archived_at", NULL);
  json_field_str(&w, "cancel_initiated_at", NULL);
  json_field_str(&w, "results_url", NULL);
  json_object_end(&w);
}

void sim_anthropic_write_file(struct buf *out, struct text id, size_t bytes) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "id", id);
  json_field_str(&w, "type", "file");
  json_field_str(&w, "filename", "simulated.bin");
  json_field_str(&w, "mime_type", "application/octet-stream");
  json_field_u64(&w, "size_bytes", bytes);
  json_field_str(&w, "created_at", "2026-01-01T00:00:00Z");
  json_field_bool(&w, "downloadable", false);
  json_object_end(&w);
}
