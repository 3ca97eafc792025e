/* A ledger row as JSON, member by member. Written for people's tools, by `weir ledger list --json` and by archives;
 * Weir itself does not read it back. house: tested-by tests/unit/store/test_archive_file.c */
#include "store/ledger_json.h"

#include "base/json.h"

static void put_usage(const struct usage *u, struct json_writer *w) {
  json_name(w, "usage");
  json_object(w);
  json_field_u64(w, "input", u->input);
  json_field_u64(w, "output", u->output);
  json_field_u64(w, "cache_write_5m", u->cache_write_5m);
  json_field_u64(w, "cache_write_1h", u->cache_write_1h);
  json_field_u64(w, "cache_read", u->cache_read);
  json_field_u64(w, "reasoning", u->reasoning);
  json_field_bool(w, "known", u->known);
  json_field_bool(w, "estimated", u->estimated);
  json_object_end(w);
}

static void put_cost(const struct cost *c, struct json_writer *w) {
  if (c->known)
    json_field_i64(w, "cost_nano", c->total);
  else
    json_field_str(w, "cost_nano", NULL);
  json_name(w, "cost");
  json_object(w);
  json_field_i64(w, "input", c->input);
  json_field_i64(w, "output", c->output);
  json_field_i64(w, "cache_write", c->cache_write);
  json_field_i64(w, "cache_read", c->cache_read);
  json_field_i64(w, "total", c->total);
  json_object_end(w);
}

void ledger_json_write(const struct ledger_row *r, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_i64(&w, "id", r->id);
  json_field_text(&w, "request_id", r->request_id);
  json_field_u64(&w, "attempt", r->attempt);
  json_field_i64(&w, "reserved_us", r->reserved_us);
  json_field_i64(&w, "settled_us", r->settled_us);
  json_field_i64(&w, "key_id", r->key_id);
  json_field_text(&w, "key_name", r->key_name);
  json_field_text(&w, "user", r->user);
  json_field_text(&w, "workspace", r->workspace);
  json_field_text(&w, "wire", r->wire);
  json_field_text(&w, "operation", r->operation);
  json_field_text(&w, "provider", r->provider);
  json_field_text(&w, "credential", r->credential);
  json_field_text(&w, "model", r->model);
  json_field_text(&w, "upstream_model", r->upstream_model);
  json_field_text(&w, "upstream_request_id", r->upstream_request_id);
  json_field_text(&w, "outcome", r->outcome);
  json_field_text(&w, "error", r->error);
  json_field_i64(&w, "status", r->status);
  json_field_i64(&w, "upstream_status", r->upstream_status);
  json_field_bool(&w, "streamed", r->streamed);
  json_field_bool(&w, "billable", r->billable);
  put_usage(&r->usage, &w);
  put_cost(&r->cost, &w);
  json_field_u64(&w, "price_version", r->price_version);
  json_field_i64(&w, "reserved_nano", r->reserved_nano);
  json_field_i64(&w, "first_token_us", r->first_token_us);
  json_field_i64(&w, "duration_us", r->duration_us);
  json_field_i64(&w, "overhead_us", r->overhead_us);
  json_name(&w, "provider_metadata");
  if (r->provider_metadata.len > 0)
    json_put_raw(&w, r->provider_metadata);
  else
    json_put_null(&w);
  json_object_end(&w);
  buf_add_char(out, '\n');
}
