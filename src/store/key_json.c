/* Writes keys for the audit log. It reads nothing and decides nothing. Called by store_key_changes.c.
 * house: tested-by tests/unit/store/test_store_key_changes.c */
#include "store/key_json.h"

#include "base/json.h"

static void write_models(struct json_writer *w, struct text models) {
  struct text one;
  json_name(w, "models");
  json_array(w);
  while (text_cut(models, '\n', &one, &models))
    json_put_text(w, one);
  json_put_text(w, models);
  json_array_end(w);
}

void key_json_write(const struct store_key *k, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_text(&w, "name", k->name);
  json_field_text(&w, "prefix", k->prefix);
  json_field_text(&w, "user", k->user);
  json_field_text(&w, "workspace", k->workspace);
  json_field_text(&w, "policy", k->policy);
  write_models(&w, k->models);
  json_field_i64(&w, "rpm", k->rpm);
  json_field_i64(&w, "tpm", k->tpm);
  json_field_i64(&w, "concurrency", k->concurrency);
  json_field_i64(&w, "budget_nano", k->budget_nano);
  json_field_text(&w, "budget_period", k->budget_period);
  json_field_i64(&w, "created_us", k->created_us);
  json_field_i64(&w, "expires_us", k->expires_us);
  json_field_bool(&w, "blocked", k->blocked);
  if (k->old_until_us)
    json_field_i64(&w, "old_until_us", k->old_until_us);
  json_object_end(&w);
}
